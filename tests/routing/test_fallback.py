"""Aliases with several targets and providers with several keys, counted from the services' side."""

from __future__ import annotations

import json
import logging
from collections import Counter
from collections.abc import AsyncIterator, Mapping
from contextlib import AsyncExitStack, asynccontextmanager
from dataclasses import dataclass
from typing import Any

import aiohttp
import pytest
from aiohttp import web

from gateway.app import create_app
from gateway.core.model_info import ModelInfo
from gateway.sandbox import Ending, Fault, Sandbox, refusal, start
from gateway.settings import (
    Environment,
    ModelsSettings,
    OllamaSettings,
    ProviderSettings,
    RetrySettings,
    Settings,
)
from gateways import scripted_app
from records import Records
from scripted import ScriptedProvider

ALIASES = {
    "best": ("main/mistral-large", "spare/mistral-small"),
    "vectors": ("main/mistral-embed", "main/codestral-embed", "spare/mistral-embed"),
    "seeing": ("main/codestral", "spare/mistral-small"),
}
SERVED = "spare/mistral-small-latest"
SKIPPED = "main/mistral-large-latest"


@dataclass
class Fleet:
    """A gateway over two services."""

    url: str
    main: Sandbox
    spare: Sandbox
    records: Records

    def asked(self) -> tuple[int, int]:
        """Return how many answers each service was asked for."""
        services = (self.main, self.spare)
        first, second = (
            sum(request.method == "POST" for request in service.requests) for service in services
        )
        return first, second

    def keys(self) -> list[str]:
        """Return the key of each answer that the first service was asked for."""
        return [
            request.headers["authorization"].removeprefix("Bearer ")
            for request in self.main.requests
            if request.method == "POST"
        ]


@asynccontextmanager
async def served(
    *,
    is_down: bool = False,
    main_keys: tuple[str, ...] = (),
    keys: tuple[str, ...] | None = None,
) -> AsyncIterator[Fleet]:
    """Run it all; with *is_down* the first service stops once its models are known."""
    async with AsyncExitStack() as stack:
        first = await start(sandbox=Sandbox(keys=keys))
        stack.push_async_callback(first.stop)
        second = await stack.enter_async_context(await start())
        main: dict[str, object] = {"base_url": first.base_url}
        if not main_keys:
            main["api_key"] = "key"
        settings = Settings(
            models=ModelsSettings(aliases=ALIASES),
            ollama=OllamaSettings(show_remote=True),
            retry=RetrySettings(delay=0.01),
            providers={
                "main": ProviderSettings("mistral", main, main_keys),
                "spare": ProviderSettings(
                    "mistral", {"base_url": second.base_url, "api_key": "key"}
                ),
            },
        )
        records = Records()
        runner = web.AppRunner(create_app(settings, observers=[records]), access_log=None)
        await runner.setup()
        stack.push_async_callback(runner.cleanup)
        await web.TCPSite(runner, "127.0.0.1", 0).start()
        host, port = runner.addresses[0]
        fleet = Fleet(f"http://{host}:{port}", first.sandbox, second.sandbox, records)
        async with aiohttp.ClientSession() as session, session.get(fleet.url + "/api/tags"):
            pass
        records.clear()
        if is_down:
            await first.stop()
        yield fleet


@pytest.fixture
async def fleet() -> AsyncIterator[Fleet]:
    async with served() as running:
        yield running


SAID = [{"role": "user", "content": "Hello there"}]
BODIES: dict[str, tuple[str, dict[str, Any]]] = {
    "chat": ("/api/chat", {"messages": SAID}),
    "generate": ("/api/generate", {"prompt": "Hello there"}),
    "chat completions": ("/v1/chat/completions", {"messages": SAID}),
    "completions": ("/v1/completions", {"prompt": "Hello there"}),
    "responses": ("/v1/responses", {"input": "Hello there"}),
    "messages": ("/v1/messages", {"messages": SAID, "max_tokens": 50}),
}


@dataclass
class Said:
    """An answer as the client sees it."""

    status: int
    headers: Mapping[str, str]
    text: str

    def lines(self) -> list[Any]:
        return [json.loads(line) for line in self.text.splitlines()]


