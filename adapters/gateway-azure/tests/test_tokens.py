"""Tokens of Microsoft Entra: from a command, from the library, and for how long they are used."""

from __future__ import annotations

import asyncio
import base64
import json
import sys
import time
from pathlib import Path
from typing import Any
from unittest import mock

import pytest
from gateway.providers import EmbedRequest, Outgoing, UpstreamDenied

from fake_azure import TOKEN, error, fake_azure
from gateway_azure.tokens import CommandSource, IdentitySource, Token, Tokens, read_token
from test_provider import HELLO, opened, said

REQUEST = Outgoing("POST", "https://a.example", {}, b"")
SCOPE = "https://cognitiveservices.azure.com/.default"


def web_token(**claims: object) -> str:
    parts = [base64.urlsafe_b64encode(json.dumps(one).encode()) for one in ({}, claims)]
    return b".".join([*(part.rstrip(b"=") for part in parts), b"c2ln"]).decode()


async def bearer(tokens: Tokens) -> str:
    headers = await tokens.authorize(REQUEST)
    return headers["Authorization"].removeprefix("Bearer ")


class Source:
    """A source of tokens that live for a while, or fail."""

    def __init__(self, life: float = 3600.0) -> None:
        self.now = 1000.0
        self.life = life
        self.count = 0
        self.error: Exception | None = None

    async def __call__(self) -> Token:
        self.count += 1
        await asyncio.sleep(0)
        if self.error is not None:
            raise self.error
        return Token(f"t{self.count}", self.now + self.life)

    def tokens(self) -> Tokens:
        return Tokens(self, clock=lambda: self.now)


async def test_a_token_is_fetched_once_for_many_requests() -> None:
    source = Source()
    tokens = source.tokens()
    assert await asyncio.gather(*(bearer(tokens) for _ in range(5))) == ["t1"] * 5
    source.now += 3299
    assert await bearer(tokens) == "t1"
    source.now += 2
    assert await asyncio.gather(*(bearer(tokens) for _ in range(5))) == ["t2"] * 5
    assert source.count == 2


async def test_a_token_that_ends_at_once_is_not_fetched_for_each_request() -> None:
    source = Source(life=10.0)
    tokens = source.tokens()
    assert [await bearer(tokens), await bearer(tokens)] == ["t1", "t1"]
    source.now += 31
    assert await bearer(tokens) == "t2"


async def test_a_token_that_is_still_good_outlives_a_failure() -> None:
    source = Source()
    tokens = source.tokens()
    await bearer(tokens)
    source.now += 3400
    source.error = UpstreamDenied("no")
    assert [await bearer(tokens), await bearer(tokens)] == ["t1", "t1"]
    assert source.count == 2  # the next one half a minute later
    source.now += 31
    assert await bearer(tokens) == "t1"
    assert source.count == 3
    source.now += 300
    with pytest.raises(UpstreamDenied):
        await bearer(tokens)
    source.error = None
    assert await bearer(tokens) == "t5"


NOW = 1_000_000.0


@pytest.mark.parametrize(
    ("output", "token"),
    [
        ("abc\n", Token("abc", NOW + 600)),
        (
            '{"accessToken": "abc", "expires_on": 5000, "expiresOn": "2026-01-01"}',
            Token("abc", 5000),
        ),
        ('{"access_token": "abc", "expires_on": "soon"}', Token("abc", NOW + 600)),
        (web_token(exp=7000), Token(web_token(exp=7000), 7000)),
        (web_token(exp="x"), Token(web_token(exp="x"), NOW + 600)),
        ("a.bcdef.c", Token("a.bcdef.c", NOW + 600)),
        ("", None),
        ("{}", Token("{}", NOW + 600)),
        ('{"error": "x"}', None),
        ("Please sign in\nhere", None),
        ("\u00e4bc", None),
    ],
)
def test_what_a_command_prints(output: str, token: Token | None) -> None:
    with mock.patch("time.time", return_value=NOW):
        assert read_token(output) == token


async def test_a_command_gives_tokens(tmp_path: Path) -> None:
    script = tmp_path / "token.py"
    script.write_text(f"import sys; print('{TOKEN}' if sys.argv[1] == '{SCOPE}' else 'wrong')")
    command = [sys.executable, str(script), "{scope}"]
    async with (
        fake_azure() as fake,
        opened(HELLO, base_url=fake.url, token_command=command) as (provider, _),
    ):
        await asyncio.gather(*(said(provider) for _ in range(3)))
    assert fake.authorized == [f"Bearer {TOKEN}"] * 3


@pytest.mark.parametrize(
    ("command", "words"),
    [
        (["/no/such/command"], "token_command of azure cannot be run: FileNotFoundError"),
        (
            [sys.executable, "-c", "raise SystemExit(3)"],
            "token_command of azure ended with status 3",
        ),
        ([sys.executable, "-c", "print('a b')"], "token_command of azure printed no token"),
    ],
)
async def test_a_command_that_fails_is_an_error_with_the_reason(
    command: list[str], words: str
) -> None:
    async with opened(HELLO, token_command=command) as (provider, upstream):
        for asked in (said(provider), provider.embed(EmbedRequest("e", ("a",)))):
            with pytest.raises(UpstreamDenied) as caught:
                await asked
            assert caught.value.message == words
        assert upstream.requests == []


