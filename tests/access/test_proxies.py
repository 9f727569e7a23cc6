"""Which client a trusted proxy names."""

from __future__ import annotations

import logging
from collections.abc import Sequence
from typing import Any

import pytest
from aiohttp.test_utils import make_mocked_request
from multidict import CIMultiDict
from pytest_aiohttp.plugin import AiohttpClient

from gateway.access.proxies import TrustedProxies
from gateway.serving.keys import PROXIES
from gateways import scripted_app
from model_routes import scripted

TRUSTED = ["127.0.0.1", "10.0.0.0/8", "fd00::/8"]


def client_of(peer: str, *headers: str, trusted: Sequence[str] = TRUSTED) -> str:
    pairs = CIMultiDict([("X-Forwarded-For", one) for one in headers])
    request = make_mocked_request("GET", "/", headers=pairs).clone(remote=peer or None)
    return TrustedProxies(trusted).client_of(request)


@pytest.mark.parametrize(
    ("peer", "headers", "client"),
    [
        ("127.0.0.1", ["203.0.113.7"], "203.0.113.7"),
        ("127.0.0.1", ["203.0.113.7, 10.1.2.3"], "203.0.113.7"),
        ("127.0.0.1", ["203.0.113.7", "10.1.2.3, 10.9.9.9"], "203.0.113.7"),
        ("127.0.0.1", ["6.6.6.6, 203.0.113.7"], "203.0.113.7"),
        ("127.0.0.1", ["nonsense, 203.0.113.7"], "203.0.113.7"),
        ("127.0.0.1", ["203.0.113.7, nonsense"], ""),
        ("127.0.0.1", ["203.0.113.7, nonsense, 10.1.2.3"], "10.1.2.3"),
        ("127.0.0.1", ["203.0.113.7:4711"], "203.0.113.7"),
        ("127.0.0.1", ["[2001:db8::1]:80"], "2001:db8::1"),
        ("127.0.0.1", ["2001:db8::1"], "2001:db8::1"),
        ("127.0.0.1", ["::ffff:203.0.113.7"], "203.0.113.7"),
        ("127.0.0.1", ["10.1.2.3, 10.1.2.4"], "10.1.2.3"),
        ("127.0.0.1", [""], ""),
        ("127.0.0.1", [], ""),
        ("::ffff:127.0.0.1", ["203.0.113.7"], "203.0.113.7"),
        ("fd00::9", ["203.0.113.7"], "203.0.113.7"),
        ("192.0.2.1", ["203.0.113.7"], ""),
        ("", ["203.0.113.7"], ""),
    ],
)
def test_the_last_address_that_is_no_trusted_proxy_is_the_client(
    peer: str, headers: list[str], client: str
) -> None:
    assert client_of(peer, *headers) == client


def test_whoever_connects_to_a_unix_socket_can_be_trusted() -> None:
    assert client_of("", "203.0.113.7", trusted=["unix"]) == "203.0.113.7"
    assert client_of("127.0.0.1", "203.0.113.7", trusted=["unix"]) == ""


@pytest.mark.parametrize(("trusted", "client"), [(["127.0.0.1"], "203.0.113.7"), ([], None)])
async def test_the_log_has_the_peer_and_the_client_that_a_trusted_proxy_names(
    aiohttp_client: AiohttpClient,
    caplog: pytest.LogCaptureFixture,
    trusted: list[str],
    client: str | None,
) -> None:
    caplog.set_level(logging.DEBUG, "gateway.access")
    app = scripted_app(scripted())
    if trusted:
        app[PROXIES] = TrustedProxies(trusted)
    gateway = await aiohttp_client(app)
    async with gateway.get("/api/tags", headers={"X-Forwarded-For": "203.0.113.7"}) as response:
        assert response.status == 200
    (line,) = (one for one in caplog.records if one.name == "gateway.access")
    fields: Any = line.__dict__["fields"]
    assert (fields["peer"], fields.get("client")) == ("127.0.0.1", client)
