"""``create``, ``copy``, ``delete``, ``pull``, ``push`` and ``show`` as clients meet them."""

from __future__ import annotations

import json
from collections.abc import Mapping
from typing import Any

import pytest

from gateway.core.chat import ChatRequest, FillRequest, Message, Role, Sampling
from gateway.core.errors import GatewayError, UpstreamUnavailable
from gateway.core.events import Finish, FinishReason, TextDelta
from gateway.core.model_info import Capability, ModelInfo
from gateway.dialects.ollama.encode import error_document
from gateway.serving.keys import STORE
from gateway.settings import ModelsSettings, Settings
from gateways import scripted_app
from scripted import ScriptedProvider

NDJSON = "application/x-ndjson"
JSON = "application/json; charset=utf-8"
BARE_JSON = "application/json"
MODELS = (
    ModelInfo(
        "tiny-latest",
        frozenset({Capability.COMPLETION, Capability.INSERT}),
        family="tiny",
        parameters={"temperature": 0.3},
    ),
    ModelInfo("other-2512"),
)
NO_WEIGHTS = (
    "models cannot be made from weights: this gateway runs none itself; use FROM with a model"
    " that it lists"
)
NO_MANIFEST = "pull model manifest: file does not exist"
DIGEST = "sha256:" + "a" * 64


def told(text: str) -> str:
    """Return the body of an error, or nothing without a text."""
    return error_document(GatewayError(text)).decode() if text else ""


@pytest.fixture
def provider() -> ScriptedProvider:
    return ScriptedProvider(models=MODELS, steps=[[TextDelta("Hi"), Finish(FinishReason.STOP)]])


@pytest.fixture
async def client(aiohttp_client: Any, provider: ScriptedProvider) -> Any:
    settings = Settings(providers={}, models=ModelsSettings(aliases={"gpt": "tiny"}))
    return await aiohttp_client(scripted_app(provider, settings))


async def ask(client: Any, path: str, body: object, method: str = "POST") -> tuple[int, str, str]:
    """Return status, content type and text of an answer."""
    response = await client.request(method, path, data=json.dumps(body))
    return response.status, response.headers.get("Content-Type", ""), await response.text()


async def make(client: Any, **body: object) -> list[dict[str, str]]:
    """Create a model and return what was told meanwhile."""
    status, content_type, text = await ask(client, "/api/create", body)
    assert (status, content_type) == (200, NDJSON)
    return [json.loads(line) for line in text.splitlines()]


async def names(client: Any) -> list[str]:
    return [model["name"] for model in (await (await client.get("/api/tags")).json())["models"]]


async def show(client: Any, model: str) -> Any:
    status, _, text = await ask(client, "/api/show", {"model": model})
    return json.loads(text) if status == 200 else status


async def test_create_tells_each_step_and_ends_in_success(client: Any) -> None:
    steps = await make(client, model="mario", **{"from": "tiny"}, system="You are Mario.")
    assert [line["status"].partition(" sha256:")[0] for line in steps] == [
        "using existing layer",
        "creating new layer",
        "writing manifest",
        "success",
    ]
    assert all([*line] == ["status"] for line in steps)


async def test_create_without_a_stream_tells_the_last_step_only(client: Any) -> None:
    body = {"model": "", "name": "mario", "from": "tiny", "stream": False}
    assert await ask(client, "/api/create", body) == (200, BARE_JSON, '{"status":"success"}')


async def test_a_new_model_is_listed_first_with_its_provider(client: Any) -> None:
    await make(client, model="mario", **{"from": "tiny"}, system="You are Mario.")
    listed = (await (await client.get("/api/tags")).json())["models"]
    assert [model["name"] for model in listed] == [
        "mario:latest",
        "gpt:latest",
        "other:2512",
        "tiny:latest",
    ]
    assert {"remote_model", "remote_host"} & listed[0].keys() == set()
    assert listed[0]["size"] > 0
    assert listed[0]["digest"] != listed[3]["digest"]
    assert listed[0]["modified_at"] > listed[3]["modified_at"]


