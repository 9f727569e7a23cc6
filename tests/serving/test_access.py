"""Who may ask, what they may see and change, and that nothing of it is loaded where it is off."""

from __future__ import annotations

import asyncio
import base64
import json
import logging
import subprocess
import sys
from collections.abc import Mapping
from dataclasses import replace
from datetime import UTC, datetime, timedelta
from decimal import Decimal
from pathlib import Path
from typing import Any

import aiohttp
import pytest
from aiohttp import web
from aiohttp.typedefs import Handler
from pytest_aiohttp.plugin import AiohttpClient

from callers import AUTH, KEY, auth, key_of, settings_of, with_key
from gateway import CALLER, Caller, SettingsError
from gateway.access.client_keys import hash_key, new_key
from gateway.access.key_file import KeyFile
from gateway.handlers import ROUTES
from gateway.providers import ModelInfo
from gateway.serving.endpoint import Endpoint
from gateway.settings import (
    AuthSettings,
    KeySettings,
    LimitsSettings,
    ModelsSettings,
    Plan,
    ServerSettings,
    Settings,
    TimeoutSettings,
    UsageSettings,
)
from gateway.settings.callers import KEYS_FILE
from gateways import scripted_app
from hosting import host_of, served
from model_routes import body_of, path_of, scripted
from records import Records
from scripted import ScriptedProvider

EACH_ROUTE = pytest.mark.parametrize("route", ROUTES, ids=lambda one: f"{one.method} {one.path}")
OPEN = {"/", "/api/version", "/healthz", "/readyz", "/openapi.json", "/docs"}
CHAT = {"model": "tiny", "stream": False, "messages": [{"role": "user", "content": "hi"}]}
TWO = [ModelInfo("tiny-latest"), ModelInfo("dear-latest")]


@EACH_ROUTE
async def test_where_keys_are_required_a_route_needs_one_or_is_open(
    aiohttp_client: AiohttpClient, route: Endpoint
) -> None:
    provider = scripted()
    client = await aiohttp_client(scripted_app(provider, with_key()))
    body = body_of(route, stream=False)
    async with client.request(route.method, path_of(route), **body) as response:
        text = await response.text()
    assert (response.status == 401) == (route.path not in OPEN)
    assert provider.asked == []
    if response.status == 401:
        assert response.headers["WWW-Authenticate"] == "Bearer"
        if route.method != "HEAD":
            assert "an API key is required" in text


async def test_an_unknown_path_tells_nothing_without_a_key(aiohttp_client: AiohttpClient) -> None:
    client = await aiohttp_client(scripted_app(scripted(), with_key()))
    for headers, status in (({}, 401), (AUTH, 404)):
        async with client.get("/nowhere", headers=headers) as response:
            assert response.status == status


BASIC = base64.b64encode(f"me:{KEY}".encode()).decode()
FORMS = [
    AUTH,
    {"Authorization": f"Basic {BASIC}"},
    {"x-api-key": KEY},
    {"api-key": KEY},
]


@pytest.mark.parametrize("headers", FORMS, ids=lambda one: next(iter(one)))
async def test_a_key_is_found_wherever_clients_put_it(
    aiohttp_client: AiohttpClient, headers: Mapping[str, str], caplog: pytest.LogCaptureFixture
) -> None:
    caplog.set_level(logging.DEBUG)
    records, provider = Records(), scripted()
    client = await aiohttp_client(scripted_app(provider, with_key(), records))
    async with client.post("/api/chat", json=CHAT, headers=headers) as response:
        assert response.status == 200
    assert [record.caller for record in records] == ["alice"]
    # so that what is kept of a conversation is kept for its caller alone
    assert [getattr(asked, "caller", "") for asked in provider.asked] == ["alice"]
    assert KEY not in caplog.text
    assert KEY not in repr(records)
    (line,) = [one for one in caplog.records if one.name == "gateway.access"]
    fields: Any = vars(line)["fields"]
    assert fields["caller"] == "alice"


