"""The options of the two adapters: an account at Google AI Studio, or a project at Vertex AI."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

import marshmallow as ma
from gateway.providers import ServiceOptions, ServiceOptionsSchema

__all__ = ["GeminiOptions", "GeminiOptionsSchema", "VertexOptions", "VertexOptionsSchema"]


@dataclass(frozen=True, slots=True)
class GeminiOptions(ServiceOptions):
    """One account; ``base_url`` ends in ``/v1beta``."""

    base_url: str = "https://generativelanguage.googleapis.com/v1beta"


class GeminiOptionsSchema(ServiceOptionsSchema):
    """Load `GeminiOptions`."""

    options_class = GeminiOptions
    base_path = "/v1beta"


@dataclass(frozen=True, slots=True)
class VertexOptions(ServiceOptions):
    """One project at Vertex AI.

    ``location`` is a region, or ``global``. ``api_key`` is an access token; without one the tokens
    are those of the account that the environment has. ``models`` are the ids of the models, since
    the service lists none. An empty ``base_url`` is that of the location.
    """

    project: str = ""
    location: str = "global"
    models: Sequence[str] = ()

    @property
    def root(self) -> str:
        """Return the URL below which the models are."""
        prefix = "" if self.location == "global" else f"{self.location}-"
        host = self.base_url or f"https://{prefix}aiplatform.googleapis.com/v1"
        place = f"projects/{self.project}/locations/{self.location}"
        return f"{host}/{place}/publishers/google"


class VertexOptionsSchema(ServiceOptionsSchema):
    """Load `VertexOptions`."""

    options_class = VertexOptions
    base_path = "/v1"

    project = ma.fields.String(validate=ma.validate.Regexp(r"[a-z0-9.:-]+\Z"))
    location = ma.fields.String(validate=ma.validate.Regexp(r"[a-z0-9-]+\Z"))
    models = ma.fields.List(ma.fields.String(validate=ma.validate.Length(min=1)))
