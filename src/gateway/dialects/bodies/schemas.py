"""The base of the marshmallow schemas of all bodies.

A body is read once if it is good, and twice if it is not: `BodySchema.read` makes one pass over the
members that are there, which takes a tenth of the time of marshmallow's own ``load``, and
marshmallow finds the error message of a bad one. So both must understand a schema alike. A schema
may use only what `read` honours, or its class cannot be made, and property tests compare the
two for every schema.

Schemas are flat, since nested ones would cost more than the rest of a request together: a field
reads its value, however deep, by a plain function. Nothing is converted, unknown fields are
ignored, ``null`` means "not given".
"""

from __future__ import annotations

from collections.abc import Callable, Mapping
from typing import Any, ClassVar, Final, Generic, TypeVar, cast

import marshmallow as ma
from marshmallow.schema import SchemaMeta

from gateway.core.errors import InvalidRequest
from gateway.dialects.bodies.budget import LIMITS
from gateway.dialects.bodies.decode import decode_body, fold_keys
from gateway.dialects.bodies.described import described
from gateway.dialects.bodies.readers import Mismatch, Reader, read_int

__all__ = ["BodySchema", "Value", "body_loader", "read_top_logprobs"]

_MOST_LOGPROBS: Final = 20
_STOPS: Final = frozenset({"stop", "stop_sequences"})
_LONGEST_STOPS: Final = 10_000

BodyT = TypeVar("BodyT")


@described({"type": "integer", "minimum": 0, "maximum": _MOST_LOGPROBS})
def read_top_logprobs(value: object) -> int:
    """Return how many other tokens a client wants to see in the place of each one."""
    number = read_int(value)
    if not 0 <= number <= _MOST_LOGPROBS:
        raise ma.ValidationError(f"top_logprobs must be between 0 and {_MOST_LOGPROBS}")
    return number


class Value(ma.fields.Field[Any]):
    """A field that the function *read* reads, with Go's words for a value of a wrong type.

    *data_key* is its name in a body if that is not the name of the attribute. `BodySchema.read`
    honours no other setting of a field. What *read* takes is said beside it, by `described`.
    """

    def __init__(self, read: Reader, *, data_key: str | None = None) -> None:
        super().__init__(data_key=data_key)
        self.read = read

    def _deserialize(
        self, value: object, attr: str | None, data: Mapping[str, Any] | None, **_: Any
    ) -> object:
        try:
            return self.read(value)
        except Mismatch as mismatch:
            struct = cast("BodySchema[Any]", self.parent).go_type.rpartition(".")[2]
            raise ma.ValidationError(mismatch.below(attr or "").text(struct)) from None


class _BodySchemaMeta(SchemaMeta):
    """Raise `TypeError` for a schema that uses what `BodySchema.read` does not honour."""

    def __new__(mcs, name: str, bases: tuple[type, ...], attrs: dict[str, Any]) -> SchemaMeta:
        if any(isinstance(base, mcs) for base in bases):
            others = [base.__name__ for base in bases if not isinstance(base, mcs)]
            ignored = [key for key, value in attrs.items() if not _is_honoured(key, value)]
            if ignored := [base for base in others if base != "Generic"] + ignored:
                raise TypeError(f"{name} has {', '.join(ignored)}, which BodySchema.read ignores")
        return super().__new__(mcs, name, bases, attrs)


def _is_honoured(key: str, value: object) -> bool:
    """Return whether a schema may have this in its class body: fields, data, and `build`."""
    if isinstance(value, ma.fields.Field):
        return type(value) is Value
    return isinstance(value, str | frozenset) or key in {"body", "build"} or key.startswith("__")


class BodySchema(ma.Schema, Generic[BodyT], metaclass=_BodySchemaMeta):
    """Read a JSON object into a frozen value of the type ``body``.

    ``go_type`` is the type that Ollama's server has for it, such as ``api.ChatRequest``: its error
    texts name it. Subclasses declare each field as a `Value` under the name that it has in the
    body, and may extend `build`. No field must be there. ``messages_in`` names the list whose
    length the limit on messages bounds.
    """

    class Meta:
        """Ignore the fields that Ollama ignores."""

        unknown = ma.EXCLUDE

    go_type: ClassVar[str]
    body: type[BodyT]
    messages_in: ClassVar[str] = "messages"

    def __init__(self) -> None:
        super().__init__()
        fields = cast("dict[str, Value]", self.load_fields)
        self._readers = {
            field.data_key or name: (name, field.read) for name, field in fields.items()
        }

    @property
    def known(self) -> frozenset[str]:
        """The names of the fields, as clients write them."""
        return frozenset(self._readers)

    def build(self, values: dict[str, Any], raw: Mapping[str, Any]) -> BodyT:
        """Make the body of the *values* that were read from *raw*; the rest has its defaults."""
        return self.body(**values)

    @ma.post_load(pass_original=True)
    def _build(self, values: dict[str, Any], raw: Mapping[str, Any], **_: Any) -> BodyT:
        return self.build(values, raw)

    def read(self, raw: Mapping[str, Any]) -> BodyT:
        """Return what ``load`` returns, in one pass over the members that are there.

        Raise `Mismatch`, `InvalidRequest` or marshmallow's ``ValidationError`` for one of the
        mistakes of a bad body, not always the first.
        """
        values: dict[str, Any] = {}
        for key, value in raw.items():
            if key in self._readers:
                name, read = self._readers[key]
                values[name] = read(value)
        return self.build(values, raw)


def _check_length(raw: Mapping[str, object], name: str, most: int) -> None:
    items = raw.get(name)
    if isinstance(items, list) and len(items) > most:
        raise InvalidRequest(f"too many {name}: {len(items)}, at most {most} are allowed")


def _check_stops(raw: Mapping[str, object], most: int) -> None:
    """Refuse stop sequences that would make each event of an answer expensive, in any dialect."""
    for place in (raw, raw.get("options"), raw.get("parameters")):
        if not isinstance(place, dict):
            continue
        for name in _STOPS & place.keys():
            _check_length(place, name, most)
            stops = place[name] if isinstance(place[name], list) else [place[name]]
            if sum(len(stop) for stop in stops if isinstance(stop, str)) > _LONGEST_STOPS:
                raise InvalidRequest(
                    f"{name} is too long: at most {_LONGEST_STOPS} characters are allowed in all"
                )


def body_loader(
    schema_type: type[BodySchema[BodyT]], *, empty_error: str = ""
) -> Callable[[bytes], BodyT]:
    """Return the function that reads one kind of body; it raises only `InvalidRequest`.

    *empty_error* is the message for a body without anything in it; without one that is bad JSON.
    """
    schema = schema_type()
    known = schema.known

    def load(data: bytes) -> BodyT:
        if empty_error and (not data or data.isspace()):
            raise InvalidRequest(empty_error)
        raw = fold_keys(decode_body(data, schema.go_type), known)
        limits = LIMITS.get()
        _check_length(raw, schema.messages_in, limits.messages)
        _check_length(raw, "tools", limits.tools)
        _check_stops(raw, limits.stops)
        try:
            return schema.read(raw)
        except (Mismatch, InvalidRequest, ma.ValidationError):
            # marshmallow decides which of several mistakes is reported, and how.
            for messages in schema.validate(raw).values():
                raise InvalidRequest(messages[0]) from None
            raise

    return load
