"""What holds for all pages: everybody can use them, on any screen, and nothing else is loaded."""

from __future__ import annotations

import os
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from pathlib import Path
from typing import Any

import pytest

from browser import BrowserPage, Chromium
from gateway import Settings, create_app
from gateway.core.model_info import Capability, ModelInfo
from gateway.settings import UiSettings
from gateways import scripted_app
from hosting import host_of, served
from live import live_gateway
from scripted import ScriptedProvider
from ui_pictures import talk

pytestmark = pytest.mark.slow  # a browser takes a second for each

PAGES = ("Playground", "Inspector", "Usage", "Models", "Connect")
AXE = os.environ.get("AXE_CORE", "")
EACH_PAGE = pytest.mark.parametrize("name", PAGES)
RULES = ["wcag2a", "wcag2aa", "wcag21a", "wcag21aa", "wcag22aa"]


@asynccontextmanager
async def opened(browser: Chromium, name: str, **look: Any) -> AsyncIterator[BrowserPage]:
    """Open a page of a gateway that has something to show, and see that all came from there."""
    async with (
        live_gateway(ui=UiSettings(True)) as gateway,
        browser.open(f"{gateway.url}/ui/#{name.lower()}", **look) as page,
    ):
        await page.until(f"document.title.startsWith('{name}')")
        await page.until("document.querySelector('section:not([hidden])').children.length > 1")
        await settled(page)
        yield page
        assert [url for url in page.requests if not url.startswith(gateway.url)] == []


def axe() -> str:
    return Path(AXE).read_text("utf-8")


async def fill(page: BrowserPage, name: str) -> None:
    """Have all on a page that there may be."""
    if name == "Playground":
        await talk(page)
    if name == "Models":
        await page.click("DisclosureTriangle", "Make a model")


async def settled(page: BrowserPage) -> None:
    """Wait until nothing was loaded for a moment."""
    before = -1
    while before != (before := len(page.requests)):
        await page.evaluate("new Promise((resolve) => setTimeout(resolve, 100))")


@EACH_PAGE
@pytest.mark.parametrize("dark", [False, True], ids=["light", "dark"])
@pytest.mark.skipif(not Path(AXE).is_file(), reason="AXE_CORE names no file of axe-core")
async def test_a_page_keeps_the_rules_of_wcag_aa(browser: Chromium, name: str, dark: bool) -> None:
    async with opened(browser, name, dark=dark) as page:
        await fill(page, name)
        await page.evaluate(axe() + ";true")
        found = await page.evaluate(
            f"axe.run(document, {{runOnly: {RULES}}}).then((told) => told.violations.flatMap("
            "(one) => one.nodes.map((node) => `${one.id}: ${node.html.slice(0, 200)}`)))"
        )
        assert found == []


@EACH_PAGE
async def test_a_page_fits_into_narrow_and_wide_windows(browser: Chromium, name: str) -> None:
    async with opened(browser, name) as page:
        await fill(page, name)
        for width in (320, 768, 1440):
            await page.look(width=width)
            assert await page.evaluate("document.documentElement.scrollWidth") <= width
            assert await page.evaluate(CUT) == []


# Controls that reach out of the window, unless a box around them scrolls.
CUT = """[...document.querySelectorAll("section:not([hidden]) *")]
    .filter((one) => one.matches("input, select, button, textarea"))
    .filter((one) => one.checkVisibility() && !one.closest(".scrolls, pre, .log"))
    .filter((one) => one.getBoundingClientRect().right > innerWidth + 1)
    .map((one) => one.outerHTML.slice(0, 100))"""


async def test_all_is_done_by_keyboard(browser: Chromium) -> None:
    async with opened(browser, "Playground", width=800) as page:
        await page.press("Tab")
        assert await page.focused() == "Skip to the page"
        await page.press("Enter")
        await page.tab_to("Model")
        before = await page.evaluate("document.activeElement.value")
        await page.press("ArrowDown")
        assert await page.evaluate("document.activeElement.value") != before
        await page.tab_to("Message")
        await page.type("Hello! [[pace: 0.1]]")
        await page.press("Enter")
        await page.until_shown("Hello from")
        await page.tab_to("Stop")
        await page.press("Enter")
        await page.until_shown("stopped")
        assert await page.focused() == "Message"
        await page.type("And more")
        await page.press("Enter", shift=True)
        await page.type("in two lines.")
        await page.press("Enter")
        await page.until_shown("And more\nin two lines.")
        await page.tab_to("Raw lines")
        await page.press("ArrowRight")
        assert await page.focused() == "curl"
        assert await page.evaluate("document.activeElement.getAttribute('aria-selected')") == "true"
        await page.tab_to("Models")
        await page.press("Enter")
        await page.until("document.title.startsWith('Models')")
        await page.tab_to("Make a model")
        await page.press("Enter")
        await page.tab_to("Name")


async def test_below_a_prefix_the_page_works_as_well(browser: Chromium) -> None:
    provider = ScriptedProvider([ModelInfo("tiny-latest", frozenset(Capability))])
    app = scripted_app(provider, Settings(providers={}, ui=UiSettings(True)))
    async with served(host_of(llm=app)) as url, browser.open(f"{url}/llm/ui/#models") as page:
        await page.until_shown("tiny:latest")
        await page.click("link", "Connect")
        await page.until_shown(f"{url}/llm/v1")
        assert {one for one in page.requests if not one.startswith(f"{url}/llm/")} == set()


async def test_going_back_shows_the_page_before_as_it_was(browser: Chromium) -> None:
    async with opened(browser, "Playground") as page:
        await page.fill("textbox", "Message", "not sent yet")
        await page.click("link", "Models")
        await page.until("document.title.startsWith('Models')")
        await page.evaluate("history.back()")
        await page.until("document.title.startsWith('Playground')")
        kept = await page.call(
            await page.find("textbox", "Message"), "function () { return this.value }"
        )
        assert kept == "not sent yet"
        await page.evaluate("location.hash = 'nothing'")
        await page.until("document.title.startsWith('Playground')")


async def test_a_page_without_anything_to_show_says_what_to_set(browser: Chromium) -> None:
    app = create_app(Settings(providers={}, ui=UiSettings(True)))
    async with served(app) as url, browser.open(f"{url}/ui/#models") as page:
        await page.until_shown("Set providers to fill this page.")
        await page.click("link", "Playground")
        await page.fill("textbox", "Message", "Hello!")
        await page.click("button", "Send")
        await page.until_shown("There is no model")