async def post(fleet: Fleet, path: str = "/api/chat", **body: object) -> Said:
    """Ask for something, by default for a chat with the best model; a cut answer is cut."""
    if path == "/api/chat":
        body = {"messages": SAID, **body}
    parts = []
    async with (
        aiohttp.ClientSession() as session,
        session.post(fleet.url + path, json={"model": "best", **body}) as response,
    ):
        try:
            async for part in response.content.iter_any():
                parts.append(part)  # noqa: PERF401 - a cut keeps what came before
        except aiohttp.ClientPayloadError:
            pass
        return Said(response.status, response.headers, b"".join(parts).decode())


MOVES_ON = {
    "429": refusal(429),
    "429 with a wait": refusal(429, retry_after="30"),
    "429 as the first event": Fault(
        raw=(b'data: {"object":"error","message":"busy","type":"rate_limited","code":"1300"}\n\n',)
    ),
    "500": refusal(500),
    "502": refusal(502),
    "503": refusal(503),
    "a status of the edge": Fault(status=520, body=b"oops", content_type="text/html"),
}


@pytest.mark.parametrize("stream", [True, False], ids=["streamed", "whole"])
@pytest.mark.parametrize("fault", MOVES_ON.values(), ids=MOVES_ON)
async def test_the_next_target_answers_and_each_is_asked_once(
    fleet: Fleet, fault: Fault, stream: bool
) -> None:
    fleet.main.plan(fault)
    said = await post(fleet, stream=stream)
    *_, last = said.lines()
    assert (said.status, last["done"], last["remote_model"]) == (200, True, "mistral-small-latest")
    assert fleet.asked() == (1, 1)
    assert said.headers["X-Gateway-Target"] == SERVED
    (record,) = fleet.records
    assert (record.provider, record.upstream_model) == ("spare", "mistral-small-latest")
    status = {502: 502, 503: 503, 500: 500, 429: 429, 520: 502}.get(fault.status or 429)
    assert record.skipped == [f"{SKIPPED}={status}"]
    assert said.headers["X-Gateway-Passed-Over"] == f"{SKIPPED}={status}"


@pytest.mark.parametrize("stream", [True, False], ids=["streamed", "whole"])
@pytest.mark.parametrize(("path", "body"), BODIES.values(), ids=BODIES)
async def test_every_endpoint_has_it(
    fleet: Fleet, path: str, body: dict[str, Any], stream: bool
) -> None:
    fleet.main.plan(refusal(503))
    said = await post(fleet, path, **body, stream=stream)
    assert (said.status, fleet.asked()) == (200, (1, 1))
    assert "error" not in said.text.replace('"error":null', "")
    assert said.headers["X-Gateway-Target"] == SERVED


@pytest.mark.parametrize("stream", [True, False], ids=["streamed", "whole"])
async def test_a_service_that_is_down_is_left_for_the_next_one(stream: bool) -> None:
    async with served(is_down=True) as fleet:
        said = await post(fleet, stream=stream)
        assert (said.status, fleet.asked()) == (200, (0, 1))
        assert said.headers["X-Gateway-Passed-Over"] == f"{SKIPPED}=502"


AFTER_THE_FIRST = {
    "cut": Fault(ending=Ending.CUT, after=3),
    "an error among the events": Fault(
        insert=b'data: {"object":"error","message":"busy","type":"rate_limited"}\n\n'
    ),
}


@pytest.mark.parametrize("stream", [True, False], ids=["streamed", "whole"])
@pytest.mark.parametrize("fault", AFTER_THE_FIRST.values(), ids=AFTER_THE_FIRST)
async def test_after_the_first_event_nobody_else_is_asked(
    fleet: Fleet, fault: Fault, stream: bool
) -> None:
    fleet.main.plan(fault)
    said = await post(fleet, stream=stream)
    assert "error" in said.lines()[-1]
    assert fleet.asked() == (1, 0)
    assert said.headers["X-Gateway-Target"] == SKIPPED
    assert "X-Gateway-Passed-Over" not in said.headers


STAYS = {
    "a wrong request": (refusal(400, body="text"), 400),
    "a wrong key": (refusal(401), 502),
    "an unknown model": (Fault(status=404, body=b'{"message":"no such model"}'), 404),
    "a lost connection": (Fault(drop=True), 502),
    "an end without a word": (Fault(raw=()), 502),
}


