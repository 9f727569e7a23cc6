"""OpenAI's endpoints, as Ollama serves them below ``/v1``."""

from __future__ import annotations

import dataclasses
from collections.abc import Collection

from aiohttp import hdrs, web

from gateway.admission import check_chat, check_embedding, check_model
from gateway.catalog import Capability
from gateway.chat import ChatRequest, FillRequest
from gateway.derived import for_chat, for_prompt, tuned
from gateway.dialect import AnswerEncoder
from gateway.errors import InvalidRequest, ModelNotFound
from gateway.events import Answer, ChatStream, Finish, FinishReason
from gateway.handlers.body import load_v1_body
from gateway.handlers.documents import unasked
from gateway.handlers.form import read_form
from gateway.handlers.target import Target, find_target, unknown_model
from gateway.handlers.unary import ask
from gateway.keys import MODEL_LISTS, RECORD, RESIDENCY
from gateway.names import InvalidName, parse_name
from gateway.openai.documents import (
    JSON_TYPE,
    TEXT_TYPE,
    embeddings_document,
    model_document,
    models_document,
    transcript_document,
)
from gateway.openai.encode import ChatEncoder, CompletionEncoder
from gateway.openai.requests import (
    chat_request,
    completion_request,
    embed_request,
    response_request,
    said_options,
)
from gateway.openai.responses import ResponseEncoder
from gateway.openai.schemas import load_chat, load_completion, load_embedding, load_response
from gateway.relay import answer, relay
from gateway.transcriptions import TranscribeRequest

__all__ = [
    "chat_completions",
    "completions",
    "embeddings",
    "model",
    "models",
    "responses",
    "transcriptions",
]

_NOTHING = Finish(FinishReason.STOP)
"""How a conversation of nothing is answered, without asking anyone."""


async def chat_completions(request: web.Request) -> web.StreamResponse:
    """Continue a conversation."""
    call = await load_v1_body(request, load_chat)
    if not call.messages:
        raise InvalidRequest("[] is too short - 'messages'")
    encoder = ChatEncoder(call.model, identity=request[RECORD].id, include_usage=call.include_usage)
    asked, said = chat_request(call), said_options(call)
    return await _converse(request, asked, encoder, said=said, stream=call.stream)


async def responses(request: web.Request) -> web.StreamResponse:
    """Continue a conversation that the client sends whole each time: nothing is kept here."""
    call = await load_v1_body(request, load_response)
    encoder = ResponseEncoder(call, identity=request[RECORD].id)
    asked, said = response_request(call), said_options(call)
    return await _converse(request, asked, encoder, said=said, stream=call.stream)


async def completions(request: web.Request) -> web.StreamResponse:
    """Continue a text, or write what stands between a prompt and a suffix."""
    call = await load_v1_body(request, load_completion)
    encoder = CompletionEncoder(
        call.model, identity=request[RECORD].id, include_usage=call.include_usage
    )
    with unknown_model(f"model '{call.model}' not found"):
        if not call.model.strip():
            raise ModelNotFound(call.model)
        target = await find_target(request, call.model)
        check_model(
            call.model,
            target.model.info,
            full_name=parse_name(target.model.name).full,
            purpose="generate",
            needed=[Capability.INSERT] if call.suffix else [],
        )
        with request.app[RESIDENCY].using(target.model.name):
            if not call.prompt:
                body = encoder.load_stream() if call.stream else encoder.load_document()
                return unasked(body, encoder, stream=call.stream)
            said, asked = said_options(call), completion_request(call)
            asked = dataclasses.replace(asked, model=target.model.info.id)
            if isinstance(asked, FillRequest):
                asked = tuned(target.model, asked, said=said)
            else:
                asked = for_prompt(target.model, asked, said=said)
            return await _send(request, target, asked, encoder, stream=call.stream)