REFUSED: Mapping[str, tuple[KeySettings, str]] = {
    "expired": (
        KeySettings(hash_key(KEY), expires=datetime.now(UTC) - timedelta(seconds=1)),
        "this API key has expired",
    ),
    "disabled": (KeySettings(hash_key(KEY), disabled=True), "this API key is disabled"),
    "another": (KeySettings(hash_key(KEY + "x")), "unknown API key"),
}


@pytest.mark.parametrize("path", ["/api/chat", "/v1/chat/completions", "/v1/messages"])
@pytest.mark.parametrize(("key", "words"), REFUSED.values(), ids=REFUSED)
async def test_a_key_that_is_no_good_is_refused_in_words(
    aiohttp_client: AiohttpClient, path: str, key: KeySettings, words: str
) -> None:
    records = Records()
    client = await aiohttp_client(
        scripted_app(scripted(), settings_of(keys={"alice": key}), records)
    )
    async with client.post(path, json={**CHAT, "max_tokens": 9}, headers=AUTH) as response:
        assert response.status == 401
        error = (await response.json())["error"]
    assert words == (error if path == "/api/chat" else error["message"])
    assert [record.limited for record in records] == ["key"]


async def test_keys_that_are_not_required_are_known_all_the_same(
    aiohttp_client: AiohttpClient,
) -> None:
    settings = replace(with_key(), auth=AuthSettings(required=False))
    records = Records()
    client = await aiohttp_client(scripted_app(scripted(), settings, records))
    for headers in (AUTH, {}, {"Authorization": "Bearer ollama"}):
        async with client.post("/api/chat", json=CHAT, headers=headers) as response:
            assert response.status == 200
    assert [record.caller for record in records] == ["alice", "", ""]
    async with client.post("/api/copy", json={"source": "tiny", "destination": "x"}) as response:
        assert response.status == 401


async def test_required_keys_of_which_there_is_none_stop_the_start() -> None:
    settings = settings_of(auth=AuthSettings(required=True))
    runner = web.AppRunner(scripted_app(scripted(), settings))
    with pytest.raises(SettingsError, match=r"auth\.required: there is no key"):
        await runner.setup()
    await runner.cleanup()


async def test_workers_that_cannot_share_their_limits_do_not_start() -> None:
    settings = settings_of(limits=LimitsSettings(rpm=9), server=ServerSettings(workers=2))
    runner = web.AppRunner(scripted_app(scripted(), settings))
    with pytest.raises(SettingsError, match=r"server\.workers: to share limits they need home"):
        await runner.setup()
    await runner.cleanup()


ALIASES = ModelsSettings(aliases={"mine": "dear", "ours": "tiny"})
PLANS: Mapping[str, tuple[tuple[str, ...], set[str]]] = {
    "all": ((), {"tiny", "dear", "mine", "ours"}),
    "by the listed name": (("tiny",), {"tiny", "ours"}),
    "by provider": (("scripted/tiny*",), {"tiny", "ours"}),
    "by id": (("tiny-latest",), {"tiny", "ours"}),
    "all but one": (("!dear*",), {"tiny", "ours"}),
    "by alias": (("mine",), {"mine"}),
    "nothing": (("other",), set()),
}
SPELLINGS = {
    "tiny": ("tiny", "TINY:latest", "tiny-latest", "scripted/tiny", "scripted/tiny-latest"),
    "dear": ("dear", "dear:latest", "Dear-Latest", "scripted/dear", "library/dear"),
    "mine": ("mine", "MINE:latest", "library/mine", "mine:cloud"),
    "ours": ("ours", "ours:latest", "Ours"),
}


