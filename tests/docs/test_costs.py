"""The table of what a request costs, tested with the worst input of each parser."""

from __future__ import annotations

import asyncio
import io
import json
import logging
from collections.abc import Callable, Mapping
from contextlib import suppress
from dataclasses import dataclass, fields
from typing import Any

import pytest

from gateway.cli.front.head import HeadReader
from gateway.core.chat import ChatRequest, JsonFormat, Message, Role
from gateway.core.errors import GatewayError
from gateway.core.model_info import ModelInfo
from gateway.dialects.bodies.decode import decode_body
from gateway.dialects.bodies.form import read_form
from gateway.dialects.bodies.media import read_media
from gateway.dialects.bodies.zstd import decompress, zstd
from gateway.dialects.ollama.schemas import load_chat
from gateway.dialects.openai.history import KeptAnswers
from gateway.providers.mistral.encode import chat_body as mistral_body
from gateway.providers.mistral.text_filters import StopFilter, TextFilter
from gateway.providers.openai.encode import chat_body as openai_body
from gateway.providers.openai.options import OpenAIOptions
from gateway.settings import LimitsSettings, Settings
from gateways import scripted_app
from growth import instructions
from pages import codes, table
from scripted import ScriptedProvider

SMALL = LimitsSettings(
    body=400_000,
    body_timeout=0.1,
    form=10_000,
    form_parts=9,
    frames=9,
    text=300_000,
    depth=50,
    members=9_000,
    messages=99,
    tools=9,
    stops=9,
)
FORM = "multipart/form-data; boundary=x"
PART = b"--x\r\nContent-Disposition: form-data; name=a\r\n\r\nv\r\n"
CHAT = "/api/chat"


def chat(**more: object) -> bytes:
    return json.dumps({"model": "tiny", **more}).encode()


def encode_schema(schema: Mapping[str, object]) -> None:
    """Read a chat with *schema* as its format and of a tool, and encode it for two services."""
    function = {"name": "f", "parameters": schema}
    body = load_chat(chat(format=schema, tools=[{"function": function}]))
    request = ChatRequest(
        "tiny",
        (Message(Role.USER, "Hi"),),
        tools=body.tools,
        response_format=JsonFormat(schema),
    )
    mistral_body(request, ModelInfo("tiny"))
    openai_body(request, ModelInfo("tiny"), OpenAIOptions())


def cycles(count: int) -> Mapping[str, object]:
    """Return a schema whose every definition refers to itself, to the next, and to the whole."""
    refers = [{"$ref": f"#/$defs/d{n}"} for n in range(count)]
    defs = {
        f"d{n}": {
            "anyOf": [refers[n], refers[(n + 1) % count], {"$ref": "#"}],
            "pattern": "^(a+)+$",
        }
        for n in range(count)
    }
    return {"type": "object", "properties": {"a": refers[0]}, "$defs": defs}


def continue_answers(count: int) -> object:
    """Keep *count* answers, each of which continues the one before, and read their history."""
    kept = KeptAnswers(count, most_bytes=1 << 20)
    for n in range(count):
        previous = f"r{n - 1}" if n else ""
        kept.keep(f"r{n}", [{"id": f"i{n}"}], caller="", previous=previous, items=["x"])
    return kept.history(f"r{count - 1}", caller="")


def search(count: int) -> None:
    """Read an answer of *count* events, each of which may begin a stop sequence, and echo one."""
    texts = TextFilter("a" * count, [])
    assert not any(texts.feed("a") for _ in range(count - 1))
    stops = StopFilter(["a" * 9_000 + "b"])
    assert not any(stops.feed("a") for _ in range(count))


@dataclass(frozen=True)
class Reader:
    """A reader at its worst: bodies over a limit, and work on *n* units that stay within it."""

    over: tuple[tuple[int, bytes], ...]
    work: Callable[[int], Callable[[], object]]
    path: str = CHAT
    headers: tuple[tuple[str, str], ...] = ()


def read_head(n: int) -> None:
    """Read a head that comes byte by byte."""
    reader = HeadReader()
    reader.feed(b"GET / HTTP/1.1\r\nX-Long: ")
    for _ in range(n):
        reader.feed(b"x")


