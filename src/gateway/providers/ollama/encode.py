"""Bodies for an Ollama server (Ollama's ``docs/api.md``), with nothing lost on the way."""

from __future__ import annotations

from collections.abc import Mapping

from gateway.chat import ChatRequest, FillRequest, JsonFormat, Media, Message, Sampling, Tool
from gateway.embeddings import EmbedRequest
from gateway.errors import InvalidRequest
from gateway.events import ToolCall
from gateway.providers.ollama.account import OllamaOptions
from gateway.providers.payload import LONG, LongText
from gateway.providers.surrogates import clean, clean_json, clean_messages

__all__ = ["chat_body", "embed_body", "generate_body"]


def chat_body(request: ChatRequest, options: OllamaOptions) -> dict[str, object]:
    """Return the body for ``POST /api/chat``; it always asks for a stream.

    Ollama has no way to oblige a model to call a tool; to forbid it, none is offered. Raise
    `InvalidRequest` for what the API has no form for.
    """
    try:
        body: dict[str, object] = {
            "model": clean(request.model),
            "messages": list(map(_message, clean_messages(request.messages))),
            "stream": True,
        }
        if request.tools and request.tool_choice != "none":
            body["tools"] = list(map(_tool, request.tools))
        if request.response_format is not None:
            body["format"] = _format(request.response_format)
        if request.think is not None:
            body["think"] = request.think
        return body | _shared(request.sampling, request.extra, options)
    except RecursionError as error:
        raise InvalidRequest("a schema or an argument is nested too deeply") from error


def generate_body(request: FillRequest, options: OllamaOptions) -> dict[str, object]:
    """Return the body for ``POST /api/generate``, which fills in where a suffix is given."""
    body: dict[str, object] = {"model": clean(request.model), "prompt": clean(request.prompt)}
    if request.suffix:
        body["suffix"] = clean(request.suffix)
    body["stream"] = True
    return body | _shared(request.sampling, request.extra, options)


def embed_body(request: EmbedRequest, options: OllamaOptions) -> dict[str, object]:
    """Return the body for ``POST /api/embed``."""
    body: dict[str, object] = {
        "model": clean(request.model),
        "input": list(map(clean, request.inputs)),
        "truncate": request.truncate,
    }
    if request.dimensions is not None:
        body["dimensions"] = request.dimensions
    return body | _shared(Sampling(), {}, options)


def _shared(
    sampling: Sampling, extra: Mapping[str, object], options: OllamaOptions
) -> dict[str, object]:
    said = {
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
    given = {name: value for name, value in said.items() if value is not None}
    merged = {**options.options, **clean_json(extra), **given}
    shared: dict[str, object] = {"options": merged} if merged else {}
    if options.keep_alive != "":
        shared["keep_alive"] = options.keep_alive
    return shared


def _message(message: Message) -> dict[str, object]:
    wire: dict[str, object] = {"role": message.role.value, "content": message.content}
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
        raise InvalidRequest("an Ollama server takes no URL of an image: send the image itself")
    return media.base64 if len(media.base64) < LONG else LongText("", media.base64)


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
