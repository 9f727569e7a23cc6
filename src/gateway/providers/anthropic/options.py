"""The adapter's options: an account at Anthropic and parameters of its API."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass

import marshmallow as ma

from gateway.providers.options import ServiceOptions, ServiceOptionsSchema

__all__ = ["AnthropicOptions", "AnthropicOptionsSchema"]

_NO_SAMPLING = "2026-10-21"


@dataclass(frozen=True, slots=True)
class AnthropicOptions(ServiceOptions):
    """One account; without a key all requests to this provider fail.

    ``base_url`` ends in ``/v1``. ``version`` is the API's own (``anthropic-version``): the default
    is the last one in which older models accept sampling parameters. ``beta`` is the value of
    ``anthropic-beta``. ``max_tokens`` limits an answer when the client does not, since the API
    wants a limit.
    """

    base_url: str = "https://api.anthropic.com/v1"
    version: str = "2023-06-01"
    beta: str = ""
    max_tokens: int = 16_384

    @property
    def has_sampling(self) -> bool:
        """Tell whether the version of the API knows ``temperature`` and its like."""
        return self.version < _NO_SAMPLING

    @property
    def credentials(self) -> Mapping[str, str]:
        """Return the header that carries the key, which a version has changed."""
        if self.version < _NO_SAMPLING:
            return {"x-api-key": self.api_key}
        return {"Authorization": self.api_key and f"Bearer {self.api_key}"}


class AnthropicOptionsSchema(ServiceOptionsSchema):
    """Load `AnthropicOptions`."""

    options_class = AnthropicOptions
    base_path = "/v1"

    version = ma.fields.String(validate=ma.validate.Regexp(r"\d{4}-\d\d-\d\d\Z"))
    beta = ma.fields.String(validate=ma.validate.Regexp(r"[\x21-\x7e]*\Z"))
    max_tokens = ma.fields.Integer(strict=True, validate=ma.validate.Range(min=1))
