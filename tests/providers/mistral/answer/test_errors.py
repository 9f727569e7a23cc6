"""Refusals of the service, in all their shapes, as one line and one status for the client."""

from __future__ import annotations

import logging
from collections.abc import Mapping

import pytest
from multidict import CIMultiDict

from gateway.core import codec
from gateway.core.errors import (
    ContextOverflow,
    GatewayError,
    ModelNotFound,
    UpstreamDenied,
    UpstreamError,
    UpstreamRateLimited,
    UpstreamRejected,
    UpstreamTimeout,
)
from gateway.providers.error_bodies import is_error, read_error
from gateway.providers.mistral import errors
from gateway.providers.mistral.errors import OverLimit
from gateway.providers.upstream import ErrorResponse

SECRET = "what the caller typed"
ITEM = {
    "type": "extra_forbidden",
    "loc": ["body", "seed"],
    "msg": "Extra inputs are not permitted",
    "input": SECRET,
}
DEEP = {"type": "missing", "loc": ["body", "messages", 0, "role"], "msg": "Field required"}
RENDERED = "seed: Extra inputs are not permitted"


def refused(
    status: int, payload: object = None, headers: Mapping[str, str] | None = None
) -> GatewayError:
    body = payload if isinstance(payload, bytes) else codec.encode(payload)
    return errors.error_for(ErrorResponse(status, CIMultiDict(headers or {}), body), "mistral")


@pytest.mark.parametrize(
    ("payload", "text"),
    [
        pytest.param(
            {"object": "error", "message": "Bad role", "type": "x", "code": "3230"},
            "Bad role",
            id="a text",
        ),
        pytest.param({"object": "Error", "message": [ITEM], "code": 3001}, RENDERED, id="a list"),
        pytest.param(
            {"object": "error", "message": {"detail": [ITEM, DEEP]}},
            f"{RENDERED}; messages.0.role: Field required",
            id="an object",
        ),
        pytest.param(
            {"message": codec.encode({"detail": [ITEM]}).decode(), "code": "1000"},
            RENDERED,
            id="JSON in a text",
        ),
        pytest.param(
            {"message": codec.encode([ITEM]).decode()}, RENDERED, id="a JSON list in a text"
        ),
        pytest.param({"detail": [DEEP]}, "messages.0.role: Field required", id="the documented"),
        pytest.param({"detail": [{"msg": "Value error"}]}, "Value error", id="without a place"),
        pytest.param({"detail": ["first", "second"]}, "first; second", id="a list of texts"),
        pytest.param({"detail": "Unauthorized"}, "Unauthorized", id="a detail"),
        pytest.param({"message": "No", "request_id": "1"}, "No", id="Kong"),
        pytest.param({"error": {"message": "Blocked", "status": 403}}, "Blocked", id="guardrail"),
        pytest.param({"error": "overloaded"}, "overloaded", id="a bare error"),
        pytest.param({"message": "a\n\r\n  b\tc\n"}, "a b c", id="several lines"),
        pytest.param({"message": " busy.  try again "}, "busy.  try again", id="two blanks"),
        pytest.param({"message": "404"}, "404", id="a number in a text"),
        pytest.param({"message": '{"a": 1}'}, '{"a": 1}', id="JSON that is no error"),
        pytest.param({"message": "x" * 1001}, "x" * 999 + "…", id="too long"),
        pytest.param({"message": "", "detail": "second"}, "second", id="an empty message"),
        pytest.param({"message": "<html><body>"}, "", id="a page in a text"),
        pytest.param({"message": 7}, "", id="a number"),
        pytest.param({"detail": [{"loc": ["body"]}]}, "", id="an item without a message"),
        pytest.param({"detail": {"detail": [{"detail": {"detail": "x"}}]}}, "", id="too deep"),
        pytest.param([], "", id="a list alone"),
        pytest.param(None, "", id="nothing"),
    ],
)
def test_an_error_object_becomes_one_line(payload: object, text: str) -> None:
    assert read_error(payload)[0] == text