async def embeddings(request: web.Request) -> web.StreamResponse:
    """Return one normalised vector for each input."""
    call = await load_v1_body(request, load_embedding)
    with unknown_model(f"model '{call.model}' not found"):
        if not call.model.strip():
            raise ModelNotFound(call.model)
    with unknown_model(f'model "{call.model}" not found, try pulling it first'):
        target = await find_target(request, call.model)
        check_embedding(call.model, target.model.info)
        asked = dataclasses.replace(embed_request(call), model=target.model.info.id)
        with request.app[RESIDENCY].using(target.model.name):
            result = await ask(request, lambda: target.provider.embed(asked))
    return _document(
        embeddings_document(
            call.model, result, encoding=call.encoding_format, dimensions=asked.dimensions
        )
    )


async def models(request: web.Request) -> web.StreamResponse:
    """List all models, newest first."""
    library = await request.app[MODEL_LISTS].library()
    return _document(models_document(library.models))


async def model(request: web.Request) -> web.StreamResponse:
    """Describe one model, under the name in the path."""
    name = request.match_info["model"]
    try:
        shown = parse_name(name).short
    except InvalidName:
        shown = name
    with unknown_model(f"model '{shown}' not found"):
        target = await find_target(request, name)
    return _document(model_document(name, target.model))


async def transcriptions(request: web.Request) -> web.StreamResponse:
    """Write down what a recording says, if the model's provider can."""
    form = await read_form(request)
    name, file = form.values.get("model", "").strip(), form.files.get("file")
    if not name:
        raise InvalidRequest("model is required")
    if file is None:
        raise InvalidRequest("file is required: http: no such file")
    if not file.content:
        raise InvalidRequest("audio file is empty")
    with unknown_model(f"model '{name}' not found among those that transcribe"):
        target = await find_target(request, name, unlisted=True)
        asked = TranscribeRequest(
            model=target.model.info.id,
            recording=file.content,
            filename=file.name,
            media_type=file.media_type,
            language=form.values.get("language") or None,
        )
        transcript = await ask(request, lambda: target.provider.transcribe(asked))
    if form.values.get("response_format") == "text":
        return web.Response(body=transcript.text.encode(), headers={hdrs.CONTENT_TYPE: TEXT_TYPE})
    return _document(transcript_document(transcript))


async def _converse(
    request: web.Request,
    asked: ChatRequest,
    encoder: AnswerEncoder,
    *,
    said: Collection[str],
    stream: bool,
) -> web.StreamResponse:
    """Answer a conversation with the model that the client named; see `gateway.derived.tuned`."""
    name = asked.model
    if not name.strip():
        raise InvalidRequest("model is required")
    with unknown_model(f"model '{name}' not found"):
        target = await find_target(request, name)
        info = target.model.info
        check_chat(asked, info, name=name, full_name=parse_name(target.model.name).full)
        with request.app[RESIDENCY].using(target.model.name):
            if not asked.messages:
                nothing = encoder.lines([_NOTHING]) if stream else _empty(encoder)
                return unasked(nothing, encoder, stream=stream)
            asked = for_chat(target.model, dataclasses.replace(asked, model=info.id), said=said)
            return await _send(request, target, asked, encoder, stream=stream)


async def _send(
    request: web.Request,
    target: Target,
    asked: ChatRequest | FillRequest,
    encoder: AnswerEncoder,
    *,
    stream: bool,
) -> web.StreamResponse:
    """Ask the provider and pass on its answer."""
    provider = target.provider

    def open_stream() -> ChatStream:
        return provider.fill(asked) if isinstance(asked, FillRequest) else provider.chat(asked)

    return await (relay if stream else answer)(request, open_stream, encoder)


def _empty(encoder: AnswerEncoder) -> bytes:
    return encoder.document(Answer("", "", (), _NOTHING))


def _document(body: bytes) -> web.Response:
    return web.Response(body=body, headers={hdrs.CONTENT_TYPE: JSON_TYPE})
