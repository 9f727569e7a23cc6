"""The attributes that an adapter says it learns into are there, whatever they are called."""

from __future__ import annotations

import logging
from typing import Any

import aiohttp
import pytest

from gateway.providers.base import ProviderContext
from gateway.providers.registry import installed, load_adapter

BASE = {"base_url": "https://service.example/v1", "api_key": "a-key"}


@pytest.mark.parametrize("name", sorted(installed()))
async def test_a_copy_of_an_adapter_has_learned_the_same(name: str) -> None:
    adapter: Any = load_adapter(name)
    schema = adapter.options_schema()
    options = schema.load({key: BASE[key] for key in BASE if key in schema.fields})

    async with aiohttp.ClientSession() as session:
        one = adapter(ProviderContext("one", options, session, logging.getLogger()))
        assert [attribute for attribute in one.learned if not hasattr(one, attribute)] == []
        if "api_key" in schema.fields:
            other = one.with_key("another-key")
            assert other.context.options.api_key == "another-key"
            for attribute in one.learned:
                assert getattr(other, attribute) is getattr(one, attribute)
