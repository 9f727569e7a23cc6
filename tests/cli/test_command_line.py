from __future__ import annotations

import asyncio
import gc
import importlib
import json
import runpy
import signal
import socket
import subprocess
import sys
import urllib.request
from collections.abc import AsyncGenerator, Iterator, Sequence
from pathlib import Path
from typing import Any

import pytest
from aiohttp import web
from platformdirs import user_data_path

from commandline import SECRET, forget_settings, install_adapter, run, serving, starting
from gateway.__main__ import run as start
from gateway.cli import check, logs
from gateway.cli import main as cli
from gateway.cli.check import Finding
from gateway.cli.main import COMMANDS, main, parse
from gateway.cli.server import CannotListen
from gateway.cli.settings import overrides_of
from gateway.core.version import __version__
from gateway.serving.keys import LIVE, PROXIES
from gateway.settings import VARIABLES, ProviderSettings, ServerSettings, Settings
from gateway.settings.schemas import DOCUMENT

# Loopback is not to be looked for behind the proxy of whoever tests.
urlopen = urllib.request.build_opener(urllib.request.ProxyHandler({})).open
PATIENT = "[providers.patient]\n"


@pytest.fixture
def directory(tmp_path: Path) -> Path:
    install_adapter(tmp_path / "site")
    return tmp_path


@pytest.fixture
def here(directory: Path, monkeypatch: pytest.MonkeyPatch) -> Iterator[Path]:
    """Be in the directory, with the adapter installed and without any settings of the tester."""
    monkeypatch.chdir(directory)
    monkeypatch.syspath_prepend(str(directory / "site"))
    forget_settings(monkeypatch)
    yield directory
    sys.modules.pop("patient_adapter", None)


def write(directory: Path, name: str, text: str) -> str:
    (directory / name).write_text(text)
    return name


@pytest.mark.skipif(sys.platform == "win32", reason="Windows has no SIGTERM to send")
def test_a_stopped_server_ends_within_seconds_although_a_stream_is_open(directory: Path) -> None:
    config = write(directory, "gateway.toml", PATIENT + "[server]\nshutdown_timeout = 0.2\n")
    body = json.dumps({"model": "patient", "messages": [{"role": "user", "content": "psst"}]})

    with serving(
        directory, "--config", config, "--log-format", "json", environ={"PATIENT_TOKEN": SECRET}
    ) as gateway:
        with urlopen(f"{gateway.url}/api/chat", body.encode(), timeout=10) as answer:
            first = json.loads(answer.readline())
            gateway.process.send_signal(signal.SIGTERM)
            last = json.loads(answer.readline())
        status = gateway.finish()

    log = [json.loads(line) for line in gateway.log]
    (access,) = [line for line in log if line["logger"] == "gateway.access"]
    assert first["message"]["content"] == "one"
    assert last == {"error": "the server is shutting down"}
    assert status == 0
    assert {name: access[name] for name in ("model", "provider", "error")} == {
        "model": "patient",
        "provider": "patient",
        "error": "the server is shutting down",
    }
    assert log[-1]["message"] == "stopped"
    assert SECRET not in str(gateway.log)
    assert "psst" not in str(gateway.log)


def test_an_unknown_setting_is_one_line_and_no_traceback(directory: Path) -> None:
    allowed = ", ".join(sorted(name for name in VARIABLES if name.startswith("GATEWAY_")))
    assert run(directory, environ={"GATEWAY_SERVER_PRT": SECRET, "MISTRAL_API_KEY": SECRET}) == (
        2,
        "",
        f"gateway: unknown variable GATEWAY_SERVER_PRT (allowed: {allowed},"
        " and each with _FILE appended)\n",
    )


def test_the_sandbox_needs_nothing_and_answers(directory: Path) -> None:
    with serving(directory, "--sandbox", environ={"MISTRAL_API_KEY": SECRET}) as gateway:
        with urlopen(f"{gateway.url}/api/tags", timeout=10) as answer:
            models = json.load(answer)["models"]
        gateway.process.terminate()
        status = gateway.finish()

    assert status == 0
    assert models
    assert "the sandbox replaces all providers" in gateway.log[0]
    assert SECRET not in str(gateway.log)


@pytest.mark.parametrize("arguments", [(), ("--host", "0.0.0.0")])
def test_without_a_key_both_ways_on_are_named(
    here: Path, capsys: pytest.CaptureFixture[str], arguments: Sequence[str]
) -> None:
    assert main(arguments) == 2

    output, complaint = capsys.readouterr()
    assert output == ""
    assert complaint == (
        "gateway: mistral needs api_key: set MISTRAL_API_KEY;"
        " or try it without a key: python -m gateway --sandbox\n"
    )


