"""Requests with a key of their user: it goes to its provider alone, and no further."""

from __future__ import annotations

import asyncio
import base64
import json
import logging
from collections.abc import AsyncIterator, Mapping, Sequence
from contextlib import asynccontextmanager
from typing import Any

import aiohttp
import pytest
from aiohttp import web
from aiohttp.typedefs import Handler

from any_service import OURS, TEXTS, answer_of, service, table
from callers import AUTH, with_key
from gateway import (
    CALLER,
    PROVIDER_KEY,
    Asked,
    Caller,
    Gate,
    Settings,
    create_app,
)
from gateway.cli.check import examine
from gateway.cli.logs import TextFormatter
from gateway.core.secrets import redact
from gateway.providers import ModelInfo, Provider, ProviderContext
from gateway.providers.openai import OpenAIProvider
from gateway.settings import LimitsSettings, ModelsSettings, ProviderSettings, RetrySettings, load
from gateway.testing import Answer, FakeUpstream
from gateways import scripted_app
from hosting import host_of, served
from scripted import ScriptedProvider

OURS_TOO = "operators-own-key-4567"
MINE, YOURS = "users-key-abcdefgh", "users-key-ijklmnop"
HELLO = [{"role": "user", "content": "Hi"}]
CHAT = {"model": "tiny", "messages": HELLO, "stream": False, "max_tokens": 9}
ADAPTERS = sorted(TEXTS)
EACH_ADAPTER = pytest.mark.parametrize("adapter", ADAPTERS)
NEVER = RetrySettings(count=0)


def keys_of(fake: FakeUpstream) -> list[str]:
    """Return the key of each request for an answer."""
    sent = [one for one in fake.requests if one.method == "POST" and "/show" not in one.path]
    return [key_of(one.headers) for one in sent]


def key_of(headers: Mapping[str, str]) -> str:
    found = headers.get("Authorization", "").removeprefix("Bearer ") + headers.get("x-api-key", "")
    assert found.count("key") <= 1
    return found


class Log(logging.Handler):
    """Keeps the lines as the command line writes them."""

    def __init__(self) -> None:
        super().__init__()
        self.setFormatter(TextFormatter())
        self.lines: list[str] = []

    def emit(self, record: logging.LogRecord) -> None:
        self.lines.append(self.format(record))


@pytest.fixture
def log() -> Any:
    """Yield all lines of the gateway's log, of every level."""
    logger, handler = logging.getLogger("gateway"), Log()
    before = logger.level
    logger.addHandler(handler)
    logger.setLevel(logging.DEBUG)
    yield handler.lines
    logger.setLevel(before)
    logger.removeHandler(handler)


def by_header(value: Any = None) -> Any:
    """Return a middleware that sets the key of each request, by default that of a header."""

    @web.middleware
    async def set_key(request: web.Request, handler: Handler) -> web.StreamResponse:
        if "X-Key" in request.headers:
            key = request.headers["X-Key"]
            request[PROVIDER_KEY] = key if value is None else value(key)
        return await handler(request)

    return set_key


@asynccontextmanager
async def hosted(app: web.Application, middleware: Any = None) -> AsyncIterator[Any]:
    host = host_of(ai=app)
    host.middlewares.append(middleware or by_header())
    async with served(host) as origin, aiohttp.ClientSession(f"{origin}/ai/") as session:
        yield session


async def ask(session: Any, key: str = "", path: str = "api/chat", **body: Any) -> tuple[int, Any]:
    headers = {"X-Key": key} if key else {}
    async with session.post(path, json={**CHAT, **body}, headers=headers) as response:
        return response.status, await response.json()


class Vault(Gate):
    """Knows the keys of users."""

    async def admit(self, request: web.Request, asked: Asked) -> None:
        if "X-Key" in request.headers:
            request[PROVIDER_KEY] = {asked.provider: request.headers["X-Key"]}


@web.middleware
async def nothing(request: web.Request, handler: Handler) -> web.StreamResponse:
    return await handler(request)


WAYS: Mapping[str, tuple[Any, Gate | None]] = {
    "a text": (by_header(), None),
    "a mapping": (by_header(lambda key: {"one": key, "other": "unused-key"}), None),
    "the gate": (nothing, Vault()),
}


