"""The guard against DNS rebinding: for all clients on loopback, for browsers elsewhere."""

from __future__ import annotations

import importlib
import ipaddress
import logging
from collections.abc import Mapping, Sequence
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
    "::1",
    "[::1]:11434",
    "::1",
    "0.0.0.0",
    "[::]:80",
    "10.1.2.3",
    "172.16.0.1:11434",
    "192.168.178.20",
    "[fd00::1]:80",
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


async def guarded(
    aiohttp_client: Any, listening_on: str = "127.0.0.1", allowed: Sequence[str] = ()
) -> Any:
    app = scripted_app(ScriptedProvider())
    guard_hosts(app, listening_on, allowed)
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
def test_on_loopback_all_clients_are_checked(listening_on: str) -> None:
    app = scripted_app(ScriptedProvider())
    guard_hosts(app, listening_on)
    assert not app[HOSTS].browsers_only


@pytest.mark.parametrize("listening_on", ["", "0.0.0.0", "::", "192.168.1.1", "not a host"])
def test_elsewhere_browsers_are_checked(listening_on: str) -> None:
    app = scripted_app(ScriptedProvider())
    guard_hosts(app, listening_on)
    assert app[HOSTS].browsers_only


FROM_BROWSERS = [
    {"Origin": "http://evil.com:11434"},
    {"Referer": "http://evil.com/page"},
    {"Accept-Language": "de"},
    {"Sec-Fetch-Site": "same-origin"},
    {"Sec-Fetch-Site": "cross-site"},
]
FROM_OTHERS: list[dict[str, str]] = [{}, {"Sec-Fetch-Site": "none"}, {"User-Agent": "Mozilla/5.0"}]
REBOUND = ["evil.com:11434", "EVIL.com", "evil.com.", "localhost.evil.com", "lan.evil.com"]
OF_THE_NETWORK = ["gateway:11434", "nas.lan", "llm.internal", "printer.local", "my.localhost"]
ADDRESSES_ANYWHERE = ["8.8.8.8:11434", "[2001:db8::1]:80", "10.1.2.3", "127.0.0.1"]


async def status(client: Any, host: str, headers: Mapping[str, str], method: str = "GET") -> int:
    response = await client.request(method, "/api/version", headers={**headers, "Host": host})
    assert isinstance(response.status, int)
    return response.status


@pytest.mark.parametrize("headers", FROM_BROWSERS, ids=str)
@pytest.mark.parametrize("host", REBOUND)
async def test_a_rebound_page_is_refused_beyond_loopback(
    aiohttp_client: Any, host: str, headers: Mapping[str, str]
) -> None:
    client = await guarded(aiohttp_client, "0.0.0.0")
    if "Origin" in headers:  # a page's own origin is that of its host
        headers = {"Origin": f"http://{host}"}
    assert await status(client, host, headers) == 403


@pytest.mark.parametrize("headers", FROM_OTHERS, ids=str)
async def test_other_clients_may_use_any_name_beyond_loopback(
    aiohttp_client: Any, headers: Mapping[str, str]
) -> None:
    client = await guarded(aiohttp_client, "0.0.0.0")
    assert await status(client, "llm.example.com", headers) == 200


@pytest.mark.parametrize("host", [*OF_THE_NETWORK, *ADDRESSES_ANYWHERE, "localhost:1", ""])
async def test_browsers_may_use_names_of_the_network_and_addresses(
    aiohttp_client: Any, host: str
) -> None:
    client = await guarded(aiohttp_client, "0.0.0.0")
    assert await status(client, host, {"Accept-Language": "de"}) == 200


async def test_beyond_loopback_options_is_as_any_method(aiohttp_client: Any) -> None:
    client = await guarded(aiohttp_client, "0.0.0.0")
    assert await status(client, "localhost", {}, "OPTIONS") == 405


