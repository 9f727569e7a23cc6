"""The page on Ollama's API against a gateway that serves it."""

from __future__ import annotations

import json
import re
from typing import Any

import pytest

from gateway.access.origins import _DEFAULT, Origins
from gateway.core.events import Finish, FinishReason, TextDelta, Usage
from gateway.core.model_info import EPOCH, Capability, ModelInfo
from gateway.handlers import ROUTES
from gateway.settings import ModelsSettings
from gateways import scripted_app
from pages import DOCS, codes, section, table
from scripted import ScriptedProvider

PAGE = "reference/api.md"
MODELS = (
    ModelInfo("m-latest"),
    ModelInfo("v-latest", frozenset({Capability.EMBEDDING})),
    ModelInfo("w-latest", frozenset({Capability.COMPLETION, Capability.VISION})),
)
HELLO = [{"role": "user", "content": "Hello!"}]
PNG = "iVBORw0KGgo="
FIELDS: dict[str, dict[str, Any]] = {
    "/api/chat": {"messages": HELLO},
    "/api/generate": {"prompt": "x"},
    "/api/embed": {"input": "x"},
    "/api/embeddings": {"prompt": "x"},
    "/api/show": {},
}


@pytest.fixture
async def client(aiohttp_client: Any) -> Any:
    steps = [[TextDelta("a")], [Finish(FinishReason.STOP, Usage(2, 1))]]
    return await aiohttp_client(scripted_app(ScriptedProvider(models=MODELS, steps=steps)))


async def ask(client: Any, path: str, body: object) -> tuple[int, Any]:
    response = await client.post(path, json=body)
    return response.status, await response.json()


def test_every_route_is_in_the_reference_and_every_endpoint_there_is_a_route() -> None:
    endpoint = re.compile(r"(?:GET|HEAD|POST|PUT|DELETE) /\S*")
    # A path's parameters may have patterns, which readers need not know.
    routes = {re.sub(r"\{(\w+):[^}]*\}", r"{\1}", f"{one.method} {one.path}") for one in ROUTES}
    named = {
        code
        for path in sorted((DOCS / "reference").glob("*.md"))
        for code in codes(path.read_text("utf-8"))
        if endpoint.fullmatch(code)
    }
    assert routes - named == set()
    own = {code for code in codes(section(PAGE, "Endpoints")) if endpoint.fullmatch(code)}
    assert own - routes == set()


NAME_ERRORS = [
    pytest.param(codes(row["Endpoint"])[0], name, row[column], id=f"{row['Endpoint']}-{column}")
    for row in table(PAGE, "Model names")
    for column, name in (("no name", ""), ("invalid name", "a b"), ("unknown model", "m:1"))
]


@pytest.mark.parametrize(("path", "name", "cell"), NAME_ERRORS)
async def test_what_is_said_of_names_is_what_is_answered(
    client: Any, path: str, name: str, cell: str
) -> None:
    status, text = re.fullmatch(r"(\d+) `(.*)`", cell).groups()  # type: ignore[union-attr] # a cell of the page
    if name == "m:1":
        text = text.replace("m:latest", "m").replace("'m'", f"'{name}'").replace('"m"', f'"{name}"')
    assert await ask(client, path, {"model": name, **FIELDS[path]}) == (
        int(status),
        {"error": text},
    )


def test_every_endpoint_that_names_a_model_has_its_errors_on_the_page() -> None:
    assert {codes(row["Endpoint"])[0] for row in table(PAGE, "Model names")} == set(FIELDS)


TOOL = {"type": "function", "function": {"name": "f"}}
REFUSED: dict[str, tuple[str, dict[str, Any]]] = {
    "`think` for a model without it": ("/api/chat", {"model": "m", "think": True}),
    "chat with an embedding model": ("/api/chat", {"model": "v"}),
    "prompt for an embedding model": ("/api/generate", {"model": "v"}),
    "embeddings from a chat model": ("/api/embed", {"model": "m"}),
    "tools, a suffix, images or audio for a model without them": (
        "/api/chat",
        {"model": "m", "tools": [TOOL]},
    ),
    "an image in an unknown format": (
        "/api/chat",
        {"model": "w", "messages": [{"role": "user", "images": ["AAAA"]}]},
    ),
}


@pytest.mark.parametrize(
    "row", table(PAGE, "Rejected requests"), ids=lambda row: str(row["Request"])
)
async def test_what_is_said_of_refusals_is_what_is_answered(
    client: Any, row: dict[str, str]
) -> None:
    path, body = REFUSED[row["Request"]]
    words = codes(row["Message"])[0].replace('"m"', f'"{body["model"]}"')
    assert await ask(client, path, FIELDS[path] | body) == (400, {"error": words})


