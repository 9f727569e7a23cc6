"""Which providers are an adapter's own service, whose prices are known."""

from __future__ import annotations

import pytest

from gateway.providers.configured import configure, services_of
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
