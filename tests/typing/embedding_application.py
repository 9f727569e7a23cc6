"""What an embedding application may write: checked by mypy, never run."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Literal, assert_type

import aiohttp
from aiohttp import web
from aiohttp.typedefs import Handler

from gateway import (
    ATTRIBUTION,
    CALLER,
    PROVIDER_KEY,
    PROVIDER_USER,
    Asked,
    Attempt,
    Caller,
    FinishReason,
    Gate,
    GatewayError,
    ModelNotFound,
    ModelsSettings,
    Observer,
    ProviderSettings,
    RequestRecord,
    Settings,
    Usage,
    create_app,
    load,
)
from gateway.providers import ModelInfo, Provider
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
        assert_type(record.attribution, Mapping[str, str])
        assert_type((record.pieces, record.characters, record.complete), tuple[int, int, bool])


class OnlyAdmits(Gate):
    async def admit(self, request: web.Request, asked: Asked) -> None:
        assert_type(request[CALLER], Caller)
        if asked.provider == "mistral" and asked.model not in asked.listed:
            raise ModelNotFound(f"{asked.name} is not for {asked.operation}")


class Duck:
    async def admit(self, request: web.Request, asked: Asked) -> None:
        return

    def shows(self, request: web.Request, provider: str, model: ModelInfo) -> bool:
        return provider in model.id


def gates() -> list[Gate]:
    return [AdmitsAll(), OnlyAdmits(), Duck()]


class AdmitsAll(Gate):
    pass


@web.middleware
async def authenticate(request: web.Request, handler: Handler) -> web.StreamResponse:
    request[CALLER] = Caller("alice", plan="team")
    request[ATTRIBUTION] = {"team": "blue"}
    request[PROVIDER_USER] = "u-1"
    request[PROVIDER_KEY] = "a key" if request.path == "/own" else {"mistral": "a key"}
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
        gate=OnlyAdmits(),
        surface="inference",
    )


def surfaces(surface: Literal["all", "inference"]) -> web.Application:
    return create_app(gate=None, surface=surface)
