"""Create, copy and delete models: ``/api/create``, ``copy``, ``delete``, ``pull``, ``push``."""

from __future__ import annotations

import dataclasses
from contextlib import suppress
from datetime import UTC, datetime
from urllib.parse import urlsplit

from aiohttp import web

from gateway.core import codec
from gateway.core.errors import GatewayError, InvalidRequest, ModelNotFound, NotSupported
from gateway.core.model_info import ListedModel, ModelfileLayers
from gateway.core.names import InvalidName, ModelName, parse_name
from gateway.dialects.ollama.manage import (
    CreateBody,
    load_copy,
    load_create,
    load_delete,
    load_pull,
    load_push,
    read_layers,
)
from gateway.dialects.ollama.progress import create_statuses
from gateway.handlers.ollama.progress import progress
from gateway.models.derived import derive
from gateway.serving.body import load_body
from gateway.serving.keys import LOADED_MODELS, MODEL_LISTS, RECORD, STORE
from gateway.serving.resolve import usable

__all__ = ["copy", "create", "delete", "pull", "push"]

_NO_WEIGHTS = (
    "models cannot be made from weights: this gateway runs none itself; use FROM with a model"
    " that it lists"
)
_NO_SUCH_MANIFEST = "pull model manifest: file does not exist"


async def create(request: web.Request) -> web.StreamResponse:
    """Make a model of another one."""
    call = await load_body(request, load_create)
    request[RECORD].model = call.model
    _refuse_weights(call)
    base = await _find(request, call.base)
    if base is None:
        return await progress(
            request,
            ["pulling manifest"],
            stream=call.stream,
            error=GatewayError(_NO_SUCH_MANIFEST),
        )
    _check_host(call, base)
    made = derive(call.model, base, read_layers(call), created=datetime.now(UTC))
    await request.app[STORE].put(made)
    statuses = create_statuses(
        base.layers,
        made.layers,
        model_digest=dataclasses.replace(base, layers=ModelfileLayers()).digest,
    )
    return await progress(request, statuses, stream=call.stream)


async def copy(request: web.Request) -> web.StreamResponse:
    """Give a model a second name; both are independent of each other from then on."""
    call = await load_body(request, load_copy)
    request[RECORD].model = call.source
    source = _literal(call.source, f"source {_quote(call.source)} is invalid")
    destination = _literal(call.destination, f"destination {_quote(call.destination)} is invalid")
    if source.short.casefold() == destination.short.casefold():
        return web.Response()
    catalog = await request.app[MODEL_LISTS].catalog()
    found = catalog.find_all(call.source, suffixes=False)
    models = usable(request, found, asked=call.source)
    if not models:
        raise ModelNotFound(f"model {_quote(call.source)} not found")
    await request.app[STORE].put(derive(destination.short, models[0], created=datetime.now(UTC)))
    return web.Response()


async def delete(request: web.Request) -> web.StreamResponse:
    """Remove a model that a user made; what it covered is there again."""
    call = await load_body(request, load_delete)
    request[RECORD].model = call.model
    if not call.model.strip():
        raise InvalidRequest("model is required")
    name = _pulled_name(call.model)
    if not name:
        raise InvalidRequest(_invalid_name(call.model))
    for one in dict.fromkeys((name, parse_name(call.model).short)):
        if await request.app[STORE].remove(one):
            request.app[LOADED_MODELS].forget(one)
            return web.Response()
    model = await _find(request, call.model)
    if model is None:
        raise ModelNotFound(f"model '{call.model}' not found")
    raise InvalidRequest(
        f"model '{call.model}' belongs to the provider {model.provider} and cannot be deleted:"
        " the settings models.expose and models.aliases control what is listed"
    )


async def pull(request: web.Request) -> web.StreamResponse:
    """Say that a model is there, or that it is nowhere: nothing is ever fetched.

    A name that no list has yet, but that means a model, is kept as a copy of it and so listed from
    then on. Where nothing can be stored it is found all the same.
    """
    call = await load_body(request, load_pull)
    request[RECORD].model = call.model
    model = await _find(request, call.model)
    if model is not None:
        name = _pulled_name(call.model)
        catalog = await request.app[MODEL_LISTS].catalog()
        if name and name.casefold() not in {one.name.casefold() for one in catalog.models}:
            with suppress(GatewayError):
                await request.app[STORE].put(derive(name, model, created=datetime.now(UTC)))
        return await progress(request, ["pulling manifest", "success"], stream=call.stream)
    error = GatewayError(_NO_SUCH_MANIFEST)
    return await progress(request, ["pulling manifest"], stream=call.stream, error=error)


async def push(request: web.Request) -> web.StreamResponse:
    """Say that a model cannot be sent to a registry."""
    call = await load_body(request, load_push)
    request[RECORD].model = call.model
    if not call.model.strip():
        raise InvalidRequest("model is required")
    statuses = ["retrieving manifest"]
    error: GatewayError
    try:
        model = await _find(request, call.model)
    except InvalidRequest as invalid:
        error = invalid
    else:
        if model is not None:
            error = NotSupported("models cannot be pushed: this gateway has no registry for them")
        else:
            statuses.append("couldn't retrieve manifest")
            error = GatewayError(f"model '{call.model}' not found")
    return await progress(request, statuses, stream=call.stream, error=error)


async def _find(request: web.Request, name: str) -> ListedModel | None:
    catalog = await request.app[MODEL_LISTS].catalog()
    try:
        found = catalog.find_all(name)
    except InvalidName as error:
        raise InvalidRequest(str(error)) from None
    return next(iter(usable(request, found, asked=name)), None)


def _refuse_weights(call: CreateBody) -> None:
    if not call.base:
        if call.files is None:
            raise InvalidRequest("neither 'from' or 'files' was specified")
        raise InvalidRequest(_NO_WEIGHTS if call.files else "unknown type")
    if call.draft_files:
        raise InvalidRequest("DRAFT cannot be used with remote models")
    if call.adapters:
        raise InvalidRequest(_NO_WEIGHTS)


def _check_host(call: CreateBody, base: ListedModel) -> None:
    """Refuse a ``remote_host`` that is not the one where *base* is."""
    if not call.remote_host:
        return
    host = _hostname(call.remote_host)
    if not host:
        raise InvalidRequest("bad remote")
    if host != _hostname(base.remote_host):
        raise InvalidRequest("this server cannot run this remote model")


def _hostname(url: str) -> str:
    try:
        return urlsplit(url if "://" in url else f"//{url}").hostname or ""
    except ValueError:
        return ""


def _pulled_name(text: str) -> str:
    """Return the name under which Ollama keeps what is pulled, empty for what is no legal name.

    A suffix becomes part of the tag: ``x:20b:cloud`` is kept as ``x:20b-cloud``.
    """
    with suppress(InvalidName):
        return parse_name(text, suffixes=False).short
    with suppress(InvalidName):
        name = parse_name(text)
        return f"{name.short}-{name.source}"
    return ""


def _invalid_name(text: str) -> str:
    """Return what is wrong with a name that cannot be deleted."""
    try:
        parse_name(text)
    except InvalidName as error:
        if str(error).startswith("use either"):
            return str(error)
    return f"name {_quote(text)} is invalid"


def _literal(text: str, complaint: str) -> ModelName:
    """Read a name in which ``:cloud`` and ``:local`` are tags like others."""
    try:
        return parse_name(text, suffixes=False)
    except InvalidName:
        raise InvalidRequest(complaint) from None


def _quote(text: str) -> str:
    return codec.encode(text).decode()