async def test_show_tells_all_that_was_said_of_a_model(client: Any) -> None:
    await make(
        client,
        model="Mario",
        **{"from": "tiny"},
        system="You are Mario.\nBe brief.",
        template="{{ .System }} {{ .Prompt }}",
        license=["MIT", "Second\nlicence"],
        parameters={"temperature": 1, "stop": ["a", " b"]},
        messages=[
            {"role": "user", "content": "Who?"},
            {
                "role": "assistant",
                "content": "Me.",
                "thinking": "Hm.",
                "tool_calls": [{"id": "c", "function": {"name": "f", "arguments": {"q": 1}}}],
            },
        ],
        info={"context_length": 77, "quantization_level": "Q8"},
    )
    shown = await show(client, "mario")
    assert shown["modified_at"] > "2026"
    del shown["modified_at"]
    assert shown == {
        "license": "MIT\nSecond\nlicence",
        "modelfile": (
            '# Modelfile generated by "ollama show"\n'
            "# To build a new Modelfile based on this, replace FROM with:\n"
            "# FROM Mario:latest\n"
            "\n"
            "FROM scripted/tiny:latest\n"
            "TEMPLATE {{ .System }} {{ .Prompt }}\n"
            'SYSTEM "You are Mario.\nBe brief."\n'
            "PARAMETER temperature 1\n"
            "PARAMETER stop a\n"
            'PARAMETER stop " b"\n'
            "LICENSE MIT\n"
            'LICENSE "Second\nlicence"\n'
            "MESSAGE user Who?\n"
            "MESSAGE assistant Me.\n"
        ),
        "parameters": (
            "temperature                    1\n"
            'stop                           "a"\n'
            'stop                           " b"'
        ),
        "template": "{{ .System }} {{ .Prompt }}",
        "system": "You are Mario.\nBe brief.",
        "details": {
            "parent_model": "",
            "format": "gguf",
            "family": "tiny",
            "families": ["tiny"],
            "parameter_size": "",
            "quantization_level": "Q8",
        },
        "messages": [
            {"role": "user", "content": "Who?"},
            {
                "role": "assistant",
                "content": "Me.",
                "thinking": "Hm.",
                "tool_calls": [
                    {"id": "c", "function": {"index": 0, "name": "f", "arguments": {"q": 1}}}
                ],
            },
        ],
        "model_info": {
            "general.architecture": "tiny",
            "general.basename": "tiny-latest",
            "tiny.context_length": 77,
            "tiny.embedding_length": 4096,
        },
        "capabilities": ["completion", "insert"],
    }


async def test_a_modelfile_that_was_shown_makes_the_same_model(client: Any) -> None:
    """What ``ollama show --modelfile`` prints, ``ollama create -f`` sends in these fields."""
    await make(client, model="a", **{"from": "gpt"}, system="S", parameters={"seed": 1})
    shown = await show(client, "a")
    base = shown["modelfile"].partition("\nFROM ")[2].partition("\n")[0]
    await make(client, model="b", **{"from": base}, system="S", parameters={"seed": 1})
    digests = {
        model["name"]: model["digest"]
        for model in (await (await client.get("/api/tags")).json())["models"]
    }
    assert digests["a:latest"] == digests["b:latest"]


async def test_a_model_inherits_and_outlives_its_base(client: Any) -> None:
    await make(client, model="a", **{"from": "tiny"}, system="A", parameters={"seed": 1})
    steps = await make(client, model="b", **{"from": "a"}, parameters={"top_k": 2})
    words = [line["status"].split()[0] for line in steps]
    assert words == ["using", "using", "creating", "writing", "success"]
    assert (await ask(client, "/api/delete", {"model": "a"}, "DELETE"))[0] == 200
    shown = await show(client, "b")
    assert (shown["system"], shown["parameters"].split()) == (
        "A",
        ["temperature", "0.3", "seed", "1", "top_k", "2"],
    )


async def test_create_over_a_name_replaces_and_keeps_its_spelling(client: Any) -> None:
    await make(client, model="Mario", **{"from": "tiny"}, system="Old.")
    await make(client, model="MARIO", **{"from": "tiny"}, template="T")
    shown = await show(client, "mario")
    assert (await names(client))[0] == "Mario:latest"
    assert ("system" in shown, shown["template"]) == (False, "T")


