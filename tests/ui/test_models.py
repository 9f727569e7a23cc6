"""The page of models in a real browser."""

from __future__ import annotations

import json
from collections.abc import AsyncIterator, Mapping
from contextlib import asynccontextmanager
from dataclasses import replace
from decimal import Decimal
from typing import Any

import pytest

from browser import BrowserPage, Chromium
from callers import KEY, settings_of, with_key
from gateway.core.errors import UpstreamUnavailable
from gateway.core.model_info import Capability, ModelInfo
from gateway.settings import PriceSettings, Settings, UiSettings
from gateways import scripted_app
from hosting import served
from scripted import ScriptedProvider

pytestmark = pytest.mark.slow  # a browser takes a second for each

MODELS = (
    ModelInfo(
        "tiny-latest",
        frozenset({Capability.COMPLETION, Capability.VISION}),
        parameters={"top_p": 0.9},
    ),
    ModelInfo("dear-latest", context_length=131072, deprecated="2027-01-31T12:00:00Z"),
)
PRICES = {"scripted/dear-*": PriceSettings(Decimal("0.5"), Decimal(12))}


@asynccontextmanager
async def opened(
    browser: Chromium, provider: ScriptedProvider, settings: Settings | None = None
) -> AsyncIterator[BrowserPage]:
    settings = replace(settings or settings_of(prices=PRICES), ui=UiSettings(True))
    async with (
        served(scripted_app(provider, settings)) as url,
        browser.open(f"{url}/ui/#models") as page,
    ):
        yield page


async def rows(page: BrowserPage) -> Mapping[str, Any]:
    """Return the cells of each row by the name of its model."""
    found = await page.evaluate(
        "[...document.querySelectorAll('tbody tr')].map((row) =>"
        " [...row.cells].slice(0, 6).map((cell) => cell.innerText))"
    )
    return {name: cells for name, *cells in found}


async def test_models_are_shown_with_abilities_context_and_price(browser: Chromium) -> None:
    async with opened(browser, ScriptedProvider(MODELS)) as page:
        await page.until_shown("scripted reachable")
        assert await rows(page) == {
            "tiny:latest": ["completion, vision", "", "", "", ""],
            "dear:latest until 2027-01-31": ["completion", "131,072", "0.5", "12", ""],
        }
        await page.fill("searchbox", "Find", "vision")
        assert [*await rows(page)] == ["tiny:latest"]
        await page.fill("searchbox", "Find", "nothing")
        await page.until_shown("No model is found.")


async def test_a_provider_that_cannot_be_reached_is_shown_so(browser: Chromium) -> None:
    async with opened(browser, ScriptedProvider(UpstreamUnavailable("gone"))) as page:
        await page.until_shown("scripted not reachable")


async def show(page: BrowserPage, name: str) -> Any:
    return await page.evaluate(
        f"fetch('../api/show', {{method: 'POST', body: JSON.stringify({{model: '{name}'}})}})"
        ".then((response) => response.json())"
    )


async def test_a_model_is_made_changed_and_deleted(browser: Chromium) -> None:
    async with opened(browser, ScriptedProvider(MODELS)) as page:
        await page.until_shown("scripted reachable")
        await page.click("DisclosureTriangle", "Make a model")
        await page.fill("textbox", "Name", "mine")
        await page.fill("combobox", "From", "scripted/tiny-latest")
        await page.fill("textbox", "System", "Be kind.")
        parameters = "Parameters (one on each line, such as temperature 0.5)"
        await page.fill("textbox", parameters, 'temperature 0.5\nstop "a b"\nstop END\nnonsense')
        await page.click("button", "Make")
        await page.until_shown("made from tiny-latest")
        made = await show(page, "mine")
        assert made["system"] == "Be kind."
        own = [
            'stop                           "END"',
            'stop                           "a b"',
            "temperature                    0.5",
        ]
        of_the_base = "top_p                          0.9"
        assert sorted(made["parameters"].split("\n")) == [*own, of_the_base]

        await page.click("button", "Change mine:latest")
        await page.until("document.activeElement.tagName === 'TEXTAREA'")
        area = await page.find("textbox", parameters)
        shown = await page.call(area, "function () { return this.value }")
        assert sorted(shown.split("\n")) == own
        await page.fill("textbox", "System", "Be brief.")
        await page.click("button", "Make")
        await page.until("document.querySelector('details[open]') === null")
        changed = await show(page, "mine")
        assert (changed["system"], changed["parameters"]) == ("Be brief.", made["parameters"])

        await page.click("button", "Delete mine:latest")
        await page.until_shown("Really delete")
        await page.click("button", "Really delete mine:latest")
        await page.until("!document.body.innerText.includes('mine:latest')")
        assert set(await rows(page)) == {"tiny:latest", "dear:latest until 2027-01-31"}


async def test_what_cannot_be_made_says_why(browser: Chromium) -> None:
    async with opened(browser, ScriptedProvider(MODELS)) as page:
        await page.until_shown("scripted reachable")
        await page.click("DisclosureTriangle", "Make a model")
        await page.fill("textbox", "Name", "no such/name/at all")
        await page.click("button", "Make")
        await page.until_shown("invalid model name")
        await page.click("button", "Cancel")
        assert await page.evaluate("document.querySelector('details[open]') === null")
        page.expect("status of 400")


async def test_a_key_that_may_not_change_models_sees_no_way_to(browser: Chromium) -> None:
    async with opened(browser, ScriptedProvider(MODELS), with_key()) as page:
        await page.until_shown("an API key is required")
        await page.fill("textbox", "Key", KEY)
        await page.until_shown("scripted reachable")
        assert "Make a model" not in await page.text()
        page.expect("status of 401")


async def test_a_change_keeps_what_the_form_has_no_field_for(browser: Chromium) -> None:
    made = {
        "model": "mine",
        "from": "tiny",
        "template": "{{ .Prompt }} please",
        "license": "Do good.",
        "messages": [{"role": "user", "content": "Hi"}, {"role": "assistant", "content": "Hello"}],
        "stream": False,
    }
    async with opened(browser, ScriptedProvider(MODELS)) as page:
        await page.evaluate(
            f"fetch('../api/create', {{method: 'POST', body: JSON.stringify({json.dumps(made)})}})"
        )
        await page.click("link", "Connect")
        await page.click("link", "Models")
        await page.click("button", "Change mine:latest")
        await page.until("document.activeElement.tagName === 'TEXTAREA'")
        await page.fill("textbox", "System", "Be brief.")
        await page.click("button", "Make")
        await page.until("document.querySelector('details[open]') === null")
        changed = await show(page, "mine")
        kept = {name: changed[name] for name in ("template", "license", "messages", "system")}
        assert kept == {
            "template": made["template"],
            "license": made["license"],
            "messages": made["messages"],
            "system": "Be brief.",
        }
