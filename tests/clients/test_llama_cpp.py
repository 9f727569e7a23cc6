"""llama.cpp's own server behind the gateway, with a model that is made here.

Nobody here wrote that server. It speaks OpenAI's dialect and Anthropic's, so both adapters are held
against it.
"""

from __future__ import annotations

import json
import subprocess
import sys
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

import aiohttp
import pytest

from adapter_transcripts import adapter_gateway
from tiny_llama import write_tiny_llama

pytestmark = pytest.mark.clients
pytest.importorskip("xllamacpp")

SERVE = """
import sys, xllamacpp
params = xllamacpp.CommonParams()
params.model.path = sys.argv[1]
params.n_ctx, params.n_parallel, params.warmup = 512, 1, False
if sys.argv[2:]:
    params.embedding = True
    params.pooling_type = xllamacpp.llama_pooling_type.LLAMA_POOLING_TYPE_MEAN
server = xllamacpp.Server(params)
print(server.listening_address, flush=True)
sys.stdin.read()
"""
EACH = pytest.mark.parametrize("adapter", ["openai", "anthropic"])
OPTIONS: dict[str, Any] = {"openai": {}, "anthropic": {"api_key": "any"}}


@contextmanager
def serving(folder: Path, *arguments: str) -> Iterator[str]:
    model = folder / "tiny.gguf"
    write_tiny_llama(model)
    with subprocess.Popen(
        [sys.executable, "-c", SERVE, str(model), *arguments],
        stdin=subprocess.PIPE,
        stdout=subprocess.PIPE,
        stderr=subprocess.DEVNULL,
        text=True,
    ) as process:
        assert process.stdout is not None
        try:
            yield process.stdout.readline().strip()
        finally:
            process.kill()


@pytest.fixture(scope="module")
def llama(tmp_path_factory: pytest.TempPathFactory) -> Iterator[str]:
    with serving(tmp_path_factory.mktemp("llama")) as url:
        yield url


async def post(url: str, **body: object) -> tuple[int, list[Any]]:
    async with aiohttp.ClientSession() as session, session.post(url, json=body) as response:
        lines = (await response.read()).splitlines()
        return response.status, [json.loads(line) for line in lines]


async def name_of_the_model(url: str) -> str:
    async with aiohttp.ClientSession() as session, session.get(url + "/api/tags") as response:
        (model,) = (await response.json())["models"]
        return str(model["name"])


@EACH
async def test_a_chat_streams_and_counts(llama: str, adapter: str) -> None:
    async with adapter_gateway(adapter, llama, **OPTIONS[adapter]) as url:
        status, lines = await post(
            url + "/api/chat",
            model=await name_of_the_model(url),
            messages=[{"role": "system", "content": "A"}, {"role": "user", "content": "Hi"}],
            options={"num_predict": 5, "temperature": 0, "seed": 1},
        )
    assert status == 200
    assert "".join(line["message"]["content"] for line in lines)
    assert lines[-1]["done_reason"] == "length"
    assert (lines[-1]["eval_count"], lines[-1]["prompt_eval_count"] > 5) == (5, True)


async def test_both_adapters_read_the_same_answer(llama: str) -> None:
    texts = []
    for adapter in ("openai", "anthropic"):
        async with adapter_gateway(adapter, llama, **OPTIONS[adapter]) as url:
            _, (answer,) = await post(
                url + "/api/chat",
                model=await name_of_the_model(url),
                messages=[{"role": "user", "content": "Hi"}],
                options={"num_predict": 8, "temperature": 0},
                stream=False,
            )
        texts.append(answer["message"]["content"])
    assert texts[0] == texts[1] != ""


async def test_facts_of_the_list_are_shown(llama: str) -> None:
    async with adapter_gateway("openai", llama) as url:
        _, (facts,) = await post(url + "/api/show", model=await name_of_the_model(url))
    lengths = [v for k, v in facts["model_info"].items() if k.endswith("context_length")]
    assert lengths == [1024]
    assert "completion" in facts["capabilities"]


async def test_a_schema_is_obeyed(llama: str) -> None:
    schema = {"type": "object", "properties": {"ok": {"type": "boolean"}}, "required": ["ok"]}
    async with adapter_gateway("openai", llama) as url:
        _, (answer,) = await post(
            url + "/api/chat",
            model=await name_of_the_model(url),
            messages=[{"role": "user", "content": "Hi"}],
            format={**schema, "additionalProperties": False},
            options={"num_predict": 60},
            stream=False,
        )
    assert json.loads(answer["message"]["content"])["ok"] in {True, False}


async def test_a_refusal_has_the_servers_words(llama: str) -> None:
    async with adapter_gateway("openai", llama) as url:
        status, (error,) = await post(
            url + "/api/chat",
            model=await name_of_the_model(url),
            messages=[{"role": "user", "content": "long " * 2000}],
        )
    assert status == 400
    assert "exceeds the available context size" in error["error"]


async def test_embeddings(tmp_path: Path) -> None:
    with serving(tmp_path, "embedding") as llama:
        rule = {"*": {"capabilities": ["embedding"]}}
        async with adapter_gateway("openai", llama, models=rule) as url:
            status, (answer,) = await post(
                url + "/api/embed", model=await name_of_the_model(url), input=["a", "b"]
            )
    assert status == 200
    assert [len(vector) for vector in answer["embeddings"]] == [64, 64]


WHERE = {
    "type": "function",
    "function": {
        "name": "look",
        "parameters": {
            "type": "object",
            "properties": {"where": {"type": "string", "enum": ["up", "down"]}},
            "required": ["where"],
        },
    },
}
LOOKED = [
    {"role": "user", "content": "Look."},
    {
        "role": "assistant",
        "content": "",
        "thinking": "Where to?",
        "tool_calls": [
            {"function": {"name": "look", "arguments": {"where": one}}} for one in ("up", "down")
        ],
    },
    {"role": "tool", "tool_name": "look", "content": "the sky"},
    {"role": "tool", "tool_name": "look", "content": "the ground"},
]


@EACH
@pytest.mark.parametrize("stream", [True, False], ids=["streamed", "whole"])
async def test_tools_calls_and_results_reach_the_model(
    llama: str, adapter: str, *, stream: bool
) -> None:
    """A model with random weights calls nothing, so the calls are those of the history."""
    counts = []
    async with adapter_gateway(adapter, llama, **OPTIONS[adapter]) as url:
        for messages, tools in ((LOOKED[:1], []), (LOOKED[:1], [WHERE]), (LOOKED, [WHERE])):
            status, lines = await post(
                url + "/api/chat",
                model=await name_of_the_model(url),
                messages=messages,
                tools=tools,
                stream=stream,
                options={"num_predict": 5, "temperature": 0},
            )
            assert status == 200, lines
            assert lines[-1]["done_reason"] == "length"
            counts.append(lines[-1]["prompt_eval_count"])
    plain, offered, looked = counts
    assert offered - plain > 100  # a token for each byte of the definition
    assert looked - offered > 100
