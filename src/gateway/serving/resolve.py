"""From the name in a request to the models that it means, and to whom to ask for them."""

from __future__ import annotations

from collections.abc import Callable, Sequence

from aiohttp import web

from gateway.core.errors import InvalidRequest, ModelNotFound
from gateway.core.model_info import ListedModel
from gateway.core.names import InvalidName
from gateway.routing.targets import Target
from gateway.serving.keys import MODEL_LISTS, RECORD, TARGETS

__all__ = ["alike", "find_models", "find_targets", "unknown_model"]


async def find_models(
    request: web.Request, name: str, *, unlisted: bool = False
) -> Sequence[ListedModel]:
    """Return what *name* means, at least one model; the earlier ones are preferred.

    Raise `InvalidRequest` for what is no name, or `ModelNotFound`. *unlisted* lets it be a model of
    a kind that no list shows.
    """
    record = request[RECORD]
    record.model = name
    library = await request.app[MODEL_LISTS].library()
    try:
        models = library.find_all(name, unlisted=unlisted)
    except InvalidName as error:
        raise InvalidRequest(str(error)) from None
    if not models:
        raise ModelNotFound(f"model {name!r} not found")
    record.provider = models[0].provider
    record.upstream_model = models[0].info.id
    return models


def find_targets(
    request: web.Request, models: Sequence[ListedModel], admit: Callable[[ListedModel], None]
) -> list[Target]:
    """Return whom to ask, at least one, of those of *models* that *admit* does not refuse.

    If it refuses all of them its first refusal is raised.
    """
    able = []
    refusals = []
    for model in models:
        try:
            admit(model)
        except InvalidRequest as refusal:
            refusals.append(refusal)
        else:
            able.append(model)
    if not able:
        raise refusals[0]
    targets = request.app[TARGETS].of(able)
    request[RECORD].has_choice = len(models) > 1 or targets[0].key > 0
    return targets


def alike(models: Sequence[ListedModel]) -> Sequence[ListedModel]:
    """Return those of *models* that are the first one, at whichever provider.

    Vectors of two models cannot be compared, so no other one may stand in for it.
    """
    first = models[0].info.canonical
    return [model for model in models if model.info.canonical == first]


class unknown_model:  # noqa: N801 - it is used like a function, and a generator costs more
    """Say *text* when a model turns out not to exist, here or upstream: each endpoint has its own.

    See the table of model names in the API reference.
    """

    __slots__ = ("_text",)

    def __init__(self, text: str) -> None:
        self._text = text

    def __enter__(self) -> None:
        pass

    def __exit__(self, _: object, error: BaseException | None, __: object) -> None:
        if isinstance(error, ModelNotFound):
            raise ModelNotFound(self._text) from error
