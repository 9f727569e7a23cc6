"""Resolve the name in a request to its models and targets."""

from __future__ import annotations

from collections.abc import Callable, Sequence

from aiohttp import web

from gateway.core.errors import InvalidRequest
from gateway.core.model_info import ListedModel
from gateway.core.names import InvalidName
from gateway.serving.keys import GATES, MODEL_LISTS, RECORD

__all__ = ["able_models", "find_models", "only_the_first", "usable"]


async def find_models(
    request: web.Request, name: str, *, unlisted: bool = False
) -> Sequence[ListedModel]:
    """Return the models that *name* means, the preferred one first; empty if it is unknown.

    Models that the caller may not use are left out.
    *unlisted* also finds models of a kind that no list shows. Raise `InvalidRequest` for a text
    that is not a valid name.
    """
    record = request[RECORD]
    record.model = name
    catalog = await request.app[MODEL_LISTS].catalog()
    try:
        models = catalog.find_all(name, unlisted=unlisted)
    except InvalidName as error:
        raise InvalidRequest(str(error)) from None
    models = usable(request, models, requested=name)
    if models:
        record.provider = models[0].provider
        record.upstream_model = models[0].info.id
        record.canonical = models[0].info.canonical if models[0].listed else ""
    return models


def usable(
    request: web.Request, models: Sequence[ListedModel], *, requested: str = ""
) -> Sequence[ListedModel]:
    """Return those of *models* that the caller may use: all *requested* by name, or listed ones."""
    for gate in request[GATES]:
        models = [model for model in models if gate.may_use(model, requested=requested)]
    return models


def able_models(
    models: Sequence[ListedModel], admit: Callable[[ListedModel], None]
) -> Sequence[ListedModel]:
    """Return those of *models*, at least one, that *admit* accepts.

    If it rejects all of them its first error is raised.
    """
    admitted = []
    errors = []
    for model in models:
        try:
            admit(model)
        except InvalidRequest as error:
            errors.append(error)
        else:
            admitted.append(model)
    if not admitted:
        raise errors[0]
    return admitted


def only_the_first(models: Sequence[ListedModel]) -> Sequence[ListedModel]:
    """Return those of *models* that are the same model as the first one, at any provider."""
    first = models[0].info.canonical
    return [model for model in models if model.info.canonical == first]
