"""What a service is sent: the address, the headers, and what authorizes a request."""

from __future__ import annotations

import asyncio
import hashlib
import json
from collections.abc import Awaitable, Callable, Mapping

import aiohttp
import pytest

from gateway.providers import (
    Authorize,
    ErrorResponse,
    Framing,
    GatewayError,
    Outgoing,
    Timeouts,
    Upstream,
    UpstreamDenied,
    UpstreamError,
    UpstreamRejected,
    UpstreamTimeout,
    long_text,
    stream_learning,
)
from gateway.providers.upstream.framing import LineSplitter
from gateway.testing import Answer, FakeUpstream, Received

Ask = Callable[..., Awaitable[object]]


def error_for(response: ErrorResponse) -> GatewayError:
    return UpstreamRejected(f"no {response.body.decode()}", status=response.status)


def upstream(
    session: aiohttp.ClientSession, url: str, authorize: Authorize | None = None, limit: float = 9
) -> Upstream:
    return Upstream(
        "acme",
        session,
        f"{url}/v1",
        headers={"X-Key": "all", "X-Other": "all"},
        error_for=error_for,
        authorize=authorize,
        timeouts=Timeouts(head=limit),
    )


async def _stream(service: Upstream, path: str, **more: object) -> object:
    async with service.stream(path, {"a": 1}, **more) as stream:  # type: ignore[arg-type]
        return [event async for batch in stream for event in batch]


async def _learn(service: Upstream, path: str, **more: object) -> object:
    stream = await stream_learning(service, path, {"a": 1}, lambda *_: None, **more)  # type: ignore[arg-type]
    try:
        return [event async for batch in stream for event in batch]
    finally:
        await stream.close()


async def _post_form(service: Upstream, path: str, **more: object) -> object:
    form = aiohttp.FormData({"a": "1"}, default_to_multipart=True)
    return await service.post_form(path, form, **more)  # type: ignore[arg-type]


KINDS: Mapping[str, Ask] = {
    "a stream": _stream,
    "a stream that learns": _learn,
    "a document": lambda service, path, **more: service.post(path, {"a": 1}, **more),
    "a form": _post_form,
    "what is only read": lambda service, path, **more: service.get(path, **more),
}


@pytest.fixture(params=KINDS.values(), ids=KINDS)
def ask(request: pytest.FixtureRequest) -> Ask:
    """Return a way to send each kind of request."""
    found: Ask = request.param
    return found


def answer() -> Answer:
    return Answer([b"{}"], content_type="application/json")


async def sent(
    session: aiohttp.ClientSession, ask: Ask, path: str = "/chat", **more: object
) -> Received:
    async with FakeUpstream(answer()) as service:
        await ask(upstream(session, service.url), path, **more)
        (request,) = service.requests
        return request


PATHS = [
    "/models/gemini-3:streamGenerateContent?alt=sse",
    "/model/arn%3Aaws%3Abedrock%3Aus-east-1%3A%3Ainference-profile%2Feu.x-v1%3A0/converse",
    "/a//b/./c/../d",
    "/~user/(x)*'!$&+,;=@",
    "/m%C3%B6del/%25/%20?q=%2F&q=a+b",
]


@pytest.mark.parametrize("path", PATHS)
async def test_a_path_is_sent_as_it_is(session: aiohttp.ClientSession, ask: Ask, path: str) -> None:
    assert (await sent(session, ask, path)).path == f"/v1{path}"


@pytest.mark.parametrize("path", ["chat", "@evil.example/", ".evil.example/", ":99/", "/a#b", "/ "])
async def test_a_path_cannot_lead_elsewhere(
    session: aiohttp.ClientSession, ask: Ask, path: str
) -> None:
    async with FakeUpstream(answer()) as service:
        with pytest.raises(UpstreamError, match=r"^the (path of a request|base URL) of acme is"):
            await ask(upstream(session, service.url), path)
        assert service.requests == []