async def test_create_may_cover_a_listed_name_and_delete_shows_it_again(client: Any) -> None:
    await make(client, model="tiny", **{"from": "tiny"}, system="Covered.")
    assert (await show(client, "tiny"))["system"] == "Covered."
    assert "system" not in await show(client, "scripted/tiny")
    assert (await names(client)).count("tiny:latest") == 1
    assert (await ask(client, "/api/delete", {"model": "tiny"}, "DELETE"))[0] == 200
    assert "system" not in await show(client, "tiny")


CREATE_REFUSED: dict[str, tuple[Mapping[str, object], int, str]] = {
    "8.3-neither": ({}, 400, "neither 'from' or 'files' was specified"),
    "8.3-weights": ({"files": {"a": DIGEST}}, 400, NO_WEIGHTS),
    "8.3-no-weights": ({"files": {}}, 400, "unknown type"),
    "8.3-adapter": ({"from": "tiny", "adapters": {"a": DIGEST}}, 400, NO_WEIGHTS),
    "8.3-draft": (
        {"from": "tiny", "draft_files": {"a": DIGEST}},
        400,
        "DRAFT cannot be used with remote models",
    ),
    "8.3-bad-base": ({"from": "a b"}, 400, "invalid model name"),
    "8.3-bad-host": ({"from": "tiny", "remote_host": "http://"}, 400, "bad remote"),
    "8.3-no-host": ({"from": "tiny", "remote_host": "[::1"}, 400, "bad remote"),
    "10.4-other-host": (
        {"from": "tiny", "remote_host": "ollama.com"},
        400,
        "this server cannot run this remote model",
    ),
    "8.3-info": (
        {"from": "tiny", "info": {"context_length": -1}},
        400,
        'info field "context_length" must be a non-negative integer',
    ),
    "8.3-licence": (
        {"from": "tiny", "license": 5},
        500,
        "json: cannot unmarshal number into Go value of type []string",
    ),
}


@pytest.mark.parametrize(("body", "status", "text"), CREATE_REFUSED.values(), ids=CREATE_REFUSED)
async def test_create_refuses_with_a_status_of_its_own(
    client: Any, body: Mapping[str, object], status: int, text: str
) -> None:
    answer = await ask(client, "/api/create", {"model": "mario", **body})
    assert answer == (status, JSON, told(text))
    assert await show(client, "mario") == 404


async def test_weights_beside_a_base_are_ignored(client: Any) -> None:
    steps = await make(client, model="mario", **{"from": "tiny"}, files={"a": DIGEST})
    assert steps[-1] == {"status": "success"}


@pytest.mark.parametrize("host", ["https://scripted.example", "scripted.example:443"])
async def test_the_host_of_the_base_may_be_named(client: Any, host: str) -> None:
    steps = await make(client, model="mario", **{"from": "tiny"}, remote_host=host)
    assert steps[-1] == {"status": "success"}


MISSING = {
    "8.1-pull": ("/api/pull", {"name": "nope"}),
    "8.1-pull-cloud": ("/api/pull", {"name": "nope:cloud"}),
    "8.3-create": ("/api/create", {"model": "mario", "from": "nope"}),
    "8.3-create-local": ("/api/create", {"model": "mario", "from": "tiny:local"}),
}


@pytest.mark.parametrize(("path", "body"), MISSING.values(), ids=MISSING)
async def test_an_unknown_base_is_an_error_after_the_start(
    client: Any, path: str, body: Mapping[str, object]
) -> None:
    assert await ask(client, path, body) == (
        200,
        NDJSON,
        f'{{"status":"pulling manifest"}}\n{{"error":"{NO_MANIFEST}"}}\n',
    )
    assert await ask(client, path, {**body, "stream": False}) == (
        500,
        BARE_JSON,
        f'{{"error":"{NO_MANIFEST}"}}',
    )


@pytest.mark.parametrize("name", ["tiny", "TINY:latest", "gpt", "tiny-latest", "tiny:cloud"])
async def test_pull_finds_what_is_there(client: Any, name: str) -> None:
    assert await ask(client, "/api/pull", {"model": "", "name": name}) == (
        200,
        NDJSON,
        '{"status":"pulling manifest"}\n{"status":"success"}\n',
    )
    assert await ask(client, "/api/pull", {"model": name, "stream": False}) == (
        200,
        BARE_JSON,
        '{"status":"success"}',
    )