@pytest.mark.parametrize("stream", [True, False], ids=["streamed", "whole"])
@pytest.mark.parametrize(("fault", "status"), STAYS.values(), ids=STAYS)
async def test_what_may_be_paid_for_or_is_wrong_is_final(
    fleet: Fleet, fault: Fault, status: int, stream: bool
) -> None:
    fleet.main.plan(fault)
    said = await post(fleet, stream=stream)
    assert (said.status, fleet.asked()) == (status, (1, 0))
    assert said.headers["X-Gateway-Target"] == SKIPPED


@pytest.mark.parametrize("stream", [True, False], ids=["streamed", "whole"])
async def test_if_all_fail_the_last_one_is_insisted_on_and_its_error_is_told(
    fleet: Fleet, stream: bool
) -> None:
    fleet.main.plan(refusal(429, retry_after="30"))
    fleet.spare.plan(refusal(503), refusal(503), refusal(503))
    said = await post(fleet, stream=stream)
    assert (said.status, fleet.asked()) == (503, (1, 3))
    tried = f"{SKIPPED}=429, {SERVED}=503"
    assert (said.headers["X-Gateway-Target"], said.headers["X-Gateway-Passed-Over"]) == (
        SERVED,
        tried,
    )


async def test_a_target_that_cools_down_is_skipped(fleet: Fleet) -> None:
    fleet.main.plan(refusal(429, retry_after="30"))
    first, second = await post(fleet), await post(fleet)
    assert (first.status, second.status, fleet.asked()) == (200, 200, (1, 2))
    assert second.headers["X-Gateway-Target"] == SERVED
    assert "X-Gateway-Passed-Over" not in second.headers
    # Another model of the same service has its own limits.
    await post(fleet, "/api/embed", model="vectors", input="a")
    assert fleet.asked() == (2, 2)


async def test_a_failure_that_names_no_wait_does_not_turn_traffic_away(fleet: Fleet) -> None:
    fleet.main.plan(refusal(500))
    await post(fleet)
    await post(fleet)
    assert fleet.asked() == (2, 1)


async def test_the_cool_down_ends(fleet: Fleet) -> None:
    fleet.main.plan(refusal(429, retry_after="0.05"))
    await post(fleet)
    said = await post(fleet)
    while said.headers["X-Gateway-Target"] == SERVED:  # a slow machine needs no luck
        said = await post(fleet)
    assert said.headers["X-Gateway-Target"] == SKIPPED


@pytest.mark.parametrize("path", ["/api/embed", "/v1/embeddings"])
async def test_vectors_come_from_the_same_model_only(fleet: Fleet, path: str) -> None:
    fleet.main.plan(refusal(503))
    said = await post(fleet, path, model="vectors", input="a")
    assert (said.status, fleet.asked()) == (200, (1, 1))
    models = [
        request.body["model"]
        for service in (fleet.main, fleet.spare)
        for request in service.requests
        if request.method == "POST"
    ]
    assert models == ["mistral-embed", "mistral-embed"]


async def test_only_targets_that_can_do_it_are_asked(fleet: Fleet) -> None:
    picture = {"role": "user", "content": "What is it?", "images": ["iVBORw0KGgo="]}
    said = await post(fleet, model="seeing", messages=[picture], stream=False)
    assert (said.status, fleet.asked()) == (200, (0, 1))
    assert said.headers["X-Gateway-Target"] == SERVED
    said = await post(fleet, model="vectors", stream=False)
    assert (said.status, said.text) == (400, '{"error":"\\"vectors\\" does not support chat"}')
    assert "X-Gateway-Target" not in said.headers


async def test_a_name_without_a_choice_gets_no_header(fleet: Fleet) -> None:
    said = await post(fleet, model="main/mistral-large", stream=False)
    assert not [name for name in said.headers if name.lower().startswith("x-gateway")]


async def test_the_choice_is_in_the_log_line(
    fleet: Fleet, caplog: pytest.LogCaptureFixture
) -> None:
    fleet.main.plan(refusal(503))
    with caplog.at_level(logging.INFO, "gateway"):
        await post(fleet)
    fields = [record.fields for record in caplog.records if hasattr(record, "fields")]
    assert fields[-1]["provider"] == "spare"
    assert fields[-1]["passed_over"] == f"{SKIPPED}=503"
    assert f"{SKIPPED} cannot answer: " in caplog.text


