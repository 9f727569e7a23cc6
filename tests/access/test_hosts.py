"""The guard against DNS rebinding, and only where it was asked for."""

from __future__ import annotations

import importlib
import ipaddress
from typing import Any

import pytest

from gateway.access.hosts import HOSTS, Address, Hosts, guard_hosts, parse_address
from gateways import scripted_app
from scripted import ScriptedProvider

# The module, which its middleware of the same name hides.
hosts = importlib.import_module("gateway.access.hosts")

OWN = "203.0.113.7"


def is_own(address: Address) -> bool:
    return str(address) == OWN


RULES = Hosts("Workbench", is_own)

NAMES = [
    "",
    "localhost",
    "LOCALHOST:11434",
    "workbench",
    "WORKBENCH:80",
    "my.localhost",
    "nas.local",
    "llm.internal:11434",
]
ADDRESSES = [
    "127.0.0.1",
    "127.9.9.9:11434",
    "[::1]",
    "[::1]:11434",
    "::1",
    "0.0.0.0",
    "[::]:80",
    "10.1.2.3",
    "172.16.0.1:11434",
    "192.168.178.20",
    "[fd00::1]",
    "[::ffff:10.0.0.1]:80",
    OWN,
]
FOREIGN = [
    "example.com",
    "evil.com:11434",
    "localhost.evil.com",
    "local",
    "mylocalhost",
    "workbench.example.com",
    "8.8.8.8",
    "172.32.0.1",
    "169.254.1.1",
    "[2001:db8::1]",
    "[::ffff:8.8.8.8]",
    "127.0.0.1.evil.com",
    "2130706433",
]


@pytest.mark.parametrize("host", NAMES)
def test_names_of_this_machine_and_network_are_allowed(host: str) -> None:
    assert (RULES.allow_name(host), RULES.allow_address(host)) == (True, False)


@pytest.mark.parametrize("host", ADDRESSES)
def test_addresses_of_this_machine_and_network_are_allowed(host: str) -> None:
    assert RULES.allow_address(host)


@pytest.mark.parametrize("host", FOREIGN)
def test_all_others_are_foreign(host: str) -> None:
    assert (RULES.allow_name(host), RULES.allow_address(host)) == (False, False)


def test_addresses_are_read_strictly() -> None:
    assert parse_address("1.2.3") is None
    assert str(parse_address("::ffff:1.2.3.4")) == "1.2.3.4"


async def guarded(aiohttp_client: Any, listening_on: str = "127.0.0.1") -> Any:
    app = scripted_app(ScriptedProvider())
    guard_hosts(app, listening_on)
    return await aiohttp_client(app)


@pytest.mark.parametrize(
    ("method", "host", "status"),
    [
        ("GET", "localhost", 200),
        ("GET", "127.0.0.1:1", 200),
        ("GET", "evil.com", 403),
        ("GET", "192.0.2.1", 403),
        ("GET", "[2001:db8::1]:80", 403),
        ("OPTIONS", "localhost", 204),
        ("OPTIONS", "127.0.0.1", 405),
        ("OPTIONS", "evil.com", 403),
    ],
)
async def test_a_foreign_host_is_refused_without_a_word(
    aiohttp_client: Any, method: str, host: str, status: int
) -> None:
    client = await guarded(aiohttp_client)
    response = await client.request(method, "/", headers={"Host": host})
    assert response.status == status
    if status in {204, 403}:
        assert await response.read() == b""
        assert "Content-Type" not in response.headers


async def test_origins_come_first(aiohttp_client: Any) -> None:
    client = await guarded(aiohttp_client)
    headers = {"Host": "evil.com", "Origin": "http://localhost"}
    preflight = await client.options("/api/chat", headers=headers)
    refused = await client.get("/", headers=headers)
    assert (preflight.status, refused.status) == (204, 403)
    assert refused.headers["Access-Control-Allow-Origin"] == "http://localhost"


@pytest.mark.parametrize("path", ["/nowhere", "/api/tags/"])
async def test_it_comes_before_the_route(aiohttp_client: Any, path: str) -> None:
    client = await guarded(aiohttp_client)
    response = await client.get(path, headers={"Host": "evil.com"}, allow_redirects=False)
    assert response.status == 403


@pytest.mark.parametrize("listening_on", ["127.0.0.1", "::1", "localhost", "127.0.0.2"])
def test_a_server_on_loopback_is_guarded(listening_on: str) -> None:
    app = scripted_app(ScriptedProvider())
    guard_hosts(app, listening_on)
    assert HOSTS in app


@pytest.mark.parametrize("listening_on", ["", "0.0.0.0", "::", "192.168.1.1", "not a host"])
def test_others_are_not(listening_on: str) -> None:
    app = scripted_app(ScriptedProvider())
    guard_hosts(app, listening_on)
    assert HOSTS not in app


async def test_an_application_is_not_guarded_by_itself(aiohttp_client: Any) -> None:
    client = await aiohttp_client(scripted_app(ScriptedProvider()))
    response = await client.get("/", headers={"Host": "llm.example.com"})
    assert response.status == 200


def test_the_machines_own_addresses_are_those_a_socket_can_have() -> None:
    assert hosts._is_own(ipaddress.ip_address("127.0.0.1"))
    assert not hosts._is_own(ipaddress.ip_address("192.0.2.1"))
    assert not hosts._is_own(ipaddress.ip_address("2001:db8::1"))
