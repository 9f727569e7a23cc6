"""Build request bodies for an Ollama server without losing fields (Ollama's ``docs/api.md``).

Native fields, which a client of the same dialect has sent, are passed on unchanged; the vocabulary
is for all other clients, and for what a model that a user made adds.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from contextlib import suppress
from typing import Any

from gateway.core.chat import (
    ChatRequest,
    FillRequest,
    JsonFormat,
    Media,
    Message,
    Role,
    Sampling,
    Tool,
)
from gateway.core.embeddings import EmbedRequest
from gateway.core.errors import InvalidRequest
from gateway.core.events import ToolCall
from gateway.providers.history.surrogates import clean, clean_json, clean_messages
from gateway.providers.ollama.options import OllamaOptions
from gateway.providers.upstream.payload import LongText, long_text, reject_deep_nesting

__all__ = ["DIALECT", "answer_call", "embed_call", "fill_call", "load_call"]

DIALECT = "ollama"

_CHAT = "/api/chat"
_GENERATE = "/api/generate"
_EMBED = "/api/embed"
_EMBEDDINGS = "/api/embeddings"


@reject_deep_nesting
def answer_call(request: ChatRequest, options: OllamaOptions) -> tuple[str, dict[str, object]]:
    """Return the path and the body for a chat; it always asks for a stream.

    A prompt that came as one goes to ``/api/generate``, which does more for it, unless a model that
    a user made has put a conversation before it. Ollama has no way to oblige a model to call a
    tool; to forbid it, none is offered. Raise `InvalidRequest` for what the API has no form for.
    """
    messages = list(clean_messages(request.messages))
    if _is_prompt(request, messages):
        path, question = _GENERATE, _prompt(messages)
    else:
        path, question = _CHAT, {"messages": list(map(_message, messages))}
    body: dict[str, object] = {"model": clean(request.model), **question, "stream": True}
    if request.tools and request.tool_choice != "none":
        body["tools"] = list(map(_tool, request.tools))
    if request.response_format is not None:
        body["format"] = _format(request.response_format)
    if request.think is not None:
        body["think"] = request.think
    if request.logprobs is not None:
        body["logprobs"] = True
        if request.logprobs:
            body["top_logprobs"] = request.logprobs
    return path, _completed(body, request, options)


@reject_deep_nesting
def fill_call(request: FillRequest, options: OllamaOptions) -> tuple[str, dict[str, object]]:
    """Return the path and the body for a text with a gap, or a prompt that is to stay as it is."""
    body: dict[str, object] = {"model": clean(request.model), "prompt": clean(request.prompt)}
    if request.suffix:
        body["suffix"] = clean(request.suffix)
    body["stream"] = True
    return _GENERATE, _completed(body, request, options)


@reject_deep_nesting
def embed_call(request: EmbedRequest, options: OllamaOptions) -> tuple[str, dict[str, object]]:
    """Return the path and the body for embeddings; the older endpoint leaves a vector as it is."""
    body: dict[str, object] = {"model": clean(request.model)}
    inputs = list(map(clean, request.inputs))
    if "prompt" in _native(request):
        return _EMBEDDINGS, _completed({**body, "prompt": "".join(inputs)}, request, options)
    body["input"] = inputs
    if not request.truncate:
        body["truncate"] = False
    if request.dimensions is not None:
        body["dimensions"] = request.dimensions
    return _EMBED, _completed(body, request, options)


@reject_deep_nesting
def load_call(
    request: ChatRequest | EmbedRequest, options: OllamaOptions
) -> tuple[str, dict[str, object]]:
    """Return the path and the body that only load a model: those of an empty request."""
    if isinstance(request, EmbedRequest):
        return embed_call(request, options)
    prompted = "prompt" in _native(request)
    nothing: dict[str, object] = {"prompt": ""} if prompted else {"messages": []}
    body = {"model": clean(request.model), **nothing}
    return _GENERATE if prompted else _CHAT, _completed(body, request, options)


def _native(request: ChatRequest | FillRequest | EmbedRequest) -> Mapping[str, Any]:
    return request.native.get(DIALECT, {})


def _completed(
    body: dict[str, object],
    request: ChatRequest | FillRequest | EmbedRequest,
    options: OllamaOptions,
) -> dict[str, object]:
    """Add the options of the settings, and over them the native fields of the client."""
    if options.keep_alive != "":
        body["keep_alive"] = options.keep_alive
    native = {name: value for name, value in _native(request).items() if name != "prompt"}
    body |= clean_json(native)
    keep_alive = body.get("keep_alive")
    if isinstance(keep_alive, str):
        with suppress(ValueError):  # an Ollama server accepts durations and numbers, not as text
            body["keep_alive"] = int(keep_alive)
    if merged := _options(request, options):
        body["options"] = merged
    return body


def _options(
    request: ChatRequest | FillRequest | EmbedRequest, options: OllamaOptions
) -> dict[str, object]:
    """Return the options of the settings, of the vocabulary, and those of the client verbatim."""
    merged = dict(options.options)
    if not isinstance(request, EmbedRequest):
        merged |= clean_json(request.extra)
        merged |= _sampling(request.sampling)
    given = _native(request).get("options", {})
    merged |= clean_json({name: value for name, value in given.items() if value is not None})
    if isinstance(merged.get("stop"), str):  # an Ollama server accepts lists only
        merged["stop"] = [merged["stop"]] if merged["stop"] else []
    return merged


def _sampling(sampling: Sampling) -> dict[str, object]:
    fields = {
        "temperature": sampling.temperature,
        "top_p": sampling.top_p,
        "top_k": sampling.top_k,
        "min_p": sampling.min_p,
        "seed": sampling.seed,
        "num_predict": sampling.max_tokens,
        "stop": list(map(clean, sampling.stop)) or None,
        "presence_penalty": sampling.presence_penalty,
        "frequency_penalty": sampling.frequency_penalty,
    }
    return {name: value for name, value in fields.items() if value is not None}


def _is_prompt(request: ChatRequest, messages: Sequence[Message]) -> bool:
    """Tell whether the messages are but a prompt, maybe with a system prompt before it."""
    roles = [message.role for message in messages]
    return "prompt" in _native(request) and roles in ([Role.USER], [Role.SYSTEM, Role.USER])


def _prompt(messages: Sequence[Message]) -> dict[str, object]:
    *system, prompt = messages
    wire: dict[str, object] = {"prompt": prompt.text}
    if system:
        wire["system"] = system[0].text
    if prompt.media:
        wire["images"] = list(map(_image, prompt.media))
    return wire


def _message(message: Message) -> dict[str, object]:
    wire: dict[str, object] = {"role": message.role.value, "content": message.text}
    if message.thinking:
        wire["thinking"] = message.thinking
    if message.media:
        wire["images"] = list(map(_image, message.media))
    if message.tool_calls:
        wire["tool_calls"] = [_call(call, i) for i, call in enumerate(message.tool_calls)]
    if message.tool_name:
        wire["tool_name"] = clean(message.tool_name)
    if message.tool_call_id:
        wire["tool_call_id"] = clean(message.tool_call_id)
    return wire


def _image(media: Media) -> str | LongText:
    if media.url:
        raise InvalidRequest("an Ollama server does not accept image URLs: send the image itself")
    return long_text("", media.base64)


def _call(call: ToolCall, index: int) -> dict[str, object]:
    function = {
        "index": index,
        "name": clean(call.name),
        "arguments": clean_json(call.arguments),
    }
    return {**({"id": clean(call.id)} if call.id else {}), "function": function}


def _tool(tool: Tool) -> dict[str, object]:
    function: dict[str, object] = {"name": clean(tool.name)}
    if tool.description:
        function["description"] = clean(tool.description)
    function["parameters"] = clean_json(tool.parameters) or {"type": "object", "properties": {}}
    return {"type": "function", "function": function}


def _format(form: JsonFormat) -> object:
    return "json" if form.schema is None else clean_json(form.schema)
