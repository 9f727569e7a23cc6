"""A provider over TLS, as real ones are: asked, reused, and not trusted without a reason."""

from __future__ import annotations

import asyncio
import ssl
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from pathlib import Path

import ollama
import pytest
import trustme
from aiohttp import web

from commandline import serving
from gateway.sandbox.app import Sandbox
from official_client import official_client

HELLO = [{"role": "user", "content": "Say hello."}]


class Secure:
    """A sandbox behind TLS, and how often it was connected to."""

    def __init__(self) -> None:
        self.authority = trustme.CA()
        self.handshakes = 0
        self.url = ""

    @asynccontextmanager
    async def running(self) -> AsyncIterator[None]:
        context = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
        self.authority.issue_cert("127.0.0.1").configure_cert(context)
        context.sni_callback = self._count
        runner = web.AppRunner(Sandbox().app(), handler_cancellation=True, shutdown_timeout=0.1)
        await runner.setup()
        try:
            await web.TCPSite(runner, "127.0.0.1", 0, ssl_context=context).start()
            self.url = f"https://127.0.0.1:{runner.addresses[0][1]}/v1"
            yield
        finally:
            await runner.cleanup()

    def _count(self, *_: object) -> None:
        self.handshakes += 1


@pytest.fixture
async def secure() -> AsyncIterator[Secure]:
    service = Secure()
    async with service.running():
        yield service


@asynccontextmanager
async def gateway(directory: Path, secure: Secure, *, trusts: bool) -> AsyncIterator[str]:
    environ = {"MISTRAL_API_KEY": "a-key", "MISTRAL_BASE_URL": secure.url}
    if trusts:
        secure.authority.cert_pem.write_to_path(str(directory / "authority.pem"))
        environ["SSL_CERT_FILE"] = str(directory / "authority.pem")
    started = serving(directory, environ=environ)
    # The start is waited for elsewhere, since the service runs here.
    running = await asyncio.to_thread(started.__enter__)
    try:
        yield running.url
    finally:
        await asyncio.to_thread(started.__exit__, None, None, None)


async def test_a_provider_is_asked_over_tls_and_its_connection_used_again(
    tmp_path: Path, secure: Secure
) -> None:
    async with (
        gateway(tmp_path, secure, trusts=True) as url,
        official_client(url, "async") as client,
    ):
        answers = [
            await client.stream("chat", model="mistral-small", messages=HELLO) for _ in range(3)
        ]
        whole = await client("chat", model="mistral-small", messages=HELLO)
    for parts in answers:
        assert "".join(part.message.content or "" for part in parts) == whole.message.content
    assert secure.handshakes <= 2  # the list of models may still be under way


async def test_a_certificate_that_nobody_vouches_for_is_refused(
    tmp_path: Path, secure: Secure
) -> None:
    async with (
        gateway(tmp_path, secure, trusts=False) as url,
        official_client(url, "async") as client,
    ):
        with pytest.raises(ollama.ResponseError, match="mistral cannot be reached") as caught:
            await client("chat", model="mistral-small", messages=HELLO)
    assert caught.value.status_code == 502
