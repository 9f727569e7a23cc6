"""A rejected body is sent again with less in it, and nothing else is ever sent again."""

from __future__ import annotations

import json
from collections.abc import Mapping, Sequence

import pytest

from gateway.core.errors import (
    GatewayError,
    ModelNotFound,
    UpstreamRateLimited,
    UpstreamRejected,
    UpstreamTimeout,
)
from gateway.providers.error_responses import error_for_status
from gateway.providers.upstream import ErrorResponse, Upstream, stream_learning
from gateway.providers.upstream.transport import open_session
from gateway.testing import Answer, FakeUpstream

HELLO = Answer([b"data: hello\n\n"])


def rejection(name: str, status: int = 400) -> Answer:
    return Answer([f"no {name}".encode()], status=status, content_type="text/plain")


def error_for(response: ErrorResponse) -> GatewayError:
    text = response.body.decode()
    return error_for_status(response.status, text, provider="acme", key_variable="ACME_KEY")


def unlearn(body: Mapping[str, object], error: UpstreamRejected) -> Mapping[str, object] | None:
    name = error.message.removeprefix("no ")
    return {key: value for key, value in body.items() if key != name} if name in body else None


async def bodies_and_events(
    answers: Sequence[Answer], body: Mapping[str, object]
) -> tuple[list[str], list[bytes] | GatewayError]:
    """Return the names in each body that was sent, and the data of the answer or its error."""
    async with open_session() as session, FakeUpstream(*answers) as service:
        upstream = Upstream("acme", session, service.url, headers={}, error_for=error_for)
        result: list[bytes] | GatewayError
        try:
            stream = await stream_learning(upstream, "/chat", body, unlearn)
        except GatewayError as error:
            result = error
        else:
            result = [data async for batch in stream for data in batch]
            await stream.close()
        return ["".join(json.loads(one.body)) for one in service.requests], result


LEARNED: dict[str, tuple[list[Answer], list[str]]] = {
    "nothing to learn": ([HELLO], ["abcdef"]),
    "one thing": ([rejection("b"), HELLO], ["abcdef", "acdef"]),
}


@pytest.mark.parametrize(("answers", "sent"), LEARNED.values(), ids=LEARNED)
async def test_what_is_rejected_is_left_out(answers: list[Answer], sent: list[str]) -> None:
    body = dict.fromkeys("abcdef", 1)
    assert await bodies_and_events(answers, body) == (sent, [b"hello"])
    assert list(body) == list("abcdef")


FINAL: dict[str, tuple[Answer, type[GatewayError]]] = {
    "rejected for something else": (rejection("x"), UpstreamRejected),
    "too many requests": (rejection("b", 429), UpstreamRateLimited),
    "no such model": (rejection("b", 404), ModelNotFound),
    "too late": (rejection("b", 408), UpstreamTimeout),
}


@pytest.mark.parametrize(("answer", "kind"), FINAL.values(), ids=FINAL)
async def test_any_other_error_is_final(answer: Answer, kind: type[GatewayError]) -> None:
    sent, error = await bodies_and_events([answer, HELLO], {"a": 1, "b": 2})
    assert (sent, type(error)) == (["ab"], kind)


async def test_a_service_that_rejects_everything_is_asked_twice() -> None:
    answers = [rejection(name) for name in "abcdef"]
    sent, error = await bodies_and_events(answers, dict.fromkeys("abcdef", 1))
    assert sent == ["abcdef", "bcdef"]
    assert isinstance(error, UpstreamRejected)
    assert error.message == "no b"
