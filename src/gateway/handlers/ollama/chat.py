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
from gateway.serving.answer import StreamTask, answer
from gateway.serving.body import load_body

__all__ = ["chat"]


async def chat(request: web.Request) -> web.StreamResponse:
    """Answer a conversation; without messages only have the model loaded or unloaded."""
    return await answer(request, load_body(request, lambda body: _task(request, body)))


def _task(request: web.Request, body: bytes) -> StreamTask:
    call = load_chat(body)
    if not call.model.strip():
        raise InvalidRequest("model is required")
    return prompt_task(
        request, call, admit=check_chat, request_for=_request_for, encoder=ChatEncoder
    )


def _request_for(call: ChatBody, model: ListedModel) -> ChatRequest:
    asked = chat_request(call, model.info.id)
    return for_chat(model, asked, explicit=given_options(call.options))
