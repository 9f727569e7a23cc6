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
from gateway.dialects.openai.encode import NO_TOKENS, ChatEncoder, CompletionEncoder
from gateway.dialects.openai.history import KeptAnswers, expand
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
from gateway.serving.answer import answer
from gateway.serving.body import load_v1_body
from gateway.serving.form import read_form
from gateway.serving.keys import MODEL_LISTS, RECORD
from gateway.serving.provider_keys import owner_of
from gateway.serving.resolve import find_models, usable
from gateway.serving.responses import document_response, local_response
from gateway.serving.task import Empty, ResultTask, StreamTask

__all__ = [
    "chat_completions",
    "completions",
    "embeddings",
    "keep_answers",
    "model",
    "models",
    "responses",
    "transcriptions",
]

_EMPTY = Finish(FinishReason.STOP, NO_TOKENS)
"""The answer to an empty conversation, for which no request is sent."""

_KEPT: web.AppKey[KeptAnswers] = web.AppKey("gateway.kept_answers", KeptAnswers)


def keep_answers(app: web.Application, most: int, *, most_bytes: int) -> None:
    """Have *app* keep up to *most* answers of ``/v1/responses``, in *most_bytes* all together."""
    app[_KEPT] = KeptAnswers(most, most_bytes=most_bytes)


async def chat_completions(request: web.Request) -> web.StreamResponse:
    """Continue a conversation."""
    return await answer(request, load_v1_body(request, lambda raw: _chat(request, raw)))


async def responses(request: web.Request) -> web.StreamResponse:
    """Continue a conversation that is sent whole, or that refers to a stored answer by its id."""
    return await answer(request, load_v1_body(request, lambda raw: _response(request, raw)))


async def completions(request: web.Request) -> web.StreamResponse:
    """Continue a text, or generate the text between a prompt and a suffix."""
    return await answer(request, load_v1_body(request, lambda raw: _completion(request, raw)))


async def embeddings(request: web.Request) -> web.StreamResponse:
    """Return one normalised vector for each input."""
    return await answer(request, load_v1_body(request, _embedding))


async def transcriptions(request: web.Request) -> web.StreamResponse:
    """Transcribe a recording, if the model's provider can."""
    return await answer(request, _transcription(request))


async def models(request: web.Request) -> web.StreamResponse:
    """List all models, newest first; in Anthropic's format for its clients."""
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
    """Tell whether the client speaks Anthropic's API, which has its models at the same path."""
    return "anthropic-version" in request.headers


def _chat(request: web.Request, raw: bytes) -> StreamTask:
    body = load_chat(raw)
    if not body.messages:
        raise InvalidRequest("[] is too short - 'messages'")
    encoder = ChatEncoder(
        body.model,
        identity=request[RECORD].id,
        include_usage=body.include_usage,
        custom=body.tools.custom,
    )
    return _conversation(
        chat_request(body), encoder, explicit=given_options(body), stream=body.stream
    )


def _response(request: web.Request, raw: bytes) -> StreamTask:
    body, answers = load_response(raw), request.app[_KEPT]
    caller = owner_of(request)
    earlier, items = expand(body, answers, caller=caller)
    body = with_items(body, [*earlier, *items])
    keep = None
    if body.stored and answers.most:
        previous = body.previous_response_id
        keep = partial(answers.keep, caller=caller, previous=previous, items=items)
    # Whoever knows the id may continue the answer if keys are not used, so it is random.
    encoder = ResponseEncoder(body, identity=secrets.token_hex(16), keep=keep)
    return _conversation(
        response_request(body), encoder, explicit=given_options(body), stream=body.stream
    )


def _conversation(
    chat: ChatRequest, encoder: AnswerEncoder, *, explicit: Collection[str], stream: bool
) -> StreamTask:
    """Return the task of a conversation.

    *explicit* is explained at `gateway.models.derived.with_defaults`.
    """
    name = chat.model
    if not name.strip():
        raise InvalidRequest("model is required")

    def answer_empty(_: ListedModel) -> web.Response:
        events = [_EMPTY]
        whole = Answer((), _EMPTY)
        content = encoder.lines(events) if stream else encoder.document(whole)
        return local_response(content, encoder, stream=stream)

    return StreamTask(
        model=name,
        not_found=f"model '{name}' not found",
        admit=lambda model: check_chat(
            without_idle_thinking(chat, model.info), model.info, name=name, listed=model.name
        ),
        empty=None if chat.messages else Empty(response=answer_empty),
        request_for=lambda model: for_chat(
            model,
            replace(without_idle_thinking(chat, model.info), model=model.info.id),
            explicit=explicit,
        ),
        encoder_for=lambda *_: encoder,
        stream=stream,
    )


def _completion(request: web.Request, raw: bytes) -> StreamTask:
    body = load_completion(raw)
    if not body.model.strip():
        raise ModelNotFound(f"model '{body.model}' not found")
    encoder = CompletionEncoder(
        body.model, identity=request[RECORD].id, include_usage=body.include_usage
    )

    def admit(model: ListedModel) -> None:
        needed = (Capability.INSERT,) if body.suffix else ()
        check_model(body.model, model.info, listed=model.name, purpose="generate", needed=needed)

    def request_for(model: ListedModel) -> ChatRequest | FillRequest:
        explicit = given_options(body)
        prepared = replace(completion_request(body), model=model.info.id)
        if isinstance(prepared, FillRequest):
            return with_defaults(model, prepared, explicit=explicit)
        return for_prompt(model, prepared, explicit=explicit)

    def answer_empty(_: ListedModel) -> web.Response:
        content = encoder.load_stream() if body.stream else encoder.load_document()
        return local_response(content, encoder, stream=body.stream)

    return StreamTask(
        model=body.model,
        not_found=f"model '{body.model}' not found",
        admit=admit,
        empty=None if body.prompt else Empty(response=answer_empty),
        request_for=request_for,
        encoder_for=lambda *_: encoder,
        stream=body.stream,
    )


def _embedding(raw: bytes) -> ResultTask[EmbedRequest, EmbedResult]:
    body = load_embedding(raw)
    if not body.model.strip():
        raise ModelNotFound(f"model '{body.model}' not found")
    wanted = embed_request(body)

    def document(result: EmbedResult) -> web.Response:
        encoding = body.encoding_format
        vectors = embeddings_document(body.model, wanted, result, encoding=encoding)
        return document_response(vectors, JSON_TYPE)

    return ResultTask(
        model=body.model,
        not_found=f'model "{body.model}" not found, try pulling it first',
        admit=lambda model: check_embedding(body.model, model.info),
        request_for=lambda model: dataclasses.replace(wanted, model=model.info.id),
        send=lambda provider, prepared: provider.embed(prepared),
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
        send=lambda provider, prepared: provider.transcribe(prepared),
        document=document,
        unlisted=True,
    )
