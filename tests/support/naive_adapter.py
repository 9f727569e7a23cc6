"""An adapter as one writes it on a first evening: it works, as long as nothing goes wrong."""

from __future__ import annotations

import json
import logging
from collections.abc import Sequence
from dataclasses import dataclass
from datetime import timedelta
from typing import Any

import marshmallow as ma
from aiohttp_sse_client2.client import EventSource

from gateway.core.chat import ChatRequest
from gateway.core.events import ChatStream, Finish, FinishReason, TextDelta
from gateway.core.model_info import ModelInfo
from gateway.providers.base import Provider, ProviderContext

__all__ = ["NaiveProvider"]

_log = logging.getLogger("naive")


@dataclass
class NaiveOptions:
    api_key: str
    base_url: str


class NaiveOptionsSchema(ma.Schema):
    class Meta:
        unknown = ma.EXCLUDE

    api_key = ma.fields.String()
    base_url = ma.fields.String()

    @ma.post_load
    def build(self, data: dict[str, Any], **_: Any) -> NaiveOptions:
        return NaiveOptions(**data)


class NaiveProvider(Provider[NaiveOptions]):
    options_schema = NaiveOptionsSchema

    def __init__(self, context: ProviderContext[NaiveOptions]) -> None:
        super().__init__(context)
        _log.info("talking to %s", context.options)
        self.headers = {"Authorization": f"Bearer {context.options.api_key}"}

    async def chat(self, request: ChatRequest) -> ChatStream:
        async with EventSource(
            self.context.options.base_url + "/chat/completions",
            option={"method": "POST"},
            session=self.context.session,
            headers=self.headers,
            json={"model": request.model, "messages": [], "stream": True},
            reconnection_time=timedelta(milliseconds=5),
        ) as source:
            async for message in source:
                if message.data == "[DONE]":
                    yield [Finish(FinishReason.STOP)]
                    break
                delta = json.loads(message.data)["choices"][0]["delta"]
                if delta.get("content"):
                    yield [TextDelta(delta["content"])]

    async def list_models(self) -> Sequence[ModelInfo]:
        url = self.context.options.base_url + "/models"
        async with self.context.session.get(url, headers=self.headers) as response:
            return [ModelInfo(model["id"]) for model in (await response.json())["data"]]
