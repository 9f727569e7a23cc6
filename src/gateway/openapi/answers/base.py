"""What the schemas of answers are made of."""

from __future__ import annotations

from typing import Any

import marshmallow as ma
from marshmallow import fields, validate

__all__ = ["AnswerSchema", "OneOf", "count", "flag", "nested", "text", "texts", "word"]


class AnswerSchema(ma.Schema):
    """An answer; clients must expect further members."""

    class Meta:
        """Say nothing about further members."""

        unknown = ma.EXCLUDE


class OneOf(fields.Field[Any]):
    """A value of one of several *schemas*, given by JSON Schemas or classes."""

    def __init__(self, *schemas: type[AnswerSchema] | dict[str, Any], **settings: Any) -> None:
        super().__init__(**settings)
        self.schemas = schemas


def text(*, required: bool = True, **settings: Any) -> fields.String:
    """Return a field with a text, which is always there unless *required* is false."""
    return fields.String(required=required, **settings)


def texts(*, required: bool = False) -> fields.List[str]:
    """Return a field with a list of texts."""
    return fields.List(fields.String(), required=required)


def word(*words: str, required: bool = True) -> fields.String:
    """Return a field with one of some *words*."""
    return fields.String(required=required, validate=validate.OneOf(words))


def count(*, required: bool = True, **settings: Any) -> fields.Integer:
    """Return a field with a number that is not negative."""
    return fields.Integer(required=required, validate=validate.Range(min=0), **settings)


def flag(always: bool | None = None) -> fields.Boolean:
    """Return a field that is there in every answer: true or false, or *always* one of both."""
    only = None if always is None else validate.OneOf([always])
    return fields.Boolean(required=True, validate=only)


def nested(
    schema: type[AnswerSchema], *, many: bool = False, required: bool = True, **settings: Any
) -> fields.Field[Any]:
    """Return a field with an object, or a list of such objects if *many*."""
    one = fields.Nested(schema, required=required, **({} if many else settings))
    return fields.List(one, required=required, **settings) if many else one
