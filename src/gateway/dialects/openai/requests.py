"""From bodies to provider requests; what the client did not specify stays unset.

Ollama sets a temperature and a top_p of 1.0 here. Providers tune these for each model, so the
gateway does not. The model of each request is still the one that the client named.
"""

from __future__ import annotations

from collections.abc import Sequence

from gateway.core.chat import ChatRequest, FillRequest, Message, Role, Sampling, replace
from gateway.core.embeddings import EmbedRequest
from gateway.dialects.openai.bodies import ChatBody, CompletionBody, EmbeddingBody, ResponseBody
from gateway.dialects.openai.items import read_items

__all__ = [
    "chat_request",
    "completion_request",
    "embed_request",
    "given_options",
    "response_request",
    "with_items",
]


def chat_request(body: ChatBody) -> ChatRequest:
    """Return the provider request; raise `Forbidden` or `InvalidRequest` for tools nobody runs."""
    return ChatRequest(
        model=body.model,
        messages=body.messages,
        tools=body.tools.offered(),
        tool_choice=body.tool_choice,
        parallel_tool_calls=body.parallel_tool_calls,
        sampling=_sampling(body),
        think=body.reasoning_effort if body.reasoning is None else body.reasoning,
        response_format=body.response_format,
        extra=_extra(body),
    )


def completion_request(body: CompletionBody) -> ChatRequest | FillRequest:
    """Return the provider request: a chat of one turn or, with a suffix, to fill in."""
    sampling, extra = _sampling(body), _extra(body)
    if body.suffix:
        return FillRequest(body.model, body.prompt, body.suffix, sampling, extra)
    prompt = Message(Role.USER, body.prompt)
    return ChatRequest(body.model, (prompt,), sampling=sampling, extra=extra)


def with_items(body: ResponseBody, items: Sequence[object]) -> ResponseBody:
    """Return *body* with *items* as its input, read; they may bring tools of their own.

    Raise `InvalidRequest` for an item that cannot be read.
    """
    conversation = read_items(items, offered=len(body.tools.functions))
    return replace(
        body,
        items=tuple(items),
        messages=conversation.messages,
        tools=body.tools.joined(conversation.tools),
    )


def response_request(body: ResponseBody) -> ChatRequest:
    """Return the provider request; raise `Forbidden` or `InvalidRequest` for tools nobody runs."""
    instructions = (Message(Role.SYSTEM, body.instructions),) if body.instructions else ()
    return ChatRequest(
        model=body.model,
        messages=(*instructions, *body.messages),
        tools=body.tools.offered(),
        tool_choice=body.tool_choice,
        parallel_tool_calls=body.parallel_tool_calls,
        sampling=Sampling(
            temperature=body.temperature, top_p=body.top_p, max_tokens=_positive(_limit(body))
        ),
        think=body.reasoning,
        response_format=body.response_format,
        extra=_extra(body),
    )


def embed_request(body: EmbeddingBody) -> EmbedRequest:
    """Return the provider request."""
    return EmbedRequest(body.model, body.input, dimensions=_positive(body.dimensions))


def given_options(body: ChatBody | CompletionBody | ResponseBody) -> frozenset[str]:
    """Return the options that the client gave a value that sets none.

    A limit of zero or less is no limit, and a negative seed is a random one, as among Ollama's
    options; the parameters stored with a model must not replace them.
    """
    limits = {
        "num_predict": _limit(body),
        "seed": None if isinstance(body, ResponseBody) else body.seed,
    }
    least = {"num_predict": 1, "seed": 0}
    return frozenset(
        name for name, value in limits.items() if value is not None and value < least[name]
    )


def _limit(body: ChatBody | CompletionBody | ResponseBody) -> int | None:
    if isinstance(body, ResponseBody):
        return body.max_output_tokens
    limits = [body.max_tokens]
    if isinstance(body, ChatBody):
        limits.append(body.max_completion_tokens)
    given = [limit for limit in limits if limit is not None]
    # A client that sends both means neither to be exceeded.
    return min(filter(_positive, given), default=given[0] if given else None)


def _sampling(body: ChatBody | CompletionBody) -> Sampling:
    # Go cannot tell a top_p of 0 from none in this body, so Ollama takes it for none.
    has_top_p = body.top_p or isinstance(body, ChatBody)
    return Sampling(
        temperature=body.temperature,
        top_p=body.top_p if has_top_p else None,
        seed=body.seed if body.seed is not None and body.seed >= 0 else None,
        max_tokens=_positive(_limit(body)),
        stop=body.stop,
        presence_penalty=body.presence_penalty,
        frequency_penalty=body.frequency_penalty,
    )


def _positive(limit: int | None) -> int | None:
    """Return a limit, or None for one that limits nothing."""
    return limit if limit is not None and limit > 0 else None


def _extra(body: ChatBody | CompletionBody | ResponseBody) -> dict[str, object]:
    key = body.prompt_cache_key
    return {} if key is None else {"prompt_cache_key": key}
