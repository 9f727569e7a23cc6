"""Making, copying and removing models; blobs. Only what leaves no trace for other cases."""

from __future__ import annotations

import json
from collections.abc import Iterator

from wire_rules.case import NDJSON, Case, Reply, error, failed

__all__ = ["MANAGEMENT"]

PULLED = '{"status":"pulling manifest"}\n{"status":"success"}\n'
MISSING = "pull model manifest: file does not exist"
DIGEST = "sha256:" + "1" * 64


def _succeeds(reply: Reply) -> None:
    assert reply.lines[-1] == {"status": "success"}
    assert all([*line] == ["status"] for line in reply.lines)


def _cases() -> Iterator[Case]:
    pull, create, copy = "POST /api/pull", "POST /api/create", "POST /api/copy"
    delete, push = "DELETE /api/delete", "POST /api/push"
    for field in ("model", "name"):
        yield Case(
            f"8.1-{field}",
            pull,
            "pulling an existing model reports the manifest and success",
            {field: "mistral-large", "insecure": True, "username": "x"},
            text=PULLED,
            headers={"Content-Type": NDJSON},
        )
    yield Case(
        "8.1-document",
        pull,
        "without a stream, the answer is the last status",
        {"model": "mistral-large", "stream": False},
        text='{"status":"success"}',
        headers={"Content-Type": "application/json"},
    )
    yield Case(
        "8.1-unknown",
        pull,
        "an unknown model fails after the first status, with the message that Ollama's command"
        " line expects",
        {"model": "llama3"},
        text='{"status":"pulling manifest"}\n' + error(MISSING) + "\n",
        headers={"Content-Type": NDJSON},
    )
    yield Case(
        "8.1-unknown-document",
        pull,
        "without a stream, a failure has a status of its own",
        {"model": "llama3", "stream": False},
        status=500,
        text=error(MISSING),
    )
    yield Case(
        "8.2-unknown",
        push,
        "an unknown model fails after two statuses",
        {"model": "llama3"},
        check=lambda reply: (
            [*map(json.dumps, reply.lines[:2])]
            == ['{"status": "retrieving manifest"}', '{"status": "couldn\'t retrieve manifest"}']
            and "error" in reply.lines[2]
        ),
    )
    made = Case(
        "8.3-success",
        create,
        "a model is created from another one: several statuses, then success",
        {"model": "conformance-made", "from": "mistral-large", "system": "Be brief"},
        check=_succeeds,
        headers={"Content-Type": NDJSON},
    )
    yield made
    yield Case(
        "8.3-document",
        create,
        "without a stream, the answer is the last status",
        {"model": "conformance-made", "from": "mistral-large", "stream": False},
        text='{"status":"success"}',
        headers={"Content-Type": "application/json"},
    )
    refused: dict[str, tuple[dict[str, object], str]] = {
        "nothing": ({}, "neither 'from' or 'files' was specified"),
        "empty-files": ({"files": {}}, "unknown type"),
        "bad-from": ({"from": "a b"}, "invalid model name"),
        "draft": (
            {"from": "mistral-large", "draft_files": {"a": DIGEST}},
            "DRAFT cannot be used with remote models",
        ),
        "absolute": ({"files": {"/etc/x": DIGEST}}, "file path must be relative"),
        "digest": ({"files": {"x": ""}}, "invalid digest format"),
    }
    for name, (body, text) in refused.items():
        yield Case(
            f"8.3-{name}",
            create,
            "an invalid request is rejected before the first status",
            {"model": "conformance-none", **body},
            **failed(400, text),
        )
    yield Case(
        "8.4-copy",
        copy,
        "the answer has no body",
        {"source": "mistral-large", "destination": "conformance-copy"},
        text="",
        headers={"Content-Length": "0", "Content-Type": None},
    )
    yield Case(
        "8.4-destination",
        copy,
        "the names are checked before the model is looked up",
        {"source": "llama3", "destination": "a b"},
        **failed(400, 'destination "a b" is invalid'),
    )
    yield Case(
        "8.4-itself",
        copy,
        "copying a name to itself succeeds, even if the model does not exist",
        {"source": "llama3", "destination": "LLAMA3:latest"},
        text="",
    )
    yield Case(
        "8.4-suffix",
        copy,
        "`:cloud` is an ordinary tag",
        {"source": "llama3:cloud", "destination": "x"},
        **failed(404, 'model "llama3:cloud" not found'),
    )
    yield Case(
        "8.5-delete",
        delete,
        "a user-made model is deleted, and the answer has no body",
        {"model": "conformance-made"},
        before=(made,),
        text="",
        headers={"Content-Length": "0"},
    )
    for path in ("sha256:abc", "md5:" + "1" * 64, "1" * 64):
        for method in ("HEAD", "POST"):
            expected = failed(400, "invalid digest format")
            if method == "HEAD":
                expected["text"] = ""
            yield Case(
                f"8.6-format-{method}-{path[:12]}",
                f"{method} /api/blobs/{{digest}}",
                "a digest is `sha256:` or `sha256-` and 64 hexadecimal digits",
                path=f"/api/blobs/{path}",
                **expected,
            )
    yield Case(
        "8.6-absent",
        "HEAD /api/blobs/{digest}",
        "content that was not uploaded is a 404",
        path=f"/api/blobs/{DIGEST}",
        status=404,
        text="",
    )
    yield Case(
        "8.6-mismatch",
        "POST /api/blobs/{digest}",
        "content that does not match its digest is rejected",
        b"x",
        path=f"/api/blobs/{DIGEST}",
        **failed(
            400,
            f'digest mismatch, expected "{DIGEST}", got "sha256:'
            '2d711642b726b04401627ca9fbac32f5c8530fb1903cc4db02258717921a4881"',
        ),
    )


MANAGEMENT = tuple(_cases())
