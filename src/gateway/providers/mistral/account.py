"""The adapter's options: an account at Mistral and how to reach the service."""

from __future__ import annotations

import re
from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Any

import marshmallow as ma

from gateway.providers.upstream import Timeouts

__all__ = ["MistralOptions", "MistralOptionsSchema"]

_is_header_safe = re.compile(r"[\x21-\x7e]*").fullmatch


@dataclass(frozen=True, slots=True)
class MistralOptions:
    """One account.

    ``api_key`` may be empty: the gateway then starts, and requests to this provider fail.
    ``base_url`` ends in ``/v1``. ``think_default`` turns thinking on when the client does not say,
    as Ollama does; otherwise Mistral's default holds, which is off. ``prompt_cache`` sends a key
    that makes a hit in Mistral's prompt cache likelier. Timeouts are in seconds.
    """

    api_key: str = field(default="", repr=False)
    base_url: str = "https://api.mistral.ai/v1"
    think_default: bool = False
    prompt_cache: bool = False
    connect_timeout: float = 10.0
    first_event_timeout: float = 300.0
    silence_timeout: float = 300.0

    @property
    def timeouts(self) -> Timeouts:
        """Return the limits on silence in the form that `Upstream` takes."""
        return Timeouts(
            connect=self.connect_timeout,
            head=self.first_event_timeout,
            silence=self.silence_timeout,
        )


def _seconds() -> ma.fields.Float:
    return ma.fields.Float(validate=ma.validate.Range(min=0, min_inclusive=False))


def _flag() -> ma.fields.Boolean:
    return ma.fields.Boolean(truthy={True}, falsy={False})


class MistralOptionsSchema(ma.Schema):
    """Load `MistralOptions`; an option that does not exist is an error."""

    class Meta:
        """Refuse what is not declared."""

        unknown = ma.RAISE

    api_key = ma.fields.String()
    base_url = ma.fields.Url(schemes={"http", "https"}, require_tld=False)
    think_default = _flag()
    prompt_cache = _flag()
    connect_timeout = _seconds()
    first_event_timeout = _seconds()
    silence_timeout = _seconds()

    @ma.validates("api_key")
    def check_key(self, value: str, **_: Any) -> None:
        """Refuse a key that no header can carry, without repeating it."""
        if not _is_header_safe(value.strip()):
            raise ma.ValidationError("holds characters that no key has")

    @ma.post_load
    def build(self, data: Mapping[str, Any], **_: Any) -> MistralOptions:
        """Return the options; the base URL may have been given with and without ``/v1``."""
        options = dict(data)
        if "api_key" in options:
            options["api_key"] = options["api_key"].strip()
        if "base_url" in options:
            options["base_url"] = options["base_url"].rstrip("/").removesuffix("/v1") + "/v1"
        return MistralOptions(**options)