PULLED = {
    "tiny-latest": "tiny-latest:latest",
    "scripted/tiny": "scripted/tiny:latest",
    "tiny:cloud": "tiny:cloud",
    "tiny:latest:cloud": "tiny:latest-cloud",
    "other-2512": "other-2512:latest",
    "OTHER-2512": "OTHER-2512:latest",
}


@pytest.mark.parametrize(("asked", "kept"), PULLED.items(), ids=PULLED)
async def test_a_pulled_name_is_listed_until_it_is_deleted(
    client: Any, asked: str, kept: str
) -> None:
    before = await names(client)
    for _ in range(2):
        assert (await ask(client, "/api/pull", {"model": asked}))[2].endswith('"success"}\n')
    assert {*await names(client)} == {kept, *before}
    assert "license" in await show(client, asked)
    assert (await ask(client, "/api/chat", {"model": asked, "stream": False}))[0] == 200
    assert (await ask(client, "/api/delete", {"model": asked}, "DELETE"))[0] == 200
    assert await names(client) == before


@pytest.mark.parametrize("asked", ["tiny", "TINY", "tiny:latest", "library/tiny", "gpt"])
async def test_a_listed_name_is_not_listed_twice_by_a_pull(client: Any, asked: str) -> None:
    before = await names(client)
    await ask(client, "/api/pull", {"model": asked})
    assert await names(client) == before


async def test_a_pull_succeeds_where_nothing_can_be_stored(
    client: Any, monkeypatch: pytest.MonkeyPatch
) -> None:
    async def refuse(_: object) -> None:
        raise GatewayError("read-only")

    before = await names(client)
    monkeypatch.setattr(client.app[STORE], "put", refuse)
    assert (await ask(client, "/api/pull", {"model": "tiny-latest"}))[2].endswith('"success"}\n')
    assert await names(client) == before


async def test_a_modelfile_of_a_listed_model_makes_a_model(client: Any) -> None:
    for source in ("tiny", "gpt", "scripted/tiny"):
        shown = await show(client, source)
        base = shown["modelfile"].partition("\nFROM ")[2].partition("\n")[0]
        await make(client, model="again", **{"from": base}, system="S")
        assert (await show(client, "again"))["system"] == "S"


@pytest.mark.parametrize("name", ["", "a b"], ids=["8.1-blank", "8.1-invalid"])
async def test_pull_refuses_what_is_no_name(client: Any, name: str) -> None:
    answer = await ask(client, "/api/pull", {"model": name})
    assert answer == (400, JSON, '{"error":"invalid model name"}')


NO_REGISTRY = "models cannot be pushed: this gateway has no registry for them"
PUSHED = {
    "8.2-there": ("tiny", ["retrieving manifest"], 501, NO_REGISTRY),
    "8.2-unknown": (
        "nope",
        ["retrieving manifest", "couldn't retrieve manifest"],
        500,
        "model 'nope' not found",
    ),
    "2-invalid": ("a b", ["retrieving manifest"], 400, "invalid model name"),
}


@pytest.mark.parametrize(("name", "statuses", "status", "text"), PUSHED.values(), ids=PUSHED)
async def test_push_fails_after_the_start(
    client: Any, name: str, statuses: list[str], status: int, text: str
) -> None:
    lines = [{"status": one} for one in statuses] + [{"error": text}]
    sent = (await ask(client, "/api/push", {"model": name}))[2]
    assert [json.loads(line) for line in sent.splitlines()] == lines
    whole = await ask(client, "/api/push", {"model": name, "stream": False})
    assert whole == (status, BARE_JSON, told(text))


async def test_push_of_nothing_is_refused_before_it(client: Any) -> None:
    answer = await ask(client, "/api/push", {"model": " "})
    assert answer == (400, JSON, '{"error":"model is required"}')


async def test_copy_makes_an_independent_model(client: Any) -> None:
    await make(client, model="a", **{"from": "tiny"}, system="A")
    assert (await ask(client, "/api/copy", {"source": "A", "destination": "b:1"}))[::2] == (200, "")
    await make(client, model="a", **{"from": "tiny"}, system="Changed.")
    assert (await show(client, "b:1"))["system"] == "A"
    assert (await names(client))[:2] == ["a:latest", "b:1"]


