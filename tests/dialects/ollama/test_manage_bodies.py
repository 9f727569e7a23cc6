"""Bodies of the requests that manage models, read as Ollama reads them."""

from __future__ import annotations

import hashlib
import json
from typing import Any

import pytest

from gateway.core.chat import Message, Role
from gateway.core.errors import InvalidRequest
from gateway.core.model_info import Capability, ModelfileLayers
from gateway.dialects.ollama.manage import (
    CopyBody,
    CreateBody,
    ModelBody,
    load_copy,
    load_create,
    load_delete,
    load_pull,
    load_push,
    read_layers,
)
from gateway.dialects.ollama.progress import create_statuses

DIGEST = "sha256:" + "a" * 64

READ: dict[str, tuple[Any, bytes, Any]] = {
    "8.1-new-field": (load_pull, b'{"model":"x","insecure":true}', ModelBody("x")),
    "2-old-field": (load_pull, b'{"model":"","name":"x"}', ModelBody("x")),
    "2-new-before-old": (load_push, b'{"model":"x","name":"y"}', ModelBody("x")),
    "1.3-any-case": (load_delete, b'{"NAME":"x"}', ModelBody("x")),
    "1.3-null": (load_delete, b"null", ModelBody()),
    "8.5-no-stream": (load_delete, b'{"name":"x","stream":"no"}', ModelBody("x")),
    "8.1-no-stream": (load_push, b'{"name":"x","stream":false}', ModelBody("x", stream=False)),
    "8.4-copy": (load_copy, b'{"source":"a","destination":"b"}', CopyBody("a", "b")),
    "8.4-copy-nothing": (load_copy, b"{}", CopyBody()),
    "8.3-least": (load_create, b'{"model":"x"}', CreateBody("x:latest")),
    "8.3-from-in-any-case": (
        load_create,
        b'{"name":"x","From":"y"}',
        CreateBody("x:latest", "y"),
    ),
    "8.3-all": (
        load_create,
        json.dumps(
            {
                "model": "ns/x:1",
                "from": "y:cloud",
                "remote_host": "h",
                "files": {"a/b.gguf": DIGEST},
                "draft_files": {"d": DIGEST},
                "draft_quantize": "q4",
                "adapters": {"c": DIGEST},
                "template": "t",
                "system": "s",
                "license": ["MIT"],
                "parameters": {"stop": ["a"], "num_ctx": None},
                "messages": [{"role": "USER", "content": "Hi"}],
                "info": {"model_family": "f"},
                "renderer": "r",
                "parser": "p",
                "requires": "0.1.0",
                "quantize": "q4",
                "stream": False,
            }
        ).encode(),
        CreateBody(
            "ns/x:1",
            "y:cloud",
            remote_host="h",
            files={"a/b.gguf": DIGEST},
            draft_files={"d": DIGEST},
            adapters={"c": DIGEST},
            template="t",
            system="s",
            license=["MIT"],
            parameters={"stop": ["a"], "num_ctx": None},
            messages=(Message(Role.USER, "Hi"),),
            info={"model_family": "f"},
            stream=False,
        ),
    ),
    "8.3-no-files-at-all": (
        load_create,
        b'{"name":"x","files":{}}',
        CreateBody("x:latest", files={}),
    ),
}


@pytest.mark.parametrize(("load", "body", "call"), READ.values(), ids=READ)
def test_a_body_becomes_a_call(load: Any, body: bytes, call: object) -> None:
    assert load(body) == call


REFUSED: dict[str, tuple[Any, object, str]] = {
    "1.3-type": (
        load_pull,
        {"model": 5},
        "json: cannot unmarshal number into Go struct field PullRequest.model of type string",
    ),
    "1.3-type-of-from": (
        load_create,
        {"from": []},
        "json: cannot unmarshal array into Go struct field CreateRequest.from of type string",
    ),
    "1.3-kind": (
        load_copy,
        [],
        "json: cannot unmarshal array into Go value of type api.CopyRequest",
    ),
    "1.3-type-inside": (
        load_create,
        {"files": {"a": 1}},
        "json: cannot unmarshal number into Go struct field CreateRequest.files of type string",
    ),
    "8.3-absolute": (load_create, {"files": {"/etc/x": DIGEST}}, "file path must be relative"),
    "8.3-upwards": (load_create, {"adapters": {"a/../b": DIGEST}}, "file path must be relative"),
    "8.3-here": (load_create, {"draft_files": {"./a": DIGEST}}, "file path must be relative"),
    "8.3-slash-at-end": (load_create, {"files": {"a/": DIGEST}}, "file path must be relative"),
    "8.3-empty-digest": (load_create, {"files": {".": ""}}, "invalid digest format"),
    "8.3-null-digest": (load_create, {"files": {"a": None}}, "invalid digest format"),
    "8.3-draft": (
        load_create,
        {"model": "", "draft_quantize": "q4"},
        "--draft-quantize requires a DRAFT model",
    ),
    "2-blank": (load_create, {"from": "y"}, "invalid model name"),
    "2-invalid": (load_create, {"model": "a b", "from": "y"}, "invalid model name"),
}