def test_a_port_in_use_is_one_line_with_a_way_on(directory: Path) -> None:
    config = write(directory, "gateway.toml", PATIENT)
    with socket.create_server(("127.0.0.1", 0)) as taken:
        port = taken.getsockname()[1]
        ended = run(
            directory,
            *("--config", config, "--port", str(port), "--log-level", "error"),
            environ={"PATIENT_TOKEN": SECRET},
        )

    assert ended == (
        1,
        "",
        f"gateway: cannot listen on 127.0.0.1:{port}: address already in use"
        " (choose another address with --host and --port)\n",
    )


@pytest.mark.parametrize(
    ("arguments", "complaint"),
    [
        (["--prt", "1"], "unrecognized arguments: --prt (see gateway --help)"),
        (["--conf", "x"], "unrecognized arguments: --conf (see gateway --help)"),
        (
            ["chek"],
            "unknown command chek (allowed: serve, check, providers, init-adapter, keys, usage,"
            " doctor, openapi)",
        ),
        (
            ["init-adapter"],
            "the following arguments are required: NAME (see gateway init-adapter --help)",
        ),
        (["serve", "acme"], "unrecognized arguments: acme (see gateway serve --help)"),
        (
            ["check", "--directory", "x"],
            "unrecognized arguments: --directory x (see gateway check --help)",
        ),
        (["--port", "1", "init-adapter", "acme"], "init-adapter must be the first argument"),
        (["check", "--port"], "argument --port: expected one argument (see gateway check --help)"),
        (["--port"], "argument --port: expected one argument (see gateway --help)"),
        (["--port", "high"], "--port: not a valid integer"),
        (["--log-level", "loud"], "--log-level: must be one of: debug, info, warning, error"),
        (["--log-format", "xml"], "--log-format: must be one of: text, json"),
        (
            ["--config", "missing.toml"],
            "settings: cannot read missing.toml: no such file or directory",
        ),
        (["--config", "."], "settings: cannot read .: is a directory"),
        (
            ["--config", "wrong.toml"],
            "wrong.toml: server.prot: unknown key"
            " (allowed: allowed_hosts, host, log_format, log_level, port,"
            " shutdown_timeout, socket, trusted_proxies, watch, workers)",
        ),
        (["check", "--config", "broken.toml"], "broken.toml: invalid value (at line 1, column 5)"),
        (
            ["check", "--config", "forged.toml"],
            f"forged.toml: a b: unknown key (allowed: {', '.join(sorted(DOCUMENT.fields))})",
        ),
    ],
)
def test_what_is_wrong_is_told_in_one_line(
    here: Path, capsys: pytest.CaptureFixture[str], arguments: list[str], complaint: str
) -> None:
    write(here, "wrong.toml", "[server]\nprot = 1\n")
    write(here, "broken.toml", "x = oops\n")
    write(here, "forged.toml", '"a\\nb" = 1\n')

    assert main(arguments) == 2
    assert capsys.readouterr() == ("", f"gateway: {complaint}\n")