@pytest.mark.parametrize(
    "row",
    table(PAGE, "Rejected requests", "`/api/generate` with"),
    ids=lambda row: str(row["Message"]),
)
async def test_what_is_said_of_values_is_what_is_answered(client: Any, row: dict[str, str]) -> None:
    sent = json.loads("{" + codes(row["`/api/generate` with"])[0] + "}")
    assert await ask(client, "/api/generate", {"model": "m", "prompt": "x", **sent}) == (
        int(row["Status"]),
        {"error": codes(row["Message"])[0]},
    )


@pytest.mark.parametrize("missing", ["insert", "vision", "audio"])
async def test_other_capabilities_are_refused_in_the_same_words(client: Any, missing: str) -> None:
    asked: dict[str, dict[str, Any]] = {
        "insert": {"suffix": "y"},
        "vision": {"images": [PNG]},
        "audio": {"images": ["SUQzBAAA"]},
    }
    _, answer = await ask(client, "/api/generate", {"model": "m", "prompt": "x", **asked[missing]})
    assert answer == {"error": f"registry.ollama.ai/library/m:latest does not support {missing}"}


async def test_the_metrics_are_those_of_an_answer(client: Any) -> None:
    _, answer = await ask(client, "/api/chat", {"model": "m", "messages": HELLO, "stream": False})
    others = {"model", "created_at", "message"}
    others |= {"done", "done_reason"}
    assert {codes(row["Field"])[0] for row in table(PAGE, "Metrics")} == answer.keys() - others


async def test_health_looks_as_the_page_says(client: Any) -> None:
    (alive,) = [code for code in codes(section(PAGE, "Endpoints")) if code.startswith("{")]
    response = await client.get("/healthz")
    assert await response.json() == json.loads(alive)
    (ready,) = [code for code in codes(section(PAGE, "Health")) if code.startswith("{")]
    response = await client.get("/readyz")
    assert await response.json() == json.loads(ready.replace("mistral", "scripted"))
    assert "at most five seconds" in section(PAGE, "Health")
    assert ModelsSettings().startup_wait == 5


def test_the_origins_on_the_page_are_those_that_are_allowed() -> None:
    (sentence,) = [
        line for line in section(PAGE, "Origin and Host checks").splitlines() if "any port" in line
    ]
    named = [code for code in codes(sentence) if not code.startswith("OLLAMA_")]
    hosts = [name for name in named if "://" not in name]
    schemes = [name for name in named if "://" in name]
    assert {entry.partition("*")[0] for entry in _DEFAULT if entry.endswith("://*")} == set(schemes)
    assert {re.split(r"[:/]+", entry)[1] for entry in _DEFAULT if entry.startswith("http")} == set(
        hosts
    )
    assert Origins(()).allow(f"http://{hosts[0]}:3000")


def test_the_date_of_a_model_without_one_is_that_of_the_page() -> None:
    (row,) = [
        row for row in table(PAGE, "Differences from Ollama") if "`modified_at`" in row["What"]
    ]
    assert row["The gateway"].endswith(f"the start of {EPOCH.year}")
    assert (EPOCH.month, EPOCH.day) == (1, 1)


async def test_what_differs_in_a_list_of_models(client: Any) -> None:
    response = await client.get("/api/tags")
    listed = (await response.json())["models"]
    assert all(one["size"] > 0 for one in listed)
    assert {one["details"]["quantization_level"] for one in listed} == {"unknown"}
    assert {one["details"]["format"] for one in listed} == {"gguf"}
    assert not any("remote_host" in one or "remote_model" in one for one in listed)
    digests = {one["digest"] for one in listed}
    response = await client.get("/api/tags")
    assert {one["digest"] for one in (await response.json())["models"]} == digests
    assert len(digests) == len(MODELS)


async def test_what_differs_in_an_answer(aiohttp_client: Any) -> None:
    batch = [TextDelta("a"), TextDelta("b"), Finish(FinishReason.STOP)]
    client = await aiohttp_client(scripted_app(ScriptedProvider(models=MODELS, steps=[batch])))
    body = {"model": "m", "prompt": "x", "logprobs": True, "context": [1], "template": "t"}
    response = await client.post("/api/generate", json=body)
    lines = [json.loads(line) async for line in response.content]
    assert len(lines) == 3
    assert len({line["created_at"] for line in lines}) == 1
    assert not {"context", "logprobs"} & {key for line in lines for key in line}