QUERIES: list[tuple[str, Mapping[str, str], str]] = [
    ("/models", {"pageToken": "a/b=&c d", "n": "1"}, "/models?pageToken=a%2Fb%3D%26c%20d&n=1"),
    ("/chat?alt=sse", {"api-version": "2026"}, "/chat?alt=sse&api-version=2026"),
    ("/models", {"a": "é\ud800"}, "/models?a=%C3%A9%3F"),
    ("/models", {}, "/models"),
]


@pytest.mark.parametrize(("path", "query", "whole"), QUERIES)
async def test_a_query_is_encoded_and_added(
    session: aiohttp.ClientSession, ask: Ask, path: str, query: Mapping[str, str], whole: str
) -> None:
    assert (await sent(session, ask, path, query=query)).path == f"/v1{whole}"


async def test_a_header_of_a_request_replaces_that_of_all(
    session: aiohttp.ClientSession, ask: Ask
) -> None:
    async with FakeUpstream(answer()) as service:
        one = upstream(session, service.url)
        await ask(one, "/chat", headers={"x-key": "one", "X-New": "1", "Accept-Encoding": "gzip"})
        await ask(one, "/chat", headers={"X-New": "2"})
        await ask(one, "/chat")
        seen = [
            [request.headers.getall(name, []) for name in ("X-Key", "X-Other", "X-New")]  # type: ignore[attr-defined]
            for request in service.requests
        ]
    assert seen == [
        [["one"], ["all"], ["1"]],
        [["all"], ["all"], ["2"]],
        [["all"], ["all"], []],
    ]


@pytest.mark.parametrize("headers", [{"X-A": "a\r\nX-B: b"}, {"X A": "b"}, {"Content-Length": "7"}])
async def test_a_header_that_cannot_be_sent_is_refused(
    session: aiohttp.ClientSession, ask: Ask, headers: Mapping[str, str]
) -> None:
    async with FakeUpstream(answer()) as service:
        with pytest.raises(UpstreamError, match="^a header of a request of acme is not valid$"):
            await ask(upstream(session, service.url), "/chat", headers=headers)
        assert service.requests == []


async def test_each_request_is_authorized_anew(session: aiohttp.ClientSession, ask: Ask) -> None:
    tokens = iter(["first", "second"])
    seen: list[Outgoing] = []

    async def authorize(request: Outgoing) -> Mapping[str, str]:
        await asyncio.sleep(0)
        seen.append(request)
        digest = hashlib.sha256(request.body).hexdigest()
        return {"Authorization": f"Bearer {next(tokens)}", "x-key": "signed", "X-Digest": digest}

    async with FakeUpstream(answer()) as service:
        one = upstream(session, service.url, authorize)
        for number in "12":
            await ask(one, "/m:chat", query={"n": number}, headers={"X-New": "1"})
        for request, outgoing in zip(service.requests, seen, strict=True):
            assert outgoing.url == f"{service.url}{request.path}"
            assert (outgoing.method, outgoing.body) == (request.method, request.body)
            assert (outgoing.headers["x-new"], outgoing.headers["x-key"]) == ("1", "all")
            assert request.headers["X-Digest"] == hashlib.sha256(request.body).hexdigest()
            assert request.headers["X-Key"] == "signed"
            assert request.headers.get("Content-Type") == outgoing.headers.get("Content-Type")
        found = [request.headers["Authorization"] for request in service.requests]
    assert found == ["Bearer first", "Bearer second"]
    assert "Bearer" not in repr(seen)


async def test_a_long_body_is_joined_to_be_signed(session: aiohttp.ClientSession) -> None:
    picture = "QUJD" * 100_000

    async def authorize(request: Outgoing) -> Mapping[str, str]:
        assert request.body is request.body
        return {"X-Digest": hashlib.sha256(request.body).hexdigest()}

    async with FakeUpstream(answer()) as service:
        one = upstream(session, service.url, authorize)
        await one.post("/chat", {"picture": long_text("data:", picture)})
        (request,) = service.requests
    assert json.loads(request.body) == {"picture": f"data:{picture}"}
    assert request.headers["X-Digest"] == hashlib.sha256(request.body).hexdigest()


