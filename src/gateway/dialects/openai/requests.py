"""From calls to what a provider is asked; what the client did not say stays unsaid.

Ollama fills in a temperature and a top_p of 1.0 here. Providers tune these for each model, so they
are left to them. The model of each request is still the one that the client named.
"""

from __future__ import annotations

from gateway.core.chat import ChatRequest, FillRequest, Message, Role, Sampling
from gateway.core.embeddings import EmbedRequest
from gateway.dialects.openai.bodies import ChatBody, CompletionBody, EmbeddingBody, ResponseBody

__all__ = [
    "chat_request",
    "completion_request",
    "embed_request",
    "given_options",
    "response_request",
]


def chat_request(call: ChatBody) -> ChatRequest:
    """Return what the provider is asked."""
    return ChatRequest(
        model=call.model,
        messages=call.messages,
        tools=call.tools,
        tool_choice=call.tool_choice,
        parallel_tool_calls=call.parallel_tool_calls,
        sampling=_sampling(call),
        think=call.reasoning_effort if call.reasoning is None else call.reasoning,
        response_format=call.response_format,
        extra=_extra(call),
    )


def completion_request(call: CompletionBody) -> ChatRequest | FillRequest:
    """Return what the provider is asked: a chat of one turn or, with a suffix, to fill in."""
    sampling, extra = _sampling(call), _extra(call)
    if call.suffix:
        return FillRequest(call.model, call.prompt, call.suffix, sampling, extra)
    prompt = Message(Role.USER, call.prompt)
    return ChatRequest(call.model, (prompt,), sampling=sampling, extra=extra)


def response_request(call: ResponseBody) -> ChatRequest:
    """Return what the provider is asked."""
    instructions = (Message(Role.SYSTEM, call.instructions),) if call.instructions else ()
    return ChatRequest(
        model=call.model,
        messages=(*instructions, *call.messages),
        tools=call.tools,
        tool_choice=call.tool_choice,
        parallel_tool_calls=call.parallel_tool_calls,
        sampling=Sampling(
            temperature=call.temperature, top_p=call.top_p, max_tokens=_positive(_limit(call))
        ),
        think=call.reasoning,
        response_format=call.response_format,
        extra=_extra(call),
    )


def embed_request(call: EmbeddingBody) -> EmbedRequest:
    """Return what the provider is asked."""
    return EmbedRequest(call.model, call.input, dimensions=_positive(call.dimensions))


def given_options(call: ChatBody | CompletionBody | ResponseBody) -> frozenset[str]:
    """Return the options that the client gave a value that sets none.

    A limit of zero or less is no limit, and a negative seed is a random one, as among Ollama's
    options; the parameters stored with a model must not replace them.
    """
    limits = {
        "num_predict": _limit(call),
        "seed": None if isinstance(call, ResponseBody) else call.seed,
    }
    least = {"num_predict": 1, "seed": 0}
    return frozenset(
        name for name, value in limits.items() if value is not None and value < least[name]
    )


def _limit(call: ChatBody | CompletionBody | ResponseBody) -> int | None:
    if isinstance(call, ResponseBody):
        return call.max_output_tokens
    if isinstance(call, ChatBody) and call.max_tokens is None:
        return call.max_completion_tokens
    return call.max_tokens


def _sampling(call: ChatBody | CompletionBody) -> Sampling:
    # Where Go cannot tell 0 from nothing, Ollama takes it for nothing.
    says_top_p = call.top_p or isinstance(call, ChatBody)
    return Sampling(
        temperature=call.temperature,
        top_p=call.top_p if says_top_p else None,
        seed=call.seed if call.seed is not None and call.seed >= 0 else None,
        max_tokens=_positive(_limit(call)),
        stop=call.stop,
        presence_penalty=call.presence_penalty,
        frequency_penalty=call.frequency_penalty,
    )


def _positive(limit: int | None) -> int | None:
    """Return a limit, or None for one that limits nothing."""
    return limit if limit is not None and limit > 0 else None


def _extra(call: ChatBody | CompletionBody | ResponseBody) -> dict[str, object]:
    key = call.prompt_cache_key
    return {} if key is None else {"prompt_cache_key": key}