READERS = {
    "request head": Reader(
        over=((400, b"{}"),),
        work=lambda n: lambda: read_head(n),
        headers=(("X-Long", "x" * 9000),),
    ),
    "request body": Reader(
        over=((413, chat(prompt="x" * 400_000)),),
        work=lambda n: lambda: decode_body(chat(prompt="x" * n), "api.ChatRequest"),
    ),
    "JSON": Reader(
        over=(
            (413, chat(x=["x y"] * 60_000)),
            (413, chat(x=[1] * 10_000)),
            (400, b'{"a":' + b"[" * 60 + b"]" * 60 + b"}"),
            (400, b'{"a":' + b"[" * 100_000),
        ),
        work=lambda n: lambda: decode_body(chat(x=[[]] * (n + 600)), "api.ChatRequest"),
    ),
    "invalid JSON": Reader(
        over=((400, b"[" + b"1," * 8_500 + b"NaN]"), (400, chat(x=1)[:-1])),
        work=lambda n: lambda: decode_body(b"[" + b"1," * n + b"NaN]", "api.ChatRequest"),
    ),
    "zstd": Reader(
        over=((400, zstd.compress(b"{") * 10), (400, zstd.compress(bytes(21 << 20)))),
        work=lambda n: lambda: decompress(zstd.compress(b"{") * n, most_frames=n),
        path="/v1/chat/completions",
        headers=(("Content-Encoding", "zstd"),),
    ),
    "base64": Reader(
        over=((413, chat(messages=[{"images": ["QUJD" * 150_000]}])),),
        work=lambda n: lambda: read_media("QUJD" * n + "!"),
    ),
    "images, recordings": Reader(
        over=((413, chat(messages=[{"images": ["QUJD"] * 9_500}])),),
        work=lambda n: (
            lambda: load_chat(chat(messages=[{"role": "user", "images": ["iVBORw0KGgo="] * n}]))
        ),
    ),
    "messages": Reader(
        over=((400, chat(messages=[{}] * 100)),),
        work=lambda n: lambda: load_chat(chat(messages=[{}] * (n + 500))),
    ),
    "tools": Reader(
        over=((400, chat(messages=[{"content": "Hi"}], tools=[{}] * 10)),),
        work=lambda n: lambda: load_chat(chat(tools=[{"function": {"name": "f"}}] * (n + 250))),
    ),
    "schemas": Reader(
        over=(
            (413, chat(messages=[{"content": "Hi"}], format=cycles(2_500))),
            (400, b'{"format":' + b'{"not":' * 60 + b"1" + b"}" * 61),
        ),
        work=lambda n: lambda: encode_schema(cycles(n)),
    ),
    "stop sequences": Reader(
        over=(
            (400, chat(options={"stop": ["x"] * 10})),
            (400, chat(options={"stop": ["x" * 9_000, "y" * 2_000]})),
            (400, chat(options={"stop": "x" * 11_000})),
        ),
        work=lambda n: lambda: search(n),
    ),
    "form": Reader(
        over=((413, PART + b"x" * 10_000), (400, PART * 10 + b"--x--"), (400, b"--xy\r\n" * 99)),
        work=lambda n: lambda: read_form(b"\r\n" * n + PART * n + b"--x--", FORM, most_parts=n),
        path="/v1/audio/transcriptions",
        headers=(("Content-Type", FORM),),
    ),
    "blob": Reader(
        over=(),
        work=lambda n: lambda: None,
        path="/api/blobs/sha256:" + "0" * 64,
    ),
    "kept answers": Reader(over=(), work=lambda n: lambda: continue_answers(n)),
    "model name": Reader(
        over=((400, chat(model="n" * 200_000)),),
        work=lambda n: lambda: load_chat(json.dumps({"model": "n" * n}).encode()),
    ),
}
ROWS = {row["Parser"]: row for row in table("explanation/threat-model.md", "Cost of a request")}
each_reader = pytest.mark.parametrize("name", READERS)


def test_each_row_is_walked_and_each_limit_is_in_a_row() -> None:
    assert list(ROWS) == list(READERS)
    named = {limit for row in ROWS.values() for limit in codes(row["Limits"])}
    of_others = {"rpm", "tpm", "concurrency", "reserve", "keepsakes"}
    assert named == {field.name for field in fields(LimitsSettings)} - of_others


@pytest.fixture
async def provider() -> ScriptedProvider:
    return ScriptedProvider()


@pytest.fixture
async def client(provider: ScriptedProvider, aiohttp_client: Any) -> Any:
    return await aiohttp_client(scripted_app(provider, Settings(limits=SMALL, providers={})))


@each_reader
async def test_what_is_over_a_limit_is_refused_before_anybody_is_asked(
    client: Any, provider: ScriptedProvider, caplog: pytest.LogCaptureFixture, name: str
) -> None:
    reader = READERS[name]
    for status, body in reader.over:
        assert str(status) in ROWS[name]["Over the limit"]
        response = await client.post(
            reader.path, data=io.BytesIO(body), headers=dict(reader.headers)
        )
        assert (response.status, len(await response.read()) < 10_000) == (status, True)
    assert provider.asked == []
    assert not [
        line for line in caplog.records if line.levelno >= logging.ERROR and name != "request head"
    ]


@pytest.mark.parametrize(
    "name", [name for name, row in ROWS.items() if "408" in row["Over the limit"]]
)
async def test_a_body_that_drips_is_refused(client: Any, name: str) -> None:
    reader, writer = await asyncio.open_connection(client.host, client.port)
    writer.write(b"POST %b HTTP/1.1\r\nHost: x\r\n" % READERS[name].path.encode())
    writer.write(b"Content-Length: 9\r\n\r\n{")
    assert b" 408 " in await asyncio.wait_for(reader.readline(), 5)
    writer.close()


@each_reader
def test_three_times_the_input_is_at_most_three_times_the_work(name: str) -> None:
    def work(n: int) -> None:
        with suppress(GatewayError):
            READERS[name].work(n)()

    few, many = [instructions(lambda n=n: work(n)) for n in (250, 750)]
    assert many <= 3.2 * few