async def _denied(_: Outgoing) -> Mapping[str, str]:
    raise UpstreamDenied("log in again", provider="acme")


async def _library(_: Outgoing) -> Mapping[str, str]:
    raise RuntimeError("secret s3cr3t at 10.0.0.1")


async def _no_mapping(_: Outgoing) -> Mapping[str, str]:
    return None  # type: ignore[return-value]


async def _no_text(_: Outgoing) -> Mapping[str, str]:
    return {"Authorization": 7}  # type: ignore[dict-item]


async def _line_break(_: Outgoing) -> Mapping[str, str]:
    return {"Authorization": "a\nb"}


FAILURES: Mapping[str, tuple[Authorize, str]] = {
    "an error of ours": (_denied, "log in again"),
    "an error of a library": (_library, "acme has no credentials for the request: RuntimeError"),
    "no mapping": (_no_mapping, "acme has no credentials for the request: AttributeError"),
    "no text": (_no_text, "acme has no credentials for the request: TypeError"),
    "a line break": (_line_break, "acme has no credentials for the request: ValueError"),
}


@pytest.mark.parametrize(("authorize", "words"), FAILURES.values(), ids=FAILURES)
async def test_what_cannot_be_authorized_is_not_sent(
    session: aiohttp.ClientSession, ask: Ask, authorize: Authorize, words: str
) -> None:
    async with FakeUpstream(answer()) as service:
        with pytest.raises(UpstreamDenied) as caught:
            await ask(upstream(session, service.url, authorize), "/chat")
        assert (str(caught.value), caught.value.provider) == (words, "acme")
        assert service.requests == []


async def test_credentials_have_to_come_in_time(session: aiohttp.ClientSession, ask: Ask) -> None:
    async def authorize(_: Outgoing) -> Mapping[str, str]:
        await asyncio.Event().wait()
        return {}

    async with FakeUpstream(answer()) as service:
        with pytest.raises(UpstreamTimeout, match="acme had no credentials in time"):
            await ask(upstream(session, service.url, authorize, limit=0.05), "/chat")
        assert service.requests == []


async def test_whoever_leaves_does_not_wait_for_credentials(
    session: aiohttp.ClientSession, ask: Ask
) -> None:
    begun, ended = asyncio.Event(), asyncio.Event()

    async def authorize(_: Outgoing) -> Mapping[str, str]:
        try:
            begun.set()
            await asyncio.Event().wait()
        finally:
            ended.set()
        return {}

    async with FakeUpstream(answer()) as service:
        task = asyncio.ensure_future(ask(upstream(session, service.url, authorize), "/chat"))
        await begun.wait()
        task.cancel()
        with pytest.raises(asyncio.CancelledError):
            await task
        assert (ended.is_set(), service.requests) == (True, [])


async def test_an_adapter_may_bring_its_own_framing(session: aiohttp.ClientSession) -> None:
    framing = Framing(("text/plain", "text/csv"), LineSplitter)
    for media_type in framing.media_types:
        async with FakeUpstream(Answer([b"a\nb", b"\n"], content_type=media_type)) as service:
            found = await _stream(upstream(session, service.url), "/chat", framing=framing)
            assert found == [b"a", b"b"]
            assert service.requests[0].headers["Accept"] == "text/plain"


async def test_an_unknown_framing_is_said(session: aiohttp.ClientSession) -> None:
    service = upstream(session, "http://127.0.0.1:1")
    with pytest.raises(ValueError, match=r"^no framing 'xml' \(known: sse, lines, aws\)$"):
        service.stream("/chat", {}, framing="xml")  # type: ignore[arg-type]
