"""Recordings: what a form may say, what is refused, and what comes back."""

from __future__ import annotations

import asyncio
from collections.abc import Awaitable, Callable
from typing import Any

import aiohttp
import pytest
from aiohttp import web
from aiohttp.test_utils import TestClient

from gateway.core.errors import ModelNotFound, UpstreamRateLimited, UpstreamTimeout
from gateway.core.events import Usage
from gateway.core.transcriptions import TranscribeRequest, Transcript
from gateway.settings import LimitsSettings
from gateways import scripted_app
from records import Records
from scripted import ScriptedProvider

Client = TestClient[web.Request, web.Application]
PATH = "/v1/audio/transcriptions"
NOISE = b"RIFF\r\n--x\r\n\0\xff"


@pytest.fixture
def provider() -> ScriptedProvider:
    return ScriptedProvider(transcript=Transcript("Hi <you>", Usage(3, 2)))


@pytest.fixture
async def client(
    provider: ScriptedProvider, aiohttp_client: Callable[..., Awaitable[Client]]
) -> Client:
    return await aiohttp_client(scripted_app(provider))


def form(**values: str) -> aiohttp.FormData:
    data = aiohttp.FormData({"model": "hearing-2602", **values}, quote_fields=False)
    data.add_field("file", NOISE, filename="a b.wav", content_type="audio/wav")
    return data


def raw(*parts: str, end: str = "--x--\r\n") -> dict[str, Any]:
    body = "".join(f"--x\r\nContent-Disposition: form-data; {part}\r\n" for part in parts) + end
    headers = {"Content-Type": "multipart/form-data; boundary=x"}
    return {"data": body.encode("utf-8", "surrogateescape"), "headers": headers}


def error(message: str, kind: str = "invalid_request_error") -> dict[str, Any]:
    return {"error": {"message": message, "type": kind, "param": None, "code": None}}


MODEL = 'name="model"\r\n\r\nhearing-2602'


@pytest.mark.parametrize("asked_for", ["json", "verbose_json", "", None])
async def test_a_transcript(
    client: Client, provider: ScriptedProvider, asked_for: str | None
) -> None:
    said = {} if asked_for is None else {"response_format": asked_for}
    async with client.post(PATH, data=form(language="en", prompt="Names", **said)) as response:
        assert (response.status, response.headers["Content-Type"]) == (200, "application/json")
        assert await response.text() == '{"text":"Hi \\u003cyou\\u003e"}\n'
    assert provider.asked == [
        TranscribeRequest("hearing-2602", NOISE, "a b.wav", "audio/wav", language="en")
    ]


async def test_a_transcript_as_text(client: Client) -> None:
    async with client.post(PATH, data=form(response_format="text")) as response:
        assert response.headers["Content-Type"] == "text/plain; charset=utf-8"
        assert await response.text() == "Hi <you>"


@pytest.mark.parametrize(
    ("file", "asked"),
    [
        (
            'name="file"; filename="a.wav"\r\n\r\nRIFF',
            TranscribeRequest("hearing-2602", b"RIFF", "a.wav", "application/octet-stream"),
        ),
        (
            "name=\"file\"; filename*=UTF-8''a%0D%0AX-Y%3A%20b.wav\r\n"
            "Content-Type: audio/\udcff\r\n\r\nRIFF",
            TranscribeRequest("hearing-2602", b"RIFF", "aX-Y: b.wav", "audio/"),
        ),
    ],
    ids=["no media type", "no injection"],
)
async def test_what_a_file_says_of_itself(
    client: Client, provider: ScriptedProvider, file: str, asked: TranscribeRequest
) -> None:
    async with client.post(PATH, **raw(MODEL, MODEL.upper(), 'name="language"\r\n\r\n', file)) as (
        response
    ):
        assert response.status == 200, await response.text()
    assert provider.asked == [asked]


FORM = "failed to parse multipart form: "
CUT = error(f"{FORM}the parts cannot be separated")
REFUSALS: dict[str, tuple[dict[str, Any], dict[str, Any]]] = {
    "no form": (
        {"json": {"model": "tiny"}},
        error(f"{FORM}request Content-Type isn't multipart/form-data"),
    ),
    "no body": (
        {},
        error(f"{FORM}request Content-Type isn't multipart/form-data"),
    ),
    "no boundary": ({"data": b"x", "headers": {"Content-Type": "multipart/form-data"}}, CUT),
    "no parts": (raw(end="junk"), CUT),
    "cut": (raw(end='--x\r\nContent-Disposition: form-data; name="model"\r\n\r\nhear'), CUT),
    "cut in a head": (raw(end="--x\r\nContent-Dispo"), CUT),
    "a form in a form": (
        raw('name="file"\r\nContent-Type: multipart/mixed; boundary=y\r\n\r\n--y--\r\n'),
        error(f"{FORM}a part is a form itself"),
    ),
    "no model": (raw('name="file"; filename="a"\r\n\r\nRIFF'), error("model is required")),
    "a blank model": (raw('name="model"\r\n\r\n '), error("model is required")),
    "no file": (raw(MODEL), error("file is required: http: no such file")),
    "a file that is a value": (
        raw(MODEL, 'name="file"\r\n\r\nRIFF'),
        error("file is required: http: no such file"),
    ),
    "an empty file": (
        raw(MODEL, 'name="file"; filename="a"\r\n\r\n'),
        error("audio file is empty"),
    ),
    "no name of a model": (
        raw('name="model"\r\n\r\na b', 'name="file"; filename="a"\r\n\r\nRIFF'),
        error("invalid model name"),
    ),
}