@pytest.mark.parametrize("source", ["tiny", "gpt", "tiny-latest"])
async def test_a_providers_model_can_be_copied(client: Any, source: str) -> None:
    assert (await ask(client, "/api/copy", {"source": source, "destination": "x"}))[0] == 200
    listed = (await (await client.get("/api/tags")).json())["models"]
    digests = {model["name"]: model["digest"] for model in listed}
    assert digests["x:latest"] == digests["tiny:latest"]
    assert (await show(client, "x"))["modelfile"].splitlines()[4] == "FROM x:latest"


COPY_ANSWERS: dict[str, tuple[str, str, int, str]] = {
    "8.4-overwrites": ("tiny", "old", 200, ""),
    "16.35-onto-itself": ("nope", "Nope:latest", 200, ""),
    "2-no-source": ("", "x", 400, 'source "" is invalid'),
    "2-bad-source": ("a b", "", 400, 'source "a b" is invalid'),
    "2-control": ("nope", "a\x00b\x0b\\u0000", 400, r'destination "a\x00b\v\\u0000" is invalid'),
    "2-bad-destination": ("nope", 'x"y', 400, 'destination "x\\"y" is invalid'),
    "2-unknown": ("nope", "x", 404, 'model "nope" not found'),
    "8.4-no-suffixes": ("tiny:cloud", "x", 404, 'model "tiny:cloud" not found'),
}


@pytest.mark.parametrize(
    ("source", "destination", "status", "text"), COPY_ANSWERS.values(), ids=COPY_ANSWERS
)
async def test_copy_answers(
    client: Any, source: str, destination: str, status: int, text: str
) -> None:
    await make(client, model="old", **{"from": "tiny"}, system="Old.")
    answer = await ask(client, "/api/copy", {"source": source, "destination": destination})
    assert (answer[0], answer[2]) == (status, told(text))


async def test_a_copy_may_have_a_tag_that_looks_like_a_suffix(client: Any) -> None:
    assert (await ask(client, "/api/copy", {"source": "tiny", "destination": "x:cloud"}))[0] == 200
    assert (await names(client))[0] == "x:cloud"
    assert (await ask(client, "/api/delete", {"model": "x:cloud"}, "DELETE"))[0] == 200
    assert await show(client, "x:cloud") == 404


DELETE_ANSWERS: dict[str, tuple[Mapping[str, object], int, str]] = {
    "8.1-two-sources": (
        {"model": "a:cloud:local"},
        400,
        'use either :local or :cloud, not both: "a:cloud:local"',
    ),
    "8.5-old-field": ({"model": "", "name": "MARIO"}, 200, ""),
    "8.5-cloud": ({"model": "mario:cloud"}, 200, ""),
    "2-blank": ({"model": " "}, 400, "model is required"),
    "2-invalid": ({"model": "a b"}, 400, 'name "a b" is invalid'),
    "2-unknown": ({"model": "nope"}, 404, "model 'nope' not found"),
    "a-providers": (
        {"model": "tiny"},
        400,
        "model 'tiny' belongs to the provider scripted and cannot be deleted:"
        " the settings models.expose and models.aliases control what is listed",
    ),
    "an-alias": (
        {"model": "gpt:latest"},
        400,
        "model 'gpt:latest' belongs to the provider scripted and cannot be deleted:"
        " the settings models.expose and models.aliases control what is listed",
    ),
}


@pytest.mark.parametrize(("body", "status", "text"), DELETE_ANSWERS.values(), ids=DELETE_ANSWERS)
async def test_delete_answers(
    client: Any, body: Mapping[str, object], status: int, text: str
) -> None:
    await make(client, model="mario", **{"from": "tiny"}, system="S")
    before = await names(client)
    answer = await ask(client, "/api/delete", body, "DELETE")
    assert (answer[0], answer[2]) == (status, told(text))
    assert await names(client) == (before if text else before[1:])


