"""Names of models by Ollama's rules (``types/model/name.go``, ``internal/modelref``).

A name has the form ``[host/][namespace/]model[:tag]`` and may end in ``:cloud`` or ``:local``.
"""

from __future__ import annotations

import hashlib
import re
from contextlib import suppress
from dataclasses import dataclass
from functools import lru_cache
from typing import Literal, TypeAlias

from gateway.core.texts import quote

__all__ = [
    "InvalidName",
    "ModelName",
    "Source",
    "display_name",
    "is_model_id",
    "parse_name",
    "short_name",
]

Source: TypeAlias = Literal["", "cloud", "local"]

_HOST = "registry.ollama.ai"
_NAMESPACE = "library"
_TAG = "latest"
_ANYWHERE: Source = ""

_VALID_HOST = re.compile(r"[A-Za-z0-9_][A-Za-z0-9_.:-]{0,349}\Z").match
_VALID_NAMESPACE = re.compile(r"[A-Za-z0-9_][A-Za-z0-9_-]{0,79}\Z").match
_VALID_PART = re.compile(r"[A-Za-z0-9_][A-Za-z0-9_.-]{0,79}\Z").match

_ILLEGAL = re.compile(r"[^A-Za-z0-9_.-]")
_DATED = re.compile(r"(?P<model>.+)-(?P<tag>latest|[0-9]{4})\Z").match
_LONGEST_PART = 80
_LONGEST_ID = 500


def is_model_id(text: str) -> bool:
    """Tell whether a provider's own id of a model can be listed, logged and asked for.

    U+FFFD stands where it held something that is no text.
    """
    return 0 < len(text) <= _LONGEST_ID and text.isprintable() and "\ufffd" not in text


class InvalidName(ValueError):
    """The text is not a valid model name; the message is Ollama's own."""


@dataclass(frozen=True, slots=True, kw_only=True)
class ModelName:
    """The parts of a model's name, each in the client's spelling.

    ``source`` is where the model should run according to the name, or empty.
    """

    host: str = _HOST
    namespace: str = _NAMESPACE
    model: str
    tag: str = _TAG
    source: Source = ""

    @property
    def short(self) -> str:
        """The form in lists: without a default host and namespace, always with the tag."""
        if self.host.lower() != _HOST:
            return self.full
        if self.namespace.lower() != _NAMESPACE:
            return f"{self.namespace}/{self.model}:{self.tag}"
        return f"{self.model}:{self.tag}"

    @property
    def full(self) -> str:
        """The form in some errors, with every part."""
        return f"{self.host}/{self.namespace}/{self.model}:{self.tag}"


def parse_name(text: str, *, suffixes: bool = True) -> ModelName:
    """Parse a model's name as a client wrote it; raise `InvalidName`.

    With ``suffixes=False``, as for ``/api/copy``, ``:cloud`` and ``:local`` are ordinary tags.
    """
    return _parse_name(text.strip(), suffixes=suffixes)


@lru_cache(maxsize=1024)  # a request parses its name more than once
def _parse_name(text: str, *, suffixes: bool) -> ModelName:
    bare, source = _split_source(text) if suffixes else (text, _ANYWHERE)
    if source and _split_source(bare)[1]:
        raise InvalidName(f"use either :local or :cloud, not both: {quote(text)}")
    host, namespace, model, tag = _HOST, _NAMESPACE, bare, _TAG
    if model.rfind(":") > model.rfind("/"):
        model, _, tag = model.rpartition(":")
    if "/" in model:
        namespace, _, model = model.rpartition("/")
        if "/" in namespace:
            host, _, namespace = namespace.rpartition("/")
            host = host.partition("://")[2] or host
    if not (
        _VALID_HOST(host)
        and _VALID_NAMESPACE(namespace)
        and _VALID_PART(model)
        and _VALID_PART(tag)
    ):
        raise InvalidName("invalid model name")
    return ModelName(host=host, namespace=namespace, model=model, tag=tag, source=source)


def display_name(model_id: str) -> str:
    """Return the name under which a provider's model is listed; always valid for `parse_name`.

    A last part that is ``latest`` or four digits becomes the tag: ``mistral-large:2512``; an id
    with a tag, as those of an Ollama server, keeps it. Invalid characters are replaced, and an id
    that is too long is cut and ends in a digest of itself.
    """
    if ":" in model_id:
        with suppress(InvalidName):
            return parse_name(model_id, suffixes=False).short
    legal = _ILLEGAL.sub("-", model_id)
    dated = _DATED(legal)
    model, tag = dated.group("model", "tag") if dated else (legal, _TAG)
    if not _VALID_PART(model[:1]):
        model = "_" + model
    if len(model) > _LONGEST_PART:
        digest = hashlib.sha256(model_id.encode("utf-8", "surrogatepass")).hexdigest()[:8]
        model = f"{model[: _LONGEST_PART - 9]}-{digest}"
    return f"{model}:{tag}"


def short_name(text: str) -> str:
    """Return the short form of a name, for messages; return an invalid name unchanged."""
    try:
        return parse_name(text).short
    except InvalidName:
        return text


def _split_source(text: str) -> tuple[str, Source]:
    rest, colon, last = text.rpartition(":")
    suffix = last.strip().lower()
    if not colon:
        return text, _ANYWHERE
    if suffix == "cloud":
        return rest, "cloud"
    if suffix == "local":
        return rest, "local"
    if suffix.endswith("-cloud") and "/" not in suffix:
        return f"{rest}:{last.strip()[: -len('-cloud')]}", "cloud"
    return text, _ANYWHERE