INVALID_MODEL = {"object": "error", "message": "Invalid model: x", "type": "invalid_model"}
NO_ROUTE = {"message": "no Route matched with those values", "request_id": "r"}
FULL = {"message": "Too many tokens overall, split into more batches.", "code": "3210"}
CHECK_URL = ": check base_url of the provider mistral"


@pytest.mark.parametrize(
    ("status", "payload", "kind", "seen", "text"),
    [
        (400, {"message": "Bad role", "code": "3230"}, UpstreamRejected, 400, "Bad role"),
        (400, INVALID_MODEL, ModelNotFound, 404, "Invalid model: x"),
        (400, {"message": "x", "code": 1500}, ModelNotFound, 404, "x"),
        (400, {"message": "Prompt too long", "code": 3210}, OverLimit, 400, "Prompt too long"),
        (400, {"message": "Too many tokens in batch. Max is 16384"}, OverLimit, 400, None),
        (400, FULL, OverLimit, 400, None),
        (401, {"detail": "Unauthorized"}, UpstreamDenied, 502, None),
        (402, {"message": "Pay"}, UpstreamRejected, 402, "Pay"),
        (403, {"message": "No"}, UpstreamRejected, 403, "No"),
        (404, {"detail": "Not Found"}, ModelNotFound, 404, "Not Found"),
        (404, NO_ROUTE, UpstreamError, 502, NO_ROUTE["message"] + CHECK_URL),
        (404, b"<html>", UpstreamError, 502, "HTTP 404 from mistral" + CHECK_URL),
        (405, {"message": "No"}, UpstreamError, 502, "No"),
        (408, None, UpstreamTimeout, 504, "HTTP 408 from mistral"),
        (413, b"", UpstreamRejected, 413, "HTTP 413 from mistral"),
        (422, INVALID_MODEL, ModelNotFound, 404, "Invalid model: x"),
        (422, {"detail": [ITEM]}, UpstreamRejected, 400, RENDERED),
        (422, b"nonsense", UpstreamRejected, 400, "HTTP 422 from mistral"),
        (429, {"message": "Slow down"}, UpstreamRateLimited, 429, "Slow down"),
        (500, {"message": "Oops", "code": "1000"}, UpstreamRejected, 500, "Oops"),
        (502, b"<!DOCTYPE html>", UpstreamRejected, 502, "HTTP 502 from mistral"),
        (503, b"\xff", UpstreamRejected, 503, "HTTP 503 from mistral"),
        (504, b"[" * 9999, UpstreamRejected, 504, "HTTP 504 from mistral"),
        (520, b"<html>", UpstreamError, 502, "HTTP 520 from mistral"),
        (307, b"", UpstreamError, 502, "HTTP 307 from mistral" + CHECK_URL),
        (204, b"", UpstreamError, 502, "HTTP 204 from mistral"),
    ],
    ids=str,
)
def test_a_status_is_mapped_for_the_client(
    status: int, payload: object, kind: type[GatewayError], seen: int, text: str | None
) -> None:
    error = refused(status, payload)
    assert type(error) is kind
    assert error.status == seen
    if text is not None:
        assert error.message == text
    assert SECRET not in error.message


def test_a_refused_key_names_the_settings_that_hold_it() -> None:
    assert refused(401).message == (
        "mistral rejected the API key: set MISTRAL_API_KEY, or api_key of the provider mistral"
    )


@pytest.mark.parametrize("status", [429, 503])
@pytest.mark.parametrize("value", ["7", "0.5", "Fri, 21 Aug 2026 09:00:00 GMT"])
def test_retry_after_is_handed_on_as_it_came(status: int, value: str) -> None:
    assert refused(status, headers={"retry-after": value}).headers == {"Retry-After": value}
    assert refused(status).headers == {}


def test_a_plan_without_quota_is_not_something_to_wait_for() -> None:
    error = refused(
        429,
        {"message": "Requests rate limit exceeded"},
        {"Retry-After": "60", "X-RateLimit-Limit-Req-Minute": "0"},
    )
    assert type(error) is UpstreamRejected
    assert (error.status, error.headers) == (429, {})
    assert error.message == (
        "the plan of this API key has no access to this model (Requests rate limit exceeded)"
    )


