"""The command line in the network of a company: its proxy, its certificates, and what fails."""

from __future__ import annotations

import asyncio
import ssl
from pathlib import Path

import pytest
import trustme

from commandline import forget_settings, run, serving
from forward_proxy import forward_proxy
from gateway.cli.check import Finding, examine
from gateway.cli.settings import load_settings
from gateway.cli.worker import start_lines
from gateway.providers.configured import configure
from gateway.settings import NetworkSettings, ProviderSettings, ServerSettings, Settings
from raw_service import raw_service

NAME = "mistral.corp.invalid"
MODELS = b'{"data":[{"id":"mistral-small-latest","capabilities":{"completion_chat":true}}]}'
ANSWER = b"HTTP/1.1 200 OK\r\nContent-Type: application/json\r\nContent-Length: %d\r\n\r\n%b" % (
    len(MODELS),
    MODELS,
)


async def check(directory: Path, base_url: str, **environ: str) -> list[str]:
    """Return the lines of a check about providers."""
    environ |= {"MISTRAL_API_KEY": "k", "MISTRAL_BASE_URL": base_url}
    _, output, complaints = await asyncio.to_thread(run, directory, "check", environ=environ)
    lines = [*output.splitlines(), *complaints.splitlines()]
    return [line for line in lines if "provider mistral" in line]


async def test_check_names_the_proxy_that_it_uses(tmp_path: Path) -> None:
    async with (
        raw_service(ANSWER) as service,
        forward_proxy(int(service.origin.rpartition(":")[2])) as proxy,
    ):
        secret = proxy.url.replace("//", "//me:s3cret-word@")
        found = await check(tmp_path, f"http://{NAME}/v1", http_proxy=secret)
    assert found == [
        f"provider mistral: through the proxy {proxy.url}",
        "provider mistral: 1 models: mistral-small:latest",
    ]
    assert proxy.lines == [f"GET http://{NAME}/v1/models HTTP/1.1"]


@pytest.mark.slow
async def test_settings_may_distrust_the_environment(tmp_path: Path) -> None:
    async with forward_proxy() as proxy:
        found = await check(
            tmp_path, f"http://{NAME}/v1", HTTP_PROXY=proxy.url, GATEWAY_NETWORK_TRUST_ENV="no"
        )
    assert found == ["gateway: provider mistral: mistral cannot be reached: no such host"]
    assert proxy.lines == []


@pytest.mark.slow
async def test_check_tells_why_a_provider_cannot_be_reached(tmp_path: Path) -> None:
    tls = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
    trustme.CA().issue_cert("127.0.0.1").configure_cert(tls)
    async with raw_service(ANSWER, tls=tls) as service:
        untrusted = await check(tmp_path, service.origin)
        refused_url = service.origin.replace("https", "http")
    refused = await check(tmp_path, refused_url)
    start = "gateway: provider mistral: mistral cannot be reached: "
    assert untrusted[0].startswith(f"{start}certificate verify failed: ")
    assert refused == [f"{start}connection refused"]


async def test_the_log_names_the_proxy_and_why_a_list_is_missing(tmp_path: Path) -> None:
    async with forward_proxy(refusal=b"HTTP/1.1 403 Forbidden\r\n\r\n") as proxy:
        environ = {
            "MISTRAL_API_KEY": "k",
            "MISTRAL_BASE_URL": f"https://{NAME}/v1",
            "HTTPS_PROXY": proxy.url,
        }
        started = serving(tmp_path, environ=environ)
        running = await asyncio.to_thread(started.__enter__)
        try:
            assert running.process.stderr is not None
            seen = [await asyncio.to_thread(running.process.stderr.readline) for _ in range(5)]
        finally:
            await asyncio.to_thread(started.__exit__, None, None, None)
    text = "".join([*running.log, *seen])
    assert f"provider mistral: through the proxy {proxy.url}" in text
    assert "mistral cannot be reached: the proxy answered 403 Forbidden" in text


@pytest.mark.parametrize(
    ("given", "trusted"), [(None, True), ("false", False), ("true", True)], ids=str
)
def test_the_command_line_trusts_the_environment_unless_it_is_told_not_to(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, given: str | None, trusted: bool
) -> None:
    forget_settings(monkeypatch)
    monkeypatch.chdir(tmp_path)
    if given is not None:
        monkeypatch.setenv("GATEWAY_NETWORK_TRUST_ENV", given)
    assert load_settings(None, {}).network.trust_env is trusted


PROXIED = Settings(
    server=ServerSettings(socket="/run/a.sock"),
    network=NetworkSettings(proxy="http://me:s3cret-word@127.0.0.1:1"),
    providers={
        "mistral": ProviderSettings("mistral", {"base_url": f"http://{NAME}"}, ("key-1", "key-2")),
        "near": ProviderSettings("openai", {"base_url": "http://127.0.0.1:1"}),
    },
)


def test_the_start_tells_which_providers_have_a_proxy_and_how_to_try_the_socket() -> None:
    assert [*start_lines(PROXIED, configure(PROXIED, {}), ["unix:/run/a.sock"])] == [
        "listening on unix:/run/a.sock as Ollama 0.33.0",
        "providers: mistral, near",
        "provider mistral (key 1): through the proxy http://127.0.0.1:1",
        "provider mistral (key 2): through the proxy http://127.0.0.1:1",
        "try: curl --unix-socket /run/a.sock http://localhost/api/tags",
    ]


async def test_a_check_tells_of_each_provider_whether_it_has_a_proxy() -> None:
    found = [one async for one in examine(PROXIED) if one.text.startswith("provider ")]
    assert found == [
        finding
        for key in (1, 2)
        for finding in (
            Finding(f"provider mistral (key {key}): through the proxy http://127.0.0.1:1"),
            Finding(
                f"provider mistral (key {key}): mistral cannot be reached: connection refused",
                trouble=True,
            ),
        )
    ] + [Finding("provider near: near cannot be reached: connection refused", trouble=True)]
