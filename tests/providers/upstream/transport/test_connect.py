"""From a name to a connection: addresses, TLS that checks, sessions that go on."""

from __future__ import annotations

import asyncio
import socket
import ssl
from collections.abc import AsyncIterator
from pathlib import Path
from typing import Any

import pytest
import trustme
from yarl import URL

from gateway.providers.upstream.transport import (
    Endpoint,
    Exchange,
    NotConnected,
    OwnTransport,
    TlsContext,
)
from gateway.providers.upstream.transport.connect import Connector
from raw_service import CLOSE, RawService, raw_service

TWO = b"HTTP/1.1 200 OK\r\nContent-Length: 2\r\n\r\nok"
ONCE = b"HTTP/1.1 200 OK\r\nConnection: close\r\nContent-Length: 2\r\n\r\nok"


@pytest.fixture(scope="module")
def authority() -> trustme.CA:
    return trustme.CA()


@pytest.fixture(scope="module")
def ca_file(authority: trustme.CA, tmp_path_factory: pytest.TempPathFactory) -> Path:
    path = tmp_path_factory.mktemp("tls") / "ca.pem"
    authority.cert_pem.write_to_path(path)
    return path


def server_tls(authority: trustme.CA, name: str = "localhost") -> ssl.SSLContext:
    context = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
    authority.issue_cert(name).configure_cert(context)
    context.set_alpn_protocols(["h2", "http/1.1"])
    return context


@pytest.fixture
async def transport(ca_file: Path) -> AsyncIterator[OwnTransport]:
    transport = OwnTransport(TlsContext(str(ca_file)))
    yield transport
    await transport.aclose()


def named(service: RawService, host: str = "localhost") -> Endpoint:
    return Endpoint("POST", URL(service.origin).with_host(host), {}, 5)


async def asked(transport: OwnTransport, to: Endpoint) -> bytes:
    exchange = transport.exchange(to)
    await exchange.open(b"{}")
    body = await rest(exchange)
    await exchange.close()
    return body


async def rest(exchange: Exchange) -> bytes:
    body = b""
    while piece := await exchange.read():
        body += piece
    return body


async def test_a_service_is_asked_over_tls(transport: OwnTransport, authority: trustme.CA) -> None:
    async with raw_service(TWO, tls=server_tls(authority)) as service:
        for _ in range(3):
            assert await asked(transport, named(service)) == b"ok"
        assert [len(line.requests) for line in service.lines] == [3]
        tls = service.lines[0].writer.get_extra_info("ssl_object")
        assert tls.selected_alpn_protocol() == "http/1.1"


async def test_a_name_with_a_dot_at_its_end_is_the_same_name(
    transport: OwnTransport, authority: trustme.CA
) -> None:
    async with raw_service(TWO, tls=server_tls(authority)) as service:
        assert await asked(transport, named(service, "localhost.")) == b"ok"


async def test_an_address_has_a_certificate_too(
    transport: OwnTransport, authority: trustme.CA
) -> None:
    async with raw_service(TWO, tls=server_tls(authority, "127.0.0.1")) as service:
        assert await asked(transport, named(service, "127.0.0.1")) == b"ok"


async def test_a_name_that_the_certificate_has_not_is_refused(
    transport: OwnTransport, authority: trustme.CA
) -> None:
    async with raw_service(TWO, tls=server_tls(authority, "other.example")) as service:
        with pytest.raises(NotConnected, match="certificate verify failed") as caught:
            await asked(transport, named(service))
        assert isinstance(caught.value.__cause__, ssl.SSLCertVerificationError)
        assert service.requests == []


async def test_an_authority_that_is_not_trusted_is_refused(transport: OwnTransport) -> None:
    async with raw_service(TWO, tls=server_tls(trustme.CA())) as service:
        with pytest.raises(NotConnected, match="certificate verify failed"):
            await asked(transport, named(service))
        assert service.requests == []


