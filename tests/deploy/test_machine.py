"""The files for one machine: units of systemd and launchd, Compose, and reverse proxies."""

from __future__ import annotations

import configparser
import plistlib
import re
import shutil
import subprocess
from pathlib import Path
from typing import Any

import pytest
import yaml

from gateway.cli.main import parse
from gateway.settings import VARIABLES, Settings
from pages import ROOT

DEPLOY = ROOT / "deploy"


def compose() -> Any:
    return yaml.safe_load((DEPLOY / "compose.yaml").read_text("utf-8"))


def test_the_unit_of_systemd_is_accepted_and_hardened(tmp_path: Path) -> None:
    analyze = shutil.which("systemd-analyze")
    if analyze is None:
        pytest.skip("there is no systemd-analyze")
    unit = tmp_path / "gateway.service"
    text = (DEPLOY / "systemd" / "gateway.service").read_text("utf-8")
    # It looks whether the program is there.
    unit.write_text(text.replace("/opt/gateway/bin/python", "/bin/sh"))

    def run(*arguments: str) -> str:
        command = [analyze, *arguments, str(unit)]
        done = subprocess.run(command, check=True, capture_output=True, text=True, timeout=30)
        return done.stdout + done.stderr

    assert str(unit) not in run("verify")
    exposure = re.search(r"Overall exposure level .*: ([\d.]+)", run("security", "--offline=true"))
    assert exposure is not None
    assert float(exposure[1]) < 2.0


def test_the_unit_of_systemd_waits_longer_than_the_gateway_needs_to_stop() -> None:
    unit = configparser.RawConfigParser(strict=False)
    unit.optionxform = str  # type: ignore[method-assign,assignment] # names keep their case
    unit.read(DEPLOY / "systemd" / "gateway.service")
    assert float(unit["Service"]["TimeoutStopSec"]) > Settings().server.shutdown_timeout + 1
    _, _, arguments = unit["Service"]["ExecStart"].partition(" -m gateway ")
    assert parse(arguments.split())[1].log_format == "json"


def test_the_agent_of_launchd_starts_the_gateway() -> None:
    agent = plistlib.loads((DEPLOY / "launchd" / "local.gateway.plist").read_bytes())
    assert agent["ProgramArguments"][1:] == ["-m", "gateway"]
    assert agent["RunAtLoad"] is True
    assert agent["ExitTimeOut"] > Settings().server.shutdown_timeout + 1
    names = {name.removesuffix("_FILE") for name in agent["EnvironmentVariables"]}
    assert names - {*VARIABLES} == {"MISTRAL_API_KEY"}


def test_compose_limits_what_its_services_may_and_who_reaches_them() -> None:
    services = compose()["services"]
    for service in services.values():
        assert all(port.startswith("127.0.0.1:") for port in service.get("ports", []))
    one = services["gateway"]
    assert (one["read_only"], one["cap_drop"]) == (True, ["ALL"])
    assert {name for name, service in services.items() if "profiles" not in service} == {
        "gateway",
        "open-webui",
    }


def test_compose_sets_variables_that_exist_and_waits_for_streams() -> None:
    one = compose()["services"]["gateway"]
    names = {name.removesuffix("_FILE") for name in one["environment"]}
    assert names - {*VARIABLES} == {"MISTRAL_API_KEY"}
    grace = int(one["stop_grace_period"].removesuffix("s"))
    assert grace == int(one["environment"]["GATEWAY_SERVER_SHUTDOWN_TIMEOUT"]) + 10
    assert one["volumes"] == ["models:/opt/gateway/data"]


def test_every_file_that_compose_mounts_is_there() -> None:
    mounted = [
        volume.partition(":")[0]
        for service in compose()["services"].values()
        for volume in service.get("volumes", [])
        if volume.startswith("./")
    ]
    assert len(mounted) > 2
    assert [name for name in mounted if not (DEPLOY / name).exists()] == []
    scraped = yaml.safe_load((DEPLOY / "prometheus.yml").read_text("utf-8"))
    assert scraped["scrape_configs"][0]["static_configs"] == [{"targets": ["gateway:11434"]}]


def test_proxies_neither_buffer_nor_time_out_before_providers_do() -> None:
    nginx = (DEPLOY / "proxies" / "nginx.conf").read_text("utf-8")
    assert "proxy_buffering off;" in nginx
    caddy = (DEPLOY / "proxies" / "Caddyfile").read_text("utf-8")
    # It flushes what has no length at once, and with this it would go on after a client has left.
    assert "flush_interval" not in caddy.replace("No flush_interval", "")
    traefik = yaml.safe_load((DEPLOY / "proxies" / "traefik.yaml").read_text("utf-8"))["http"]
    balancer = traefik["services"]["gateway"]["loadBalancer"]
    assert balancer["responseForwarding"] == {"flushInterval": "-1ms"}
    transport = traefik["serversTransports"][balancer["serversTransport"]]
    waits = [
        re.search(r"proxy_read_timeout (\d+)s", nginx),
        re.search(r"response_header_timeout (\d+)s", caddy),
        re.fullmatch(r"(\d+)s", transport["forwardingTimeouts"]["responseHeaderTimeout"]),
    ]
    assert [int(found[1]) > 300 for found in waits if found] == [True, True, True]
