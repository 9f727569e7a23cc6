"""Create, copy and delete models: ``/api/create``, ``copy``, ``delete``, ``pull``, ``push``."""

from __future__ import annotations

import dataclasses
from contextlib import suppress
from datetime import UTC, datetime
from urllib.parse import urlsplit

from aiohttp import web

from gateway.core.errors import GatewayError, InvalidRequest, ModelNotFound, NotSupported
from gateway.core.model_info import ListedModel, ModelfileLayers
from gateway.core.names import InvalidName, ModelName, parse_name
from gateway.core.texts import quote
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
    """Derive a model from another one."""
    body = await load_body(request, load_create)
    request[RECORD].model = body.model
    _reject_weights(body)
    base = await _find(request, body.base)
    if base is None:
        return await progress(
            request,
            ["pulling manifest"],
            stream=body.stream,
            error=GatewayError(_NO_SUCH_MANIFEST),
        )
    _check_host(body, base)
    derived = derive(body.model, base, read_layers(body), created=datetime.now(UTC))
    await request.app[STORE].put(derived)
    statuses = create_statuses(
        base.layers,
        derived.layers,
        model_digest=dataclasses.replace(base, layers=ModelfileLayers()).digest,
    )
    return await progress(request, statuses, stream=body.stream)


async def copy(request: web.Request) -> web.StreamResponse:
    """Give a model a second name; both are independent of each other from then on."""
    body = await load_body(request, load_copy)
    request[RECORD].model = body.source
    source = _literal(body.source, f"source {quote(body.source)} is invalid")
    destination = _literal(body.destination, f"destination {quote(body.destination)} is invalid")
    if source.short.casefold() == destination.short.casefold():
        return web.Response()
    catalog = await request.app[MODEL_LISTS].catalog()
    found = catalog.find_all(body.source, suffixes=False)
    models = usable(request, found, requested=body.source)
    if not models:
        raise ModelNotFound(f"model {quote(body.source)} not found")
    await request.app[STORE].put(derive(destination.short, models[0], created=datetime.now(UTC)))
    return web.Response()


async def delete(request: web.Request) -> web.StreamResponse:
    """Remove a derived model; a model of the provider that it hid is visible again."""
    body = await load_body(request, load_delete)
    request[RECORD].model = body.model
    if not body.model.strip():
        raise InvalidRequest("model is required")
    name = _pulled_name(body.model)
    if not name:
        raise InvalidRequest(_invalid_name(body.model))
    for one in dict.fromkeys((name, parse_name(body.model).short)):
        if await request.app[STORE].remove(one):
            request.app[LOADED_MODELS].forget(one)
            return web.Response()
    model = await _find(request, body.model)
    if model is None:
        raise ModelNotFound(f"model '{body.model}' not found")
    raise InvalidRequest(
        f"model '{body.model}' belongs to the provider {model.provider} and cannot be deleted:"
        " the settings models.expose and models.aliases control what is listed"
    )


async def pull(request: web.Request) -> web.StreamResponse:
    """Report whether a model exists; nothing is ever downloaded.

    A name that resolves to a model but is not listed is stored as a copy of it, and so listed from
    then on. If it cannot be stored the pull succeeds all the same.
    """
    body = await load_body(request, load_pull)
    request[RECORD].model = body.model
    model = await _find(request, body.model)
    if model is not None:
        name = _pulled_name(body.model)
        catalog = await request.app[MODEL_LISTS].catalog()
        if name and name.casefold() not in {one.name.casefold() for one in catalog.models}:
            with suppress(GatewayError):
                await request.app[STORE].put(derive(name, model, created=datetime.now(UTC)))
        return await progress(request, ["pulling manifest", "success"], stream=body.stream)
    error = GatewayError(_NO_SUCH_MANIFEST)
    return await progress(request, ["pulling manifest"], stream=body.stream, error=error)


async def push(request: web.Request) -> web.StreamResponse:
    """Report that a model cannot be sent to a registry."""
    body = await load_body(request, load_push)
    request[RECORD].model = body.model
    if not body.model.strip():
        raise InvalidRequest("model is required")
    statuses = ["retrieving manifest"]
    error: GatewayError
    try:
        model = await _find(request, body.model)
    except InvalidRequest as invalid:
        error = invalid
    else:
        if model is not None:
            error = NotSupported("models cannot be pushed: this gateway has no registry for them")
        else:
            statuses.append("couldn't retrieve manifest")
            error = GatewayError(f"model '{body.model}' not found")
    return await progress(request, statuses, stream=body.stream, error=error)


async def _find(request: web.Request, name: str) -> ListedModel | None:
    catalog = await request.app[MODEL_LISTS].catalog()
    try:
        found = catalog.find_all(name)
    except InvalidName as error:
        raise InvalidRequest(str(error)) from None
    return next(iter(usable(request, found, requested=name)), None)


def _reject_weights(body: CreateBody) -> None:
    if not body.base:
        if body.files is None:
            raise InvalidRequest("neither 'from' or 'files' was specified")
        raise InvalidRequest(_NO_WEIGHTS if body.files else "unknown type")
    if body.draft_files:
        raise InvalidRequest("DRAFT cannot be used with remote models")
    if body.adapters:
        raise InvalidRequest(_NO_WEIGHTS)


def _check_host(body: CreateBody, base: ListedModel) -> None:
    """Reject a ``remote_host`` that is not the host of *base*."""
    if not body.remote_host:
        return
    host = _hostname(body.remote_host)
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
    """Return the name under which Ollama stores a pulled model, empty for an invalid name.

    A suffix becomes part of the tag: ``x:20b:cloud`` is stored as ``x:20b-cloud``.
    """
    with suppress(InvalidName):
        return parse_name(text, suffixes=False).short
    with suppress(InvalidName):
        name = parse_name(text)
        return f"{name.short}-{name.source}"
    return ""


def _invalid_name(text: str) -> str:
    """Return the error message for a name that cannot be deleted."""
    try:
        parse_name(text)
    except InvalidName as error:
        if str(error).startswith("use either"):
            return str(error)
    return f"name {quote(text)} is invalid"


def _literal(text: str, message: str) -> ModelName:
    """Parse a name in which ``:cloud`` and ``:local`` are ordinary tags."""
    try:
        return parse_name(text, suffixes=False)
    except InvalidName:
        raise InvalidRequest(message) from None
