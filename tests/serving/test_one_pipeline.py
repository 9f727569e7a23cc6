"""Every route that asks a provider passes the one dispatch, once, with its operation recorded."""

from __future__ import annotations

from dataclasses import dataclass

import pytest
from pytest_aiohttp.plugin import AiohttpClient

from gateway import Attempt, Observer, RequestRecord
from gateway.handlers import ROUTES
from gateway.serving.endpoint import Endpoint
from gateways import scripted_app
from model_routes import BODIES, RECORDING, body_of, path_of, scripted

EACH_ROUTE = pytest.mark.parametrize("route", ROUTES, ids=lambda one: f"{one.method} {one.path}")


@dataclass
class Attempts(Observer):
    """Counts what passes the dispatch."""

    started_as: tuple[str, str, str] | None = None
    count: int = 0

    def started(self, record: RequestRecord) -> None:
        self.started_as = (record.dialect, record.route, record.operation)

    def attempt(self, record: RequestRecord, attempt: Attempt) -> None:
        self.count += attempt.phase == "started"


@EACH_ROUTE
@pytest.mark.parametrize("stream", [True, False], ids=["streamed", "whole"])
async def test_a_route_asks_a_provider_through_the_dispatch_or_not_at_all(
    aiohttp_client: AiohttpClient, route: Endpoint, stream: bool
) -> None:
    provider, attempts = scripted(), Attempts()
    client = await aiohttp_client(scripted_app(provider, None, attempts))
    async with client.request(
        route.method, path_of(route), **body_of(route, stream=stream)
    ) as response:
        await response.read()
    assert (len(provider.asked), attempts.count) == (1, 1) if route.operation else (0, 0)
    assert attempts.started_as == (route.dialect.name, route.path, route.operation)
    if route.operation:
        assert response.status == 200


def test_the_routes_with_an_operation_are_those_that_have_a_body_here() -> None:
    assert {one.path for one in ROUTES if one.operation} == {*BODIES, RECORDING}
