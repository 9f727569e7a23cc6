"""Keys that others quote."""

from __future__ import annotations

import asyncio

import pytest
from hypothesis import given
from hypothesis import strategies as st

from gateway.core import secrets
from gateway.core.errors import GatewayError, UpstreamRejected
from gateway.core.secrets import REDACTED, protect, redact, redact_exact

KEY = "aB3dE5fG7hJ9kL1mN3pQ5rS7"
OTHER = "other-account/with+odd=characters"


@pytest.fixture(autouse=True)
def _known(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(secrets, "_known", set())
    protect([KEY, OTHER, "short", ""])


@pytest.mark.parametrize(
    "quoted",
    [
        KEY,
        OTHER,
        KEY[:12],
        KEY[5:20],
        KEY[-14:],
        f"{KEY[:4]}****{KEY[-4:]}",
        f"{KEY[:8]}*************{KEY[-2:]}",
        f"****{KEY[-4:]}",
        f"{KEY[:6]}...",
        f"{KEY[:6]}…",
        f"{KEY[:4]}••••",
        f"{KEY[:4]}XXXXXXXX{KEY[-4:]}",
        "sk-proj-Unknown0123456789",
        "sk-ant-********************wxyz",
    ],
)
@pytest.mark.parametrize(
    "sentence",
    [
        "{}",
        "Incorrect API key provided: {}. You can find your key there.",
        "key={}",
        '{{"key":"{}"}}',
        "invalid ({})",
        "Bearer {} is not valid",
        "no,{},no",
        "text/{}, not a stream",
        "header.{}: bad",
        "https://host/keys/{}/models?id={}",
    ],
)
def test_a_key_is_replaced_in_any_sentence(sentence: str, quoted: str) -> None:
    told = redact(sentence.format(quoted, quoted))
    assert REDACTED in told
    assert quoted.strip(".…") not in told
    # A mask of dots takes the full stop behind it along.
    assert told.replace(REDACTED, "").replace(".", "") == sentence.format("", "").replace(".", "")


@pytest.mark.parametrize(
    "text",
    [
        "",
        "model 'mistral-large-latest' not found",
        "wait... and try again",
        "a short word",
        "**bold** text ****",
        f"{KEY[:3]}****",
        "sk-1",
        "messages: Field required",
        "https://example.com/keys...",
    ],
)
def test_what_is_no_key_stays(text: str) -> None:
    assert redact(text) == text


def test_a_token_behind_bearer_is_a_key() -> None:
    assert redact("Authorization: Bearer abcdefghijk") == f"Authorization: Bearer {REDACTED}"


def test_a_line_of_a_log_is_looked_at_for_whole_keys_only() -> None:
    assert redact_exact(f"a {KEY} b {KEY[:12]}") == f"a {REDACTED} b {KEY[:12]}"


@pytest.mark.parametrize("error", [GatewayError, UpstreamRejected])
def test_no_error_holds_a_key(error: type[GatewayError]) -> None:
    made = error(f"wrong key {KEY}")
    assert (made.message, str(made)) == (f"wrong key {REDACTED}",) * 2
    assert KEY not in error("x" * 3990 + KEY).message


@given(st.text(max_size=30), st.text(max_size=30))
def test_whatever_stands_around_it_a_key_is_never_shown(before: str, behind: str) -> None:
    secrets._known.add(KEY)
    assert KEY not in redact(before + KEY + behind)


@given(st.text("*.xX•ab3dE sk-", max_size=60))
def test_any_text_can_be_looked_at(text: str) -> None:
    assert isinstance(redact(text), str)


async def test_a_key_of_one_context_is_known_there_alone_and_forgotten() -> None:
    own = "users-own-key-0123456789"
    seen: dict[str, str] = {}
    begun, over = asyncio.Event(), asyncio.Event()

    async def use() -> None:
        token = secrets.protect_in_context([own, "short"])
        seen["whole"] = redact(f"no {own}, short")
        seen["cut"] = redact(f"no {own[:14]}...")
        seen["masked"] = redact(f"no {own[:4]}****{own[-4:]}")
        seen["line"] = redact_exact(f"a {own}")
        begun.set()
        await over.wait()
        secrets.forget(token)
        seen["after"] = redact(own)

    task = asyncio.ensure_future(use())
    await begun.wait()
    assert redact(own) == own
    over.set()
    await task
    assert seen == {
        "whole": f"no {REDACTED}, short",
        "cut": f"no {REDACTED}...",
        "masked": f"no {REDACTED}",
        "line": f"a {REDACTED}",
        "after": own,
    }
