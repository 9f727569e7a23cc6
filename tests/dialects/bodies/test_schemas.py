"""Bodies are read in one pass, which finds in each what marshmallow finds."""

from __future__ import annotations

import functools
from collections.abc import Callable, Iterator, Mapping
from typing import Any

import marshmallow as ma
import pytest
from hypothesis import given
from hypothesis import strategies as st

from gateway.core import codec
from gateway.core.errors import InvalidRequest
from gateway.dialects.anthropic import schemas as anthropic
from gateway.dialects.bodies.decode import fold_keys
from gateway.dialects.bodies.readers import Mismatch, read_int, read_string
from gateway.dialects.bodies.schemas import BodySchema, Value, body_loader, read_top_logprobs
from gateway.dialects.ollama import manage
from gateway.dialects.ollama import schemas as ollama
from gateway.dialects.openai import schemas as openai

GO_TYPES = {
    ollama.ChatSchema: "api.ChatRequest",
    ollama.GenerateSchema: "api.GenerateRequest",
    ollama.EmbedSchema: "api.EmbedRequest",
    ollama.EmbeddingsSchema: "api.EmbeddingRequest",
    ollama.ShowSchema: "api.ShowRequest",
    manage.CopySchema: "api.CopyRequest",
    manage.CreateSchema: "api.CreateRequest",
    manage.DeleteSchema: "api.DeleteRequest",
    manage.PullSchema: "api.PullRequest",
    manage.PushSchema: "api.PushRequest",
    openai.ChatSchema: "openai.ChatCompletionRequest",
    openai.CompletionSchema: "openai.CompletionRequest",
    openai.EmbeddingSchema: "openai.EmbedRequest",
    openai.ResponseSchema: "openai.ResponsesRequest",
    anthropic.MessagesSchema: "anthropic.MessagesRequest",
}


def concrete(schema: type[BodySchema[Any]]) -> Iterator[type[BodySchema[Any]]]:
    """Yield the schemas below *schema* that read bodies."""
    for derived in schema.__subclasses__():
        if hasattr(derived, "go_type"):
            yield derived
        yield from concrete(derived)


SCHEMAS = {f"{schema.__module__}.{schema.__name__}": schema for schema in concrete(BodySchema)}

VALUES: tuple[Any, ...] = (
    *("m", "", "high", "json", "5m", "float"),
    *(True, False, 0, 1, 7, 0.5, -1, 21, 2**70),
    *({}, {"type": "object"}, {"x": [1]}, {"type": 5}, {"effort": 5}, {"include_usage": 1}),
    {"num_ctx": 4096, "include_usage": True, "effort": "low"},
    *([], ["a"], [1, 2], ["QUJD"], ["A"], [None], [["x"]], [5]),
    [{"role": "user", "content": "Hi"}],
    [{"role": "user", "content": [{"type": "text", "text": "Hi"}]}],
    [{"type": "function", "function": {"name": "f"}, "name": "f"}],
    [{"content": 5}],
)


def takes(field: Any, value: object) -> bool:
    try:
        field.deserialize(value)
    except (ma.ValidationError, InvalidRequest):
        return False
    return True


@functools.cache
def values_of(schema_type: type[BodySchema[Any]], *, fit: bool) -> Mapping[str, list[Any]]:
    """Return those of `VALUES` that each field takes, or does not take, by its name in a body."""
    found = {
        field.data_key or name: [value for value in VALUES if takes(field, value) == fit]
        for name, field in schema_type().load_fields.items()
    }
    return {name: values for name, values in found.items() if values}


def bodies(values: Mapping[str, list[Any]], *, least: int = 0) -> st.SearchStrategy[dict[str, Any]]:
    """Return bodies whose members have some of the *values* that are given for their names."""
    members = [st.tuples(st.just(name), st.sampled_from(found)) for name, found in values.items()]
    return st.lists(st.one_of(members), min_size=least, max_size=5).map(dict)


def loaded_by_marshmallow(schema: BodySchema[Any], body: Mapping[str, object]) -> object:
    """Return what marshmallow makes of *body*, or the first error that it reports."""
    try:
        return schema.load(fold_keys({**body}, schema.known))
    except ma.ValidationError as error:
        return next(iter(error.messages_dict.values()))[0], 400
    except InvalidRequest as error:
        return error.message, error.status


def loaded(load: Callable[[bytes], object], body: Mapping[str, object]) -> object:
    try:
        return load(codec.encode(body))
    except InvalidRequest as error:
        return error.message, error.status


def test_each_schema_names_its_go_type() -> None:
    assert {schema: schema.go_type for schema in SCHEMAS.values()} == GO_TYPES


@pytest.mark.parametrize("schema_type", SCHEMAS.values(), ids=SCHEMAS)
@given(data=st.data())
def test_a_good_body_is_read_in_one_pass_as_marshmallow_loads_it(
    schema_type: type[BodySchema[Any]], data: st.DataObject
) -> None:
    schema = schema_type()
    good = values_of(schema_type, fit=True)
    assert set(good) == schema.known
    body = data.draw(bodies({**good, "other": [1], "Model": ["M"]}))
    expected = loaded_by_marshmallow(schema, body)
    assert loaded(body_loader(schema_type), body) == expected


