"""Answers of the gateway's own routes."""

from __future__ import annotations

from marshmallow import fields

from gateway.openapi.answers.base import AnswerSchema, count, flag, nested, text, texts, word

__all__ = [
    "Budget",
    "Concurrency",
    "Features",
    "Health",
    "KeyReport",
    "Limits",
    "ModelPrice",
    "ModelRow",
    "ModelsReport",
    "Rate",
    "Readiness",
    "Reloaded",
    "UsageCounts",
    "UsageReport",
]


class Health(AnswerSchema):
    """The process is running."""

    status = word("ok")


class Readiness(AnswerSchema):
    """Which providers could be reached; ``state`` only if one is shared."""

    ready = flag()
    providers = fields.Dict(keys=fields.String(), values=fields.Boolean(), required=True)
    store = text()
    state = fields.Boolean()


class Reloaded(AnswerSchema):
    """The settings were read again; some changes may wait for a restart."""

    reloaded = flag()
    waiting_for_restart = texts(required=True)


class Rate(AnswerSchema):
    """A limit per minute, and what is left of it."""

    limit = count()
    remaining = count()
    reset_seconds = fields.Float(required=True)


class Concurrency(AnswerSchema):
    """A limit of requests at one time, and how many are running."""

    limit = count()
    running = count()


class Limits(AnswerSchema):
    """The limits of a caller; null where there is none."""

    rpm = nested(Rate, allow_none=True)
    tpm = nested(Rate, allow_none=True)
    concurrency = nested(Concurrency, allow_none=True)


class Budget(AnswerSchema):
    """A budget; amounts are decimal text."""

    limit = text()
    period = word("hour", "day", "week", "month", "total")
    spent = text()
    held = text()
    remaining = text()
    resets = text(allow_none=True)


class KeyReport(AnswerSchema):
    """What is left to a caller."""

    name = text()
    plan = text()
    models = texts(required=True)
    limits = nested(Limits)
    budget = nested(Budget, allow_none=True)


class ModelPrice(AnswerSchema):
    """What a million tokens cost, and one request; amounts are decimal text."""

    input = text()
    output = text()
    cached = text()
    request = text()


class ModelRow(AnswerSchema):
    """A model; ``made`` by a user from another one, ``deprecated`` is a date or empty."""

    name = text()
    provider = text()
    id = text()
    made = flag()
    capabilities = texts(required=True)
    context_length = count()
    deprecated = text()
    price = nested(ModelPrice, allow_none=True)


class ModelsReport(AnswerSchema):
    """All models that the caller may use; ``manage`` tells whether it may change them."""

    manage = flag()
    providers = fields.Dict(keys=fields.String(), values=fields.Boolean(), required=True)
    models = nested(ModelRow, many=True)


class Features(AnswerSchema):
    """Whether usage is kept, and of the last requests times alone or texts as well."""

    admin = flag()
    usage = flag()
    exchanges = word("none", "times", "texts")


class UsageCounts(AnswerSchema):
    """What was used; ``cost`` is decimal text, and rows also have what they are grouped by."""

    requests = count()
    errors = count()
    cancelled = count()
    cache_hits = count()
    input_tokens = count()
    cached_tokens = count()
    output_tokens = count()
    estimated_tokens = count()
    cost = text()
    unpriced = count()


class UsageReport(AnswerSchema):
    """Rows of usage, and their sums."""

    rows = nested(UsageCounts, many=True)
    total = nested(UsageCounts)
