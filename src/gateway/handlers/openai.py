"""OpenAI's endpoints, as Ollama serves them below ``/v1``."""

from __future__ import annotations

import dataclasses
import secrets
from collections.abc import Collection
from functools import partial

from aiohttp import web

from gateway.core.chat import ChatRequest, FillRequest, replace
from gateway.core.embeddings import EmbedRequest, EmbedResult
from gateway.core.errors import InvalidRequest, ModelNotFound
from gateway.core.events import Answer, Finish, FinishReason
from gateway.core.model_info import Capability, ListedModel
from gateway.core.names import short_name
from gateway.core.transcriptions import TranscribeRequest, Transcript
from gateway.dialects.anthropic import documents as anthropic_documents
from gateway.dialects.base import AnswerEncoder
from gateway.dialects.capabilities import (
    check_chat,
    check_embedding,
    check_model,
    without_idle_thinking,
)
from gateway.dialects.documents import JSON_TYPE
from gateway.dialects.openai.documents import (
    TEXT_TYPE,
    embeddings_document,
    model_document,
    models_document,
    transcript_document,
)
from gateway.dialects.openai.encode import ChatEncoder, CompletionEncoder
from gateway.dialects.openai.history import expand
from gateway.dialects.openai.requests import (
    chat_request,
    completion_request,
    embed_request,
    given_options,
    response_request,
    with_items,
)
from gateway.dialects.openai.responses import ResponseEncoder
from gateway.dialects.openai.schemas import (
    load_chat,
    load_completion,
    load_embedding,
    load_response,
)
from gateway.models.derived import for_chat, for_prompt, with_defaults
from gateway.routing.targets import Target
from gateway.serving.answer import ResultTask, StreamTask, answer
from gateway.serving.body import load_v1_body
from gateway.serving.form import read_form
from gateway.serving.keys import KEPT_ANSWERS, MODEL_LISTS, RECORD
from gateway.serving.resolve import find_models, usable
from gateway.serving.responses import document_response, unasked

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
    return await answer(request, load_v1_body(request, lambda body: _chat(request, body)))


async def responses(request: web.Request) -> web.StreamResponse:
    """Continue a conversation that the client sends whole, or whose last answer it names."""
    return await answer(request, load_v1_body(request, lambda body: _response(request, body)))


async def completions(request: web.Request) -> web.StreamResponse:
    """Continue a text, or write what stands between a prompt and a suffix."""
    return await answer(request, load_v1_body(request, lambda body: _completion(request, body)))


async def embeddings(request: web.Request) -> web.StreamResponse:
    """Return one normalised vector for each input."""
    return await answer(request, load_v1_body(request, _embedding))


async def transcriptions(request: web.Request) -> web.StreamResponse:
    """Write down what a recording says, if the model's provider can."""
    return await answer(request, _transcription(request))


async def models(request: web.Request) -> web.StreamResponse:
    """List all models, newest first; in Anthropic's form for its libraries."""
    catalog = await request.app[MODEL_LISTS].catalog()
    document = anthropic_documents.models_document if _is_anthropic(request) else models_document
    return document_response(document(usable(request, catalog.models)), JSON_TYPE)


async def model(request: web.Request) -> web.StreamResponse:
    """Describe one model, under the name in the path."""
    name = request.match_info["model"]
    found = await find_models(request, name)
    if not found:
        raise ModelNotFound(f"model '{short_name(name)}' not found")
    document = anthropic_documents.model_document if _is_anthropic(request) else model_document
    return document_response(document(name, found[0]), JSON_TYPE)


def _is_anthropic(request: web.Request) -> bool:
    """Tell whether a client of Anthropic asks for the models: both APIs have them at one path."""
    return "anthropic-version" in request.headers


def _chat(request: web.Request, body: bytes) -> StreamTask:
    call = load_chat(body)
    if not call.messages:
        raise InvalidRequest("[] is too short - 'messages'")
    encoder = ChatEncoder(
        call.model,
        identity=request[RECORD].id,
        include_usage=call.include_usage,
        custom=call.tools.custom,
    )
    return _conversation(
        chat_request(call), encoder, explicit=given_options(call), stream=call.stream
    )


def _response(request: web.Request, body: bytes) -> StreamTask:
    call, answers = load_response(body), request.app[KEPT_ANSWERS]
    caller = request[RECORD].caller
    before, items = expand(call, answers, caller=caller)
    call = with_items(call, [*before, *items])
    keep = None
    if call.stored and answers.most:
        previous = call.previous_response_id
        keep = partial(answers.keep, caller=caller, previous=previous, items=items)
    # The id is all that a caller without a key needs to go on with an answer.
    encoder = ResponseEncoder(call, identity=secrets.token_hex(16), keep=keep)
    return _conversation(
        response_request(call), encoder, explicit=given_options(call), stream=call.stream
    )