@pytest.mark.parametrize("schema_type", SCHEMAS.values(), ids=SCHEMAS)
@given(data=st.data())
def test_a_bad_body_is_refused_with_the_error_that_marshmallow_reports(
    schema_type: type[BodySchema[Any]], data: st.DataObject
) -> None:
    schema = schema_type()
    body = data.draw(bodies(values_of(schema_type, fit=True)))
    body |= data.draw(bodies(values_of(schema_type, fit=False), least=1))
    with pytest.raises((Mismatch, InvalidRequest, ma.ValidationError)):
        schema.read(body)
    assert loaded(body_loader(schema_type), body) == loaded_by_marshmallow(schema, body)


def test_of_several_mistakes_the_first_field_s_is_told() -> None:
    body = {"top_logprobs": 21, "stream": "yes", "model": 5}
    with pytest.raises((Mismatch, ma.ValidationError)):
        ollama.ChatSchema().read(body)
    with pytest.raises(InvalidRequest) as caught:
        ollama.load_chat(codec.encode(body))
    assert caught.value.message == (
        "json: cannot unmarshal number into Go struct field ChatRequest.model of type string"
    )
    assert caught.value.__cause__ is None


def test_a_mistake_below_a_renamed_field_is_told_under_the_name_in_the_body() -> None:
    with pytest.raises(InvalidRequest) as caught:
        ollama.load_generate(b'{"images":5}')
    assert caught.value.message == (
        "json: cannot unmarshal number into Go struct field GenerateRequest.images"
        " of type []api.ImageData"
    )


def make_schema(bases: tuple[type, ...] = (BodySchema,), **attrs: object) -> Any:
    fields = {"a": Value(read_string), "n": Value(read_int)}
    return type(BodySchema)("Planted", bases, {"go_type": "api.X", "body": dict, **fields, **attrs})


def hook(self: object, data: object, **_: object) -> object:
    raise AssertionError


class OtherValue(Value):
    """A field that could read in another way."""


class Mixin:
    prepare = ma.pre_load(hook)


NOT_HONOURED: dict[str, dict[str, Any]] = {
    "pre_load": {"prepare": ma.pre_load(hook)},
    "post_load": {"prepare": ma.post_load(hook)},
    "validates": {"check": ma.validates("a")(hook)},
    "validates_schema": {"check": ma.validates_schema(hook)},
    "handle_error": {"handle_error": hook},
    "on_bind_field": {"on_bind_field": hook},
    "load": {"load": hook},
    "read": {"read": hook},
    "a-class-method": {"get_attribute": classmethod(hook)},
    "a-property": {"load_fields": property(hook)},
    "unknown": {"Meta": type("Meta", (), {"unknown": ma.RAISE})},
    "include": {"Meta": type("Meta", (), {"include": {"from": Value(read_string)}})},
    "exclude": {"Meta": type("Meta", (), {"exclude": ("a",)})},
    "a-field-of-marshmallow": {"b": ma.fields.String()},
    "a-nested-schema": {"b": ma.fields.Nested(ma.Schema.from_dict({}))},
    "another-kind-of-value": {"b": OtherValue(read_string)},
    "a-class-with-a-hook": {"bases": (BodySchema, Mixin)},
}


@pytest.mark.parametrize("attrs", NOT_HONOURED.values(), ids=NOT_HONOURED)
def test_a_schema_that_uses_what_one_pass_ignores_cannot_be_made(attrs: dict[str, Any]) -> None:
    with pytest.raises(TypeError, match="which BodySchema.read ignores"):
        make_schema(**attrs)


@pytest.mark.parametrize(
    "setting",
    [
        {"required": True},
        {"load_default": "x"},
        {"dump_default": "x"},
        {"allow_none": False},
        {"attribute": "b"},
        {"load_only": True},
        {"dump_only": True},
        {"error_messages": {"invalid": "x"}},
        {"metadata": {"x": 1}},
        {"validate": None},
    ],
    ids=lambda setting: next(iter(setting)),
)
def test_a_field_has_no_setting_that_one_pass_ignores(setting: dict[str, Any]) -> None:
    with pytest.raises(TypeError, match="unexpected keyword argument"):
        Value(read_string, **setting)


@pytest.mark.parametrize(
    "body", [{"A": "x"}, {"a": "x"}, {"n": 1}, {"n": 21}, {"n": "1"}, {"A": 1}, {"A": "x", "n": 21}]
)
def test_one_pass_honours_a_field_s_other_name_and_its_check(body: dict[str, Any]) -> None:
    schema_type = make_schema(
        a=Value(read_string, data_key="A"),
        n=Value(read_top_logprobs),
    )
    assert loaded(body_loader(schema_type), body) == loaded_by_marshmallow(schema_type(), body)


def test_an_empty_body_has_an_error_of_its_own_where_one_is_given() -> None:
    load = body_loader(make_schema(), empty_error="EOF")
    assert [loaded(load, {}), load(b" {} ")] == [{}, {}]
    for empty in (b"", b" \n"):
        with pytest.raises(InvalidRequest, match="^EOF$"):
            load(empty)
    with pytest.raises(InvalidRequest, match="^missing request body$"):
        body_loader(make_schema())(b"")