async def test_a_command_that_never_ends_is_ended() -> None:
    source = CommandSource(
        "azure", SCOPE, [sys.executable, "-c", "input()\nimport time\ntime.sleep(60)"]
    )
    waiting = CommandSource("azure", SCOPE, ["sleep", "60"])
    limit = mock.patch("gateway_azure.tokens._COMMAND_LIMIT", 0.05)
    with limit, pytest.raises(UpstreamDenied, match="took too long"):
        await waiting()
    with pytest.raises(UpstreamDenied, match="ended with status 1"):
        await source()  # nothing can be typed


async def test_a_command_ends_with_the_request_that_waits_for_it() -> None:
    waiting = asyncio.ensure_future(CommandSource("azure", SCOPE, ["sleep", "60"])())
    await asyncio.sleep(0.05)
    waiting.cancel()
    with pytest.raises(asyncio.CancelledError):
        await waiting


class Credential:
    """What stands in for the library's: it counts, and can be closed."""

    def __init__(self, fails: Exception | None = None) -> None:
        self.scopes: list[str] = []
        self.closed = False
        self.fails = fails

    def get_token(self, scope: str) -> Any:
        self.scopes.append(scope)
        if self.fails is not None:
            raise self.fails
        return mock.Mock(token=TOKEN, expires_on=int(time.time()) + 3600)

    def close(self) -> None:
        self.closed = True


async def test_the_library_gives_tokens_and_is_closed() -> None:
    credential = Credential()
    with mock.patch("azure.identity.DefaultAzureCredential", return_value=credential):
        async with (
            fake_azure() as fake,
            opened(HELLO, base_url=fake.url, api_key="") as (provider, _),
        ):
            await asyncio.gather(*(said(provider) for _ in range(3)))
    assert fake.authorized == [f"Bearer {TOKEN}"] * 3
    assert credential.scopes == [SCOPE]
    assert credential.closed


async def test_words_of_the_library_reach_no_client() -> None:
    credential = Credential(fails=RuntimeError("secret words"))
    with mock.patch("azure.identity.DefaultAzureCredential", return_value=credential):
        async with opened(HELLO, api_key="", scope="https://a.example/.default") as (provider, _):
            with pytest.raises(UpstreamDenied) as caught:
                await said(provider)
    assert "secret" not in caught.value.message
    assert credential.scopes == ["https://a.example/.default"]


async def test_the_library_itself_takes_the_secret_of_an_account(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    """No account can be asked here; that it is tried at all shows that the library is used."""
    for name in ("AZURE_TENANT_ID", "AZURE_CLIENT_ID", "AZURE_CLIENT_SECRET"):
        monkeypatch.setenv(name, "00000000-0000-0000-0000-000000000000")
    with mock.patch("azure.identity.ClientSecretCredential.get_token") as get_token:
        get_token.return_value = mock.Mock(token=TOKEN, expires_on=5000)
        source = IdentitySource("azure", SCOPE)
        assert [await source(), await source()] == [Token(TOKEN, 5000.0)] * 2
        await source.aclose()


@pytest.mark.parametrize("found", [{"return_value": None}, {"side_effect": ModuleNotFoundError}])
async def test_without_the_library_a_key_or_a_command_is_needed(found: Any) -> None:
    words = (
        r"azure has no API key, and tokens need gateway-azure\[entra\]: set AZURE_OPENAI_API_KEY,"
        " token_command, or api_key of the provider azure"
    )
    with mock.patch("gateway_azure.tokens.find_spec", **found):
        async with (
            fake_azure() as fake,
            opened(HELLO, base_url=fake.url, api_key="") as (provider, _),
        ):
            with pytest.raises(UpstreamDenied, match=words):
                await said(provider)
            await said(provider.with_key("key-of-azure"))
    assert fake.authorized == ["key-of-azure"]


@pytest.mark.parametrize(
    ("answer", "words"),
    [
        (
            error(401, "PermissionDenied", "The principal lacks the required data action."),
            "azure rejected the token of Microsoft Entra (PermissionDenied):"
            " it may lack the role Cognitive Services OpenAI User",
        ),
        (error(401, "401", "No."), "azure rejected the token of Microsoft Entra (401)"),
        (error(403, "", "No."), "azure rejected the token of Microsoft Entra (403)"),
    ],
)
async def test_a_rejected_token_is_not_a_rejected_key(answer: Any, words: str) -> None:
    async with opened(answer, token_command=["echo", "x"]) as (provider, _):
        with pytest.raises(UpstreamDenied) as caught:
            await said(provider)
    assert (caught.value.message, caught.value.status) == (words, 502)
