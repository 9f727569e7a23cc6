"""``doctor``: the command, the mistakes that it finds by itself, and how long it waits."""

from __future__ import annotations

import asyncio
import json
import re
from collections.abc import AsyncIterator, Callable, Mapping
from contextlib import asynccontextmanager
from dataclasses import replace
from pathlib import Path
from typing import Any

import pytest
from aiohttp import web

from callers import KEY, hash_of
from commandline import forget_settings
from gateway.access.hosts import guard_hosts
from gateway.app import create_app
from gateway.cli import sandbox
from gateway.cli.doctor import examine
from gateway.cli.doctor.apps import read_apps
from gateway.cli.doctor.play import Finding, Report
from gateway.cli.doctor.visit import Patience, visiting
from gateway.cli.main import main
from gateway.core.version import __version__
from gateway.sandbox import Sandbox, start
from gateway.settings import KeySettings, ModelsSettings, ProviderSettings, Settings
from live import live_gateway
from meddler import meddler
from raw_service import CLOSE, WAIT, raw_service

APPS = read_apps(None)
SHORT = Patience(request=0.2, answer=0.2, whole=1)
Doctor = Callable[..., tuple[int, str, str]]


@pytest.fixture
def doctor(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> Doctor:
    forget_settings(monkeypatch)
    monkeypatch.chdir(tmp_path)
    monkeypatch.setattr(sandbox, "_PACE", 0.0)

    def run(*arguments: str) -> tuple[int, str, str]:
        status = main(["doctor", *arguments])
        out, err = capsys.readouterr()
        return status, out, err

    return run


async def examined(
    url: str, *names: str, patience: Patience | None = None, **asked: Any
) -> Mapping[str, Report]:
    async with visiting(url, patience or Patience()) as visitor:
        apps = [APPS[name] for name in names]
        reports = await examine(apps, visitor, typed=True, named=bool(names), **asked)
        return {report.app: report for report in reports}


def failed(report: Report) -> Mapping[str, Finding]:
    return {finding.name: finding for finding in report.findings if not finding.ok}


@asynccontextmanager
async def gateway(
    *, listening_on: str = "127.0.0.1", under: str = "", pace: float = 0, **groups: Any
) -> AsyncIterator[str]:
    """Serve a gateway over a sandbox, below the path *under*, and yield its URL."""
    async with await start(sandbox=Sandbox(pace=pace)) as running:
        mistral = {"api_key": "k", "base_url": running.base_url}
        providers = {"mistral": ProviderSettings("mistral", mistral)}
        app = create_app(Settings(**{"providers": providers, **groups}))
        guard_hosts(app, listening_on)
        if under:
            host = web.Application()
            host.add_subapp(under, app)
            app = host
        runner = web.AppRunner(app, access_log=None)
        await runner.setup()
        try:
            await web.TCPSite(runner, "127.0.0.1", 0).start()
            name, port = runner.addresses[0]
            yield f"http://{name}:{port}{under}"
        finally:
            await runner.cleanup()


def test_all_apps_work_with_the_sandbox(doctor: Doctor) -> None:
    status, out, _ = doctor("--sandbox", "--ask")
    lines = out.splitlines()
    assert status == 0
    assert lines[0].split() == ["connection", "ok"]
    assert [line.split() for line in lines if line.endswith("ok")][1:] == [[a, "ok"] for a in APPS]
    assert [line for line in lines if not line.endswith("ok")] == [
        "  stream: not measured: the answer was too quick to have gaps"
    ]


def test_json_has_every_step_of_every_app(doctor: Doctor) -> None:
    status, out, _ = doctor("--sandbox", "--format", "json", "oterm", "zed")
    connection, *apps = json.loads(out)
    assert status == 0
    fine = {"ok": True, "why": "", "remedy": ""}
    assert connection == {
        "app": "connection",
        "version": __version__,
        "ok": True,
        "steps": [
            {"name": name, **fine} for name in ("reachable", "base URL", "host", "key", "models")
        ],
    }
    assert apps == [
        {
            "app": app.slug,
            "version": app.version,
            "ok": True,
            "steps": [{"name": step.name, **fine} for step in app.steps if not step.ask],
        }
        for app in (APPS["oterm"], APPS["zed"])
    ]


OWN = """
name = "Ours"
version = "1"
date = 2026-01-02

[[step]]
name = "page"
method = "OPTIONS"
path = "/api/chat"
headers = { Origin = "https://app.example" }
status = 204
why = "the page asks first"
remedy = "none"

[[step]]
name = "more"
path = "/api/nothing"
optional = true
why = "it shows more"
remedy = "do without"

[[step]]
name = "model"
path = "/v1/models/{model}"
needs = ["completion", "embedding"]
why = "it needs one that can do both"
remedy = "none"
"""


def test_an_app_of_ones_own_and_what_would_fail(doctor: Doctor, tmp_path: Path) -> None:
    (tmp_path / "own").mkdir()
    (tmp_path / "own" / "ours.toml").write_text(OWN)
    (tmp_path / "own" / "notes.txt").write_text("no app")
    status, out, _ = doctor("--sandbox", "--apps", "own", "ours")
    assert status == 1
    _, *lines = out.splitlines()
    assert lines == [
        "ours        FAILS",
        "  failed, page: OPTIONS /api/chat: the status is 403, not 204; the page asks first",
        '    -> add "https://app.example" to ollama.origins (OLLAMA_ORIGINS)',
        "  optional, more: GET /api/nothing: the status is 404, not 200 (404 page not found);"
        " it shows more",
        "    -> do without",
        "  model: not tried: no model can do completion and embedding",
    ]


@pytest.mark.parametrize(
    ("text", "complaint"),
    [
        ("name = ", "bad.toml: Invalid value"),
        (OWN.replace("[[step]]", "[[steps]]"), "bad.toml: step: Missing data"),
        (OWN.replace('"1"', '""'), "bad.toml: version: "),
        (OWN.replace("2026-01-02", "1"), "bad.toml: date: "),
        (OWN.replace("status = 204", 'json = { "/a" = "text" }'), "bad.toml: step.0.json./a.value"),
        (OWN.replace("status = 204", 'json = { "/a" = {} }'), "bad.toml: step.0.json./a.value"),
        (
            OWN.replace("status = 204", 'json = { "/a" = { pattern = "(" } }'),
            "bad.toml: step.0.json./a.value: not a regular expression",
        ),
        (OWN.replace("completion", "magic"), "bad.toml: step.2.needs.0: Must be one of"),
    ],
)
def test_a_file_that_is_no_app_is_named_with_the_place(
    text: str, complaint: str, doctor: Doctor, tmp_path: Path
) -> None:
    (tmp_path / "bad.toml").write_text(text)
    status, out, err = doctor("--sandbox", "--apps", str(tmp_path))
    assert (status, out) == (2, "")
    assert err.startswith(f"gateway: {complaint}")


@pytest.mark.parametrize(
    ("arguments", "complaint"),
    [
        (["emacs"], "there is no app emacs (allowed: anthropic-python, anythingllm, "),
        (["--apps", "nowhere"], "--apps: cannot read nowhere: no such file or directory"),
        (["--url", "http://h", "--sandbox"], "--url and --sandbox name two gateways"),
        (["--url", "ftp://h"], "--url: must be an address such as http://127.0.0.1:11434"),
        (["--url", "http://"], "--url: must be an address such as http://127.0.0.1:11434"),
        (["--url", "http://h:x"], "--url: must be an address such as http://127.0.0.1:11434"),
        (["--format", "xml"], "argument --format: invalid choice: 'xml'"),
    ],
)
def test_wrong_usage_is_told(arguments: list[str], complaint: str, doctor: Doctor) -> None:
    status, _, err = doctor(*arguments)
    assert status == 2
    assert err.startswith(f"gateway: {complaint}")


def test_a_file_that_is_not_text_is_told(doctor: Doctor, tmp_path: Path) -> None:
    (tmp_path / "bad.toml").write_bytes(b"\xff")
    assert "not utf-8" in doctor("--sandbox", "--apps", str(tmp_path))[2]


@pytest.mark.parametrize("host", ["127.0.0.1", "0.0.0.0", "::1"])
def test_a_gateway_that_does_not_run_is_told_with_the_address_of_the_settings(
    host: str, doctor: Doctor, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("GATEWAY_SERVER_HOST", host)
    monkeypatch.setenv("GATEWAY_SERVER_PORT", "9")
    status, out, _ = doctor("zed")
    assert status == 1
    shown = "[::1]" if host == "::1" else "127.0.0.1"
    assert f"failed, reachable: http://{shown}:9: connection refused\n" in out
    assert "server.port" in out
    assert "zed" not in out
    assert doctor("--url", "127.0.0.1:9")[0] == 1


async def test_a_gateway_on_a_unix_socket_is_reached(
    doctor: Doctor, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("OLLAMA_HOST", f"unix:{tmp_path}/s")
    async with live_gateway() as live, meddler(live.url) as proxy:
        runner = web.AppRunner(web.Application())
        runner.app.router.add_route("*", "/{path:.*}", proxy.handle)
        await runner.setup()
        await web.UnixSite(runner, f"{tmp_path}/s").start()
        status, out, _ = await asyncio.to_thread(doctor, "zed")
        await runner.cleanup()
    assert (status, out.split()) == (0, ["connection", "ok", "zed", "ok"])


RIGHT, APP_WRONG, ALL_WRONG = "right", "app", "all"


@pytest.mark.parametrize("under", ["", "/llm"])
@pytest.mark.parametrize(
    ("path", "app", "verdict"),
    [
        ("", "zed", RIGHT),
        ("/", "zed", RIGHT),
        ("/v1", "zed", APP_WRONG),
        ("/v1/", "zed", APP_WRONG),
        ("/v1/v1", "zed", ALL_WRONG),
        ("/api", "zed", ALL_WRONG),
        ("/api/chat", "zed", ALL_WRONG),
        ("", "openai-python", APP_WRONG),
        ("/v1", "openai-python", RIGHT),
        ("/v1/", "openai-python", RIGHT),
        ("/v1/v1", "openai-python", ALL_WRONG),
        ("/v1/chat/completions", "openai-python", ALL_WRONG),
        ("/v1", "anthropic-python", APP_WRONG),
    ],
)
async def test_a_base_url_is_judged_as_that_of_the_app(
    under: str, path: str, app: str, verdict: str
) -> None:
    async with gateway(under=under) as url:
        reports = await examined(url + path, app)
    wrong = failed(reports["connection"])
    assert [*wrong] == (["base URL"] if verdict == ALL_WRONG else [])
    assert [*failed(reports[app])] == ([] if verdict == RIGHT else ["base URL"])
    if verdict != RIGHT:
        base = url + APPS[app].base
        assert failed(reports[app])["base URL"].remedy == f"set it to {base}"
    if path == "/v1/v1":
        assert "/v1 twice" in wrong["base URL"].why


async def test_a_base_url_is_judged_for_all_apps_only_if_it_has_a_path() -> None:
    everything = [*APPS]
    async with gateway() as url, visiting(url, Patience()) as visitor:
        reports = await examine([*APPS.values()], visitor, typed=True)
        assert [report.ok for report in reports] == [True] * (len(everything) + 1)
        visitor.url = f"{url}/v1"
        reports = await examine([*APPS.values()], visitor, typed=True)
    assert {report.app for report in reports if report.ok} == {
        "connection",
        *(app.slug for app in APPS.values() if app.base == "/v1"),
    }


async def test_a_missing_key_and_a_wrong_one_are_told() -> None:
    keys = {"alice": KeySettings(hash_of("alice"))}
    async with gateway(keys=keys) as url:
        without = await examined(url, "zed")
        wrong = await examined(url, "zed", key="sk-gw-nobody-0")
        right = await examined(url, "zed", "anthropic-python", "claude-code", key=KEY)
        unable = await examined(url, "ollama-cli", key=KEY)
    assert [*without] == [*wrong] == ["connection"]
    assert "an API key is required" in failed(without["connection"])["key"].why
    assert "--key" in failed(without["connection"])["key"].remedy
    assert "unknown API key" in failed(wrong["connection"])["key"].why
    assert all(report.ok for report in right.values())
    # It has no way to send one, so that to make one would not help.
    assert {"list", "description", "loading"} == {*failed(unable["ollama-cli"])}
    for finding in failed(unable["ollama-cli"]).values():
        assert "auth.required = false" in finding.remedy
        assert "--key" not in finding.remedy


async def test_the_key_of_the_settings_is_used(
    doctor: Doctor, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("GATEWAY_AUTH_KEY", "a-key-of-the-settings")
    status, out, _ = await asyncio.to_thread(doctor, "--sandbox", "zed")
    assert (status, out.split()) == (0, ["connection", "ok", "zed", "ok"])


@pytest.mark.parametrize(
    ("name", "nearest"),
    [
        ("mistral-smal", "mistral-small:latest"),
        ("Mistral-Lrage", "mistral-large:latest"),
        ("codestrall", "codestral:latest"),
        ("qqqq", ""),
    ],
)
async def test_a_model_that_does_not_exist_is_told_with_the_nearest(
    name: str, nearest: str
) -> None:
    async with gateway() as url:
        reports = await examined(url, "zed", model=name)
        right = await examined(url, "zed", "langchain", model="mistral-small:latest")
    finding = failed(reports["connection"])["model"]
    assert finding.why == f"there is no model {name}"
    assert finding.remedy.startswith(f"use {nearest}, which" if nearest else "GET /api/tags")
    assert "models.aliases" in failed(reports["zed"])["description"].remedy
    assert all(report.ok for report in right.values())


async def test_a_model_that_cannot_do_it_is_replaced_for_a_step() -> None:
    async with gateway() as url:
        for name in ("mistral-small:latest", "mistral-small", "mistral-small-latest"):
            reports = await examined(url, "langchain", model=name, ask=True)
            assert reports["langchain"].ok


async def test_an_empty_list_of_models_is_told() -> None:
    async with gateway(models=ModelsSettings(expose=("nothing",))) as url:
        reports = await examined(url, "zed")
    assert [*reports] == ["connection"]
    assert "models.expose" in failed(reports["connection"])["models"].remedy


@pytest.mark.parametrize("listening_on", ["127.0.0.1", "0.0.0.0"])
async def test_a_refused_host_is_told_with_the_setting(listening_on: str) -> None:
    async with gateway(listening_on=listening_on) as url, meddler(url) as proxy:
        proxy.host = "gateway.example"
        reports = await examined(proxy.url, "zed")
    finding = failed(reports["connection"])["host"]
    assert "server.allowed_hosts" in finding.remedy
    assert ("if a browser asks" in finding.why) == (listening_on == "0.0.0.0")
    # Other programs are admitted beyond loopback.
    assert reports["connection"].ok == ("zed" in reports) == (listening_on == "0.0.0.0")


async def test_a_name_of_the_same_machine_is_tried_on_that_machine_alone() -> None:
    names = ("open-webui", "n8n", "anythingllm")
    async with gateway(listening_on="0.0.0.0") as url, meddler(url) as proxy:
        elsewhere = await examined(proxy.url.replace("127.0.0.1", "0.0.0.0"), *names)
        here = await examined(proxy.url, *names)
    for name in names:
        (skipped,) = [one for one in elsewhere[name].findings if "not tried" in one.why]
        assert skipped.ok
        assert not any(one.why for one in here[name].findings)


@pytest.mark.parametrize(
    ("status", "headers", "remedy"),
    [
        (301, {"Location": "https://h/"}, "use the address that it redirects to: https://h/"),
        (404, {}, "give the address that the log of the gateway names"),
        (502, {}, "python -m gateway check"),
        (429, {}, "[limits]"),
        (200, {}, "give the address"),
    ],
)
async def test_what_is_no_gateway_is_told(
    status: int, headers: Mapping[str, str], remedy: str
) -> None:
    async with gateway() as url, meddler(url) as proxy:
        proxy.spoil = lambda told: replace(told, status=status, headers=headers, body=b"{}")
        reports = await examined(proxy.url, "zed")
    assert [*reports] == ["connection"]
    assert remedy in failed(reports["connection"])["reachable"].remedy


async def test_a_list_that_fails_for_another_reason_is_told() -> None:
    async with gateway() as url, meddler(url) as proxy:
        spoiled = {b"[]": 200, b"": 418}
        for body, status in spoiled.items():
            proxy.spoil = lambda told, b=body, s=status: (
                told if b"version" in told.body else replace(told, status=s, body=b)
            )
            connection = failed((await examined(proxy.url, "zed"))["connection"])
            assert [*connection] == ["models" if status == 200 else "key"]
        proxy.spoil = lambda told: (
            told if b"version" in told.body else replace(told, body=b'{"models": [1, {}]}')
        )
        assert [*failed((await examined(proxy.url))["connection"])] == ["models"]


async def test_a_proxy_that_holds_streams_back_is_found_by_their_gaps() -> None:
    async with gateway(pace=0.01) as url, meddler(url) as proxy:
        at_once = await examined(proxy.url, "oterm", ask=True)
        as_made = await examined(url, "oterm", ask=True)
        unasked = await examined(proxy.url, "oterm")
    finding = failed(at_once["connection"])["stream"]
    assert re.fullmatch(
        r"an answer that took [\d.]+ seconds to be made came within [\d.]+ seconds", finding.why
    )
    assert "proxy_buffering off" in finding.remedy
    assert as_made["connection"].findings[-1] == Finding("stream")
    assert unasked["connection"].ok


async def test_a_stream_that_fails_is_told() -> None:
    async with gateway() as url, meddler(url) as proxy:
        failing = {"error": "mistral: out of order"}
        proxy.spoil = lambda told: (
            replace(told, status=503, body=json.dumps(failing).encode())
            if b"done" in told.body
            else told
        )
        finding = failed((await examined(proxy.url, "oterm", ask=True))["connection"])["stream"]
        assert "mistral: out of order" in finding.why
        assert "check" in finding.remedy
        proxy.spoil = lambda told: replace(told, body=b"{}\n") if b"done" in told.body else told
        finding = failed((await examined(proxy.url, "oterm", ask=True))["connection"])["stream"]
        assert "check" in finding.remedy


async def test_a_server_that_never_answers_is_left_in_time() -> None:
    async with raw_service(WAIT) as service, asyncio.timeout(5):
        reports = await examined(service.origin, "zed", patience=SHORT)
    assert [*reports] == ["connection"]
    assert "no whole answer within 0.2 seconds" in failed(reports["connection"])["reachable"].why


async def test_a_server_that_falls_silent_is_left_in_time() -> None:
    async with gateway() as url, meddler(url) as proxy, asyncio.timeout(10):
        silent = asyncio.Event()
        pass_on = proxy.handle

        async def hang(request: web.Request) -> web.Response:
            if request.headers.get("User-Agent") or request.method == "POST":
                await silent.wait()
            return await pass_on(request)

        async with hanging(hang) as front:
            reports = await examined(front, *APPS, patience=SHORT, ask=True)
            silent.set()
    assert not reports["connection"].ok
    reasons = [one.why for report in reports.values() for one in failed(report).values()]
    assert any("no whole answer within" in reason for reason in reasons)
    assert any("the time for all requests is over" in reason for reason in reasons)
    assert len(reports) == len(APPS) + 1


@asynccontextmanager
async def hanging(handle: Callable[[web.Request], Any]) -> AsyncIterator[str]:
    app = web.Application()
    app.router.add_route("*", "/{path:.*}", handle)
    runner = web.AppRunner(app, access_log=None, handler_cancellation=True, shutdown_timeout=0.1)
    await runner.setup()
    try:
        await web.TCPSite(runner, "127.0.0.1", 0).start()
        name, port = runner.addresses[0]
        yield f"http://{name}:{port}"
    finally:
        await runner.cleanup()


async def test_an_answer_without_an_end_is_left() -> None:
    async def endless(request: web.Request) -> web.StreamResponse:
        response = web.StreamResponse()
        await response.prepare(request)
        while True:
            await response.write(b" " * (1 << 20))

    async with hanging(endless) as url, asyncio.timeout(30):
        reports = await examined(url, "zed")
    assert "the answer does not end" in failed(reports["connection"])["reachable"].why


async def test_what_is_no_http_is_told() -> None:
    async with raw_service(b"SSH-2.0-OpenSSH_9\r\n", CLOSE) as service:
        reports = await examined(service.origin, "zed")
    assert failed(reports["connection"])["reachable"].why.startswith(service.origin)
