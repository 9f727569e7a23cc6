"""The pages on deploying and on threats against the settings, the routes and the log."""

from __future__ import annotations

import configparser
import dataclasses
import re
from importlib.metadata import entry_points, metadata

from aiohttp.test_utils import make_mocked_request

from gateway.access.origins import Origins
from gateway.cli.main import parse
from gateway.core.chat import Sampling
from gateway.core.events import FinishReason, Usage
from gateway.core.upstream_replies import Reply
from gateway.dialects.bodies import zstd
from gateway.handlers import ROUTES
from gateway.observe.log import FullDetails, _fields
from gateway.observe.parameters import Parameters
from gateway.observe.record import RequestRecord
from gateway.providers.upstream import Bounds, framing
from gateway.settings import Settings
from pages import DOCS, ROOT, blocks, codes, page, section, table

PAGE = "how-to/deploy.md"
PATHS = {route.path for route in ROUTES}


def test_the_fields_of_the_request_line_are_those_of_the_log() -> None:
    record = RequestRecord(
        method="POST",
        path="/api/chat",
        status=200,
        model="m",
        provider="p",
        upstream_model="m-latest",
        usage=Usage(1, 1),
        finish=FinishReason.STOP,
        error="e",
        replies=[Reply("p", 200, "id", {}, "api.example")],
        trace="0af7651916cd43dd8448eb211c80319c",
        dialect="ollama",
        route="/api/chat",
        operation="chat",
        canonical="m-1",
        service="acme",
        error_type="UpstreamTimeout",
        peer="127.0.0.1",
        cache="hit",
        client="203.0.113.7",
        caller="alice",
        attribution={"team": "red"},
        key=1,
        cost=1,
        estimated=True,
        limited="rpm",
        skipped=["a/b=503"],
    )
    record.timing.mark_delta()
    uncounted = dataclasses.replace(record, usage=None, pieces=1)
    rows = table(PAGE, "Logs")
    only = "JSON only"
    documented = [n for r in rows if only not in r["Meaning"] for n in codes(r["Field"])]
    shown = {*_fields(record), *_fields(uncounted)} - {"attribution.team"}
    assert {*documented} == {*shown, "attribution.NAME"}
    in_json = [n for r in rows if only in r["Meaning"] for n in codes(r["Field"])]
    head = make_mocked_request("GET", "/", headers={"Host": "h:1", "User-Agent": "curl"})
    sampling = Sampling(0.5, 0.5, 3, 0.1, 7, 9, ("a",), 0.1, 0.2)
    assert {*in_json} == {*FullDetails(record, head, Parameters(sampling, "text"))}


def test_the_installed_command_is_the_module() -> None:
    (script,) = entry_points(group="console_scripts", name="gateway")
    assert script.value == "gateway.__main__:run"
    assert "`gateway` is the same command" in section(PAGE, "Installation on a machine")


def test_the_version_of_python_is_the_one_that_the_package_needs() -> None:
    required = metadata("ollama-gateway")["Requires-Python"]
    assert required.startswith(">=")
    assert f"Python {required[2:]} or newer" in section(PAGE, "Installation on a machine")


def test_the_unit_of_systemd_starts_the_gateway() -> None:
    (block,) = blocks(DOCS / PAGE, "ini")
    unit = configparser.RawConfigParser(strict=False)
    unit.read_string(block.text)
    _, _, command = unit["Service"]["ExecStart"].partition(" -m gateway ")
    assert parse(command.split())[1].log_format == "json"


def test_proxies_wait_longer_than_providers_are_given() -> None:
    (block,) = blocks(DOCS / PAGE, "nginx")
    assert "proxy_buffering off;" in block.text
    assert "proxy_read_timeout 330s;" in block.text
    assert str(Settings().server.port) in block.text
    assert "300 seconds by default" in section(PAGE, "Reverse proxy")


def test_the_defaults_of_the_threat_model_are_those_of_the_code() -> None:
    rows = {row["What"]: row["Default"] for row in table("explanation/threat-model.md", "Defaults")}
    assert rows["address"] == f"`{Settings().server.host}` only"
    assert rows["body of a request"] == f"at most {Settings().limits.body >> 30} GiB"
    text = rows["JSON without long strings such as images"]
    assert text == f"at most {Settings().limits.text >> 20} MiB"
    drip = rows["a slow request body"]
    assert drip == f"64 KiB, or the end, within {Settings().limits.body_timeout:.0f} seconds"
    assert rows["a compressed body"] == f"at most {zstd.LARGEST_BODY >> 20} MiB once decompressed"
    assert rows["an event of a provider"] == f"at most {framing.LONGEST_EVENT >> 20} MiB"
    stream = f"at most {Bounds().stream >> 20} MiB, comments included"
    assert rows["a stream of a provider"] == stream
    assert not Origins(()).allow("https://example.org")


def test_the_image_keeps_its_models_where_the_page_says() -> None:
    dockerfile = (ROOT / "Dockerfile").read_text("utf-8")
    home = re.search(r"GATEWAY_HOME=(\S+)", dockerfile)
    assert home is not None
    assert f"are kept in `{home[1]}`" in section(PAGE, "Container")


def test_the_times_of_a_shutdown_are_those_of_the_code() -> None:
    default = {field.name: field.default for field in dataclasses.fields(Settings().server)}
    assert f"{default['shutdown_timeout']:.0f} by default" in section(PAGE, "Shutdown")
    assert "the server is shutting down" in page(PAGE)