@pytest.mark.parametrize(
    ("payload", "headers", "request_id"),
    [
        (NO_ROUTE, {}, "r"),
        (NO_ROUTE, {"Mistral-Correlation-Id": "m", "X-Kong-Request-Id": "k"}, "m"),
        (None, {"X-Kong-Request-Id": "k"}, "k"),
        ({"request_id": 7}, {}, ""),
    ],
)
def test_the_id_for_the_providers_support_is_kept(
    payload: object, headers: dict[str, str], request_id: str
) -> None:
    error = refused(500, payload, headers)
    assert isinstance(error, UpstreamError)
    assert (error.provider, error.request_id) == ("mistral", request_id)


@pytest.mark.parametrize(
    ("payload", "names"),
    [({"detail": [ITEM, DEEP]}, "seed, messages.0.role"), ({"detail": "no"}, "unnamed fields")],
)
def test_a_body_of_ours_that_was_refused_is_logged_without_what_was_in_it(
    payload: object, names: str, caplog: pytest.LogCaptureFixture
) -> None:
    with caplog.at_level(logging.ERROR, logger="gateway"):
        refused(422, payload)
    assert caplog.messages == [f"mistral refused {names} of a request"]


@pytest.mark.parametrize(
    ("payload", "kind", "status"),
    [
        ({"message": "x", "raw_status_code": 503, "code": "3505"}, UpstreamRejected, 503),
        ({"message": "x", "status": 429}, UpstreamRateLimited, 429),
        ({"error": {"message": "x", "status": 403}}, UpstreamRejected, 403),
        ({"error": {"message": "x", "code": 500}}, UpstreamRejected, 500),
        ({"message": "x", "code": 400, "type": "BadRequestError"}, UpstreamRejected, 400),
        ({"message": "x", "code": "1300", "type": "rate_limited"}, UpstreamRateLimited, 429),
        ({"message": "x", "type": "invalid_model"}, ModelNotFound, 404),
        ({"message": "x", "code": "1000", "status": True}, UpstreamError, 502),
        ({"message": "x", "raw_status_code": 200}, UpstreamError, 502),
        (None, UpstreamError, 502),
    ],
)
def test_an_error_in_a_good_answer_has_the_status_that_it_names(
    payload: object, kind: type[GatewayError], status: int
) -> None:
    error = errors.payload_error(payload, "mistral")
    assert (type(error), error.status) == (kind, status)


@pytest.mark.parametrize(
    ("data", "text"),
    [
        (b'{"message": "overloaded"}', "overloaded"),
        (b"overloaded \xff", "overloaded \ufffd"),
        (b'"overloaded"', '"overloaded"'),
        (b"<html>overloaded</html>", "mistral reports an error"),
        (b"{}", "mistral reports an error"),
    ],
)
def test_an_error_event_may_hold_anything(data: bytes, text: str) -> None:
    assert errors.event_error(data, "mistral").message == text


@pytest.mark.parametrize(
    ("payload", "expected"),
    [
        ({"object": "Error"}, True),
        ({"error": {}}, True),
        ({"message": "x", "type": "y"}, True),
        ({"detail": "x"}, True),
        ({"error": None, "object": "chat.completion.chunk"}, False),
        ([], False),
    ],
    ids=str,
)
def test_an_error_object_is_known_by_its_members(payload: object, *, expected: bool) -> None:
    assert is_error(payload) is expected


def test_a_conversation_that_is_too_long_is_told_as_such() -> None:
    text = "Prompt contains 300000 tokens, too large for model with 262144 maximum context length"
    body = {"object": "error", "message": text, "type": "invalid_request_prompt", "code": "3051"}
    response = ErrorResponse(400, CIMultiDict(), codec.encode(body))
    assert isinstance(errors.error_for(response, "mistral"), ContextOverflow)
