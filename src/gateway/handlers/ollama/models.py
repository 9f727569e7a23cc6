"""List and describe models: ``/api/tags``, ``/api/show``, ``/api/ps``."""

from __future__ import annotations

from aiohttp import web

from gateway.core.errors import InvalidRequest, ModelNotFound
from gateway.core.model_info import ListedModel
from gateway.core.names import InvalidName, parse_name, short_name
from gateway.dialects.ollama.documents import (
    RunningModel,
    ps_document,
    show_document,
    tags_document,
)
from gateway.dialects.ollama.schemas import load_show
from gateway.models.catalog import ModelCatalog
from gateway.serving.body import load_body
from gateway.serving.keys import LOADED_MODELS, MODEL_LISTS, SETTINGS
from gateway.serving.provider_memory import loaded
from gateway.serving.resolve import find_models, usable
from gateway.serving.responses import json_document

__all__ = ["ps", "show", "tags"]


async def tags(request: web.Request) -> web.StreamResponse:
    """List all models, newest first."""
    catalog = await request.app[MODEL_LISTS].catalog()
    show_remote = request[SETTINGS].ollama.show_remote
    models = usable(request, catalog.models)
    return json_document(tags_document(models, show_remote=show_remote))


async def ps(request: web.Request) -> web.StreamResponse:
    """List the loaded models of services that report them, and recently used ones of the others."""
    catalog = await request.app[MODEL_LISTS].catalog()
    reported = await loaded(request)
    running = [
        RunningModel(_shown_name(one.requested, model), model, one.expires)
        for name, one in request.app[LOADED_MODELS].loaded().items()
        if (model := catalog.find(name)) is not None and model.provider not in reported
    ]
    running += [
        RunningModel(model.name, model, one.expires, one)
        for provider, models in reported.items()
        for one in models
        if (model := _find(catalog, f"{provider}/{one.id}")) is not None
    ]
    shown = [one for one in running if usable(request, [one.model], requested=one.name)]
    return json_document(ps_document(shown))


def _shown_name(name: str, model: ListedModel) -> str:
    """Return the name that a client used for *model* in the form and spelling of lists."""
    try:
        short = parse_name(name, suffixes=False).short
    except InvalidName:
        return model.name
    return model.name if short.casefold() == model.name.casefold() else short


def _find(catalog: ModelCatalog, name: str) -> ListedModel | None:
    try:
        return catalog.find(name)
    except InvalidName:  # an id that is not listed yet and is no valid name
        return None


async def show(request: web.Request) -> web.StreamResponse:
    """Describe one model."""
    body = await load_body(request, load_show)
    if not body.model.strip():
        raise InvalidRequest("model is required")
    models = await find_models(request, body.model)
    if not models:
        raise ModelNotFound(f"model '{short_name(body.model)}' not found")
    copilot = request.headers.get("User-Agent", "").startswith("GitHubCopilotChat/")
    document = show_document(
        models[0],
        body,
        basename=body.model if copilot else "",
        show_remote=request[SETTINGS].ollama.show_remote,
    )
    return json_document(document)
