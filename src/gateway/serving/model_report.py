"""A report of the models: who answers for them, what they can do and cost, and who may change them.

The prices are imported only here, when a report is requested.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping
from typing import TYPE_CHECKING

from aiohttp import web

from gateway.core.model_info import ListedModel
from gateway.core.money import show
from gateway.serving.keys import ACCESS, MODEL_LISTS, REQUEST_ACCESS, SETTINGS
from gateway.serving.resolve import usable

if TYPE_CHECKING:
    from gateway.access.prices import Price

__all__ = ["models_report"]

_MILLION = 10**6


async def models_report(request: web.Request) -> Mapping[str, object]:
    """Return the models that the caller may use, and which providers could be reached lately.

    Prices are decimal text, of a million tokens or of one request; None is unknown.
    """
    lists, access = request.app[MODEL_LISTS], request[REQUEST_ACCESS]
    catalog = await lists.catalog()
    price_of = _pricing(request)
    provided = {model.name for model in catalog.provided}
    return {
        "manage": access is None or access.may_manage,
        "providers": lists.reached,
        "models": [
            {
                "name": model.name,
                "provider": model.provider,
                "id": model.info.id,
                "made": model.name not in provided,
                "capabilities": sorted(model.info.capabilities),
                "context_length": model.info.context_length,
                "deprecated": model.info.deprecated,
                "price": _shown(price_of(model)),
            }
            for model in usable(request, catalog.models)
        ],
    }


def _pricing(request: web.Request) -> Callable[[ListedModel], Price | None]:
    from gateway.access.prices import Prices, listed_price  # noqa: PLC0415 - only for this report

    prices, services = Prices(request[SETTINGS].prices), request.app[ACCESS].services

    def price_of(model: ListedModel) -> Price | None:
        info, service = model.info, services.get(model.provider, "")
        listed = None if info.prices is None else listed_price(info.prices)
        return prices.find(model.provider, info.canonical, service=service, listed=listed)

    return price_of


def _shown(price: Price | None) -> Mapping[str, str] | None:
    if price is None:
        return None
    return {
        "input": show(price.input * _MILLION),
        "output": show(price.output * _MILLION),
        "cached": show(price.cached * _MILLION),
        "request": show(price.request),
    }
