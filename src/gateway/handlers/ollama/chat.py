"""``POST /api/chat``."""

from __future__ import annotations

from aiohttp import web

from gateway.core.chat import ChatRequest
from gateway.core.errors import InvalidRequest
from gateway.core.model_info import ListedModel
from gateway.core.options import given_options
from gateway.dialects.ollama.bodies import ChatBody
from gateway.dialects.ollama.checks import chat_request, check_chat
from gateway.dialects.ollama.encode import ChatEncoder
from gateway.dialects.ollama.schemas import load_chat
from gateway.handlers.ollama.prompt import prompt_task
from gateway.models.derived import for_chat
from gateway.serving.answer import answer
from gateway.serving.body import load_body
from gateway.serving.task import StreamTask

__all__ = ["chat"]


async def chat(request: web.Request) -> web.StreamResponse:
    """Answer a conversation; without messages only load or unload the model."""
    return await answer(request, load_body(request, lambda raw: _task(request, raw)))


def _task(request: web.Request, raw: bytes) -> StreamTask:
    body = load_chat(raw)
    if not body.model.strip():
        raise InvalidRequest("model is required")
    return prompt_task(
        request, body, admit=check_chat, request_for=_request_for, encoder=ChatEncoder
    )


def _request_for(body: ChatBody, model: ListedModel) -> ChatRequest:
    prepared = chat_request(body, model.info.id)
    return for_chat(model, prepared, explicit=given_options(body.options))
