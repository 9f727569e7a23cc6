"""Whatever a client sends, the answer is one that Ollama could give: no crash and no hang."""

from __future__ import annotations

import http.client
import json
import logging
from typing import Any

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from wire_rules.basics import JSON_ENDPOINTS

ENDPOINTS = [
    *JSON_ENDPOINTS,
    "POST /v1/chat/completions",
    "POST /v1/completions",
    "POST /v1/embeddings",
    "POST /v1/responses",
    "POST /v1/messages",
]
FIELDS = [
    "model",
    "name",
    "messages",
    "prompt",
    "input",
    "stream",
    "options",
    "format",
    "tools",
    "think",
    "keep_alive",
    "images",
    "system",
    "role",
    "content",
    "tool_calls",
    "function",
    "arguments",
    "from",
    "files",
    "parameters",
    "source",
    "destination",
    "dimensions",
    "context",
    "max_tokens",
    "stop",
    "temperature",
]
scalars = st.one_of(
    st.none(),
    st.booleans(),
    st.integers(-(2**70), 2**70),
    st.floats(allow_nan=False, allow_infinity=False),
    st.text(max_size=10),
    st.sampled_from(["mistral-large", "mistral-embed", "user", "tool", "json", "\ud800"]),
)
values = st.recursive(
    scalars,
    lambda inner: (
        st.lists(inner, max_size=3)
        | st.dictionaries(st.sampled_from(FIELDS) | st.text(max_size=5), inner, max_size=5)
    ),
    max_leaves=20,
)
bodies = st.dictionaries(st.sampled_from(FIELDS), values, max_size=8)
MODELS = ["mistral-large", "mistral-embed", "codestral", "mistral-medium"]
plausible = st.builds(lambda body, model: {**body, "model": model}, bodies, st.sampled_from(MODELS))


def ask(address: str, endpoint: str, body: bytes) -> tuple[int, str, bytes]:
    method, path = endpoint.split()
    connection = http.client.HTTPConnection(address, timeout=10)
    try:
        connection.request(method, path, body)
        response = connection.getresponse()
        return response.status, response.headers.get("Content-Type", ""), response.read()
    finally:
        connection.close()


def assert_ollamas(status: int, content_type: str, body: bytes, caplog: Any) -> None:
    assert not [record for record in caplog.records if record.levelno >= logging.ERROR]
    assert b"Traceback" not in body
    if status >= 400:
        assert content_type.startswith("application/json")
        assert json.loads(body)["error"]


# Each example is a request to a server.
requests = settings(
    max_examples=settings().max_examples // 3,
    suppress_health_check=[HealthCheck.function_scoped_fixture],
)


@pytest.mark.parametrize("endpoint", ENDPOINTS)
@requests
@given(body=st.one_of(bodies, plausible).map(json.dumps))
def test_json_is_answered(
    address: str, caplog: pytest.LogCaptureFixture, endpoint: str, body: str
) -> None:
    assert_ollamas(*ask(address, endpoint, body.encode()), caplog)


@pytest.mark.parametrize("endpoint", ENDPOINTS)
@requests
@given(body=st.binary(max_size=60) | bodies.map(json.dumps).map(lambda text: text[:-3].encode()))
def test_what_is_no_json_is_refused_or_read_as_go_does(
    address: str, caplog: pytest.LogCaptureFixture, endpoint: str, body: bytes
) -> None:
    assert_ollamas(*ask(address, endpoint, body), caplog)