@pytest.mark.parametrize(("models", "allowed"), PLANS.values(), ids=PLANS)
async def test_lists_and_answers_agree_on_what_a_key_may_use(
    aiohttp_client: AiohttpClient, models: tuple[str, ...], allowed: set[str]
) -> None:
    settings = replace(with_key(models=models, manage=True), models=ALIASES)
    provider = ScriptedProvider(models=TWO, steps=scripted().steps)
    client = await aiohttp_client(scripted_app(provider, settings))
    for path, field, name in (("/api/tags", "models", "name"), ("/v1/models", "data", "id")):
        async with client.get(path, headers=AUTH) as response:
            listed = (await response.json())[field] or []
        assert {one[name].removesuffix(":latest") for one in listed} == allowed
    for name, spellings in SPELLINGS.items():
        for spelling in spellings:
            expected = 200 if name in allowed else 404
            for path in ("/api/chat", "/v1/chat/completions", "/api/show", "/v1/responses"):
                body = {**CHAT, "model": spelling, "input": "hi"}
                async with client.post(path, json=body, headers=AUTH) as response:
                    assert (path, spelling, response.status) == (path, spelling, expected)
            async with client.get(f"/v1/models/{spelling}", headers=AUTH) as response:
                assert "/" in spelling or response.status == expected
            copied = {"source": spelling, "destination": "copied"}
            if not spelling.endswith(":cloud"):
                async with client.post("/api/copy", json=copied, headers=AUTH) as response:
                    assert response.status == expected
                if expected == 200:
                    gone = {"model": "copied"}
                    async with client.delete("/api/delete", json=gone, headers=AUTH) as response:
                        assert response.status == 200
    async with client.get("/api/ps", headers=AUTH) as response:
        running = {
            one["name"].lower().partition(":")[0] for one in (await response.json())["models"]
        }
    assert running <= allowed
    assert bool(running) == bool(allowed)


async def test_a_model_of_somebody_else_is_not_shown_as_running(
    aiohttp_client: AiohttpClient,
) -> None:
    keys = {
        "alice": KeySettings(hash_key(KEY)),
        "bob": KeySettings(hash_key(key_of("bob")), models=("dear",)),
    }
    provider = ScriptedProvider(models=TWO, steps=scripted().steps)
    client = await aiohttp_client(scripted_app(provider, settings_of(keys=keys)))
    async with client.post("/api/chat", json=CHAT, headers=AUTH) as response:
        assert response.status == 200
    for name, count in (("alice", 1), ("bob", 0)):
        async with client.get("/api/ps", headers=auth(name)) as response:
            assert len((await response.json())["models"]) == count


@EACH_ROUTE
async def test_what_changes_models_needs_a_key_that_may(
    aiohttp_client: AiohttpClient, route: Endpoint
) -> None:
    changes = route.path in {
        f"/api/{name}" for name in ("create", "copy", "delete", "pull", "push")
    }
    changes = changes or route.path.startswith("/api/blobs")
    client = await aiohttp_client(scripted_app(scripted(), with_key()))
    body = body_of(route, stream=False)
    async with client.request(route.method, path_of(route), headers=AUTH, **body) as response:
        text = await response.text()
    assert changes == (response.status == 403 and route.right == "manage")
    if changes and route.method != "HEAD":
        assert json.loads(text) == {"error": "this API key may not change models"}


async def test_the_one_key_of_the_settings_has_all_rights(aiohttp_client: AiohttpClient) -> None:
    settings = settings_of(auth=AuthSettings(key=KEY))
    client = await aiohttp_client(scripted_app(scripted(), settings))
    body = {"source": "tiny", "destination": "other"}
    async with client.post("/api/copy", json=body, headers=AUTH) as response:
        assert response.status == 200
    async with client.get("/gateway/usage", headers=AUTH) as response:
        assert response.status == 200


async def test_limits_alone_leave_everybody_their_rights(aiohttp_client: AiohttpClient) -> None:
    settings = settings_of(limits=LimitsSettings(rpm=9))
    client = await aiohttp_client(scripted_app(scripted(), settings))
    body = {"source": "tiny", "destination": "other"}
    async with client.post("/api/copy", json=body) as response:
        assert response.status == 200


