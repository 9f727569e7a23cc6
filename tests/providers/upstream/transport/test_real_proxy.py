"""A provider behind a real proxy: tinyproxy, which leads to the service through a second one.

A name that leads nowhere stands for the service, since loopback is never reached through a proxy.
"""

from __future__ import annotations

import asyncio
import shutil
import socket
import ssl
import subprocess
import time
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

import aiohttp
import pytest
import trustme

from forward_proxy import forward_proxy
from gateway.core.chat import ChatRequest, Message, Role
from gateway.core.events import Finish, FinishReason, TextDelta
from gateway.providers.configured import configure, open_provider
from gateway.providers.upstream.transport import (
    AiohttpTransport,
    OwnTransport,
    open_session,
    transport_for,
)
from gateway.settings import NetworkSettings, ProviderSettings, Settings
from raw_service import Line, RawService, raw_service

NAME = "api.corp.invalid"
HEAD = (
    b"HTTP/1.1 200 OK\r\nContent-Type: text/event-stream\r\nTransfer-Encoding: chunked\r\n"
    b"Connection: close\r\n\r\n"
)
END = b'{"choices":[{"index":0,"delta":{},"finish_reason":"stop"}]}'
HI = ChatRequest("m", (Message(Role.USER, "hi"),))
_START = 20.0


def event(data: bytes) -> bytes:
    framed = b"data: %b\n\n" % data
    return b"%x\r\n%b\r\n" % (len(framed), framed)


def said(text: str) -> bytes:
    return event(b'{"choices":[{"index":0,"delta":{"content":"%b"}}]}' % text.encode())


def port_of(service: RawService) -> int:
    return int(service.origin.rpartition(":")[2])


def free_port() -> int:
    with socket.socket() as one:
        one.bind(("127.0.0.1", 0))
        port: int = one.getsockname()[1]
        return port


@contextmanager
def tinyproxy(behind: str, directory: Path) -> Iterator[str]:
    """Run tinyproxy, which asks the proxy *behind*; yield its URL."""
    executable = shutil.which("tinyproxy", path="/usr/bin:/usr/local/bin:/usr/sbin")
    if executable is None:
        pytest.skip("there is no tinyproxy")
    port = free_port()
    file = directory / "tinyproxy.conf"
    address = behind.removeprefix("http://")
    file.write_text(
        f'Listen 127.0.0.1\nPort {port}\nTimeout 30\nLogFile "{directory}/log"\nLogLevel Connect\n'
        f"MaxClients 20\nUpstream http {address}\n"
    )
    process = subprocess.Popen([executable, "-d", "-c", str(file)], stdout=subprocess.DEVNULL)
    try:
        give_up_at = time.monotonic() + _START
        while True:
            try:
                socket.create_connection(("127.0.0.1", port), 1).close()
                break
            except OSError:
                assert process.poll() is None, "tinyproxy did not start"
                assert time.monotonic() < give_up_at, "tinyproxy does not listen"
                time.sleep(0.02)
        yield f"http://127.0.0.1:{port}"
    finally:
        process.terminate()
        process.wait(_START)


class Slow:
    """A service that goes on with its answer only when the first word has arrived."""

    def __init__(self) -> None:
        self.heard = asyncio.Event()

    async def answer(self, line: Line, _: bytes) -> bool:
        await line.send(HEAD, said("one"))
        await asyncio.wait_for(self.heard.wait(), 10)
        await line.send(said("two"), event(END), event(b"[DONE]"), b"0\r\n\r\n")
        return False


@pytest.fixture
def authority(tmp_path: Path) -> trustme.CA:
    made = trustme.CA()
    made.cert_pem.write_to_path(tmp_path / "ca.pem")
    return made


@pytest.fixture
def slow() -> Slow:
    return Slow()


async def chat(base_url: str, proxy: str, slow: Slow, *, ca_file: str) -> aiohttp.ClientSession:
    """Read an answer through *proxy* as it comes, and return the session that it came on."""
    settings = Settings(
        network=NetworkSettings(ca_file=ca_file, proxy=proxy),
        providers={"p": ProviderSettings("openai", {"base_url": base_url, "api_key": "k" * 9})},
    )
    (one,) = configure(settings, {})
    network = one.network
    async with open_session(network.transport, network.ca_file, network.proxy) as session:
        stream = open_provider(one, session).chat(HI)
        async with asyncio.timeout(10):
            # It comes while the rest was not even written.
            assert [*await anext(stream)] == [TextDelta("one")]
            slow.heard.set()
            rest = [event async for batch in stream for event in batch]
        assert rest == [TextDelta("two"), Finish(FinishReason.STOP)]
    return session


async def test_a_stream_passes_a_real_proxy_in_clear_as_it_comes(
    tmp_path: Path, slow: Slow, authority: trustme.CA
) -> None:
    async with (
        raw_service(script=slow.answer) as service,
        forward_proxy(port_of(service)) as second,
    ):
        with tinyproxy(second.url, tmp_path) as url:
            session = await chat(f"http://{NAME}/v1", url, slow, ca_file=str(tmp_path / "ca.pem"))
    assert isinstance(transport_for(session), AiohttpTransport)
    assert b"via: 1.1 " in service.requests[0].lower()  # which only a real proxy adds
    assert "tinyproxy" in service.requests[0].decode().lower()


async def test_a_stream_passes_a_tunnel_of_a_real_proxy_as_it_comes(
    tmp_path: Path, slow: Slow, authority: trustme.CA
) -> None:
    tls = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
    authority.issue_cert(NAME).configure_cert(tls)
    async with (
        raw_service(script=slow.answer, tls=tls) as service,
        forward_proxy(port_of(service)) as second,
    ):
        with tinyproxy(second.url, tmp_path) as url:
            session = await chat(f"https://{NAME}/v1", url, slow, ca_file=str(tmp_path / "ca.pem"))
        assert f"CONNECT {NAME}:443" in (tmp_path / "log").read_text()
    assert isinstance(transport_for(session), AiohttpTransport)
    assert b"via:" not in service.requests[0].lower()


async def test_without_a_proxy_the_same_provider_takes_the_own_transport() -> None:
    async with open_session("own", "", "") as session:
        assert isinstance(transport_for(session), OwnTransport)
