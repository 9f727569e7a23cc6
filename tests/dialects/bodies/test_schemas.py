"""Bodies are read in one pass, which finds in each what marshmallow finds."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from typing import Any

import marshmallow as ma
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from gateway.core import codec
from gateway.core.errors import InvalidRequest
from gateway.dialects.anthropic.schemas import MessagesRequest
from gateway.dialects.bodies.decode import fold_keys
from gateway.dialects.bodies.readers import Mismatch
from gateway.dialects.bodies.schemas import Body, body_loader
from gateway.dialects.ollama import manage
from gateway.dialects.ollama import schemas as ollama
from gateway.dialects.openai import schemas as openai

SCHEMAS: Mapping[str, type[Body[Any]]] = {
    f"{schema.__module__}.{schema.__name__}": schema
    for schema in (
        ollama.ChatRequest,
        ollama.GenerateRequest,
        ollama.EmbedRequest,
        ollama.EmbeddingRequest,
        ollama.ShowRequest,
        manage.CopyRequest,
        manage.CreateRequest,
        manage.DeleteRequest,
        manage.PullRequest,
        manage.PushRequest,
        openai.ChatCompletionRequest,
        openai.CompletionRequest,
        openai.EmbedRequest,
        openai.ResponsesRequest,
        MessagesRequest,
    )
}

FITTING: tuple[Any, ...] = (
    "m",
    "",
    "high",
    "json",
    "5m",
    True,
    False,
    0,
    1,
    7,
    0.5,
    None,
    {},
    {"type": "object"},
    {"num_ctx": 4096, "include_usage": True, "effort": "low"},
    [],
    ["a"],
    [1, 2],
    ["QUJD"],
    [{"role": "user", "content": "Hi"}],
    [{"role": "user", "content": [{"type": "text", "text": "Hi"}]}],
    [{"type": "function", "function": {"name": "f"}, "name": "f"}],
)
UNFIT: tuple[Any, ...] = ([None], [["x"]], ["A"], {"x": [1]}, -1, 21, 2**70, [{"content": 5}])


def bodies(schema: type[Body[Any]], values: tuple[Any, ...]) -> st.SearchStrategy[dict[str, Any]]:
    names = [*schema().load_fields, "Model", "other"]
    return st.dictionaries(st.sampled_from(names), st.sampled_from(values), max_size=5)


def told(schema: Body[Any], body: Mapping[str, object]) -> object:
    """Return what marshmallow makes of *body*, or the first thing that it says against it."""
    try:
        return schema.load(fold_keys({**body}, frozenset(schema.load_fields)))
    except ma.ValidationError as error:
        return next(iter(error.messages_dict.values()))[0], 400
    except InvalidRequest as error:
        return error.message, error.status


def loaded(load: Callable[[bytes], object], body: Mapping[str, object]) -> object:
    try:
        return load(codec.encode(body))
    except InvalidRequest as error:
        return error.message, error.status


@pytest.mark.parametrize("schema", SCHEMAS.values(), ids=SCHEMAS)
@settings(max_examples=60, deadline=None)
@given(data=st.data())
def test_one_pass_finds_what_marshmallow_finds(
    schema: type[Body[Any]], data: st.DataObject
) -> None:
    body = data.draw(bodies(schema, FITTING) | bodies(schema, FITTING + UNFIT))
    assert loaded(body_loader(schema), body) == told(schema(), body)


@pytest.mark.parametrize("schema", SCHEMAS.values(), ids=SCHEMAS)
def test_a_schema_has_no_hooks_that_one_pass_would_leave_out(schema: type[Body[Any]]) -> None:
    hooks = {kind: [name for name, *_ in found] for kind, found in schema._hooks.items() if found}
    assert hooks == {"post_load": ["_build"]}
    fields = schema().load_fields.values()
    assert not [field.name for field in fields if field.required or field.data_key]


def test_of_several_mistakes_the_first_field_s_is_told() -> None:
    body = {"top_logprobs": 21, "stream": "yes", "model": 5}
    with pytest.raises((Mismatch, ma.ValidationError)):
        ollama.ChatRequest().read(body)
    with pytest.raises(InvalidRequest) as caught:
        ollama.load_chat(codec.encode(body))
    assert caught.value.message == (
        "json: cannot unmarshal number into Go struct field ChatRequest.model of type string"
    )
    assert caught.value.__cause__ is None