async def ask_as(
    caller: Caller, settings: Settings | None, path: str = "/api/chat", body: Any = CHAT
) -> list[int]:
    """Return the statuses of two requests of a caller that a host application has identified."""

    @web.middleware
    async def authenticate(request: web.Request, handler: Handler) -> web.StreamResponse:
        request[CALLER] = caller
        return await handler(request)

    host = host_of(llm=scripted_app(scripted(), settings))
    host.middlewares.append(authenticate)
    statuses = []
    async with served(host) as origin, aiohttp.ClientSession(origin) as session:
        for _ in range(2):
            async with session.post(f"/llm{path}", json=body) as response:
                await response.read()
                statuses.append(response.status)
    return statuses


TEAM = settings_of(plans={"team": Plan("team", rpm=1)})


async def test_a_caller_that_a_host_has_identified_needs_no_key_and_has_its_plan() -> None:
    assert await ask_as(Caller("ann", "team"), TEAM) == [200, 429]
    assert await ask_as(Caller("ann"), TEAM) == [200, 200]
    both = replace(with_key(), plans=TEAM.plans)
    assert await ask_as(Caller("ann", "team"), both) == [200, 429]
    copy = {"source": "tiny", "destination": "x"}
    assert await ask_as(Caller("ann", "team"), TEAM, "/api/copy", copy) == [403, 403]
    assert await ask_as(Caller("ann"), TEAM, "/api/copy", copy) == [200, 200]


@pytest.mark.parametrize("settings", [None, TEAM], ids=["nothing", "another plan"])
async def test_a_plan_that_does_not_exist_lets_nothing_pass(settings: Settings | None) -> None:
    assert await ask_as(Caller("ann", "no-such-plan"), settings) == [500, 500]


OFTEN = TimeoutSettings(key_poll=0.01)


async def test_the_first_key_closes_a_running_gateway_and_the_last_one_opens_it(
    aiohttp_client: AiohttpClient, tmp_path: Path
) -> None:
    client = await aiohttp_client(
        scripted_app(scripted(), settings_of(home=tmp_path, timeouts=OFTEN))
    )
    made, file = new_key(), KeyFile(tmp_path / KEYS_FILE)

    async def until(status: int, key: str) -> None:
        async with asyncio.timeout(20):
            headers = {"Authorization": f"Bearer {key}"} if key else {}
            while True:
                async with client.post("/api/chat", json=CHAT, headers=headers) as response:
                    if response.status == status:
                        return

    await until(200, "")
    file.add("alice", made, KeySettings(made.hash, rpm=10**6), now=datetime.now(UTC))
    await until(401, "")
    await until(200, made.key)
    async with client.get("/gateway/key", headers={"x-api-key": made.key}) as response:
        assert (await response.json())["name"] == "alice"
    second = new_key()
    file.add("bob", second, KeySettings(second.hash), now=datetime.now(UTC))
    await until(200, second.key)
    file.revoke("alice")
    await until(401, made.key)
    file.revoke("bob")
    await until(200, "")
    await asyncio.sleep(5 * OFTEN.key_poll)  # in which nothing changes
    await until(200, "")
    file.close()


async def test_keys_that_cannot_be_read_change_nothing(
    aiohttp_client: AiohttpClient,
    tmp_path: Path,
    caplog: pytest.LogCaptureFixture,
) -> None:
    settings = replace(with_key(), home=tmp_path, timeouts=OFTEN)
    client = await aiohttp_client(scripted_app(scripted(), settings))
    (tmp_path / KEYS_FILE).write_text("no database at all, but longer than the head of one" * 99)
    async with asyncio.timeout(20):
        while "the keys stay as they were" not in caplog.text:
            await asyncio.sleep(0.01)
        await asyncio.sleep(0.05)
    assert caplog.text.count("the keys stay as they were") == 1
    async with client.post("/api/chat", json=CHAT, headers=AUTH) as response:
        assert response.status == 200


