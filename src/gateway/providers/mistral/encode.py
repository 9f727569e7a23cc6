"""Build request bodies for Mistral field by field.

Mistral refuses any property that it does not know (422), so nothing of the client's is passed
through: what stands in a body is named in this package. A body depends on nothing but the request
and what is known of the model, and its keys have one order.
"""

from __future__ import annotations

import logging
from collections.abc import Mapping, Sequence
from typing import Final

from gateway.core.chat import ChatRequest, FillRequest, Message, Think
from gateway.core.errors import InvalidRequest
from gateway.core.model_info import Capability, ModelInfo
from gateway.providers.history.results import name_results
from gateway.providers.history.surrogates import clean
from gateway.providers.mistral.agents import NOT_FOR_AGENTS, agent_of
from gateway.providers.mistral.extra_options import (
    CHAT_OPTIONS,
    FIM_OPTIONS,
    TOOL_OPTIONS,
    wire_options,
)
from gateway.providers.mistral.formats import wire_format, with_json_hint
from gateway.providers.mistral.messages import is_audio, wire_messages
from gateway.providers.mistral.repair import instruct_by_user, repair
from gateway.providers.mistral.sampling import local_stops, wire_sampling
from gateway.providers.mistral.tools import wire_tool_choice, wire_tools
from gateway.providers.upstream.payload import reject_deep_nesting

__all__ = ["chat_body", "embed_body", "fim_body", "local_stops", "prefix_of"]

_log: Final = logging.getLogger("gateway.providers.mistral")


@reject_deep_nesting
def chat_body(
    request: ChatRequest,
    info: ModelInfo,
    *,
    think_default: bool = False,
    effort_rejected: bool = False,
) -> dict[str, object]:
    """Return the body for ``POST /v1/chat/completions``; it always asks for a stream.

    For an agent it is the body for ``POST /v1/agents/completions``. *think_default* is what a
    reasoning model does when the client does not set it; false leaves that to the provider.
    *effort_rejected* leaves out ``reasoning_effort``, which the model is known to reject. Raise
    `InvalidRequest` for what Mistral has no form for.
    """
    dropped: list[str] = []
    reasons = Capability.THINKING in info.capabilities
    form = None if request.response_format is None else wire_format(request.response_format)
    options: dict[str, object] = {}
    if request.extra:
        allowed = CHAT_OPTIONS if request.tools else CHAT_OPTIONS - TOOL_OPTIONS
        if effort_rejected:
            allowed -= {"reasoning_effort"}
        options = wire_options(request.extra, allowed=allowed, dropped=dropped)
    body: dict[str, object] = {
        "model": clean(request.model),
        "messages": wire_messages(_history(request, form), replay_thinking=reasons),
        "stream": True,
        **wire_sampling(
            request.sampling, context_length=info.context_length, penalties=True, dropped=dropped
        ),
    }
    if form is not None:
        body["response_format"] = form
    if request.tools:
        body["tools"] = wire_tools(request.tools)
        if request.tool_choice is not None:
            options["tool_choice"] = wire_tool_choice(request.tool_choice)
        if request.parallel_tool_calls is not None:
            options["parallel_tool_calls"] = request.parallel_tool_calls
    effort = _effort(request.think, default=think_default)
    if effort is not None and reasons and not effort_rejected:
        options.setdefault("reasoning_effort", effort)
    body |= options
    if agent := agent_of(request.model):
        dropped += sorted(NOT_FOR_AGENTS & body.keys() - {"model"})
        kept = {name: value for name, value in body.items() if name not in NOT_FOR_AGENTS}
        body = {"agent_id": clean(agent), **kept}
    _log_dropped(request.model, dropped)
    return _with_user(body, request.user)


def _effort(think: Think | None, *, default: bool) -> str | None:
    """Mistral's models know on and off, so each of Ollama's levels means on."""
    if think is None:
        return "high" if default else None
    return "none" if think is False else "high"


def _history(request: ChatRequest, form: Mapping[str, object] | None) -> Sequence[Message]:
    messages: Sequence[Message]
    messages, repairs = repair(name_results(request.messages, request.tools))
    if repairs:
        _log.debug("messages for %r: %s", request.model, ", ".join(repairs))
    if not messages:
        raise InvalidRequest("messages must not be empty")
    if form is not None and form["type"] == "json_object":
        messages = with_json_hint(messages)
    for message in messages:
        if message.media and any(map(is_audio, message.media)):
            return instruct_by_user(messages)
    return messages


def fim_body(request: FillRequest, info: ModelInfo) -> dict[str, object]:
    """Return the body for ``POST /v1/fim/completions``; it always asks for a stream."""
    dropped: list[str] = []
    body: dict[str, object] = {"model": clean(request.model), "prompt": clean(request.prompt)}
    if request.suffix:
        body["suffix"] = clean(request.suffix)
    body["stream"] = True
    body |= wire_sampling(
        request.sampling, context_length=info.context_length, penalties=False, dropped=dropped
    )
    body |= wire_options(request.extra, allowed=FIM_OPTIONS, dropped=dropped)
    _log_dropped(request.model, dropped)
    return _with_user(body, request.user)


def embed_body(
    model: str, inputs: Sequence[str], *, dimensions: int | None = None, user: str = ""
) -> dict[str, object]:
    """Return the body for ``POST /v1/embeddings``."""
    body: dict[str, object] = {"model": clean(model), "input": [clean(text) for text in inputs]}
    if dimensions is not None:
        body["output_dimension"] = dimensions
    return _with_user(body, user)


def _with_user(body: dict[str, object], user: str) -> dict[str, object]:
    """Name the user in the metadata, which Mistral stores with a request and does not interpret."""
    if not user:
        return body
    metadata = body.get("metadata")
    own = metadata if isinstance(metadata, dict) else {}
    return body | {"metadata": {**own, "user_id": clean(user)}}


def prefix_of(body: Mapping[str, object]) -> str:
    """Return the text that a chat body asks to be continued, which Mistral's answer repeats."""
    match body:
        case {"messages": [*_, {"prefix": True, "content": str(text)}]}:
            return text
    return ""


def _log_dropped(model: str, dropped: Sequence[str]) -> None:
    if dropped:
        _log.debug("options changed or left out for %r: %r", model, dropped)
