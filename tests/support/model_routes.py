"""The routes that ask a model, with a body for each and a provider that answers all of them."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

import aiohttp

from gateway.handlers import ROUTES
from gateway.providers import (
    Capability,
    EmbedResult,
    Finish,
    FinishReason,
    ModelInfo,
    TextDelta,
    Transcript,
)
from gateway.serving.endpoint import Endpoint
from scripted import ScriptedProvider

__all__ = ["BODIES", "MODEL", "MODEL_ROUTES", "RECORDING", "body_of", "path_of", "scripted"]

USER = [{"role": "user", "content": "hi"}]
MODEL = ModelInfo("tiny-latest", capabilities=frozenset(Capability))
BODIES: Mapping[str, Mapping[str, Any]] = {
    "/api/chat": {"messages": USER},
    "/api/generate": {"prompt": "hi"},
    "/api/embed": {"input": "hi"},
    "/api/embeddings": {"prompt": "hi"},
    "/v1/chat/completions": {"messages": USER},
    "/v1/completions": {"prompt": "hi"},
    "/v1/embeddings": {"input": "hi"},
    "/v1/responses": {"input": "hi"},
    "/v1/messages": {"messages": USER, "max_tokens": 9},
}
RECORDING = "/v1/audio/transcriptions"
MODEL_ROUTES = tuple(one for one in ROUTES if one.operation)


def scripted() -> ScriptedProvider:
    return ScriptedProvider(
        models=[MODEL],
        steps=[[TextDelta("hello")], [Finish(FinishReason.STOP)]],
        vectors=EmbedResult([[1.0]]),
        transcript=Transcript("hello"),
    )


def body_of(route: Endpoint, *, stream: bool) -> dict[str, Any]:
    if route.path == RECORDING:
        form = aiohttp.FormData({"model": "tiny-latest"})
        form.add_field("file", b"RIFF", filename="a.wav")
        return {"data": form}
    return {"json": {"model": "tiny", "stream": stream, **BODIES.get(route.path, {})}}


def path_of(route: Endpoint) -> str:
    return route.path.format(model="tiny", digest="sha256:" + "0" * 64, key="k", id="none")