@pytest.mark.parametrize("listening_on", ["127.0.0.1", "0.0.0.0"])
@pytest.mark.parametrize(
    ("allowed", "host", "expected"),
    [
        (["llm.example.com"], "llm.example.com:443", 200),
        (["LLM.example.com"], "llm.EXAMPLE.com", 200),
        (["llm.example.com"], "other.example.com", 403),
        (["llm.example.com"], "my.llm.example.com", 403),
        (["*.example.com"], "llm.example.com", 200),
        (["*.example.com"], "a.b.example.com", 200),
        (["*.example.com"], "example.com", 403),
        (["*.example.com"], "evilexample.com", 403),
        (["*"], "evil.com", 200),
    ],
)
async def test_more_names_can_be_allowed(
    aiohttp_client: Any, listening_on: str, allowed: Sequence[str], host: str, expected: int
) -> None:
    client = await guarded(aiohttp_client, listening_on, allowed)
    assert await status(client, host, {"Accept-Language": "de"}) == expected


@pytest.mark.parametrize(
    ("headers", "error"),
    [
        (
            {"Host": "llm.example.com"},
            "host 'llm.example.com' is not allowed:"
            " add its name to server.allowed_hosts if it leads to this gateway",
        ),
        (
            {"Origin": "https://evil.com"},
            "origin 'https://evil.com' is not allowed: add it to OLLAMA_ORIGINS if you trust it",
        ),
    ],
)
async def test_a_refusal_is_one_line_of_the_log_with_the_remedy(
    aiohttp_client: Any,
    caplog: pytest.LogCaptureFixture,
    headers: Mapping[str, str],
    error: str,
) -> None:
    client = await guarded(aiohttp_client)
    with caplog.at_level(logging.INFO):
        response = await client.get("/api/tags", headers=headers)
    (line,) = [record for record in caplog.records if record.name.startswith("gateway")]
    assert (line.levelname, response.status, line.__dict__["fields"]["error"]) == (
        "INFO",
        403,
        error,
    )


async def test_a_long_host_is_cut_in_the_log(
    aiohttp_client: Any, caplog: pytest.LogCaptureFixture
) -> None:
    client = await guarded(aiohttp_client)
    with caplog.at_level(logging.INFO):
        await client.get("/", headers={"Host": "a" * 5000 + ".com"})
    (line,) = [record for record in caplog.records if record.name == "gateway.access"]
    assert len(line.__dict__["fields"]["error"]) < 400


async def test_an_application_is_not_guarded_by_itself(aiohttp_client: Any) -> None:
    client = await aiohttp_client(scripted_app(ScriptedProvider()))
    response = await client.get("/", headers={"Host": "llm.example.com"})
    assert response.status == 200


def test_the_machines_own_addresses_are_those_a_socket_can_have() -> None:
    assert hosts._is_own(ipaddress.ip_address("127.0.0.1"))
    assert not hosts._is_own(ipaddress.ip_address("192.0.2.1"))
    assert not hosts._is_own(ipaddress.ip_address("2001:db8::1"))


@pytest.mark.parametrize("host", ["a b", "a/b", "user@localhost", "ä.local", "local<host"])
async def test_a_header_that_names_no_host_is_a_bad_request(aiohttp_client: Any, host: str) -> None:
    app = scripted_app(ScriptedProvider())
    guard_hosts(app, "127.0.0.1")
    client = await aiohttp_client(app)
    response = await client.get("/api/tags", headers={"Host": host})
    assert (response.status, await response.json()) == (400, {"error": "malformed Host header"})


@pytest.mark.parametrize(
    ("host", "status"), [("[::1]", 403), ("[::]", 403), ("[::1]:11434", 200), ("::1", 200)]
)
async def test_brackets_without_a_port_are_no_address_as_at_ollama(
    aiohttp_client: Any, host: str, status: int
) -> None:
    app = scripted_app(ScriptedProvider())
    guard_hosts(app, "127.0.0.1")
    client = await aiohttp_client(app)
    assert (await client.get("/api/tags", headers={"Host": host})).status == status
