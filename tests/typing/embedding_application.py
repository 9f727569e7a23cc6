"""What an embedding application may write: checked by mypy, never run."""

from __future__ import annotations

from typing import assert_type

import aiohttp
from aiohttp import web
from aiohttp.typedefs import Handler

from gateway import (
    CALLER,
    Attempt,
    Caller,
    FinishReason,
    GatewayError,
    ModelsSettings,
    Observer,
    ProviderSettings,
    RequestRecord,
    Settings,
    Usage,
    create_app,
    load,
)
from gateway.providers import Provider
from gateway.testing import ScriptedProvider


class Counter(Observer):
    def started(self, record: RequestRecord) -> None:
        assert_type(record.dialect, str)
        assert_type(record.peer, str)

    def attempt(self, record: RequestRecord, attempt: Attempt) -> None:
        assert_type(attempt.error, BaseException | None)

    def finished(self, record: RequestRecord) -> None:
        assert_type(record.usage, Usage | None)
        assert_type(record.finish, FinishReason | None)
        assert_type(record.caller, str)


@web.middleware
async def authenticate(request: web.Request, handler: Handler) -> web.StreamResponse:
    request[CALLER] = Caller("alice", plan="team")
    if request.path == "/closed":
        raise GatewayError("closed", status=403, headers={"Retry-After": "60"})
    return await handler(request)


def mounted(session: aiohttp.ClientSession, own: type[Provider[None]]) -> web.Application:
    settings = Settings(
        providers={"mistral": ProviderSettings("mistral", {"api_key": "key"})},
        models=ModelsSettings(aliases={"fast": ["mistral/mistral-small", "own/tiny"]}),
    )
    assert_type(load(config=None, environ={}, dotenv=None, overrides={}), Settings)
    return create_app(
        settings,
        providers={"own": own, "scripted": ScriptedProvider()},
        session=session,
        observers=[Counter()],
    )