@EACH_ADAPTER
@pytest.mark.parametrize(("middleware", "gate"), WAYS.values(), ids=WAYS)
async def test_a_request_is_sent_with_the_key_of_its_user_and_others_with_ours(
    adapter: str, middleware: Any, gate: Gate | None
) -> None:
    async with service(adapter) as fake:
        app = create_app(Settings(providers={"one": table(adapter, fake)}), gate=gate)
        async with hosted(app, middleware) as session:
            for key in (MINE, "", YOURS, ""):
                assert (await ask(session, key))[0] == 200
    assert keys_of(fake) == [MINE, OURS, YOURS, OURS]
    lists = [key_of(one.headers) for one in fake.requests if one.method == "GET"]
    assert lists
    assert {*lists} == {OURS}


BASIC = base64.b64encode(f"me:{MINE}".encode()).decode()
FORMS = [
    {"Authorization": f"Bearer {MINE}"},
    {"Authorization": f"Basic {BASIC}"},
    {"x-api-key": MINE},
    {"api-key": MINE},
]


@EACH_ADAPTER
@pytest.mark.parametrize("headers", FORMS, ids=lambda one: " ".join(one.values())[:10])
async def test_the_clients_own_key_is_passed_on_where_the_settings_say_so(
    adapter: str, headers: Mapping[str, str]
) -> None:
    async with service(adapter) as fake:
        one = table(adapter, fake, key_from="client")
        app = create_app(Settings(providers={"one": one}))
        async with served(app) as origin, aiohttp.ClientSession(origin) as session:
            for path in ("/api/chat", "/v1/chat/completions", "/v1/messages"):
                async with session.post(path, json=CHAT, headers=headers) as response:
                    assert response.status == 200
            async with session.post("/v1/chat/completions", json=CHAT) as response:
                assert response.status == 401
                assert response.headers["WWW-Authenticate"] == "Bearer"
                error = (await response.json())["error"]
    assert error["message"] == "an API key of one is required"
    assert keys_of(fake) == [MINE] * 3
    lists = [key_of(one.headers) for one in fake.requests if one.method == "GET"]
    assert {*lists} == {OURS}


async def test_a_key_of_the_gateway_is_never_passed_on() -> None:
    async with service("openai") as fake:
        keys = with_key().keys
        providers = {"one": table("openai", fake, key_from="client")}
        app = create_app(Settings(providers=providers, keys=keys))
        made = "sk-gw-abcdefgh-revoked"
        async with served(app) as origin, aiohttp.ClientSession(origin) as session:
            for headers, status in (
                (AUTH, 401),
                ({**AUTH, "x-api-key": made}, 401),
                ({**AUTH, "x-api-key": AUTH["Authorization"].removeprefix("Bearer ")}, 401),
                ({**AUTH, "x-api-key": MINE}, 200),
            ):
                async with session.post("/api/chat", json=CHAT, headers=headers) as response:
                    assert response.status == status
    assert keys_of(fake) == [MINE]


def rejecting(key: str) -> Answer:
    body = json.dumps({"error": {"message": f"wrong key {key}"}, "message": f"no {key}"})
    return Answer([body.encode()], status=401, content_type="application/json")


@EACH_ADAPTER
async def test_a_users_key_that_is_rejected_is_told_to_the_user_and_costs_nobody_else(
    adapter: str, log: Sequence[str]
) -> None:
    async with service(adapter, rejecting(MINE), answer_of(adapter)) as fake:
        several = table(adapter, fake, options={}, api_keys=(OURS, OURS_TOO))
        base = fake.url if adapter == "ollama" else f"{fake.url}/v1"
        one = ProviderSettings(adapter, {"base_url": base}, several.api_keys)
        app = create_app(Settings(providers={"one": one}, retry=NEVER))
        async with hosted(app) as session:
            refused = await ask(session, MINE)
            answers = [await ask(session) for _ in range(4)]
    assert refused == (401, {"error": "one rejected the API key of this request"})
    assert [status for status, _ in answers] == [200] * 4
    assert sorted(keys_of(fake)[1:]) == [OURS, OURS, OURS_TOO, OURS_TOO]
    assert log
    assert not [line for line in log if MINE in line]
    assert redact(f"x {MINE} x") == f"x {MINE} x"