def _conversation(
    asked: ChatRequest, encoder: AnswerEncoder, *, explicit: Collection[str], stream: bool
) -> StreamTask:
    """Return the task of a conversation.

    *explicit* is explained at `gateway.models.derived.with_defaults`.
    """
    name = asked.model
    if not name.strip():
        raise InvalidRequest("model is required")

    async def answer_nothing(_: Target) -> web.Response:
        nothing = [_NOTHING]
        whole = Answer("", "", (), _NOTHING)
        body = encoder.lines(nothing) if stream else encoder.document(whole)
        return unasked(body, encoder, stream=stream)

    return StreamTask(
        model=name,
        not_found=f"model '{name}' not found",
        admit=lambda model: check_chat(
            without_idle_thinking(asked, model.info), model.info, name=name, listed=model.name
        ),
        empty=None if asked.messages else answer_nothing,
        request_for=lambda model: for_chat(
            model,
            replace(without_idle_thinking(asked, model.info), model=model.info.id),
            explicit=explicit,
        ),
        encoder_for=lambda *_: encoder,
        stream=stream,
    )


def _completion(request: web.Request, body: bytes) -> StreamTask:
    call = load_completion(body)
    if not call.model.strip():
        raise ModelNotFound(f"model '{call.model}' not found")
    encoder = CompletionEncoder(
        call.model, identity=request[RECORD].id, include_usage=call.include_usage
    )

    def admit(model: ListedModel) -> None:
        needed = (Capability.INSERT,) if call.suffix else ()
        check_model(call.model, model.info, listed=model.name, purpose="generate", needed=needed)

    def request_for(model: ListedModel) -> ChatRequest | FillRequest:
        explicit = given_options(call)
        asked = replace(completion_request(call), model=model.info.id)
        if isinstance(asked, FillRequest):
            return with_defaults(model, asked, explicit=explicit)
        return for_prompt(model, asked, explicit=explicit)

    async def answer_nothing(_: Target) -> web.Response:
        body = encoder.load_stream() if call.stream else encoder.load_document()
        return unasked(body, encoder, stream=call.stream)

    return StreamTask(
        model=call.model,
        not_found=f"model '{call.model}' not found",
        admit=admit,
        empty=None if call.prompt else answer_nothing,
        request_for=request_for,
        encoder_for=lambda *_: encoder,
        stream=call.stream,
    )


def _embedding(body: bytes) -> ResultTask[EmbedRequest, EmbedResult]:
    call = load_embedding(body)
    if not call.model.strip():
        raise ModelNotFound(f"model '{call.model}' not found")
    asked = embed_request(call)

    def document(result: EmbedResult) -> web.Response:
        vectors = embeddings_document(
            call.model, result, encoding=call.encoding_format, dimensions=asked.dimensions
        )
        return document_response(vectors, JSON_TYPE)

    return ResultTask(
        model=call.model,
        not_found=f'model "{call.model}" not found, try pulling it first',
        admit=lambda model: check_embedding(call.model, model.info),
        request_for=lambda model: dataclasses.replace(asked, model=model.info.id),
        send=lambda provider, asked: provider.embed(asked),
        document=document,
        same_model=True,
    )


async def _transcription(request: web.Request) -> ResultTask[TranscribeRequest, Transcript]:
    form = await read_form(request)
    name, file = form.values.get("model", "").strip(), form.files.get("file")
    if not name:
        raise InvalidRequest("model is required")
    if file is None:
        raise InvalidRequest("file is required: http: no such file")
    if not file.content:
        raise InvalidRequest("audio file is empty")

    def request_for(model: ListedModel) -> TranscribeRequest:
        return TranscribeRequest(
            model=model.info.id,
            recording=file.content,
            filename=file.name,
            media_type=file.media_type,
            language=form.values.get("language") or None,
        )

    def document(transcript: Transcript) -> web.Response:
        if form.values.get("response_format") == "text":
            return document_response(transcript.text.encode(), TEXT_TYPE)
        return document_response(transcript_document(transcript), JSON_TYPE)

    return ResultTask(
        model=name,
        not_found=f"model '{name}' not found among those that transcribe",
        request_for=request_for,
        send=lambda provider, asked: provider.transcribe(asked),
        document=document,
        unlisted=True,
    )
