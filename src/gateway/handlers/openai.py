"""OpenAI's endpoints, as Ollama serves them below ``/v1``."""

from __future__ import annotations

import dataclasses
from collections.abc import Awaitable, Callable, Collection
from typing import NamedTuple

from aiohttp import hdrs, web

from gateway.core.chat import ChatRequest, FillRequest, replace
from gateway.core.embeddings import EmbedResult
from gateway.core.errors import InvalidRequest, ModelNotFound
from gateway.core.events import Answer, ChatStream, Finish, FinishReason
from gateway.core.model_info import Capability, ListedModel
from gateway.core.names import InvalidName, parse_name
from gateway.core.transcriptions import TranscribeRequest, Transcript
from gateway.dialects.base import AnswerEncoder
from gateway.dialects.capabilities import check_chat, check_embedding, check_model
from gateway.dialects.openai.documents import (
    JSON_TYPE,
    TEXT_TYPE,
    embeddings_document,
    model_document,
    models_document,
    transcript_document,
)
from gateway.dialects.openai.encode import ChatEncoder, CompletionEncoder
from gateway.dialects.openai.requests import (
    chat_request,
    completion_request,
    embed_request,
    response_request,
    said_options,
)
from gateway.dialects.openai.responses import ResponseEncoder
from gateway.dialects.openai.schemas import (
    load_chat,
    load_completion,
    load_embedding,
    load_response,
)
from gateway.models.derived import for_chat, for_prompt, tuned
from gateway.routing.targets import Target
from gateway.serving.body import load_v1_body
from gateway.serving.dispatch import ask
from gateway.serving.form import read_form
from gateway.serving.keys import MODEL_LISTS, RECORD, RESIDENCY
from gateway.serving.relay import answer, begin, open_stream, relay
from gateway.serving.resolve import alike, find_models, find_targets, unknown_model
from gateway.serving.responses import unasked

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
    return await _converse(request, _read_chat)


async def responses(request: web.Request) -> web.StreamResponse:
    """Continue a conversation that the client sends whole each time: nothing is kept here."""
    return await _converse(request, _read_response)


async def completions(request: web.Request) -> web.StreamResponse:
    """Continue a text, or write what stands between a prompt and a suffix."""
    call = await load_v1_body(request, load_completion)
    encoder = CompletionEncoder(
        call.model, identity=request[RECORD].id, include_usage=call.include_usage
    )

    def admit(model: ListedModel) -> None:
        check_model(
            call.model,
            model.info,
            listed=model.name,
            purpose="generate",
            needed=(Capability.INSERT,) if call.suffix else (),
        )

    def open_answer(target: Target) -> tuple[ChatStream, AnswerEncoder]:
        said, asked = said_options(call), completion_request(call)
        asked = replace(asked, model=target.model.info.id)
        if isinstance(asked, FillRequest):
            asked = tuned(target.model, asked, said=said)
        else:
            asked = for_prompt(target.model, asked, said=said)
        return open_stream(target.provider, asked), encoder

    with unknown_model(f"model '{call.model}' not found"):
        if not call.model.strip():
            raise ModelNotFound(call.model)
        targets = find_targets(request, await find_models(request, call.model), admit)
        with request.app[RESIDENCY].using(targets[0].model.name):
            if not call.prompt:
                body = encoder.load_stream() if call.stream else encoder.load_document()
                return unasked(body, encoder, stream=call.stream)
            opened = await begin(request, targets, open_answer)
            return await (relay if call.stream else answer)(request, opened)


async def embeddings(request: web.Request) -> web.StreamResponse:
    """Return one normalised vector for each input."""
    call = await load_v1_body(request, load_embedding)
    asked = embed_request(call)

    def admit(model: ListedModel) -> None:
        check_embedding(call.model, model.info)

    def embed_with(target: Target) -> Awaitable[EmbedResult]:
        return target.provider.embed(dataclasses.replace(asked, model=target.model.info.id))

    with unknown_model(f"model '{call.model}' not found"):
        if not call.model.strip():
            raise ModelNotFound(call.model)
    with unknown_model(f'model "{call.model}" not found, try pulling it first'):
        models = alike(await find_models(request, call.model))
        targets = find_targets(request, models, admit)
        with request.app[RESIDENCY].using(targets[0].model.name):
            result = await ask(request, targets, embed_with)
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
        found, *_ = await find_models(request, name)
    return _document(model_document(name, found))


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

    def transcribe_with(target: Target) -> Awaitable[Transcript]:
        return target.provider.transcribe(
            TranscribeRequest(
                model=target.model.info.id,
                recording=file.content,
                filename=file.name,
                media_type=file.media_type,
                language=form.values.get("language") or None,
            )
        )

    with unknown_model(f"model '{name}' not found among those that transcribe"):
        models = await find_models(request, name, unlisted=True)
        targets = find_targets(request, models, lambda _: None)
        transcript = await ask(request, targets, transcribe_with)
    if form.values.get("response_format") == "text":
        return web.Response(body=transcript.text.encode(), headers={hdrs.CONTENT_TYPE: TEXT_TYPE})
    return _document(transcript_document(transcript))


class _Conversation(NamedTuple):
    """What a client wants to be said; for ``said`` see `gateway.models.derived.tuned`."""

    asked: ChatRequest
    encoder: AnswerEncoder
    said: Collection[str]
    stream: bool


def _read_chat(body: bytes, identity: str) -> _Conversation:
    call = load_chat(body)
    if not call.messages:
        raise InvalidRequest("[] is too short - 'messages'")
    encoder = ChatEncoder(call.model, identity=identity, include_usage=call.include_usage)
    return _Conversation(chat_request(call), encoder, said_options(call), call.stream)


def _read_response(body: bytes, identity: str) -> _Conversation:
    call = load_response(body)
    encoder = ResponseEncoder(call, identity=identity)
    return _Conversation(response_request(call), encoder, said_options(call), call.stream)


async def _converse(
    request: web.Request, read: Callable[[bytes, str], _Conversation]
) -> web.StreamResponse:
    """Answer a conversation, read from the body, with the model that the client named."""
    identity = request[RECORD].id
    asked, encoder, said, stream = await load_v1_body(request, lambda body: read(body, identity))
    name = asked.model
    if not name.strip():
        raise InvalidRequest("model is required")

    def admit(model: ListedModel) -> None:
        check_chat(asked, model.info, name=name, listed=model.name)

    def open_answer(target: Target) -> tuple[ChatStream, AnswerEncoder]:
        model = target.model
        ours = for_chat(model, replace(asked, model=model.info.id), said=said)
        return target.provider.chat(ours), encoder

    with unknown_model(f"model '{name}' not found"):
        targets = find_targets(request, await find_models(request, name), admit)
        with request.app[RESIDENCY].using(targets[0].model.name):
            if not asked.messages:
                nothing = encoder.lines([_NOTHING]) if stream else _empty(encoder)
                return unasked(nothing, encoder, stream=stream)
            opened = await begin(request, targets, open_answer)
            del asked  # a long one is not kept while its answer runs
            return await (relay if stream else answer)(request, opened)


def _empty(encoder: AnswerEncoder) -> bytes:
    return encoder.document(Answer("", "", (), _NOTHING))


def _document(body: bytes) -> web.Response:
    return web.Response(body=body, headers={hdrs.CONTENT_TYPE: JSON_TYPE})
