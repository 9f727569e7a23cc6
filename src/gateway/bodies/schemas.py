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

from gateway.bodies.decode import decode_body, fold_keys
from gateway.bodies.readers import Mismatch, Reader
from gateway.errors import InvalidRequest

__all__ = ["Body", "Value", "body_loader"]

CallT = TypeVar("CallT")


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


class Body(ma.Schema, Generic[CallT]):
    """A body that becomes a call, a frozen value of the type ``call``."""

    class Meta:
        """Ignore what Ollama ignores."""

        unknown = ma.EXCLUDE

    call: type[CallT]

    @ma.post_load
    def build(self, data: dict[str, Any], **_: Any) -> CallT:
        """Make the call; what the body did not say has the call's default."""
        return self.call(**data)


def body_loader(
    body_schema: type[Body[CallT]], *, package: str = "api"
) -> Callable[[bytes], CallT]:
    """Return the function that reads one kind of body; it raises only `InvalidRequest`.

    *package* is the Go package that Ollama's type belongs to.
    """
    # No field is required, and marshmallow passes over missing ones faster when it knows.
    schema = body_schema(partial=True)
    kind = f"{package}.{body_schema.__name__}"
    known = frozenset(schema.load_fields)

    def load(body: bytes) -> CallT:
        data = fold_keys(decode_body(body, kind), known)
        try:
            call: CallT = schema.load(data)
        except ma.ValidationError as error:
            raise InvalidRequest(_first_message(error)) from None
        return call

    return load


def _first_message(error: ma.ValidationError) -> str:
    messages: dict[str, list[str]] = error.messages_dict
    return next(iter(messages.values()))[0]
