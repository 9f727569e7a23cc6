"""Answers of the routes for the last requests."""

from __future__ import annotations

from marshmallow import fields

from gateway.openapi.answers.base import AnswerSchema, count, flag, nested, text, texts

__all__ = [
    "Exchange",
    "ExchangeAttempt",
    "ExchangeDetails",
    "ExchangeList",
    "ExchangeTimes",
    "ExchangeUsage",
]


def _number() -> fields.Float:
    return fields.Float(required=True, allow_none=True)


class ExchangeAttempt(AnswerSchema):
    """A request to a provider: ``outcome`` is `ok`, `running`, `cancelled` or a class of errors.

    The times are milliseconds after the request has arrived.
    """

    provider = text()
    model = text()
    key = count()
    outcome = text()
    error = text()
    from_ms = _number()
    to_ms = _number()


class ExchangeTimes(AnswerSchema):
    """Milliseconds until a provider was asked, until the first token, and in all; null if never."""

    queue_ms = _number()
    first_token_ms = _number()
    total_ms = _number()
    tokens_per_second = _number()


class ExchangeUsage(AnswerSchema):
    """What the provider has counted."""

    input_tokens = count()
    output_tokens = count()
    cached_tokens = count()


class Exchange(AnswerSchema):
    """One request; ``at`` is seconds since 1970, ``cost`` decimal text, and empty is not known."""

    id = text()
    at = fields.Float(required=True)
    running = flag()
    method = text()
    path = text()
    route = text()
    dialect = text()
    operation = text()
    peer = text()
    client = text()
    caller = text()
    user_agent = text()
    content_type = text()
    model = text()
    provider = text()
    upstream_model = text()
    canonical = text()
    status = count()
    stream = flag()
    finish = text()
    error = text()
    error_type = text()
    cache = text()
    limited = text()
    trace = text()
    usage = nested(ExchangeUsage, allow_none=True)
    cost = text(allow_none=True)
    estimated = flag()
    attempts = nested(ExchangeAttempt, many=True)
    times = nested(ExchangeTimes)


class ExchangeDetails(Exchange):
    """One request with its texts; ``shortened`` names those that are not whole.

    ``recording`` is the path of its recording below a directory, null if there is none.
    """

    client_body = text()
    provider_body = text()
    answer = text()
    shortened = texts(required=True)
    recording = text(allow_none=True)


class ExchangeList(AnswerSchema):
    """The last requests, newest first; ``texts`` tells whether their texts are kept."""

    exchanges = nested(Exchange, many=True)
    texts = flag()
