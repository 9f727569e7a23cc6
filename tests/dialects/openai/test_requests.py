"""From what a client said to what a provider is asked."""

from __future__ import annotations

import pytest

from gateway.core.chat import ChatRequest, FillRequest, JsonFormat, Message, Role, Sampling, Tool
from gateway.core.embeddings import EmbedRequest
from gateway.dialects.openai.bodies import ChatBody, CompletionBody, EmbeddingBody, ResponseBody
from gateway.dialects.openai.requests import (
    chat_request,
    completion_request,
    embed_request,
    given_options,
    response_request,
)
from gateway.dialects.openai.tools import OfferedTools

HELLO = (Message(Role.USER, "Hi"),)


def test_what_was_not_said_stays_unsaid() -> None:
    assert chat_request(ChatBody("m", HELLO)) == ChatRequest("m", HELLO)
    assert completion_request(CompletionBody("m", "Hi")) == ChatRequest("m", HELLO)
    assert response_request(ResponseBody("m", messages=HELLO)) == ChatRequest("m", HELLO)
    assert embed_request(EmbeddingBody("m", ("a",))) == EmbedRequest("m", ("a",))


def test_a_chat_keeps_all_that_was_said() -> None:
    call = ChatBody(
        "m",
        HELLO,
        max_tokens=9,
        temperature=0.0,
        top_p=0.5,
        presence_penalty=0.0,
        frequency_penalty=1.0,
        seed=0,
        stop=("END",),
        response_format=JsonFormat(name="place"),
        tools=OfferedTools({"look": Tool("look")}),
        tool_choice="required",
        parallel_tool_calls=False,
        reasoning_effort=False,
        prompt_cache_key="k",
    )
    assert chat_request(call) == ChatRequest(
        "m",
        HELLO,
        tools=(Tool("look"),),
        tool_choice="required",
        parallel_tool_calls=False,
        sampling=Sampling(
            temperature=0.0,
            top_p=0.5,
            seed=0,
            max_tokens=9,
            stop=("END",),
            presence_penalty=0.0,
            frequency_penalty=1.0,
        ),
        think=False,
        response_format=JsonFormat(name="place"),
        extra={"prompt_cache_key": "k"},
    )


@pytest.mark.parametrize(
    ("max_tokens", "max_completion_tokens", "limit", "said"),
    [
        (None, None, None, set()),
        (9, None, 9, set()),
        (None, 8, 8, set()),
        (9, 8, 8, set()),
        (8, 9, 8, set()),
        (0, 8, 8, set()),
        (8, 0, 8, set()),
        (0, -1, None, {"num_predict"}),
        (None, -1, None, {"num_predict"}),
    ],
)
def test_no_limit_of_the_client_is_exceeded(
    max_tokens: int | None, max_completion_tokens: int | None, limit: int | None, said: set[str]
) -> None:
    call = ChatBody(max_tokens=max_tokens, max_completion_tokens=max_completion_tokens)
    assert chat_request(call).sampling == Sampling(max_tokens=limit)
    assert given_options(call) == said


def test_the_object_comes_before_the_word() -> None:
    assert chat_request(ChatBody(reasoning="low", reasoning_effort="high")).think == "low"
    assert chat_request(ChatBody(reasoning=False, reasoning_effort="high")).think is False


def test_a_negative_seed_is_a_random_one() -> None:
    call = CompletionBody(seed=-1)
    assert completion_request(call).sampling == Sampling()
    assert given_options(call) == {"seed"}


def test_a_suffix_asks_to_fill_in() -> None:
    call = CompletionBody("m", "a", "b", max_tokens=9, prompt_cache_key="k")
    assert completion_request(call) == FillRequest(
        "m", "a", "b", Sampling(max_tokens=9), {"prompt_cache_key": "k"}
    )


def test_a_top_p_of_zero_says_nothing_in_a_completion() -> None:
    assert completion_request(CompletionBody(top_p=0.0)).sampling == Sampling()
    assert chat_request(ChatBody(top_p=0.0)).sampling == Sampling(top_p=0.0)


def test_instructions_come_first() -> None:
    call = ResponseBody(
        "m", messages=HELLO, instructions="Be kind.", max_output_tokens=-1, reasoning="max"
    )
    assert response_request(call) == ChatRequest(
        "m", (Message(Role.SYSTEM, "Be kind."), *HELLO), think="max"
    )
    assert given_options(call) == {"num_predict"}


def test_dimensions_of_nothing_are_the_models_own() -> None:
    assert embed_request(EmbeddingBody("m", ("a",), dimensions=5)).dimensions == 5
    assert embed_request(EmbeddingBody("m", ("a",), dimensions=-5)).dimensions is None
