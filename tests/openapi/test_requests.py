"""The schemas beside the readers against the readers: what one allows, the other takes."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from api_document import DOCUMENT, mutated, problems, values_of
from gateway.core import codec
from gateway.core.errors import InvalidRequest
from gateway.dialects.anthropic.schemas import load_messages
from gateway.dialects.ollama import manage
from gateway.dialects.ollama import schemas as ollama
from gateway.dialects.openai import schemas as openai
from gateway.openapi.operations import OPERATIONS

pytestmark = pytest.mark.slow

LOADERS: dict[str, Callable[[bytes], object]] = {
    "OllamaChatRequest": ollama.load_chat,
    "OllamaGenerateRequest": ollama.load_generate,
    "OllamaEmbedRequest": ollama.load_embed,
    "OllamaEmbeddingsRequest": ollama.load_embeddings,
    "OllamaShowRequest": ollama.load_show,
    "OllamaCreateRequest": manage.load_create,
    "OllamaCopyRequest": manage.load_copy,
    "OllamaDeleteRequest": manage.load_delete,
    "OllamaPullRequest": manage.load_pull,
    "OllamaPushRequest": manage.load_push,
    "OpenAIChatRequest": openai.load_chat,
    "OpenAICompletionRequest": openai.load_completion,
    "OpenAIEmbeddingRequest": openai.load_embedding,
    "OpenAIResponseRequest": openai.load_response,
    "AnthropicMessagesRequest": load_messages,
}
SCHEMAS = DOCUMENT["components"]["schemas"]
# What no schema of a member says: which members must be there, and what their texts mean.
NEEDED: dict[str, dict[str, Any]] = {
    "OllamaCreateRequest": {
        "model": "m",
        "files": {},
        "adapters": {},
        "draft_files": {},
        "draft_quantize": "",
    },
    "OpenAIEmbeddingRequest": {"input": "x"},
}
MEMBERS = [
    pytest.param(name, member, id=f"{name}-{member}")
    for name in LOADERS
    for member in SCHEMAS[name]["properties"]
    if member not in NEEDED.get(name, {}) or member == "input"
]


def takes(name: str, body: dict[str, Any]) -> str:
    """Return why a body is refused, nothing if it is read."""
    try:
        LOADERS[name](codec.encode({**NEEDED.get(name, {}), **body}))
    except InvalidRequest as error:
        return error.message or "refused"
    return ""


def test_every_schema_of_a_body_has_its_reader_here() -> None:
    assert {name for name in SCHEMAS if name.endswith("Request")} == LOADERS.keys()


@pytest.mark.parametrize(("name", "member"), MEMBERS)
@given(data=st.data())
def test_what_the_document_allows_is_read(name: str, member: str, data: st.DataObject) -> None:
    schema = SCHEMAS[name]["properties"][member]
    value = data.draw(values_of(schema))
    assert problems(schema, value) == []
    assert takes(name, {member: value}) == "" or value is None


@pytest.mark.parametrize(("name", "member"), MEMBERS)
@given(data=st.data())
def test_what_the_document_does_not_allow_is_refused(
    name: str, member: str, data: st.DataObject
) -> None:
    schema = SCHEMAS[name]["properties"][member]
    value = data.draw(mutated(values_of(schema)))
    if problems(schema, value, checked=True):
        assert takes(name, {member: value})


@pytest.mark.parametrize(
    ("name", "body"),
    [
        ("OllamaChatRequest", {"think": "hard"}),
        ("OllamaChatRequest", {"top_logprobs": 21}),
        ("OllamaChatRequest", {"keep_alive": "5 minutes"}),
        ("OllamaChatRequest", {"messages": [{"tool_calls": [{"function": {"name": 1}}]}]}),
        ("OllamaChatRequest", {"tools": [{"function": {"parameters": {"type": 1}}}]}),
        ("OllamaGenerateRequest", {"images": ["?"]}),
        ("OllamaGenerateRequest", {"context": ["a"]}),
        ("OllamaCreateRequest", {"files": {"a": 1}}),
        ("OpenAIChatRequest", {"reasoning_effort": "much"}),
        ("OpenAIChatRequest", {"stream_options": {"include_usage": 1}}),
        ("OpenAICompletionRequest", {"stop": ["a", 1]}),
        ("OpenAIEmbeddingRequest", {"input": []}),
        ("OpenAIEmbeddingRequest", {"encoding_format": "text"}),
        ("OpenAIResponseRequest", {"input": 7}),
        ("AnthropicMessagesRequest", {"messages": [{"role": "user"}]}),
        ("AnthropicMessagesRequest", {"messages": [{"content": [{"text": 7}]}]}),
        ("AnthropicMessagesRequest", {"stop_sequences": [1]}),
    ],
)
def test_both_refuse_the_same_mistakes(name: str, body: dict[str, Any]) -> None:
    assert takes(name, body)
    if body != {"images": ["?"]}:  # base64 is told by `contentEncoding`, which is no assertion
        assert problems(SCHEMAS[name], body)


@pytest.mark.parametrize("key", [key for key, one in OPERATIONS.items() if one.body])
def test_every_example_is_valid(key: tuple[str, str]) -> None:
    method, path = key
    for media in DOCUMENT["paths"][path][method.lower()]["requestBody"]["content"].values():
        if "schema" in media and media.get("example") and "file" not in str(media["schema"]):
            assert problems(media["schema"], media["example"]) == []
