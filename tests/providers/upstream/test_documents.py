"""Documents of a service: how much of one is read, and what one odd value costs."""

from __future__ import annotations

import gzip
import json
import tracemalloc
from collections.abc import AsyncIterator, Callable
from typing import Any

import pytest

from gateway.core.errors import GatewayError, UpstreamProtocolError
from gateway.core.model_info import ModelInfo
from gateway.providers.anthropic.models import parse_models as anthropic_models
from gateway.providers.mistral.models import parse_models as mistral_models
from gateway.providers.ollama.models import parse_ps, parse_tags
from gateway.providers.openai.models import parse_models as openai_models
from gateway.providers.upstream import Bounds, Upstream
from gateway.providers.upstream.documents import read_document, read_models
from gateway.providers.upstream.transport import open_session
from rawserver import head, raw_server


@pytest.mark.parametrize(
    ("body", "expected"),
    [
        (b'{"a":1}', {"a": 1}),
        (rb'{"a":"\ud83d"}', {"a": "\ufffd"}),
        (rb'{"a":"\\ud83d \ud83d\ude00"}', {"a": "\\ud83d 😀"}),
        (b'{"a":"\xff"}', {"a": "\ufffd"}),
        (b'{"a":NaN,"b":[Infinity,-Infinity]}', {"a": None, "b": [None, None]}),
    ],
)
def test_what_is_not_quite_json_is_read(body: bytes, expected: object) -> None:
    assert read_document(body) == expected


@pytest.mark.parametrize("body", [b"", b"{", b"[1,]", b"<html>", b'{"a":nan}'])
def test_what_is_no_json_is_refused(body: bytes) -> None:
    with pytest.raises(ValueError, match="."):
        read_document(body)


ODD_ROWS: tuple[Any, ...] = (
    None,
    1,
    "x",
    [],
    {},
    {"id": None, "name": 5},
    {"id": 7, "name": [], "model": {}},
    {"id": [1], "name": {"a": 1}, "created": "now"},
    {"id": f"x-{'9' * 400}b", "name": 1},
)
LISTS: dict[str, tuple[Callable[[Any], Any], str, dict[str, Any]]] = {
    "mistral": (lambda p: mistral_models(p, "a"), "data", {"id": "good"}),
    "openai": (lambda p: openai_models(p, "a", rules={}, now=0.0), "data", {"id": "good"}),
    "anthropic": (lambda p: anthropic_models(p, "a"), "data", {"id": "good"}),
    "ollama": (lambda p: parse_tags(p, "a"), "models", {"name": "good"}),
    "loaded": (lambda p: parse_ps(p, "a"), "models", {"name": "good"}),
}
each_list = pytest.mark.parametrize(("parse", "key", "good"), LISTS.values(), ids=LISTS)


@each_list
@pytest.mark.parametrize("odd", ODD_ROWS, ids=range(len(ODD_ROWS)))
def test_an_odd_row_costs_that_row(
    parse: Callable[[Any], Any], key: str, good: dict[str, Any], odd: Any
) -> None:
    other = dict.fromkeys(good, "other")
    names = [str(model) for model in parse({key: [good, odd, other]})]
    assert [word for text in names for word in ("good", "other") if f"'{word}'" in text][:1] == [
        "good"
    ]
    assert any("'other'" in text for text in names)


@each_list
@pytest.mark.parametrize("payload", [None, 1, "x", {}, {"data": 1, "models": 1}])
def test_what_is_no_list_is_refused(
    parse: Callable[[Any], Any], key: str, good: dict[str, Any], payload: Any
) -> None:
    with pytest.raises(UpstreamProtocolError, match="a sent a list of models that cannot be read"):
        parse(payload)


def test_a_list_of_which_nothing_can_be_read_is_refused() -> None:
    with pytest.raises(UpstreamProtocolError, match="cannot be read"):
        parse_tags({"models": [{"name": 5}, 6]}, "a")


@pytest.fixture
async def service() -> AsyncIterator[Callable[..., Upstream]]:
    def error_for(_: object) -> GatewayError:
        return GatewayError("refused")

    async with open_session() as session:
        yield lambda url, **options: Upstream(
            "acme", session, url, headers={}, error_for=error_for, **options
        )


MEBI = 2**20
BOMB = gzip.compress(b'{"a":"' + b"x" * 64 * MEBI + b'"}')
PACKED = {"Content_Encoding": "gzip", "Content_Length": str(len(BOMB))}


async def _get(service: Upstream) -> object:
    return await service.get("/models")


async def _post(service: Upstream) -> object:
    return await service.post("/embeddings", {"input": "x"})


async def _stream(service: Upstream) -> object:
    async with service.stream("/chat", {}) as stream:
        return [batch async for batch in stream]


@pytest.mark.parametrize("ask", [_get, _post, _stream])
async def test_a_document_is_counted_once_it_is_unpacked(
    service: Callable[..., Upstream], ask: Callable[[Upstream], Any]
) -> None:
    answer = head(content_type="application/json", **PACKED) + BOMB
    async with raw_server(answer) as server:
        tracemalloc.start()
        with pytest.raises(UpstreamProtocolError, match="acme sent an answer that is too long"):
            await ask(service(server.url, bounds=Bounds(document=MEBI)))
        peak = tracemalloc.get_traced_memory()[1]
        tracemalloc.stop()
    assert peak < 8 * MEBI


@pytest.mark.parametrize("ask", [_get, _post, _stream])
async def test_a_document_may_be_compressed_up_to_a_length(
    service: Callable[[str], Upstream],
    ask: Callable[[Upstream], Any],
) -> None:
    body = gzip.compress(json.dumps({"a": "x" * 1000}).encode())
    answer = head(content_type="application/json", Content_Encoding="gzip") + body
    async with raw_server(answer) as server:
        assert "xxx" in str(await ask(service(server.url)))


ODD_MODELS: list[ModelInfo] = [
    ModelInfo(""),
    ModelInfo(None),  # type: ignore[arg-type]
    ModelInfo("m", context_length="many"),  # type: ignore[arg-type]
]


@pytest.mark.parametrize("odd", ODD_MODELS, ids=lambda info: repr(info.id))
def test_a_model_that_cannot_be_listed_is_left_out(odd: ModelInfo) -> None:
    good = ModelInfo("good")
    assert read_models([odd, good], lambda row: row, "acme") == [good]
    with pytest.raises(UpstreamProtocolError, match="a list of models that cannot be read"):
        read_models([odd], lambda row: row, "acme")
