"""The options that most adapters share: an account, a base URL and timeouts."""

from __future__ import annotations

import re
from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Any, ClassVar

import marshmallow as ma
from yarl import URL

from gateway.providers.upstream import Timeouts

__all__ = ["ServiceOptions", "ServiceOptionsSchema", "flag", "seconds"]

_SCHEMES = ("http", "https")

_is_one_word = re.compile(r"\S+").fullmatch
_is_header_safe = re.compile(r"[\x21-\x7e]*").fullmatch


@dataclass(frozen=True, slots=True)
class ServiceOptions:
    """One account at one service.

    ``api_key`` may be empty: the gateway then starts, and what the service does without a key is
    for the adapter to know. Timeouts are in seconds.
    """

    api_key: str = field(default="", repr=False)
    base_url: str = ""
    connect_timeout: float = 10.0
    first_event_timeout: float = 300.0
    silence_timeout: float = 300.0

    @property
    def timeouts(self) -> Timeouts:
        """Return the time limits in the form that `Upstream` takes."""
        return Timeouts(
            connect=self.connect_timeout,
            head=self.first_event_timeout,
            idle=self.silence_timeout,
        )

    @property
    def origin(self) -> str:
        """Return the origin of the base URL, free of paths and secrets; empty without one."""
        return str(URL(self.base_url).origin()) if self.base_url else ""


def seconds() -> ma.fields.Float:
    """Return a field for a positive number of seconds."""
    return ma.fields.Float(validate=ma.validate.Range(min=0, min_inclusive=False))


def flag() -> ma.fields.Boolean:
    """Return a field for true or false and nothing that merely looks like it."""
    return ma.fields.Boolean(truthy={True}, falsy={False})


def _check_base_url(text: str) -> None:
    """Refuse what is no address of a service, without repeating it."""
    try:
        url = URL(text)
    except ValueError:
        url = URL()
    if url.scheme not in _SCHEMES or not url.host or not _is_one_word(text):
        raise ma.ValidationError("Not a valid URL.")
    if url.user is not None or url.password is not None:
        raise ma.ValidationError("must not contain a user or password")


class ServiceOptionsSchema(ma.Schema):
    """Load `ServiceOptions`; an option that does not exist is an error.

    A subclass names its own class of options and the path that its base URL ends in.
    """

    class Meta:
        """Refuse what is not declared."""

        unknown = ma.RAISE

    options_class: ClassVar[type[ServiceOptions]] = ServiceOptions
    base_path: ClassVar[str] = ""

    api_key = ma.fields.String()
    # marshmallow's own field would compile a pattern of all of Unicode: a tenth of our start.
    base_url = ma.fields.String(validate=_check_base_url)
    connect_timeout = seconds()
    first_event_timeout = seconds()
    silence_timeout = seconds()

    @ma.validates("api_key")
    def check_key(self, value: str, **_: Any) -> None:
        """Refuse a key that no header can carry, without repeating it."""
        if not _is_header_safe(value.strip()):
            raise ma.ValidationError("contains characters that are not allowed in a key")

    @ma.post_load
    def build(self, data: Mapping[str, Any], **_: Any) -> ServiceOptions:
        """Return the options; the base URL may have been given with and without its path."""
        options = dict(data)
        if "api_key" in options:
            options["api_key"] = options["api_key"].strip()
        if "base_url" in options:
            bare = options["base_url"].rstrip("/").removesuffix(self.base_path)
            options["base_url"] = bare + self.base_path
        return self.options_class(**options)