async def test_what_is_not_listed_can_still_be_deleted(aiohttp_client: Any, tmp_path: Any) -> None:
    """A model whose provider is gone is kept until it comes back, or until it is deleted."""
    settings = Settings(providers={}, home=tmp_path)
    client = await aiohttp_client(scripted_app(ScriptedProvider(models=MODELS), settings))
    await make(client, model="mario", **{"from": "other:2512"})
    hidden = Settings(providers={}, home=tmp_path, models=ModelsSettings(expose=("tiny*",)))
    narrow = await aiohttp_client(scripted_app(ScriptedProvider(models=MODELS), hidden))
    assert await names(narrow) == ["tiny:latest"]
    assert (await ask(narrow, "/api/delete", {"model": "mario"}, "DELETE"))[0] == 200
    assert "mario:latest" not in await names(client)


USER = Message(Role.USER, "Hi")
STORED = Message(Role.SYSTEM, "S")
EXAMPLE = Message(Role.ASSISTANT, "E")
OPTIONS = {"num_predict": -1, "temperature": 0.5}
PROMPTED = {"ollama": {"prompt": "Hi"}}
ASKED: dict[str, tuple[str, Mapping[str, object], ChatRequest | FillRequest]] = {
    "5.3-chat": (
        "/api/chat",
        {"messages": [{"role": "user", "content": "Hi"}]},
        ChatRequest(
            "tiny-latest",
            (STORED, EXAMPLE, USER),
            sampling=Sampling(seed=1, max_tokens=5),
        ),
    ),
    "3.6-chat-with-options": (
        "/api/chat",
        {"messages": [{"role": "user", "content": "Hi"}], "options": OPTIONS},
        ChatRequest(
            "tiny-latest",
            (STORED, EXAMPLE, USER),
            sampling=Sampling(seed=1, temperature=0.5),
            native={"ollama": {"options": OPTIONS}},
        ),
    ),
    "4.3-generate": (
        "/api/generate",
        {"prompt": "Hi", "system": "T"},
        ChatRequest(
            "tiny-latest",
            (Message(Role.SYSTEM, "T"), EXAMPLE, USER),
            sampling=Sampling(seed=1, max_tokens=5),
            native=PROMPTED,
        ),
    ),
    "4.3-fill": (
        "/api/generate",
        {"prompt": "Hi", "suffix": "!", "options": OPTIONS},
        FillRequest(
            "tiny-latest",
            "Hi",
            "!",
            Sampling(seed=1, temperature=0.5),
            native={"ollama": {"options": OPTIONS, "prompt": "Hi"}},
        ),
    ),
}


@pytest.mark.parametrize(("path", "body", "asked"), ASKED.values(), ids=ASKED)
async def test_the_provider_is_asked_with_what_is_stored(
    client: Any,
    provider: ScriptedProvider,
    path: str,
    body: Mapping[str, object],
    asked: ChatRequest | FillRequest,
) -> None:
    await make(
        client,
        model="mario",
        **{"from": "tiny"},
        system="S",
        parameters={"seed": 1, "num_predict": 5},
        messages=[{"role": "assistant", "content": "E"}],
    )
    status, _, text = await ask(client, path, {"model": "mario", "stream": False, **body})
    answer = json.loads(text)
    assert (status, answer["model"]) == (200, "mario")
    assert provider.asked == [asked]


async def test_a_raw_prompt_gets_parameters_only(
    client: Any, aiohttp_client: Any, provider: ScriptedProvider
) -> None:
    plain = ScriptedProvider(models=[ModelInfo("plain")], steps=provider.steps)
    client = await aiohttp_client(scripted_app(plain))
    await make(client, model="mario", **{"from": "plain"}, system="S", parameters={"seed": 1})
    await ask(client, "/api/generate", {"model": "mario", "prompt": "Hi", "raw": True})
    native = {"ollama": {"raw": True, "prompt": "Hi"}}
    assert plain.asked == [ChatRequest("plain", (USER,), sampling=Sampling(seed=1), native=native)]


async def test_without_a_provider_that_answers_what_was_made_is_still_there(
    aiohttp_client: Any, tmp_path: Any
) -> None:
    settings = Settings(providers={}, home=tmp_path)
    client = await aiohttp_client(scripted_app(ScriptedProvider(models=MODELS), settings))
    await make(client, model="mario", **{"from": "tiny"}, system="S")
    down = ScriptedProvider(models=UpstreamUnavailable("no way"))
    client = await aiohttp_client(scripted_app(down, settings))
    assert await names(client) == ["mario:latest"]