async def test_the_first_key_also_opens_the_ledger_where_limits_were_on(
    aiohttp_client: AiohttpClient, tmp_path: Path
) -> None:
    settings = settings_of(home=tmp_path, timeouts=OFTEN, limits=LimitsSettings(rpm=10**6))
    client = await aiohttp_client(scripted_app(scripted(), settings))
    async with client.get("/gateway/usage") as response:
        assert response.status == 404
    made, file = new_key(), KeyFile(tmp_path / KEYS_FILE)
    file.add("alice", made, KeySettings(made.hash), now=datetime.now(UTC))
    file.close()
    async with asyncio.timeout(20):
        while True:
            async with client.get("/gateway/usage", headers={"api-key": made.key}) as response:
                if response.status == 200:
                    break


KEYS = {
    "alice": KeySettings(hash_key(KEY), rpm=60, budget=Decimal(1), plan="team"),
    "root": KeySettings(hash_key(key_of("root")), admin=True),
}


async def test_a_key_is_told_its_own_limits_and_what_is_left(aiohttp_client: AiohttpClient) -> None:
    settings = replace(with_key(), keys=KEYS, plans={"team": Plan("team", concurrency=2)})
    client = await aiohttp_client(scripted_app(scripted(), settings))
    async with client.post("/api/chat", json=CHAT, headers=AUTH) as response:
        assert response.status == 200
    async with client.get("/gateway/key", headers=AUTH) as response:
        told = await response.json()
    assert (told["name"], told["plan"], told["models"]) == ("alice", "team", [])
    assert told["limits"]["rpm"]["limit"] == 60
    assert told["limits"]["concurrency"] == {"limit": 2, "running": 0}
    assert told["budget"]["limit"] == "1.000000"


@pytest.mark.parametrize("limits", [LimitsSettings(), LimitsSettings(rpm=9)], ids=["off", "on"])
async def test_nobody_is_told_of_the_whole_gateway(
    aiohttp_client: AiohttpClient, limits: LimitsSettings
) -> None:
    client = await aiohttp_client(scripted_app(scripted(), settings_of(limits=limits)))
    async with client.get("/gateway/key") as response:
        told = await response.json()
    assert (told["name"], told["plan"], told["budget"]) == ("", "", None)
    assert (told["limits"]["rpm"] is None) == (limits.rpm is None)


async def test_a_key_sees_what_it_has_used_and_an_administrator_all(
    aiohttp_client: AiohttpClient,
) -> None:
    settings = replace(with_key(), keys=KEYS, plans={"team": Plan("team")})
    client = await aiohttp_client(scripted_app(scripted(), settings))
    for name in ("alice", "root"):
        async with client.post("/api/chat", json=CHAT, headers=auth(name)) as response:
            assert response.status == 200
    for name, callers in (("alice", ["alice"]), ("root", ["alice", "root"])):
        async with client.get("/gateway/usage?by=caller&since=1d", headers=auth(name)) as response:
            told = await response.json()
        assert [row["caller"] for row in told["rows"]] == callers
        assert told["total"]["requests"] == len(callers)
    query = "by=caller&format=csv&until=2000-01-01"
    async with client.get(f"/gateway/usage?{query}", headers=auth("root")) as response:
        assert (await response.text()).startswith("caller,requests,")
        assert len((await response.text()).splitlines()) == 1


@pytest.mark.parametrize("query", ["by=color", "since=soon", "until=later", "format=xml"])
async def test_a_query_that_means_nothing_is_refused(
    aiohttp_client: AiohttpClient, query: str
) -> None:
    client = await aiohttp_client(scripted_app(scripted(), with_key()))
    async with client.get(f"/gateway/usage?{query}", headers=AUTH) as response:
        assert response.status == 400
        assert query.partition("=")[0] in (await response.json())["error"]


STRANGERS = [
    {"Forwarded": "for=1.2.3.4"},
    {"X-Forwarded-For": "1.2.3.4"},
    {"X-Real-IP": "1.2.3.4"},
    {"Via": "1.1 proxy"},
    {"Origin": "http://localhost:9"},
    {"Host": "pages.example"},
]