async def test_without_a_file_the_authorities_are_those_of_the_system(
    authority: trustme.CA, ca_file: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    async with raw_service(TWO, tls=server_tls(authority)) as service:
        for is_trusted in (False, True):
            if is_trusted:
                monkeypatch.setenv("SSL_CERT_FILE", str(ca_file))
            transport = OwnTransport()
            try:
                if is_trusted:
                    assert await asked(transport, named(service)) == b"ok"
                else:
                    with pytest.raises(NotConnected):
                        await asked(transport, named(service))
            finally:
                await transport.aclose()


async def test_what_does_not_speak_tls_is_no_connection(transport: OwnTransport) -> None:
    async def speak(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        writer.write(b"HTTP/1.1 400 Bad\r\n\r\n")
        await reader.read()
        writer.close()

    async with await asyncio.start_server(speak, "127.0.0.1", 0) as server:
        port = server.sockets[0].getsockname()[1]
        with pytest.raises(NotConnected):
            await asked(transport, Endpoint("POST", URL(f"https://localhost:{port}"), {}, 5))


@pytest.mark.parametrize("version", [ssl.TLSVersion.TLSv1_2, ssl.TLSVersion.TLSv1_3])
async def test_a_new_connection_resumes_the_last_session(
    transport: OwnTransport, authority: trustme.CA, version: ssl.TLSVersion
) -> None:
    tls = server_tls(authority)
    tls.minimum_version = tls.maximum_version = version
    async with raw_service(TWO, CLOSE, tls=tls) as service:
        for _ in range(4):
            assert await asked(transport, named(service)) == b"ok"
            await asyncio.wait_for(service.lines[-1].closed.wait(), 5)
        resumed = [
            line.writer.get_extra_info("ssl_object").session_reused for line in service.lines
        ]
        assert resumed == [False, True, True, True]


async def test_connections_may_be_opened_at_the_same_time(
    transport: OwnTransport, authority: trustme.CA
) -> None:
    async with raw_service(TWO, tls=server_tls(authority)) as service:
        for _ in range(2):
            to = named(service)
            bodies = await asyncio.gather(*(asked(transport, to) for _ in range(20)))
            assert set(bodies) == {b"ok"}
        assert sum(len(line.requests) for line in service.lines) == 40


async def test_a_session_is_not_offered_to_another_host(
    transport: OwnTransport, authority: trustme.CA
) -> None:
    async with (
        raw_service(TWO, tls=server_tls(authority)) as one,
        raw_service(TWO, tls=server_tls(authority, "127.0.0.1")) as other,
    ):
        assert await asked(transport, named(one)) == b"ok"
        assert await asked(transport, named(other, "127.0.0.1")) == b"ok"
        tls = other.lines[0].writer.get_extra_info("ssl_object")
        assert tls.session_reused is False


async def test_leaving_in_the_middle_of_a_handshake_closes_the_connection(
    transport: OwnTransport,
) -> None:
    gone = asyncio.Event()

    async def stay_silent(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        while await reader.read(2**16):
            pass
        gone.set()
        writer.close()

    async with await asyncio.start_server(stay_silent, "127.0.0.1", 0) as server:
        port = server.sockets[0].getsockname()[1]
        to = Endpoint("POST", URL(f"https://localhost:{port}"), {}, 0.1)
        with pytest.raises(NotConnected, match="too long"):
            await asked(transport, to)
        await asyncio.wait_for(gone.wait(), 5)


# Names and addresses


@pytest.fixture
def lookups(monkeypatch: pytest.MonkeyPatch) -> list[str]:
    """Let every name lead to loopback, and note which are looked up; some are unknown."""
    names: list[str] = []

    def look_up(host: str, port: int, **_: Any) -> list[Any]:
        names.append(host)
        if host.endswith(".invalid"):
            raise socket.gaierror(socket.EAI_NONAME, "no such name")
        loopback = (socket.AF_INET, socket.SOCK_STREAM, 6, "", ("127.0.0.1", port))
        # Nobody listens at the first one.
        return [(socket.AF_INET6, socket.SOCK_STREAM, 6, "", ("::1", port, 0, 0)), loopback]

    monkeypatch.setattr(socket, "getaddrinfo", look_up)
    return names


async def test_the_next_address_is_tried(transport: OwnTransport, lookups: list[str]) -> None:
    async with raw_service(TWO) as service:
        assert await asked(transport, named(service, "a.example")) == b"ok"
        assert lookups == ["a.example"]


async def test_a_name_is_looked_up_once_for_all(
    transport: OwnTransport, lookups: list[str]
) -> None:
    async with raw_service(ONCE) as service:
        to = named(service, "a.example")
        assert set(await asyncio.gather(*(asked(transport, to) for _ in range(20)))) == {b"ok"}
        assert await asked(transport, to) == b"ok"
        assert lookups == ["a.example"]


async def test_a_name_that_is_not_known_is_looked_up_anew(
    transport: OwnTransport, lookups: list[str]
) -> None:
    to = Endpoint("GET", URL("http://a.invalid"), {})
    for _ in range(2):
        with pytest.raises(NotConnected, match="no such name"):
            await asked(transport, to)
    assert lookups == ["a.invalid", "a.invalid"]


async def test_addresses_that_lead_nowhere_are_forgotten(
    transport: OwnTransport, lookups: list[str]
) -> None:
    with socket.socket() as taken:
        taken.bind(("127.0.0.1", 0))
        to = Endpoint("GET", URL(f"http://a.example:{taken.getsockname()[1]}"), {})
        for _ in range(2):
            with pytest.raises(NotConnected):
                await asked(transport, to)
    assert lookups == ["a.example", "a.example"]


async def test_addresses_are_believed_for_a_while(
    transport: OwnTransport, lookups: list[str]
) -> None:
    transport.connector = Connector(addresses_last=-1)
    async with raw_service(ONCE) as service:
        for _ in range(2):
            await asked(transport, named(service, "a.example"))
    assert lookups == ["a.example", "a.example"]


async def test_whoever_leaves_takes_the_lookup_from_nobody(
    transport: OwnTransport, lookups: list[str]
) -> None:
    async with raw_service(TWO) as service:
        to = named(service, "a.example")
        leaving = asyncio.create_task(asked(transport, to))
        await asyncio.sleep(0)
        staying = asyncio.create_task(asked(transport, to))
        await asyncio.sleep(0)
        leaving.cancel()
        assert await staying == b"ok"
        assert lookups == ["a.example"]
