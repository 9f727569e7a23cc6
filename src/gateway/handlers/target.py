"""From the model that a request names to the provider that serves it."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass

from aiohttp import web

from gateway.catalog import ListedModel
from gateway.errors import InvalidRequest, ModelNotFound
from gateway.keys import MODEL_LISTS, PROVIDERS, RECORD
from gateway.names import InvalidName
from gateway.providers.base import AnyProvider

__all__ = ["Target", "find_target", "unknown_model"]


@dataclass(frozen=True, slots=True)
class Target:
    """A model and the provider that has it."""

    model: ListedModel
    provider: AnyProvider


async def find_target(request: web.Request, name: str, *, unlisted: bool = False) -> Target:
    """Return what *name* means; raise `InvalidRequest` for what is no name, or `ModelNotFound`.

    *unlisted* lets it be a model of a kind that no list shows.
    """
    record = request[RECORD]
    record.model = name
    library = await request.app[MODEL_LISTS].library()
    try:
        model = library.find_unlisted(name) if unlisted else library.find(name)
    except InvalidName as error:
        raise InvalidRequest(str(error)) from None
    if model is None:
        raise ModelNotFound(f"model {name!r} not found")
    record.provider = model.provider
    record.upstream_model = model.info.id
    return Target(model, request.app[PROVIDERS][model.provider])


@contextmanager
def unknown_model(text: str) -> Iterator[None]:
    """Say *text* when a model turns out not to exist, here or upstream: each endpoint has its own.

    See the table of model names in the API reference.
    """
    try:
        yield
    except ModelNotFound as error:
        raise ModelNotFound(text) from error
