"""What the marshmallow schemas of all bodies stand on.

A schema is flat, made once at import, and each of its fields reads its value by a plain function:
nested schemas would cost more than the rest of a request together. Schemas are named after the Go
types of Ollama, since those names are part of its error texts. Nothing is converted, unknown fields
are ignored, ``null`` is "not said".
"""

from __future__ import annotations

from collections.abc import Callable, Mapping
from typing import Any, Generic, TypeVar

import marshmallow as ma

from gateway.core.errors import InvalidRequest
from gateway.dialects.bodies.decode import decode_body, fold_keys
from gateway.dialects.bodies.readers import Mismatch, Reader

__all__ = ["Body", "Value", "body_loader"]

BodyT = TypeVar("BodyT")


class Value(ma.fields.Field[Any]):
    """A field whose value is read by a plain function, with Go's words for a wrong type."""

    def __init__(self, read: Reader, **settings: Any) -> None:
        super().__init__(**settings)
        self.read = read

    def _deserialize(
        self, value: object, attr: str | None, data: Mapping[str, Any] | None, **_: Any
    ) -> object:
        try:
            return self.read(value)
        except Mismatch as mismatch:
            text = mismatch.below(attr or "").text(type(self.parent).__name__)
            raise ma.ValidationError(text) from None


class Body(ma.Schema, Generic[BodyT]):
    """A body that becomes a call, a frozen value of the type ``call``.

    Subclasses declare fields and may say how the call is built; they have no other hooks, and no
    field that must be there.
    """

    class Meta:
        """Ignore what Ollama ignores."""

        unknown = ma.EXCLUDE

    call: type[BodyT]

    def __init__(self) -> None:
        super().__init__(partial=True)
        self._readers = {
            name: (field.attribute or name, _reader(field))
            for name, field in self.load_fields.items()
        }

    def build(self, said: dict[str, Any], body: Mapping[str, Any]) -> BodyT:
        """Make the call of what the fields made of *body*; the rest has the call's defaults."""
        return self.call(**said)

    @ma.post_load(pass_original=True)
    def _build(self, said: dict[str, Any], body: Mapping[str, Any], **_: Any) -> BodyT:
        return self.build(said, body)

    def read(self, body: Mapping[str, Any]) -> BodyT:
        """Return what `load` returns, in one pass over those members that are there.

        A body that `load` refuses is refused for one of its mistakes, not always the first.
        """
        said: dict[str, Any] = {}
        for name, value in body.items():
            if name in self._readers:
                key, read = self._readers[name]
                said[key] = read(value)
        return self.build(said, body)


def _reader(field: ma.fields.Field[Any]) -> Reader:
    """Return what *field* does with a value, without marshmallow's part where that is nothing."""
    if isinstance(field, Value) and not field.validators:
        return field.read
    return field.deserialize


def body_loader(
    body_schema: type[Body[BodyT]], *, package: str = "api"
) -> Callable[[bytes], BodyT]:
    """Return the function that reads one kind of body; it raises only `InvalidRequest`.

    *package* is the Go package that Ollama's type belongs to.
    """
    schema = body_schema()
    kind = f"{package}.{body_schema.__name__}"
    known = frozenset(schema.load_fields)

    def load(body: bytes) -> BodyT:
        data = fold_keys(decode_body(body, kind), known)
        try:
            return schema.read(data)
        except (Mismatch, InvalidRequest, ma.ValidationError):
            # Which mistake is told, and in which words, is marshmallow's to say.
            for messages in schema.validate(data).values():
                raise InvalidRequest(messages[0]) from None
            raise

    return load
