"""Requests through a proxy: in clear, in a tunnel, and where there is none to be had."""

from __future__ import annotations

import asyncio
import ssl
from collections.abc import Mapping
from pathlib import Path
from typing import Any

import pytest
import trustme

from forward_proxy import forward_proxy
from gateway.core.errors import UpstreamUnavailable
from gateway.providers.base import AnyProvider
from gateway.providers.configured import configure, open_provider
from gateway.providers.upstream.failures import with_reason
from gateway.providers.upstream.transport import AiohttpTransport, open_session, transport_for
from gateway.settings import Environment, NetworkSettings, ProviderSettings, Settings
from raw_service import raw_service

NAME = "api.corp.invalid"
ANSWER = (
    b'HTTP/1.1 200 OK\r\nContent-Type: application/json\r\nContent-Length: 11\r\n\r\n{"data":[]}'
)


def port_of(origin: str) -> int:
    return int(origin.rpartition(":")[2])


async def listed(
    base_url: str, environ: Mapping[str, str], *, ca_file: str = "", **options: Any
) -> list[Any]:
    """Return the models of a provider, whose proxy is that of the environment."""
    settings = Settings(
        network=NetworkSettings(ca_file=ca_file, trust_env=True),
        providers={"p": ProviderSettings("openai", {"base_url": base_url, **options})},
        environ=Environment((environ,)),
    )
    (one,) = configure(settings, {})
    network = one.network
    async with open_session(network.transport, network.ca_file, network.proxy) as session:
        provider: AnyProvider = open_provider(one, session)
        return [*await provider.list_models()]


async def test_a_session_with_a_proxy_uses_aiohttp() -> None:
    async with open_session("own", "", "http://proxy.invalid:1") as session:
        assert isinstance(transport_for(session), AiohttpTransport)


async def test_a_request_in_clear_names_its_whole_url() -> None:
    async with raw_service(ANSWER) as service, forward_proxy(port_of(service.origin)) as proxy:
        assert await listed(f"http://{NAME}/v1", {"HTTP_PROXY": proxy.url}) == []
    assert proxy.lines == [f"GET http://{NAME}/v1/models HTTP/1.1"]


async def test_a_secure_request_goes_through_a_tunnel(tmp_path: Path) -> None:
    authority = trustme.CA()
    authority.cert_pem.write_to_path(tmp_path / "ca.pem")
    tls = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
    authority.issue_cert(NAME).configure_cert(tls)
    async with (
        raw_service(ANSWER, tls=tls) as service,
        forward_proxy(port_of(service.origin)) as proxy,
    ):
        environ = {"HTTPS_PROXY": proxy.url.replace("http://", "http://me:secret@")}
        ca_file = str(tmp_path / "ca.pem")
        assert await listed(f"https://{NAME}/v1", environ, ca_file=ca_file) == []
        with pytest.raises(UpstreamUnavailable) as caught:
            await listed(f"https://{NAME}/v1", environ)
    assert with_reason(caught.value).startswith("p cannot be reached: certificate verify failed: ")
    assert proxy.lines[0] == f"CONNECT {NAME}:443 HTTP/1.1"
    assert "Proxy-Authorization: Basic bWU6c2VjcmV0" in proxy.heads[0]
    assert "secret" not in service.requests[0].decode()


async def test_a_proxy_that_refuses_is_named_as_the_reason() -> None:
    refusal = b"HTTP/1.1 407 Proxy Authentication Required\r\nContent-Length: 0\r\n\r\n"
    async with forward_proxy(refusal=refusal) as proxy:
        with pytest.raises(UpstreamUnavailable) as caught:
            await listed(f"https://{NAME}/v1", {"HTTPS_PROXY": proxy.url})
    reason = "the proxy answered 407 Proxy Authentication Required"
    assert with_reason(caught.value) == f"p cannot be reached: {reason}"


async def test_a_proxy_that_says_nothing_is_given_up_in_time() -> None:
    async with asyncio.timeout(10), forward_proxy(is_silent=True) as proxy:
        with pytest.raises(UpstreamUnavailable, match="p cannot be reached"):
            await listed(f"https://{NAME}/v1", {"HTTPS_PROXY": proxy.url}, connect_timeout=0.05)


async def test_a_proxy_that_is_not_there_is_unavailable() -> None:
    async with forward_proxy() as proxy:
        pass
    with pytest.raises(UpstreamUnavailable) as caught:
        await listed(f"https://{NAME}/v1", {"HTTPS_PROXY": proxy.url})
    assert with_reason(caught.value) == "p cannot be reached: connection refused"
