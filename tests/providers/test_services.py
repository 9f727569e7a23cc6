"""Which providers are an adapter's own service, whose prices are known."""

from __future__ import annotations

import pytest

from gateway.providers.configured import configure, services_of
from gateway.providers.openai import OpenAIProvider
from gateway.providers.options import ServiceOptionsSchema
from gateway.settings import ProviderSettings, Settings


@pytest.mark.parametrize(
    ("options", "services"),
    [({}, {"mistral": "mistral"}), ({"base_url": "http://127.0.0.1:1/v1"}, {})],
    ids=["its own address", "another address"],
)
def test_a_service_is_the_adapters_own_at_its_own_address(
    options: dict[str, object], services: dict[str, str]
) -> None:
    table = ProviderSettings("mistral", {"api_key": "key", **options})
    settings = Settings(providers={"mistral": table})
    assert services_of(configure(settings, {}), settings) == services


class _Regional(OpenAIProvider):
    """An adapter whose options tell the address of the service in another way."""

    options_schema = ServiceOptionsSchema


@pytest.mark.parametrize(
    ("options", "services"),
    [({}, {"regional": "regional"}), ({"base_url": "http://127.0.0.1:1/v1"}, {})],
)
def test_a_service_may_have_an_address_that_other_options_tell(
    options: dict[str, object], services: dict[str, str]
) -> None:
    settings = Settings(providers={"regional": ProviderSettings("regional", options)})
    configured = configure(settings, {"regional": _Regional})
    assert services_of(configured, settings) == services