def test_an_adapter_that_is_not_installed_is_told_with_those_that_are(
    here: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    config = write(here, "gateway.toml", "[providers.acme]\n")

    assert main(["--config", config]) == 2
    assert capsys.readouterr().err == (
        "gateway: no adapter named 'acme' is installed"
        " (installed: anthropic, mistral, ollama, openai, patient), and no preset has that name"
        " (see python -m gateway providers --presets)\n"
    )


def test_the_version_names_ours_and_ollamas(capsys: pytest.CaptureFixture[str]) -> None:
    with pytest.raises(SystemExit) as exit_:
        main(["--version"])

    assert exit_.value.code == 0
    assert capsys.readouterr().out == f"ollama-gateway {__version__} (Ollama API 0.33.0)\n"


def test_the_package_can_be_run(
    own_signals: None, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    monkeypatch.setattr(sys, "argv", ["gateway", "--prt"])
    importlib.import_module("gateway.__main__")  # alone, that does nothing
    monkeypatch.delitem(sys.modules, "gateway.__main__")
    with pytest.raises(SystemExit) as exit_:
        runpy.run_module("gateway", run_name="__main__")

    assert exit_.value.code == 2
    assert capsys.readouterr().err == (
        "gateway: unrecognized arguments: --prt (see gateway --help)\n"
    )


@pytest.fixture
def own_signals() -> Iterator[None]:
    before = {number: signal.getsignal(number) for number in (signal.SIGINT, signal.SIGTERM)}
    yield
    for number, handler in before.items():
        signal.signal(number, handler)


LOADING = "import sys, time; print('loading', file=sys.stderr, flush=True); time.sleep(30)"


@pytest.mark.skipif(sys.platform == "win32", reason="Windows has no such signals to send")
@pytest.mark.parametrize("number", [signal.SIGINT, signal.SIGTERM])
def test_a_signal_while_modules_are_loaded_ends_quietly(
    directory: Path, number: signal.Signals
) -> None:
    write(directory / "site", "msgspec.py", LOADING)
    with starting(directory) as process:
        assert process.stderr is not None
        assert process.stderr.readline() == "loading\n"
        process.send_signal(number)
        assert process.communicate(timeout=10) == ("", "")
    assert process.returncode == 128 + number


def test_a_signal_before_the_server_takes_it_ends_at_once(
    own_signals: None, monkeypatch: pytest.MonkeyPatch
) -> None:
    left = []
    monkeypatch.setattr("os._exit", left.append)
    interrupt = signal.getsignal(signal.SIGINT)

    def look() -> int:
        signal.raise_signal(signal.SIGTERM)
        return 0 if signal.getsignal(signal.SIGINT) is interrupt else 1

    monkeypatch.setattr(cli, "main", look)
    assert start() == 0
    assert left == [143]


def test_where_there_is_no_hang_up_nothing_is_done_about_it(
    own_signals: None, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.delattr(signal, "SIGHUP")
    monkeypatch.setattr(cli, "main", lambda: 7)
    assert start() == 7


def test_the_help_names_every_option_and_variable(capsys: pytest.CaptureFixture[str]) -> None:
    with pytest.raises(SystemExit):
        main(["--help"])

    text = capsys.readouterr().out
    names = {"--host", "--port", "--config", "--sandbox", "--log-level", "--log-format", "check"}
    assert {name for name in names | set(VARIABLES) if name not in text} == set()


@pytest.mark.parametrize(
    ("arguments", "overrides"),
    [
        ("--port 1 check --log-level debug", {"server.port": "1", "server.log_level": "debug"}),
        ("check --port 1 --workers 2", {"server.port": "1", "server.workers": 2}),
        ("--config=check check --ui", {"ui.enabled": True}),
        ("--no-ui", {"ui.enabled": False}),
    ],
)
def test_arguments_for_settings_stand_before_a_command_or_after_it(
    arguments: str, overrides: object
) -> None:
    _, found = parse(arguments.split())
    assert overrides_of(found) == overrides
    assert found.command == ("check" if "check" in arguments else "serve")


@pytest.mark.parametrize("command", COMMANDS)
def test_each_command_has_a_help_of_its_own(
    command: str, capsys: pytest.CaptureFixture[str]
) -> None:
    with pytest.raises(SystemExit):
        main([command, "--help"])

    text = " ".join(capsys.readouterr().out.split())
    assert text.startswith(f"usage: gateway {command} ")
    assert COMMANDS[command][1:] in text


class Served:
    """Takes the place of the server: notes what it would serve, and stops at once."""

    settings: ServerSettings
    app: web.Application

    async def __call__(
        self, app: web.Application, settings: ServerSettings, *, ready: Any, supervisor: Any
    ) -> None:
        self.app, self.settings = app, settings
        ready(["http://127.0.0.1:1", "http://[::1]:1"])


@pytest.fixture
def served(monkeypatch: pytest.MonkeyPatch) -> Iterator[Served]:
    served = Served()
    monkeypatch.setattr("gateway.cli.worker.serve", served)
    monkeypatch.setattr(logs, "configure", lambda *_, **__: None)
    yield served
    gc.unfreeze()


def test_arguments_reach_the_server_and_the_start_is_told(
    here: Path, served: Served, caplog: pytest.LogCaptureFixture
) -> None:
    write(here, ".env", f"PATIENT_TOKEN={SECRET}\nGATEWAY_SERVER_PORT=1\n")
    write(here, "gateway.toml", PATIENT)
    arguments = "--config gateway.toml --host ::1 --port 2 --log-level debug --log-format json"

    with caplog.at_level("INFO", "gateway"):
        status = main(arguments.split())

    assert status == 0
    assert served.settings == ServerSettings("::1", 2, "debug", "json")
    assert caplog.messages == [
        "listening on http://127.0.0.1:1 and http://[::1]:1 as Ollama 0.33.0",
        "providers: patient",
        "try: curl http://127.0.0.1:1/api/tags",
        "in a browser: http://127.0.0.1:1/ui/",
        "stopped",
    ]


def test_what_is_loaded_at_the_start_is_none_of_the_collectors_business(
    here: Path, served: Served, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("PATIENT_TOKEN", SECRET)
    gc.unfreeze()
    assert main(["--config", write(here, "gateway.toml", PATIENT)]) == 0
    assert gc.get_freeze_count() > 0


def loaded_by(module: str) -> set[str]:
    code = f"import sys, {module}; print(*sys.modules)"
    told = subprocess.run([sys.executable, "-c", code], stdout=subprocess.PIPE, check=True)
    return {*told.stdout.decode().split()}


def test_a_supervisor_does_not_load_what_serves() -> None:
    never = {"aiohttp", "gateway.app", "gateway.cli.server"}
    assert never.isdisjoint(loaded_by("gateway.cli.main, gateway.cli.serve"))


def test_what_only_other_commands_and_some_settings_need_is_not_loaded() -> None:
    left_out = {
        *("dotenv", "platformdirs", "sqlite3", "tomllib"),
        *(f"gateway.{one}" for one in ("check", "inventory", "sandbox", "scaffold", "workers")),
        *(f"gateway.providers.{one}" for one in ("anthropic", "mistral", "ollama", "openai")),
    }
    assert left_out.isdisjoint(loaded_by("gateway.cli.main, gateway.cli.worker"))


def test_an_address_that_cannot_be_had_is_trouble_not_misuse(
    here: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    async def serve(*_: object, **__: object) -> None:
        raise CannotListen("cannot listen on 192.0.2.1:1: cannot assign requested address")

    monkeypatch.setattr("gateway.cli.worker.serve", serve)
    monkeypatch.setattr(logs, "configure", lambda *_, **__: None)
    monkeypatch.setenv("MISTRAL_API_KEY", SECRET)

    assert main([]) == 1
    assert capsys.readouterr().err == (
        "gateway: cannot listen on 192.0.2.1:1: cannot assign requested address"
        " (choose another address with --host and --port)\n"
    )


@pytest.mark.parametrize("named", [True, False])
def test_what_is_kept_is_kept_where_the_settings_say_or_among_the_users_data(
    here: Path, served: Served, monkeypatch: pytest.MonkeyPatch, named: bool
) -> None:
    monkeypatch.setenv("PATIENT_TOKEN", SECRET)
    if named:
        monkeypatch.setenv("GATEWAY_HOME", str(here / "elsewhere"))
    assert main(["--config", write(here, "gateway.toml", PATIENT)]) == 0
    home = served.app[LIVE].settings.home
    assert home == (here / "elsewhere" if named else user_data_path("ollama-gateway", False))


@pytest.mark.parametrize("trusted", [True, False])
def test_proxies_are_known_where_some_are_trusted(
    here: Path, served: Served, monkeypatch: pytest.MonkeyPatch, trusted: bool
) -> None:
    monkeypatch.setenv("PATIENT_TOKEN", SECRET)
    if trusted:
        monkeypatch.setenv("GATEWAY_SERVER_TRUSTED_PROXIES", "10.0.0.0/8, unix")
    assert main(["--config", write(here, "gateway.toml", PATIENT)]) == 0
    assert (served.app[PROXIES] is not None) == trusted


@pytest.mark.parametrize("entry", ["10.0.0.1/8", "example.org", ""])
def test_a_trusted_proxy_is_an_address_or_a_network(
    here: Path, capsys: pytest.CaptureFixture[str], entry: str
) -> None:
    config = write(here, "gateway.toml", f'[server]\ntrusted_proxies = ["{entry}"]\n')
    assert main(["--config", config]) == 2
    assert "must be an address, a network such as 10.0.0.0/8, or unix" in capsys.readouterr().err


def test_the_sandbox_takes_the_place_of_every_provider_and_gets_no_key(
    here: Path, served: Served, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("MISTRAL_API_KEY", SECRET)
    monkeypatch.setenv("MISTRAL_BASE_URL", "https://api.example/v1")
    config = write(
        here,
        "gateway.toml",
        "[models]\ndefault_provider = 'patient'\naliases = {fast = 'mistral-small'}\n" + PATIENT,
    )

    assert main(["--config", config, "--sandbox"]) == 0

    settings = served.app[LIVE].settings
    base_url = settings.providers["mistral"].options["base_url"]
    assert str(base_url).startswith("http://127.0.0.1:")
    assert settings.providers == {
        "mistral": ProviderSettings("mistral", {"api_key": "sandbox", "base_url": base_url})
    }
    assert settings.environ.get("MISTRAL_API_KEY") is None
    assert (settings.models.aliases, settings.models.default_provider) == (
        {"fast": ("mistral-small",)},
        "",
    )


def test_an_interrupt_before_the_server_listens_ends_quietly(
    here: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    async def interrupted(_: Settings) -> AsyncGenerator[Finding, None]:
        signal.raise_signal(signal.SIGINT)
        await asyncio.Event().wait()
        yield Finding("never")

    monkeypatch.setattr(check, "examine", interrupted)
    # A shell that starts the tests in the background has interrupts ignored.
    before = signal.signal(signal.SIGINT, signal.default_int_handler)
    try:
        assert main(["check"]) == 130
    finally:
        signal.signal(signal.SIGINT, before)
    assert capsys.readouterr() == ("", "")
