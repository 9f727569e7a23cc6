"""Recordings at the sandbox: what is refused, and an answer that says what arrived."""

from __future__ import annotations

from typing import Any

import aiohttp
import pytest

from gateway.sandbox import RunningSandbox
from gateway.sandbox.forms import read_form

BODIES = {
    "wav": b"RIFF$\0\0\0WAVE",
    "mp3": b"ID3\4",
    "m4a": b"\0\0\0\x20ftypM4A ",
    "ogg": b"OggS\0",
}


async def ask(running: RunningSandbox, content: bytes, **values: str) -> tuple[int, Any]:
    form = aiohttp.FormData(values, default_to_multipart=True)
    if content:
        form.add_field("file", content, filename="a.bin", content_type="audio/x")
    return await post(running, form)


async def post(running: RunningSandbox, data: Any) -> tuple[int, Any]:
    headers = {"Authorization": "Bearer key"}
    async with (
        aiohttp.ClientSession(headers=headers) as session,
        session.post(f"{running.base_url}/audio/transcriptions", data=data) as response,
    ):
        return response.status, await response.json()


@pytest.mark.parametrize("kind", BODIES)
async def test_the_answer_says_what_arrived(running: RunningSandbox, kind: str) -> None:
    content = BODIES[kind]
    status, said = await ask(running, content, model="voxtral-mini-2602", language="de")
    usage = said.pop("usage")
    assert (status, said) == (
        200,
        {
            "model": "voxtral-mini-2602",
            "text": "This is the sandbox, which cannot hear: a.bin is"
            f" a recording in {kind} of {len(content)} bytes.",
            "language": "de",
            "segments": [],
        },
    )
    assert usage["total_tokens"] == usage["prompt_tokens"] + usage["completion_tokens"]


@pytest.mark.parametrize(
    ("content", "values", "status", "said"),
    [
        (b"RIFF", {"model": "mistral-large-latest"}, 400, "Invalid model: mistral-large-latest"),
        (b"RIFF", {"model": "nobody"}, 400, "Invalid model: nobody"),
        (b"noise", {"model": "voxtral-mini-latest"}, 400, "Audio input could not be decoded"),
        (b"", {"model": "voxtral-mini-latest", "language": "de"}, 422, "Field required"),
        (b"RIFF", {"language": "de"}, 422, "Field required"),
        (b"RIFF", {"model": "voxtral-mini-latest", "x": "y"}, 422, "Extra inputs"),
    ],
    ids=["another kind", "unknown", "no recording", "no file", "no model", "unknown member"],
)
async def test_a_form_is_refused(
    running: RunningSandbox, content: bytes, values: dict[str, str], status: int, said: str
) -> None:
    found, body = await ask(running, content, **values)
    assert found == status
    assert said in str(body)


async def test_what_is_no_form_is_refused(running: RunningSandbox) -> None:
    status, _ = await post(running, b"{}")
    assert status == 422


@pytest.mark.parametrize("content_type", ["", "multipart/form-data", "text/plain; boundary=x"])
def test_a_form_has_a_boundary(content_type: str) -> None:
    assert read_form(b"--x--", content_type) is None
