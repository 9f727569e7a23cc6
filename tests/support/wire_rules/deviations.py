"""Where the gateway does something else than Ollama, on purpose."""

from __future__ import annotations

import gzip
from collections.abc import Iterator

from wire_rules.basics import CHAT
from wire_rules.case import Case, ends, failed
from wire_rules.requests import PNG, WAV

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
        deviation="every model here is in a cloud already",
    )
    yield Case(
        "10-capabilities",
        "POST /api/chat",
        "what the model cannot do is refused before the provider is asked",
        {**CHAT, "model": "mistral-embed"},
        **failed(400, '"mistral-embed" does not support chat'),
        ollama="does not know what a remote model can do, and passes its refusal on",
        deviation="an early answer in Ollama's own words costs nothing and is understood",
    )
    yield Case(
        "6.1-capability",
        "POST /api/embed",
        "a model that does not embed is refused",
        {"model": "mistral-large", "input": "x"},
        **failed(400, '"mistral-large" does not support embeddings'),
        ollama="tries to embed with any model",
        deviation="no provider embeds with a chat model",
    )
    yield Case(
        "3.4-vision",
        "POST /api/chat",
        "pictures for a model that sees none are refused",
        {
            "model": "codestral",
            "messages": [{"role": "user", "content": "x", "images": [PNG]}],
        },
        **failed(400, "registry.ollama.ai/library/codestral:latest does not support vision"),
        ollama="does not check it before the run",
        deviation="the provider would answer as if there were none, or refuse less clearly",
    )
    yield Case(
        "3.4-audio",
        "POST /api/generate",
        "recordings for a model that hears none are refused",
        {"model": "mistral-large", "prompt": "x", "images": [WAV]},
        **failed(400, "registry.ollama.ai/library/mistral-large:latest does not support audio"),
        ollama="does not check it before the run",
        deviation="the provider would answer as if there were none, or refuse less clearly",
    )
    yield Case(
        "3.4-unknown-media",
        "POST /api/chat",
        "bytes of a kind that nobody recognises are refused",
        {
            "model": "mistral-large",
            "messages": [{"role": "user", "content": "x", "images": [TEXT]}],
        },
        **failed(
            400,
            "unsupported media: images may be png, jpeg, gif or webp, audio wav or mp3,"
            " documents pdf",
        ),
        ollama="hands them to the runner, which fails",
        deviation="no provider takes them",
    )
    yield Case(
        "10-remote-fields",
        "POST /api/chat",
        "each line names the provider's model and host",
        CHAT,
        check=lambda reply: all(
            line["remote_model"] == "mistral-large-latest" and line["remote_host"]
            for line in reply.lines
        ),
        ollama="does so for remote models only",
        deviation="all models here are remote, and clients know these fields",
    )
    yield Case(
        "4.5-context",
        "POST /api/generate",
        "an answer has no `context`; one that is sent is ignored",
        {"model": "mistral-large", "prompt": "x", "context": [1, 2, 3], "stream": False},
        check=lambda reply: "context" not in reply.json,
        ollama="returns the tokens of the conversation and takes them back",
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
        "a model is not made from files",
        {"model": "x", "files": {"a.gguf": "sha256:" + "1" * 64}},
        status=400,
        pattern=r'\{"error":"models cannot be made from weights: .*"\}',
        ollama="imports the weights",
        deviation="the gateway runs no models itself",
    )
    yield Case(
        "8.5-provider",
        "DELETE /api/delete",
        "a model of a provider cannot be deleted",
        {"model": "mistral-large"},
        status=400,
        pattern=r"""\{"error":"model 'mistral-large' belongs to the provider mistral .*"\}""",
        ollama="deletes any model",
        deviation="it would be there again a moment later; the settings say what is listed",
    )
    yield Case(
        "1.5-denied",
        "POST /api/chat",
        "a provider that refuses the gateway's key is a 502",
        _fault("401"),
        status=502,
        pattern=r'\{"error":"mistral .*key.*"\}',
        ollama="passes a 401 on",
        deviation="clients take a 401 for their own, and hide what it says",
    )
    yield Case(
        "1.5-cut",
        "POST /api/chat",
        "after an error in mid-stream the connection is closed without the end of its body",
        _fault("cut after=3"),
        cut=True,
        check=lambda reply: [*reply.lines[-1]] == ["error"],
        ollama="ends the body as if it were whole",
        deviation="some clients skip error lines and would take the fragment for the answer",
    )
    yield Case(
        "1.3-gzip",
        "POST /api/show",
        "a compressed body is read, as far as the server software can",
        gzip.compress(b'{"model":"mistral-large"}', mtime=0),
        sent={"Content-Encoding": "gzip"},
        check=lambda reply: "model_info" in reply.json,
        ollama="reads zstd below `/v1` only and takes anything else for bad JSON",
        deviation="nobody depends on a refusal",
    )


DEVIATIONS = tuple(_cases())