async def test_the_first_target_that_there_is_stands_in_the_lists(fleet: Fleet) -> None:
    async with (
        aiohttp.ClientSession() as session,
        session.get(fleet.url + "/api/tags") as response,
    ):
        listed = {model["name"]: model for model in (await response.json())["models"]}
    assert listed["best:latest"]["remote_model"] == "mistral-large-latest"


KEYS = ("key-1", "key-2", "key-3")


async def test_the_keys_of_a_provider_take_turns() -> None:
    async with served(main_keys=KEYS) as fleet:
        for _ in range(6):
            said = await post(fleet, model="main/mistral-large")
        assert fleet.keys() == [*KEYS, *KEYS]
        assert said.headers["X-Gateway-Target"] == f"{SKIPPED}#3"
        assert [record.key for record in fleet.records] == [1, 2, 3, 1, 2, 3]


@pytest.mark.parametrize("stream", [True, False], ids=["streamed", "whole"])
async def test_a_key_over_its_limit_is_passed_over(stream: bool) -> None:
    async with served(main_keys=KEYS) as fleet:
        fleet.main.plan(refusal(429, retry_after="30"))
        for _ in range(4):
            said = await post(fleet, model="main/mistral-large", stream=stream)
            assert said.status == 200
        assert fleet.keys() == ["key-1", "key-2", "key-2", "key-3", "key-2"]
        first, *_ = fleet.records
        assert (first.key, first.skipped) == (2, [f"{SKIPPED}#1=429"])


async def test_a_key_that_is_refused_is_passed_over() -> None:
    async with served(main_keys=KEYS, keys=("key-2", "key-3")) as fleet:
        for _ in range(3):
            assert (await post(fleet, model="main/mistral-large")).status == 200
        assert fleet.keys() == ["key-1", "key-2", "key-2", "key-3"]


async def test_all_keys_over_their_limit_leave_the_next_target() -> None:
    async with served(main_keys=KEYS) as fleet:
        fleet.main.plan(*[refusal(429)] * 3)
        said = await post(fleet)
        assert (said.status, fleet.asked()) == (200, (3, 1))
        assert said.headers["X-Gateway-Target"] == SERVED


async def test_embeddings_and_transcriptions_use_the_keys_too() -> None:
    async with served(main_keys=KEYS) as fleet:
        fleet.main.plan(refusal(429))
        await post(fleet, "/api/embed", model="main/mistral-embed", input="a")
        form = aiohttp.FormData({"model": "main/voxtral-mini-latest"})
        form.add_field("file", b"RIFF0000WAVE", filename="a.wav", content_type="audio/wav")
        async with (
            aiohttp.ClientSession() as session,
            session.post(fleet.url + "/v1/audio/transcriptions", data=form) as response,
        ):
            assert response.status == 200
        assert Counter(fleet.keys()) == {"key-1": 1, "key-2": 2}


async def test_keys_are_never_shown(caplog: pytest.LogCaptureFixture) -> None:
    with caplog.at_level(logging.DEBUG):
        async with served(main_keys=KEYS, keys=("key-3",)) as fleet:
            said = await post(fleet, model="main/mistral-large")
    assert not any(key in f"{said.headers}{said.text}{caplog.text}" for key in KEYS)


def test_settings_do_not_show_keys() -> None:
    settings = Settings(
        providers={"main": ProviderSettings("mistral", {}, KEYS)},
        environ=Environment(({"MISTRAL_API_KEYS": "key-9"},)),
    )
    assert "key-" not in repr(settings)


async def test_a_header_can_carry_any_id(aiohttp_client: Any) -> None:
    strange = "mod\u00e8le 1%"
    provider = ScriptedProvider(models=[ModelInfo(strange), ModelInfo("tiny")])
    models = ModelsSettings(aliases={"best": [strange, "tiny"]})
    app = scripted_app(provider, Settings(models=models, providers={}))
    client = await aiohttp_client(app)
    answer = await client.post("/api/chat", json={"model": "best", "messages": SAID})
    assert answer.headers["X-Gateway-Target"] == "scripted/mod%C3%A8le 1%25"