@pytest.mark.parametrize("keep_alive", [300, 0])
async def test_a_key_that_is_rejected_for_loading_a_model_is_told_to_the_user(
    keep_alive: int,
) -> None:
    async with service("ollama", rejecting(MINE)) as fake:
        one = ProviderSettings("ollama", {"base_url": fake.url, "api_key": OURS})
        app = create_app(Settings(providers={"one": one}, retry=NEVER))
        async with hosted(app) as session:
            rejected = await ask(session, MINE, messages=[], keep_alive=keep_alive)
    assert rejected == (401, {"error": "one rejected the API key of this request"})
    assert keys_of(fake) == [MINE]


@pytest.mark.parametrize("status", [401, 429, 503])
async def test_cool_downs_of_users_and_of_ours_are_apart(status: int) -> None:
    broken = Answer([b"{}"], status=status, content_type="application/json")
    good = answer_of("openai")
    async with service("openai", broken, good, broken, broken, good) as fake:
        base = {"base_url": f"{fake.url}/v1"}
        one = ProviderSettings("openai", base, (OURS, OURS_TOO))
        app = create_app(Settings(providers={"one": one}, retry=NEVER))
        async with hosted(app) as session:
            statuses = [(await ask(session, key))[0] for key in (MINE, "", "", MINE)]
    assert (statuses[0] == 200, *statuses[1:]) == (False, 200, statuses[2], 200)
    assert statuses[2] != 200
    keys = keys_of(fake)
    assert (keys[0], keys[-1]) == (MINE, MINE)
    assert MINE not in keys[1:-1]


async def test_a_failure_with_a_users_key_does_not_cool_down_ours() -> None:
    limited = Answer([b"{}"], status=429, content_type="application/json")
    async with (
        service("openai", limited, answer_of("openai")) as first,
        service("openai") as second,
    ):
        providers = {"first": table("openai", first), "second": table("openai", second)}
        models = ModelsSettings(aliases={"any": ("first/tiny", "second/tiny")})
        settings = Settings(providers=providers, models=models, retry=NEVER)
        middleware = by_header(lambda key: {"first": key})
        async with hosted(create_app(settings), middleware) as session:
            for key in (MINE, ""):
                assert (await ask(session, key, model="any"))[0] == 200
    assert keys_of(first) == [MINE, OURS]
    assert keys_of(second) == [OURS]


@EACH_ADAPTER
@pytest.mark.parametrize("quoted", [MINE, f"{MINE[:4]}******{MINE[-4:]}", f"{MINE[:14]}..."])
async def test_a_users_key_that_is_quoted_is_redacted(
    adapter: str, quoted: str, log: Sequence[str]
) -> None:
    body = json.dumps({"error": {"message": f"no: {quoted}"}, "message": f"no: {quoted}"})
    text = f'{{"error": "no: {quoted}"}}' if adapter == "ollama" else body
    answer = Answer([text.encode()], status=400, content_type="application/json")
    async with service(adapter, answer) as fake:
        settings = Settings(providers={"one": table(adapter, fake)}, retry=NEVER)
        async with hosted(create_app(settings)) as session:
            status, document = await ask(session, MINE)
    assert (status, document) == (400, {"error": f"no: {redacted(quoted)}"})
    assert not [line for line in log if MINE in line]


def redacted(quoted: str) -> str:
    return "[redacted]..." if quoted.endswith("...") else "[redacted]"


async def test_a_text_is_for_the_first_provider_and_a_mapping_for_those_it_names() -> None:
    down = Answer([b"{}"], status=503, content_type="application/json")
    async with service("openai", down) as first, service("openai") as second:
        providers = {"first": table("openai", first), "second": table("openai", second)}
        models = ModelsSettings(aliases={"any": ("first/tiny", "second/tiny")})
        settings = Settings(providers=providers, models=models, retry=NEVER)
        async with hosted(create_app(settings)) as session:
            assert (await ask(session, MINE, model="any"))[0] == 503
        middleware = by_header(lambda key: {"first": key})
        async with hosted(create_app(settings), middleware) as session:
            assert (await ask(session, MINE, model="any"))[0] == 200
    assert keys_of(first) == [MINE, MINE]
    assert keys_of(second) == [OURS]


