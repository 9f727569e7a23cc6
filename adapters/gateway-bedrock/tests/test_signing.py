"""Signatures: those of AWS's own client, checked by a service, with credentials that end."""

from __future__ import annotations

import asyncio
import datetime as dt
import logging
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from pathlib import Path
from typing import Any
from unittest import mock

import aiohttp
import botocore.auth
import botocore.awsrequest
import botocore.session
import pytest
from botocore.credentials import RefreshableCredentials
from gateway.providers import (
    ChatRequest,
    Media,
    Message,
    Outgoing,
    ProviderContext,
    Role,
    UpstreamDenied,
)
from gateway.testing import FakeUpstream

from fake_bedrock import ACCESS, CLAUDE, NOVA, REGION, SECRET, error, fake_bedrock
from gateway_bedrock import BedrockOptionsSchema, BedrockProvider
from gateway_bedrock.signing import Signer, region_of_profile

USER = (Message(Role.USER, "Hi"),)
ARN = f"arn:aws:bedrock:{REGION}:123456789012:inference-profile/eu.{CLAUDE}"
NOW = dt.datetime(2026, 11, 30, 12, tzinfo=dt.UTC)


@pytest.fixture(autouse=True)
def credentials(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> Path:
    """Have credentials in the environment, and none of this machine's."""
    monkeypatch.setenv("AWS_ACCESS_KEY_ID", ACCESS)
    monkeypatch.setenv("AWS_SECRET_ACCESS_KEY", SECRET)
    monkeypatch.setenv("AWS_EC2_METADATA_DISABLED", "true")
    monkeypatch.setenv("AWS_CONFIG_FILE", str(tmp_path / "config"))
    monkeypatch.setenv("AWS_SHARED_CREDENTIALS_FILE", str(tmp_path / "credentials"))
    for name in ("AWS_PROFILE", "AWS_DEFAULT_PROFILE", "AWS_SESSION_TOKEN", "AWS_DEFAULT_REGION"):
        monkeypatch.delenv(name, raising=False)
    return tmp_path


@asynccontextmanager
async def opened(url: str, **options: Any) -> AsyncIterator[BedrockProvider]:
    async with aiohttp.ClientSession() as session:
        loaded = BedrockOptionsSchema().load({"base_url": url, "region": REGION, **options})
        log = logging.getLogger("gateway.providers.bedrock")
        yield BedrockProvider(ProviderContext("bedrock", loaded, session, log))


async def ask(provider: BedrockProvider, model: str = NOVA, *messages: Message) -> None:
    async for _ in provider.chat(ChatRequest(model, messages or USER)):
        pass


async def test_a_service_takes_the_signatures() -> None:
    picture = Message(Role.USER, ("See", Media("image/png", "iVBORw0K" * 30_000)))
    async with fake_bedrock() as fake, opened(fake.url) as provider:
        await provider.list_models()
        await asyncio.gather(*(ask(provider) for _ in range(3)))
        await ask(provider, CLAUDE)
        await ask(provider, CLAUDE, picture)
    assert fake.refusals == []
    assert sorted(fake.sent) == [NOVA] * 3 + [f"global.{CLAUDE}"] * 2


async def test_a_service_refuses_a_signature_with_another_secret(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    monkeypatch.setenv("AWS_SECRET_ACCESS_KEY", SECRET[::-1])
    async with fake_bedrock() as fake, opened(fake.url) as provider:
        words = r"rejected the credentials of AWS \(UnrecognizedClientException\)"
        with pytest.raises(UpstreamDenied, match=words):
            await ask(provider)


@pytest.mark.parametrize("model", [NOVA, ARN])
async def test_a_signature_is_that_of_the_client_of_aws(model: str) -> None:
    """The path is encoded twice, whatever characters the id of a model has."""
    sent: list[Any] = []

    def keep(request: Any, **_: Any) -> Any:
        sent.append(request)
        return botocore.awsrequest.AWSResponse(request.url, 200, {}, mock.Mock(stream=list))

    with mock.patch("botocore.auth.get_current_datetime", return_value=NOW):
        client = botocore.session.Session().create_client("bedrock-runtime", region_name=REGION)
        client.meta.events.register("before-send.bedrock-runtime.Converse", keep)
        client.converse(modelId=model, messages=[{"role": "user", "content": [{"text": "Hi"}]}])
        (request,) = sent
        headers = {"Content-Type": "application/json", "Accept": "application/json"}
        outgoing = Outgoing("POST", request.url, headers, request.body)
        made = await Signer("bedrock", region=REGION, profile="").authorize(outgoing)
    theirs = request.headers["Authorization"]
    assert f"SignedHeaders={'content-type;host;x-amz-date'}" in made["Authorization"]
    assert made["Authorization"] == (theirs if isinstance(theirs, str) else theirs.decode())


async def test_credentials_come_from_a_profile(
    credentials: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.delenv("AWS_ACCESS_KEY_ID")
    monkeypatch.delenv("AWS_SECRET_ACCESS_KEY")
    (credentials / "credentials").write_text(
        f"[work]\naws_access_key_id = {ACCESS}\naws_secret_access_key = {SECRET}\n"
    )
    (credentials / "config").write_text(f"[profile work]\nregion = {REGION}\n")
    async with fake_bedrock() as fake, opened(fake.url, profile="work", region="") as provider:
        await ask(provider)
    assert fake.refusals == []
    assert region_of_profile("work") == REGION
    assert region_of_profile("none") == ""


async def test_no_credentials_are_an_error_that_says_what_to_set(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    monkeypatch.delenv("AWS_ACCESS_KEY_ID")
    monkeypatch.delenv("AWS_SECRET_ACCESS_KEY")
    async with opened("http://127.0.0.1:1") as provider:
        with pytest.raises(UpstreamDenied, match="finds no credentials of AWS: set AWS_BEARER"):
            await ask(provider)


async def test_credentials_that_end_are_fetched_anew_once_for_many_chats() -> None:
    fetched: list[int] = []

    def fetch() -> dict[str, str]:
        fetched.append(1)
        minutes = 5 if len(fetched) == 1 else 120
        end = dt.datetime.now(dt.UTC) + dt.timedelta(minutes=minutes)
        return {
            "access_key": ACCESS,
            "secret_key": SECRET,
            "token": "session-token",
            "expiry_time": end.isoformat(),
        }

    found = RefreshableCredentials.create_from_metadata(fetch(), fetch, "test")
    async with fake_bedrock() as fake, opened(fake.url) as provider:
        with mock.patch.object(botocore.session.Session, "get_credentials", return_value=found):
            await asyncio.gather(*(ask(provider) for _ in range(5)))
    assert fake.refusals == []
    assert len(fake.sent) == 5
    assert len(fetched) == 2


async def test_a_session_has_a_token() -> None:
    headers = {"Content-Type": "application/json"}
    outgoing = Outgoing("POST", "https://a.example/model/x/converse", headers, b"{}")
    with mock.patch.dict("os.environ", {"AWS_SESSION_TOKEN": "token"}):
        made = await Signer("bedrock", region=REGION, profile="").authorize(outgoing)
    assert made["X-Amz-Security-Token"] == "token"
    assert "content-type" in made["Authorization"]
    assert "Content-Type" not in made


async def test_words_of_the_library_reach_no_client(credentials: Path) -> None:
    async with opened("http://127.0.0.1:1", profile="secret-profile") as provider:
        with pytest.raises(UpstreamDenied) as caught:
            await ask(provider)
    assert "secret-profile" not in caught.value.message


async def test_without_the_library_a_key_is_needed_and_enough() -> None:
    with mock.patch("gateway_bedrock.signing.find_spec", return_value=None):
        assert region_of_profile("") == ""
        async with fake_bedrock() as fake, opened(fake.url) as provider:
            with pytest.raises(UpstreamDenied, match=r"gateway-bedrock\[sigv4\]: set AWS_BEARER"):
                await ask(provider)
            await ask(provider.with_key("key-of-bedrock"))
    assert len(fake.sent) == 1


async def test_an_expired_signature_is_not_the_clients_fault() -> None:
    expired = error(403, "InvalidSignatureException", "Signature expired: 1 is earlier than 2")
    async with FakeUpstream(expired) as upstream, opened(upstream.url) as provider:
        with pytest.raises(UpstreamDenied, match=r"\(InvalidSignatureException\)") as caught:
            await ask(provider)
    assert (caught.value.status, caught.value.request_id) == (502, "0f1e2d3c")
