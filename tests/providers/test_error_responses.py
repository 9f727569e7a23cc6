"""A service's statuses as our errors."""

from __future__ import annotations

from typing import Any

import pytest

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
from gateway.providers.error_responses import error_for_status, read_duration, retry_after

STATUSES: dict[str, Any] = {
    "a bad request": (400, "no", UpstreamRejected, 400, "no"),
    "a bad request of ours": (422, "no", UpstreamRejected, 400, "no"),
    "a refused key": (
        401,
        "bad key sk-1",
        UpstreamDenied,
        502,
        "acme rejected the API key: set ACME_KEY, or api_key of the provider acme",
    ),
    "no money": (402, "pay", UpstreamRejected, 402, "pay"),
    "a model": (404, "no model", ModelNotFound, 404, "no model"),
    "a path": (
        404,
        "",
        UpstreamError,
        502,
        "HTTP 404 from acme: check base_url of the provider acme",
    ),
    "a method": (405, "no", UpstreamError, 502, "no: check base_url of the provider acme"),
    "a redirect": (
        307,
        "",
        UpstreamError,
        502,
        "HTTP 307 from acme: check base_url of the provider acme",
    ),
    "a timeout": (408, "", UpstreamTimeout, 504, "HTTP 408 from acme"),
    "a rate": (429, "slow", UpstreamRateLimited, 429, "slow"),
    "a failure": (500, "", UpstreamRejected, 500, "HTTP 500 from acme"),
    "a status of its own": (599, "odd", UpstreamRejected, 599, "odd"),
    "success that is none": (204, "", UpstreamError, 502, "HTTP 204 from acme"),
    "no status": (0, "", UpstreamError, 502, "acme reports an error"),
}


OVERFLOWS = {
    "Mistral's": "Prompt contains 300000 tokens and 0 draft tokens, too large for model with 262144"
    " maximum context length",
    "OpenAI's": "This model's maximum context length is 128000 tokens. However, your messages"
    " resulted in 130000 tokens.",
    "OpenAI's newer": "Your input exceeds the context window of this model. Please adjust it.",
    "Anthropic's": "prompt is too long: 300000 tokens > 200000 maximum",
    "Anthropic's with a limit": "input length and `max_tokens` exceed context limit: 1 + 2 > 2",
    "llama.cpp's": "the request exceeds the available context size, try increasing it",
    "Ollama's": "the input length exceeds the context length",
    "vLLM's": "The prompt (length 5000) is longer than the maximum model length of 4096",
    "xAI's": "This model's maximum prompt length is 131072 but the request contains 140000 tokens.",
    "Gemini's": "The input token count (2000000) exceeds the maximum number of tokens allowed",
}


@pytest.mark.parametrize("words", OVERFLOWS.values(), ids=OVERFLOWS)
@pytest.mark.parametrize("status", [0, 400, 413, 422, 500])
def test_a_conversation_that_is_too_long_is_recognised(status: int, words: str) -> None:
    error = error_for_status(status, words, provider="acme", key_variable="ACME_KEY")
    assert (type(error), error.status, error.message) == (ContextOverflow, 400, words)


def test_the_code_of_an_overflow_counts_whatever_the_words() -> None:
    codes = ["invalid_request_error", "context_length_exceeded"]
    error = error_for_status(400, "no", provider="acme", key_variable="ACME_KEY", codes=codes)
    assert isinstance(error, ContextOverflow)


@pytest.mark.parametrize(
    ("status", "words"),
    [
        (400, "max_tokens is too large: 5000. This model supports at most 4096 output tokens"),
        (400, "the name of a tool is too long"),
        (400, "Too many tokens in batch"),
        (401, "the prompt is too long"),
        (429, "the prompt is too long for your tier"),
        (503, "maximum context length"),
    ],
)
def test_other_errors_are_no_overflow(status: int, words: str) -> None:
    error = error_for_status(status, words, provider="acme", key_variable="ACME_KEY")
    assert not isinstance(error, ContextOverflow)


@pytest.mark.parametrize(
    ("status", "said", "kind", "shown", "text"), STATUSES.values(), ids=STATUSES
)
def test_statuses(status: int, said: str, kind: type[GatewayError], shown: int, text: str) -> None:
    error = error_for_status(status, said, provider="acme", key_variable="ACME_KEY", request_id="r")
    assert (type(error), error.status, error.message) == (kind, shown, text)
    if isinstance(error, UpstreamError):
        assert (error.provider, error.request_id) == ("acme", "r")


def test_a_delay_is_kept_and_nothing_else() -> None:
    headers = {"Retry-After": "7", "Set-Cookie": "x"}
    error = error_for_status(429, "slow", provider="acme", key_variable="ACME_KEY", headers=headers)
    assert error.headers == {"Retry-After": "7"}


WAITS: dict[str, tuple[dict[str, str], str | None]] = {
    "seconds": ({"Retry-After": "7"}, "7"),
    "milliseconds": ({"retry-after-ms": "1500"}, "2"),
    "no milliseconds": ({"retry-after-ms": "soon"}, None),
    "the reset of what is used up": (
        {
            "x-ratelimit-remaining-requests": "0",
            "x-ratelimit-reset-requests": "1m2.5s",
            "x-ratelimit-remaining-tokens": "0",
            "x-ratelimit-reset-tokens": "120ms",
        },
        "63",
    ),
    "the reset of what is left": (
        {"x-ratelimit-remaining-requests": "5", "x-ratelimit-reset-requests": "6s"},
        None,
    ),
    "no duration": (
        {"x-ratelimit-remaining-requests": "0", "x-ratelimit-reset-requests": "soon"},
        None,
    ),
}


@pytest.mark.parametrize(("headers", "seconds"), WAITS.values(), ids=WAITS)
def test_how_long_to_wait_is_told_in_many_ways(
    headers: dict[str, str], seconds: str | None
) -> None:
    assert retry_after(headers).get("Retry-After") == seconds


@pytest.mark.parametrize(
    ("text", "seconds"),
    [("34s", 34.0), ("1h2m3.5s", 3723.5), ("2d", 172800.0), ("", None), ("5", None), ("5s!", None)],
)
def test_durations(text: str, seconds: float | None) -> None:
    assert read_duration(text) == seconds