@pytest.mark.parametrize(("sent", "document"), REFUSALS.values(), ids=REFUSALS)
async def test_a_form_that_is_refused(
    client: Client, provider: ScriptedProvider, sent: dict[str, Any], document: dict[str, Any]
) -> None:
    async with client.post(PATH, **sent) as response:
        assert (response.status, await response.json()) == (400, document)
        assert response.content_type == "application/json"
    assert provider.asked == []


async def test_a_form_has_a_limit(client: Client, provider: ScriptedProvider) -> None:
    data = aiohttp.FormData({"model": "hearing-2602"})
    data.add_field("file", _pieces(LimitsSettings().form), filename="a.wav")
    async with client.post(PATH, data=data) as response:
        assert response.status == 413
        assert await response.json() == error("request body too large", "api_error")
    assert provider.asked == []


async def _pieces(size: int) -> Any:
    for _ in range(size // 65536):
        yield bytes(65536)


@pytest.mark.parametrize(
    ("failure", "status", "document"),
    [
        (
            ModelNotFound("Invalid model"),
            404,
            error("model 'hearing-2602' not found among those that transcribe", "not_found_error"),
        ),
        (UpstreamTimeout("silence"), 504, error("silence", "api_error")),
        (
            None,
            501,
            error("the scripted provider does not support transcription", "api_error"),
        ),
    ],
    ids=["no such model", "silence", "not supported"],
)
async def test_a_provider_that_fails(
    client: Client,
    provider: ScriptedProvider,
    failure: Exception | None,
    status: int,
    document: dict[str, Any],
) -> None:
    provider.transcript = failure
    async with client.post(PATH, data=form()) as response:
        assert (response.status, await response.json()) == (status, document)


class Patient(ScriptedProvider):
    def __init__(self) -> None:
        super().__init__()
        self.begun = asyncio.Event()

    async def transcribe(self, request: TranscribeRequest) -> Transcript:
        self.begun.set()
        try:
            await asyncio.Event().wait()
        finally:
            self.left.set()
        return Transcript("")


class Reluctant(ScriptedProvider):
    async def transcribe(self, request: TranscribeRequest) -> Transcript:
        self.asked.append(request)
        if len(self.asked) == 1:
            raise UpstreamRateLimited("slow down", headers={"Retry-After": "0"})
        return Transcript("later")


async def test_a_second_attempt_sends_the_recording_again(
    aiohttp_client: Callable[..., Awaitable[Client]],
) -> None:
    reluctant = Reluctant()
    client = await aiohttp_client(scripted_app(reluctant))
    async with client.post(PATH, data=form()) as response:
        assert await response.json() == {"text": "later"}
    assert reluctant.asked == [
        TranscribeRequest("hearing-2602", NOISE, "a b.wav", "audio/wav"),
        TranscribeRequest("hearing-2602", NOISE, "a b.wav", "audio/wav"),
    ]


async def test_a_recording_of_silence_has_an_empty_text(
    provider: ScriptedProvider, aiohttp_client: Callable[..., Awaitable[Client]]
) -> None:
    seen = Records()
    provider.transcript = Transcript("")
    client = await aiohttp_client(scripted_app(provider, None, seen))
    async with client.post(PATH, data=form()) as response:
        assert await response.json() == {"text": ""}
    assert (seen[0].pieces, seen[0].characters) == (1, 0)


async def test_the_log_says_who_was_asked_and_what_it_cost(
    provider: ScriptedProvider, aiohttp_client: Callable[..., Awaitable[Client]]
) -> None:
    seen = Records()
    client = await aiohttp_client(scripted_app(provider, None, seen))
    async with client.post(PATH, data=form()) as response:
        await response.read()
    (record,) = seen
    assert (record.model, record.upstream_model, record.usage) == (
        "hearing-2602",
        "hearing-2602",
        Usage(3, 2),
    )


async def test_a_client_that_leaves_lets_go_of_the_provider(
    aiohttp_client: Callable[..., Awaitable[Client]],
) -> None:
    patient = Patient()
    client = await aiohttp_client(scripted_app(patient))
    task = asyncio.ensure_future(client.post(PATH, data=form()))
    async with asyncio.timeout(5):
        await patient.begun.wait()
        task.cancel()
        await patient.left.wait()
