"""Model names: which are none, which are nobody's, and what each endpoint says to that."""

from __future__ import annotations

from collections.abc import Iterator

from wire_rules.bodies import NAMELESS
from wire_rules.case import Case, failed

__all__ = ["NAMES"]

INVALID = {
    "space": "a b",
    "at": "x@y",
    "no-tag": "model:",
    "no-model": "ns/",
    "only-tag": ":tag",
    "dot-in-namespace": "mistral.ai/large",
    "colons": "ft:open-mistral-7b:587a:2024",
    "slashes": "a/b/c/d",
    "long": "x" * 81,
    "minus": "-x",
}
QUOTED = {
    "POST /api/copy": 'source "{}" is invalid',
    "DELETE /api/delete": 'name "{}" is invalid',
}
UNKNOWN = {
    "POST /api/chat": "model 'llama3' not found",
    "POST /api/generate": "model 'llama3' not found",
    "POST /api/embed": 'model "llama3" not found, try pulling it first',
    "POST /api/embeddings": 'model "llama3" not found, try pulling it first',
    "POST /api/show": "model 'llama3:latest' not found",
    "POST /api/copy": 'model "llama3" not found',
    "DELETE /api/delete": "model 'llama3' not found",
}
FOUND = ("mistral-large", "mistral-large:latest", "MISTRAL-Large", "library/mistral-large")
OLD_FIELD = ("POST /api/show", "POST /api/push", "POST /api/pull", "DELETE /api/delete")


def _body(endpoint: str, name: str) -> dict[str, object]:
    if endpoint.endswith("/copy"):
        return {"source": name, "destination": "other"}
    return {"model": name, "input": "x", "prompt": "x", "from": "mistral-large"}


def _cases() -> Iterator[Case]:
    for endpoint, (status, text) in NAMELESS.items():
        for label, name in {"empty": "", "blank": "  "}.items():
            said = text.replace("''", f"'{name}'").replace('""', f'"{name}"')
            yield Case(
                f"2-{label}-{endpoint}",
                endpoint,
                "a missing model name is rejected with the endpoint's own message",
                _body(endpoint, name),
                **failed(status, said),
            )
        if endpoint == "POST /api/push":
            continue  # there the stream has begun
        for label, name in INVALID.items():
            text = QUOTED.get(endpoint, "invalid model name").format(name)  # noqa: PLW2901
            yield Case(
                f"2-invalid-{label}-{endpoint}",
                endpoint,
                "an invalid model name is a 400",
                _body(endpoint, name),
                **failed(400, text),
            )
    for endpoint, text in UNKNOWN.items():
        yield Case(
            f"2-unknown-{endpoint}",
            endpoint,
            "an unknown model is a 404, with the endpoint's own message and quotes",
            _body(endpoint, "llama3"),
            **failed(404, text),
        )
    yield Case(
        "2-unknown-canonical",
        "POST /api/show",
        "the error for an unknown model has its short name, with its tag",
        {"model": "registry.ollama.ai/library/llama3"},
        **failed(404, "model 'llama3:latest' not found"),
    )
    for name in FOUND:
        yield Case(
            f"2-echo-{name}",
            "POST /api/chat",
            "model names are case-insensitive, the tag is optional, and the answer repeats the"
            " name as it was sent",
            {"model": name},
            check=lambda reply, name=name: reply.json["model"] == name,  # type: ignore[misc] # bound
        )
    for endpoint in OLD_FIELD:
        for body in ({"name": "a b"}, {"model": "", "name": "a b"}):
            if endpoint == "POST /api/push":
                continue
            text = QUOTED.get(endpoint, "invalid model name").format("a b")
            yield Case(
                f"2-name-{len(body)}-{endpoint}",
                endpoint,
                "the old field `name` is used if `model` is empty",
                body,
                **failed(400, text),
            )
    for endpoint in ("POST /api/chat", "POST /api/generate", "POST /api/embed"):
        yield Case(
            f"2-no-name-{endpoint}",
            endpoint,
            "the old field `name` is ignored",
            {"name": "mistral-large"},
            **failed(*NAMELESS[endpoint]),
        )
    for suffix in ("x:cloud:local", "x:20b-cloud:local"):
        yield Case(
            f"2-both-{suffix}",
            "POST /api/chat",
            "a name cannot have both `:cloud` and `:local`",
            {"model": suffix},
            **failed(400, f'use either :local or :cloud, not both: "{suffix}"'),
        )
    yield Case(
        "2-local",
        "POST /api/chat",
        "a remote model is not found under a name with `:local`",
        {"model": "mistral-large:local"},
        **failed(404, "model 'mistral-large:local' not found"),
    )


NAMES = tuple(_cases())