@pytest.mark.parametrize("headers", STRANGERS, ids=lambda one: next(iter(one)))
async def test_without_keys_only_a_program_on_this_machine_sees_what_was_used(
    aiohttp_client: AiohttpClient, headers: Mapping[str, str]
) -> None:
    settings = settings_of(usage=UsageSettings(enabled=True))
    client = await aiohttp_client(scripted_app(scripted(), settings))
    async with client.get("/gateway/usage") as response:
        assert response.status == 200
    own = {"Origin": str(client.make_url("/")).rstrip("/")}
    async with client.get("/gateway/usage", headers=own) as response:
        assert response.status == 200
    async with client.get("/gateway/usage", headers=headers) as response:
        assert response.status == 403


async def test_where_keys_exist_nobody_without_one_sees_what_was_used(
    aiohttp_client: AiohttpClient,
) -> None:
    settings = replace(with_key(), auth=AuthSettings(required=False))
    client = await aiohttp_client(scripted_app(scripted(), settings))
    async with client.get("/gateway/usage") as response:
        assert response.status == 403


async def test_usage_that_is_not_kept_is_not_reported_as_none(
    aiohttp_client: AiohttpClient,
) -> None:
    client = await aiohttp_client(scripted_app(scripted()))
    async with client.get("/gateway/usage") as response:
        assert response.status == 404
        assert await response.json() == {"error": "usage is not kept: set usage.enabled"}


async def test_pages_may_send_keys_and_read_rates(aiohttp_client: AiohttpClient) -> None:
    client = await aiohttp_client(scripted_app(scripted(), with_key(rpm=9)))
    page = {"Origin": "http://localhost:3000"}
    async with client.options("/api/chat", headers=page) as response:
        allowed = response.headers["Access-Control-Allow-Headers"].lower().split(",")
        assert {"authorization", "x-api-key", "api-key"} <= {*allowed}
    async with client.post("/api/chat", json=CHAT, headers=page | AUTH) as response:
        exposed = response.headers["Access-Control-Expose-Headers"].lower().split(", ")
        rates = {name.lower() for name in response.headers if "ratelimit" in name.lower()}
        assert rates
        assert {*rates, "retry-after", "retry-after-ms", "x-gateway-target"} <= {*exposed}


OFF = """
import asyncio, sys
EXTRAS = ("opentelemetry", "google", "prometheus_client", "redis")
import aiohttp
from aiohttp import web
from gateways import scripted_app
from model_routes import scripted

async def main():
    runner = web.AppRunner(scripted_app(scripted()))
    await runner.setup()
    await web.TCPSite(runner, "127.0.0.1", 0).start()
    host, port = runner.addresses[0]
    body = {"model": "tiny", "messages": [{"role": "user", "content": "hi"}]}
    async with aiohttp.ClientSession() as session:
        async with session.post(f"http://{host}:{port}/api/chat", json=body) as response:
            assert response.status == 200, await response.text()
            await response.read()
    await runner.cleanup()

asyncio.run(main())
rooms = ("gateway.access", "gateway.state", "gateway.usage", "gateway.observe", *EXTRAS)
print(*sorted(name for name in sys.modules if name.startswith(rooms)))
"""


def test_where_nothing_is_configured_nothing_of_it_is_loaded() -> None:
    support = str(Path(__file__).parents[1] / "support")
    done = subprocess.run(
        [sys.executable, "-c", f"import sys\nsys.path.insert(0, {support!r})\n{OFF}"],
        capture_output=True,
        text=True,
        check=True,
        timeout=50,
    )
    assert done.stdout.split() == [
        "gateway.access",
        "gateway.access.caller",
        "gateway.access.hosts",
        "gateway.access.origins",
        "gateway.access.rejections",
        "gateway.observe",
        "gateway.observe.log",
        "gateway.observe.observer",
        "gateway.observe.parameters",
        "gateway.observe.record",
    ]
