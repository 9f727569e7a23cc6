"""Which transport a request takes: by the session, the settings of all and of one provider."""

from __future__ import annotations

import asyncio
import ssl
from collections.abc import AsyncIterator, Mapping
from contextlib import asynccontextmanager
from pathlib import Path
from types import MappingProxyType
from typing import Any, Literal

import aiohttp
import pytest
import trustme
from aiohttp import web

from gateway.app import create_app
from gateway.core.errors import SettingsError, UpstreamUnavailable
from gateway.providers.base import AnyProvider
from gateway.providers.upstream.transport import (
    AiohttpTransport,
    OwnTransport,
    Sessions,
    open_session,
    transport_for,
)
from gateway.serving.keys import TARGETS
from gateway.settings import NetworkSettings, ProviderSettings, Settings
from raw_service import raw_service
from replies import replies

ANSWER = (
    b'HTTP/1.1 200 OK\r\nContent-Type: application/json\r\nContent-Length: 11\r\n\r\n{"data":[]}'
)


async def test_a_session_that_the_gateway_opens_has_the_own_transport() -> None:
    async with open_session() as session:
        assert isinstance(transport_for(session), OwnTransport)
        assert transport_for(session) is transport_for(session)


async def test_settings_may_choose_aiohttp() -> None:
    async with open_session("aiohttp") as session:
        assert isinstance(transport_for(session), AiohttpTransport)


async def test_a_session_that_is_lent_is_asked_itself_and_stays_open() -> None:
    async with aiohttp.ClientSession() as session:
        async with Sessions(session) as sessions:
            assert await sessions.get("own", "") is session
            assert isinstance(transport_for(session), AiohttpTransport)
        assert not session.closed


async def test_a_session_that_is_traced_is_asked_itself() -> None:
    async with open_session() as session:
        session.trace_configs.append(aiohttp.TraceConfig())
        assert isinstance(transport_for(session), AiohttpTransport)


async def test_providers_share_a_session_unless_they_differ() -> None:
    async with Sessions() as sessions:
        own = await sessions.get("own", "")
        plain = await sessions.get("aiohttp", "")
        assert await sessions.get("own", "") is own
        assert plain is not own
    assert own.closed
    assert plain.closed


async def test_connections_are_closed_with_the_session() -> None:
    async with raw_service(ANSWER) as service:
        async with running(settings(service.origin)) as provider:
            await provider.list_models()
        await asyncio.wait_for(service.lines[0].closed.wait(), 5)


def settings(
    origin: str,
    network: NetworkSettings = NetworkSettings(),  # noqa: B008 - frozen
    own: Mapping[str, Any] = MappingProxyType({}),
) -> Settings:
    options = {"api_key": "k", "base_url": origin}
    provider = ProviderSettings("mistral", options, network=own)
    return Settings(network=network, providers={"mistral": provider})


@asynccontextmanager
async def running(
    settings: Settings, session: aiohttp.ClientSession | None = None
) -> AsyncIterator[AnyProvider]:
    """Run a gateway, and give its one provider."""
    app = create_app(settings, session=session)
    runner = web.AppRunner(app)
    await runner.setup()
    try:
        yield app[TARGETS].providers["mistral"]
    finally:
        await runner.cleanup()


WAYS = {
    "by default": (NetworkSettings(), {}, False),
    "for all": (NetworkSettings("aiohttp"), {}, True),
    "for one": (NetworkSettings(), {"transport": "aiohttp"}, True),
    "for all but one": (NetworkSettings("aiohttp"), {"transport": "own"}, False),
}


@pytest.mark.parametrize(("network", "own", "is_aiohttp"), WAYS.values(), ids=WAYS)
async def test_test_doubles_of_aiohttp_answer_where_aiohttp_is_used(
    network: NetworkSettings, own: Mapping[str, Any], is_aiohttp: bool
) -> None:
    async with raw_service(ANSWER) as service:
        with replies() as registered:
            registered.get(f"{service.origin}/v1/models", payload={"data": []}, repeat=True)
            async with running(settings(service.origin, network, own)) as provider:
                assert await provider.list_models() == []
        assert bool(service.requests) is not is_aiohttp


async def test_test_doubles_of_aiohttp_answer_with_a_session_that_is_lent() -> None:
    async with aiohttp.ClientSession() as session:
        with replies() as registered:
            registered.get("http://a.invalid/v1/models", payload={"data": []}, repeat=True)
            async with running(settings("http://a.invalid"), session) as provider:
                assert await provider.list_models() == []


@pytest.fixture(scope="module")
def authority() -> trustme.CA:
    return trustme.CA()


@pytest.mark.parametrize("transport", ["own", "aiohttp"])
@pytest.mark.parametrize("place", ["all", "one", "nobody"])
async def test_a_service_may_have_a_certificate_of_an_authority_of_its_own(
    authority: trustme.CA, tmp_path: Path, transport: Literal["own", "aiohttp"], place: str
) -> None:
    ca_file = tmp_path / "ca.pem"
    authority.cert_pem.write_to_path(ca_file)
    tls = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
    authority.issue_cert("127.0.0.1").configure_cert(tls)
    network = NetworkSettings(transport, str(ca_file) if place == "all" else "")
    own = {"ca_file": str(ca_file)} if place == "one" else {}
    async with (
        raw_service(ANSWER, tls=tls) as service,
        running(settings(service.origin, network, own)) as provider,
    ):
        if place == "nobody":
            with pytest.raises(UpstreamUnavailable, match="cannot be reached"):
                await provider.list_models()
        else:
            assert await provider.list_models() == []


@pytest.mark.parametrize(
    ("text", "network", "own", "complaint"),
    [
        (None, "missing.pem", {}, r"\[network\] ca_file: cannot read .*: no such file"),
        (None, "", {"ca_file": "missing.pem"}, r"\[providers.mistral\] ca_file: cannot read"),
        ("hello", "ca.pem", {}, r"\[network\] ca_file: cannot read .*: "),
    ],
)
def test_authorities_that_cannot_be_read_stop_the_start(
    tmp_path: Path,
    monkeypatch: pytest.MonkeyPatch,
    text: str | None,
    network: str,
    own: Mapping[str, Any],
    complaint: str,
) -> None:
    monkeypatch.chdir(tmp_path)
    if text is not None:
        (tmp_path / "ca.pem").write_text(text)
    with pytest.raises(SettingsError, match=complaint):
        create_app(settings("http://a.invalid", NetworkSettings("own", network), own))
