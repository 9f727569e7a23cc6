"""Where the gateway does something else than Ollama, on purpose."""

from __future__ import annotations

import gzip
from collections.abc import Iterator

from wire_rules.basics import CHAT
from wire_rules.case import Case, ends, failed
from wire_rules.requests import BOTH, PNG, WAV, media, said

__all__ = ["DEVIATIONS"]

TEXT = "aGVsbG8gd29ybGQ="
"""Base64 of something that is no picture."""


def _fault(fault: str) -> dict[str, object]:
    """Return a chat that goes wrong at the provider."""
    said = {"role": "user", "content": f"Hello\n[[fault: {fault}]]"}
    return {"model": "mistral-large", "messages": [said]}


def _cases() -> Iterator[Case]:
    yield Case(
        "10-cloud-suffix",
        "POST /api/chat",
        "`:cloud` and `-cloud` are accepted",
        {"model": "mistral-large:cloud"},
        check=ends(done_reason="load"),
        ollama="sends such a name to ollama.com",
        deviation="every model is remote",
    )
    yield Case(
        "10-capabilities",
        "POST /api/chat",
        "a request that the model does not support is rejected before it is sent to the provider",
        {**CHAT, "model": "mistral-embed"},
        **failed(400, '"mistral-embed" does not support chat'),
        ollama="does not know the capabilities of a remote model, and passes on its error response",
        deviation="an early error with Ollama's own message costs nothing, and clients"
        " understand it",
    )
    yield Case(
        "6.1-capability",
        "POST /api/embed",
        "embeddings from a model without that capability are rejected",
        {"model": "mistral-large", "input": "x"},
        **failed(400, '"mistral-large" does not support embeddings'),
        ollama="tries it with any model",
        deviation="no provider supports embeddings with a chat model",
    )
    yield Case(
        "3.4-vision",
        "POST /api/chat",
        "images for a model without vision are rejected",
        {
            "model": "codestral",
            "messages": [{"role": "user", "content": "x", "images": [PNG]}],
        },
        **failed(400, "registry.ollama.ai/library/codestral:latest does not support vision"),
        ollama="does not check it in advance",
        deviation="the provider would ignore them, or report a less clear error",
    )
    yield Case(
        "3.4-audio",
        "POST /api/generate",
        "audio for a model without audio input is rejected",
        {"model": "mistral-large", "prompt": "x", "images": [WAV]},
        **failed(400, "registry.ollama.ai/library/mistral-large:latest does not support audio"),
        ollama="does not check it in advance",
        deviation="the provider would ignore them, or report a less clear error",
    )
    yield Case(
        "3.4-unknown-media",
        "POST /api/chat",
        "media in an unknown format are rejected",
        {
            "model": "mistral-large",
            "messages": [{"role": "user", "content": "x", "images": [TEXT]}],
        },
        **failed(
            400,
            "unsupported media: images may be png, jpeg, gif or webp, audio wav or mp3,"
            " documents pdf",
        ),
        ollama="passes them to the runner, which fails",
        deviation="no provider accepts them",
    )
    yield Case(
        "4.5-context",
        "POST /api/generate",
        "an answer has no `context`, and a `context` in a request is ignored",
        {"model": "mistral-large", "prompt": "x", "context": [1, 2, 3], "stream": False},
        check=lambda reply: "context" not in reply.json,
        ollama="returns the tokens of the conversation and accepts them back",
        deviation="providers return no tokens, and the field is deprecated",
    )
    yield Case(
        "8.2-push",
        "POST /api/push",
        "a push fails after the first status",
        {"model": "mistral-large"},
        check=lambda reply: (
            reply.lines[0] == {"status": "retrieving manifest"}
            and "cannot be pushed" in reply.lines[-1]["error"]
        ),
        ollama="uploads the model to a registry",
        deviation="there is nothing to upload",
    )
    yield Case(
        "8.3-weights",
        "POST /api/create",
        "a model cannot be created from files",
        {"model": "x", "files": {"a.gguf": "sha256:" + "1" * 64}},
        status=400,
        pattern=r'\{"error":"models cannot be made from weights: .*"\}',
        ollama="imports the weights",
        deviation="the gateway does not run models",
    )
    yield Case(
        "8.5-provider",
        "DELETE /api/delete",
        "a model of a provider cannot be deleted",
        {"model": "mistral-large"},
        status=400,
        pattern=r"""\{"error":"model 'mistral-large' belongs to the provider mistral .*"\}""",
        ollama="deletes any model",
        deviation="it would reappear with the next model list; the settings control what is listed",
    )
    yield Case(
        "1.5-denied",
        "POST /api/chat",
        "a key of the gateway that the provider rejects is a 502",
        _fault("401"),
        status=502,
        pattern=r'\{"error":"mistral .*key.*"\}',
        ollama="passes on the 401",
        deviation="clients relate a 401 to their own key, and hide its message",
    )
    yield Case(
        "1.3-gzip",
        "POST /api/show",
        "compressed bodies are accepted in every encoding that the HTTP server supports",
        gzip.compress(b'{"model":"mistral-large"}', mtime=0),
        sent={"Content-Encoding": "gzip"},
        check=lambda reply: "model_info" in reply.json,
        ollama="supports zstd below `/v1` only, and treats anything else as invalid JSON",
        deviation="no client depends on the error",
    )


def _liberal() -> Iterator[Case]:
    for endpoint in BOTH:
        for name, value in {"300": "300", "negative-text": "-1"}.items():
            yield Case(
                f"3.8-{name}-{endpoint}",
                endpoint,
                "a `keep_alive` may be a number as text",
                said(endpoint, keep_alive=value),
                check=ends(done=True),
                ollama="responds with 400, since a unit is missing",
                deviation="it is plain what is meant",
            )
        for name, value in {"text": "END", "empty": ""}.items():
            yield Case(
                f"3.6-stop-{name}-{endpoint}",
                endpoint,
                "`stop` may be one text, or an empty one",
                said(endpoint, options={"stop": value}),
                check=ends(done=True),
                ollama="responds with 500",
                deviation="OpenAI's API accepts it",
            )
        for name, image in {
            "data-url": f"data:image/png;name=a.png;base64,{PNG}",
            "padding": PNG.rstrip("="),
        }.items():
            yield Case(
                f"3.4-{name}-{endpoint}",
                endpoint,
                "an image may be a data URL, and its padding may be missing",
                media(endpoint, image),
                check=ends(done=True),
                ollama="responds with 400",
                deviation="browsers and other APIs write images like this",
            )


DEVIATIONS = (*_cases(), *_liberal())
