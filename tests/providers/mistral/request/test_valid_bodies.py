"""Whatever a client sends, Mistral's rules accept what becomes of it."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

from hypothesis import HealthCheck, assume, given, settings
from hypothesis import strategies as st

from gateway.core import codec
from gateway.core.chat import (
    ChatRequest,
    FillRequest,
    JsonFormat,
    Message,
    NamedTool,
    Role,
    Sampling,
    Tool,
)
from gateway.core.model_info import ModelInfo
from gateway.providers.mistral.encode import chat_body, embed_body, fim_body, prefix_of
from gateway.sandbox.rules import CHAT_PATH, EMBEDDINGS_PATH, FIM_PATH, MOST_IMAGES, refuse
from mistral_histories import (
    HEARING,
    PDF,
    PLAIN,
    PNG,
    REASONING,
    TEXTS,
    WAV,
    clean_histories,
    messy_histories,
)

Check = Callable[[str, object], None]

NUMBERS = st.none() | st.floats(-3, 3) | st.sampled_from([0.0, 1.0])
SAMPLINGS = st.builds(
    Sampling,
    temperature=NUMBERS,
    top_p=NUMBERS,
    top_k=st.none() | st.integers(),
    min_p=NUMBERS,
    seed=st.none() | st.integers(-2, 2**63),
    max_tokens=st.none() | st.sampled_from([-2, 0, 1, 200, 32768, 262144, 10**9]),
    stop=st.lists(TEXTS | st.sampled_from("abc"), max_size=7).map(tuple),
    presence_penalty=NUMBERS,
    frequency_penalty=NUMBERS,
)
OBJECT: dict[str, Any] = {"type": "object", "properties": {"a": {"type": "string"}}}
SCHEMAS = st.sampled_from(
    [
        {},
        OBJECT,
        {"type": "object"},
        {"type": "array", "items": OBJECT, "$schema": "s"},
        {"allOf": [OBJECT, OBJECT]},
        {"properties": {"\ud83d": OBJECT}, "$defs": {"d": OBJECT}, "$id": "i", "title": "a b"},
    ]
)
TOOLS = st.lists(
    st.builds(
        Tool, st.just("weather"), TEXTS, SCHEMAS.filter(lambda schema: "items" not in schema)
    ),
    max_size=2,
).map(tuple)
REQUESTS = {
    "tools": TOOLS,
    "parallel_tool_calls": st.none() | st.booleans(),
    "tool_choice": st.none()
    | st.sampled_from(["auto", "none", "required"])
    | st.just(NamedTool("weather")),
    "sampling": SAMPLINGS,
    "think": st.none() | st.booleans() | st.sampled_from(["low", "max"]),
    "response_format": st.none() | st.builds(JsonFormat, st.none() | SCHEMAS, TEXTS, TEXTS),
    "extra": st.dictionaries(st.sampled_from(["num_ctx", "n", "mirostat"]), st.integers()),
}


def requests_to(model: str, history: st.SearchStrategy[tuple[Message, ...]]) -> Any:
    return st.builds(ChatRequest, st.just(model), history, **REQUESTS)


def wire(body: object) -> Any:
    return codec.decode(codec.encode(body))


def says_something(message: Message) -> bool:
    return message.role is not Role.ASSISTANT or bool(message.tool_calls or message.text.strip())


def assert_served(request: ChatRequest, info: ModelInfo, check: Check) -> None:
    assume(any(map(says_something, request.messages)))
    # More are for Mistral to refuse: there is no telling which a client could do without.
    assume(sum(len(message.media) for message in request.messages) <= MOST_IMAGES)
    sent = codec.encode(chat_body(request, info))
    assert codec.encode(chat_body(request, info)) == sent
    body = codec.decode(sent)
    assert refuse(CHAT_PATH, body) is None
    check("ChatCompletionRequest", body)
    last = body["messages"][-1]
    assert prefix_of(body) == (last["content"] if "prefix" in last else "")


common = settings(suppress_health_check=[HealthCheck.function_scoped_fixture])


@common
@given(request=requests_to("mistral-small-latest", messy_histories(PNG, PDF)))
def test_any_history_is_served_by_a_model_that_reasons(
    request: ChatRequest, check_against_openapi: Check
) -> None:
    assert_served(request, REASONING, check_against_openapi)


@common
@given(request=requests_to("mistral-large-latest", messy_histories(PNG)))
def test_any_history_is_served_by_a_model_that_does_not(
    request: ChatRequest, check_against_openapi: Check
) -> None:
    assert_served(request, PLAIN, check_against_openapi)


@common
@given(request=requests_to("voxtral-small-latest", messy_histories(WAV)))
def test_any_history_is_served_by_a_model_that_listens(
    request: ChatRequest, check_against_openapi: Check
) -> None:
    assert_served(request, HEARING, check_against_openapi)


@common
@given(request=requests_to("mistral-small-latest", clean_histories()))
def test_a_clean_history_is_sent_message_by_message(
    request: ChatRequest, check_against_openapi: Check
) -> None:
    assume(sum(len(message.media) for message in request.messages) <= 8)
    assert_served(request, REASONING, check_against_openapi)
    body = wire(chat_body(request, REASONING))
    if body.get("response_format") != {"type": "json_object"}:
        roles = [message["role"] for message in body["messages"]]
        assert roles == [message.role for message in request.messages]


@common
@given(prompt=TEXTS, suffix=TEXTS, sampling=SAMPLINGS)
def test_any_gap_is_served(
    prompt: str, suffix: str, sampling: Sampling, check_against_openapi: Check
) -> None:
    body = wire(fim_body(FillRequest("codestral-latest", prompt, suffix, sampling), HEARING))
    assert refuse(FIM_PATH, body) is None
    check_against_openapi("FIMCompletionRequest", body)


@common
@given(inputs=st.lists(TEXTS, min_size=1, max_size=3), dimensions=st.none() | st.integers(1, 3072))
def test_any_texts_are_embedded(
    inputs: list[str], dimensions: int | None, check_against_openapi: Check
) -> None:
    body = wire(embed_body("codestral-embed", inputs, dimensions=dimensions))
    assert refuse(EMBEDDINGS_PATH, body) is None
    check_against_openapi("EmbeddingRequest", body)