@pytest.mark.parametrize(("load", "body", "text"), REFUSED.values(), ids=REFUSED)
def test_what_ollama_refuses_at_once_is_refused(load: Any, body: object, text: str) -> None:
    with pytest.raises(InvalidRequest) as caught:
        load(json.dumps(body).encode())
    assert (caught.value.status, caught.value.message) == (400, text)


def test_all_that_was_said_of_a_model_lies_over_its_base() -> None:
    call = CreateBody(
        "x",
        template="t",
        system="s",
        license=["MIT", "", None, "BSD"],
        parameters={"seed": 1},
        messages=(Message(Role.USER, "Hi"),),
        info={
            "capabilities": ["vision", "completion", "flying"],
            "model_family": "f",
            "base_name": "b",
            "quantization_level": "q",
            "parameter_size": "1B",
            "context_length": 10.0,
            "embedding_length": None,
            "unknown": [],
        },
    )
    assert read_layers(call) == ModelfileLayers(
        system="s",
        template="t",
        licenses=("MIT", "BSD"),
        parameters={"seed": 1},
        messages=(Message(Role.USER, "Hi"),),
        capabilities=(Capability.COMPLETION, Capability.VISION),
        family="f",
        base_name="b",
        quantization_level="q",
        parameter_size="1B",
        context_length=10,
    )


LICENSES = {"none": (None, ()), "empty": ("", ()), "one": ("MIT", ("MIT",))}


@pytest.mark.parametrize(("sent", "read"), LICENSES.values(), ids=LICENSES)
def test_a_licence_may_be_one_text(sent: object, read: tuple[str, ...]) -> None:
    assert read_layers(CreateBody("x", license=sent)).licenses == read


LATER_REFUSED: dict[str, tuple[CreateBody, int, str]] = {
    "8.3-licence": (
        CreateBody("x", license={"a": 1}),
        500,
        "json: cannot unmarshal object into Go value of type []string",
    ),
    "8.3-licences": (
        CreateBody("x", license=["MIT", 5]),
        500,
        "json: cannot unmarshal number into Go value of type string",
    ),
    **{
        f"8.3-{key}={value}": (CreateBody("x", info={key: value}), 400, f"info field {text}")
        for key, value, text in (
            ("context_length", -1, '"context_length" must be a non-negative integer'),
            ("context_length", 1.5, '"context_length" must be a non-negative integer'),
            ("embedding_length", 2**63, '"embedding_length" must be a non-negative integer'),
            ("embedding_length", True, '"embedding_length" must be a number'),
            ("context_length", "5", '"context_length" must be a number'),
            ("model_family", 5, '"model_family" must be a string'),
            ("capabilities", "vision", '"capabilities" must be a list of strings'),
            ("capabilities", [5], '"capabilities" must be a list of strings'),
        )
    },
}


@pytest.mark.parametrize(("call", "status", "text"), LATER_REFUSED.values(), ids=LATER_REFUSED)
def test_what_ollama_refuses_later_is_refused(call: CreateBody, status: int, text: str) -> None:
    with pytest.raises(InvalidRequest) as caught:
        read_layers(call)
    assert (caught.value.status, caught.value.message) == (status, text)


def test_what_cannot_be_kept_is_refused() -> None:
    deep: list[object] = []
    for _ in range(100_000):
        deep = [deep]
    with pytest.raises(InvalidRequest, match="nested too deep"):
        read_layers(CreateBody("x", parameters={"deep": deep}))


def sha256(content: bytes) -> str:
    return f"sha256:{hashlib.sha256(content).hexdigest()}"


def test_layers_are_told_with_the_digests_of_their_contents() -> None:
    base = ModelfileLayers(system="a", template="t", licenses=("MIT",))
    made = ModelfileLayers(
        system="b",
        template="t",
        licenses=("MIT", "BSD"),
        parameters={"stop": ["x"], "seed": 1},
        messages=(Message(Role.USER, "Hi"),),
    )
    *told, messages, manifest, success = create_statuses(base, made, model_digest="5" * 64)
    assert told == [
        f"using existing layer sha256:{'5' * 64}",
        f"using existing layer {sha256(b't')}",
        f"using existing layer {sha256(b'MIT')}",
        f"creating new layer {sha256(b'b')}",
        f"creating new layer {sha256(b'BSD')}",
        "creating new layer " + sha256(b'{"seed":1,"stop":["x"]}\n'),
    ]
    assert messages.startswith("creating new layer sha256:")
    assert (manifest, success) == ("writing manifest", "success")