class Counted(OpenAIProvider):
    """Counts its instances."""

    made = 0
    closed = 0

    def __init__(self, context: Any) -> None:
        super().__init__(context)
        Counted.made += 1

    async def aclose(self) -> None:
        Counted.closed += 1
        raise ZeroDivisionError


async def test_forty_users_at_once_have_each_their_own_key_and_leave_nothing(
    log: Sequence[str],
) -> None:
    Counted.made = Counted.closed = 0
    async with service("openai") as fake:
        options = {"base_url": f"{fake.url}/v1", "api_key": OURS}
        settings = Settings(providers={"one": ProviderSettings("openai", options)})
        app = create_app(settings, providers={"one": Counted})
        keys = [f"users-key-{number:08}" for number in range(40)]
        async with hosted(app) as session:
            found = await asyncio.gather(
                *(ask(session, key, messages=[{"role": "user", "content": key}]) for key in keys)
            )
            assert (Counted.made, Counted.closed) == (41, 40)
    assert {status for status, _ in found} == {200}
    bodies = {key_of(one.headers): one.body for one in fake.requests if one.method == "POST"}
    assert sorted(bodies) == keys
    assert all(key.encode() in body for key, body in bodies.items())
    assert sum("was not closed properly" in line for line in log) == 41


async def test_a_key_that_no_header_can_hold_is_rejected() -> None:
    provider = ScriptedProvider()
    app = scripted_app(provider)
    async with hosted(app, by_header(lambda _: "users-key\r\nX: y")) as session:
        status, document = await ask(session, "x")
    assert (status, provider.asked) == (401, [])
    assert document == {"error": "the API key contains characters that are not allowed in a key"}


async def test_an_empty_key_is_none() -> None:
    provider = ScriptedProvider()
    for value in ("", {}, {"scripted": ""}):
        async with hosted(scripted_app(provider), by_header(lambda _, value=value: value)) as one:
            await ask(one, "x")
    assert provider.keys == ["", "", ""]


async def test_a_key_is_forgotten_with_its_request() -> None:
    async with service("openai") as fake:
        app = create_app(Settings(providers={"one": table("openai", fake)}))
        async with hosted(app) as session:
            assert (await ask(session, MINE))[0] == 200
            assert await ask(session, model=MINE) == (404, {"error": f"model '{MINE}' not found"})
            assert await ask(session, MINE, model=MINE) == (
                404,
                {"error": f"model '{MINE}' not found"},
            )


async def test_a_request_without_the_key_that_it_needs_takes_nothing_of_limits() -> None:
    async with service("openai") as fake:
        providers = {"one": table("openai", fake, key_from="client")}
        app = create_app(Settings(providers=providers, limits=LimitsSettings(rpm=1)))
        async with served(app) as origin, aiohttp.ClientSession(origin) as session:
            for headers, status in (({}, 401), ({}, 401), ({"api-key": MINE}, 200), ({}, 401)):
                async with session.post("/api/chat", json=CHAT, headers=headers) as response:
                    assert response.status == status


class Keyless(Provider[None]):
    """Takes no keys."""

    def __init__(self) -> None:
        self.asked = 0

    async def list_models(self) -> Sequence[ModelInfo]:
        return [ModelInfo("tiny")]

    def chat(self, request: Any) -> Any:
        self.asked += 1
        raise NotImplementedError


async def test_a_provider_that_takes_no_keys_is_not_asked_with_ours_instead() -> None:
    provider = Keyless()
    app = create_app(Settings(providers={}), providers={"own": provider})
    async with hosted(app) as session:
        status, document = await ask(session, MINE)
    words = "the provider of this model does not take the keys of users"
    assert (status, document, provider.asked) == (501, {"error": words}, 0)


@pytest.mark.parametrize("caller", ["", "ann"])
async def test_what_is_kept_of_a_conversation_is_kept_for_one_key(caller: str) -> None:
    provider = ScriptedProvider()

    @web.middleware
    async def identify(request: web.Request, handler: Handler) -> web.StreamResponse:
        request[PROVIDER_KEY] = request.headers["X-Key"]
        if caller:
            request[CALLER] = Caller(caller)
        return await handler(request)

    async with hosted(scripted_app(provider), identify) as session:
        for key in (MINE, YOURS, MINE):
            await ask(session, key)
    owners = [getattr(asked, "caller", "") for asked in provider.asked]
    if caller:
        assert owners == ["ann"] * 3
    else:
        assert owners[0] == owners[2] != owners[1]
        assert all(owners)
        assert MINE not in owners
    assert provider.keys == [MINE, YOURS, MINE]


async def test_an_answer_is_continued_with_the_key_that_it_was_made_with() -> None:
    async with service("openai") as fake:
        providers = {"one": table("openai", fake, key_from="client")}
        app = create_app(Settings(providers=providers))
        async with served(app) as origin, aiohttp.ClientSession(origin) as session:

            async def respond(key: str, **more: Any) -> tuple[int, Any]:
                body = {"model": "tiny", "input": "hi", **more}
                headers = {"Authorization": f"Bearer {key}"}
                async with session.post("/v1/responses", json=body, headers=headers) as response:
                    return response.status, await response.json()

            _, made = await respond(MINE)
            assert (await respond(YOURS, previous_response_id=made["id"]))[0] == 400
            assert (await respond(MINE, previous_response_id=made["id"]))[0] == 200


@pytest.mark.parametrize("adapter", ["mistral", "anthropic"])
async def test_without_a_key_of_ours_clients_name_models_that_no_list_shows(
    adapter: str, log: Sequence[str]
) -> None:
    model = "mistral-large-latest" if adapter == "mistral" else "claude-haiku-4-5"
    async with service(adapter) as fake:
        base = {"base_url": f"{fake.url}/v1"}
        one = ProviderSettings(adapter, base, key_from="client")
        models = ModelsSettings(refresh=0.02, list_retry=0.01, aliases={"best": f"one/{model}"})
        settings = Settings(providers={"one": one}, models=models)
        headers = {"x-api-key": MINE}
        async with (
            served(create_app(settings)) as origin,
            aiohttp.ClientSession(origin) as session,
        ):
            async with session.get("/readyz") as response:
                assert (response.status, (await response.json())["ready"]) == (200, True)
            for name in (model, "best"):
                body = {**CHAT, "model": name}
                async with session.post("/api/chat", json=body, headers=headers) as response:
                    assert response.status == 200
            await asyncio.sleep(0.05)
        found = [(one.text, one.trouble) async for one in examine(settings)]
    assert {one.method for one in fake.requests} == {"POST"}
    assert keys_of(fake) == [MINE, MINE]
    assert sum("the models of one are not listed" in line for line in log) == 1
    assert not [line for line in log if " WARNING " in line or " ERROR " in line]
    assert ("provider one: its keys come from clients, so none is tried", False) in found
    assert not [text for text, trouble in found if trouble]


def test_key_from_is_a_setting_of_a_provider(tmp_path: Any) -> None:
    file = tmp_path / "gateway.toml"
    file.write_text('[providers.mistral]\nkey_from = "client"\n')
    settings = load(config=file, environ={})
    assert settings.providers["mistral"].key_from == "client"
    assert create_app(settings)
    file.write_text('[providers.mistral]\nkey_from = "users"\n')
    with pytest.raises(Exception, match=r"key_from: must be one of: settings, client"):
        load(config=file, environ={})


class OptionsOfNothing(Keyless):
    def __init__(self, context: Any) -> None:
        super().__init__()


def test_key_from_needs_an_adapter_that_uses_keys() -> None:
    settings = Settings(providers={"own": ProviderSettings("own", key_from="client")})
    with pytest.raises(Exception, match=r"\[providers.own\] key_from: the adapter own does not"):
        create_app(settings, providers={"own": OptionsOfNothing})


def test_options_in_a_dictionary_take_a_key_too() -> None:
    class OfDictionary(Provider[Any]):
        learned = ("seen",)

        def __init__(self, context: Any) -> None:
            super().__init__(context)
            self.seen: list[str] = []

        async def list_models(self) -> Sequence[ModelInfo]:
            return []

        def chat(self, request: Any) -> Any:
            raise NotImplementedError

    session: Any = None
    context = ProviderContext("own", {"api_key": OURS, "x": 1}, session, logging.getLogger())
    first = OfDictionary(context)
    second = first.with_key(MINE)
    assert second.context.options == {"api_key": MINE, "x": 1}
    assert first.context.options == {"api_key": OURS, "x": 1}
    assert second.seen is first.seen
