"""The page Connect in a real browser."""

from __future__ import annotations

import pytest

from browser import Chromium
from callers import KEY, with_key
from gateway.cli.doctor.apps import read_apps
from gateway.settings import UiSettings
from live import live_gateway

pytestmark = pytest.mark.slow  # a browser takes a second for each


async def test_each_known_app_has_its_lines_with_the_address_of_this_gateway(
    browser: Chromium,
) -> None:
    apps = read_apps(None).values()
    async with (
        live_gateway(ui=UiSettings(True)) as gateway,
        browser.open(f"{gateway.url}/ui/#connect") as page,
    ):
        await page.until("document.querySelectorAll('.card').length > 0")
        await page.fill("textbox", "Model", "smart")
        shown = await page.evaluate(
            "[...document.querySelectorAll('.card pre')].map((one) => one.textContent)"
        )
        words = {"{url}": gateway.url, "{key}": "ollama", "{model}": "smart"}
        for app in apps:
            text = app.connect
            for mark, value in words.items():
                text = text.replace(mark, value)
            assert text in shown
            assert f"python -m gateway doctor {app.slug} --url {gateway.url}" in shown
        await page.fill("searchbox", "Find", "zed")
        assert await page.evaluate("document.querySelectorAll('.card').length") == 1
        await page.fill("searchbox", "Find", "no such app")
        await page.until_shown("No such app is known.")


async def test_a_key_is_copied_but_never_shown(browser: Chromium) -> None:
    settings = with_key()
    async with (
        live_gateway(ui=UiSettings(True), keys=settings.keys) as gateway,
        browser.open(f"{gateway.url}/ui/#connect") as page,
    ):
        await page.until("document.querySelectorAll('.card').length > 0")
        await page.fill("textbox", "Key", KEY)
        await page.until_shown("YOUR_KEY")
        await page.evaluate(
            "navigator.clipboard.writeText = async (text) => { window.copied = text }"
        )
        await page.click("button", "Copy the settings of Codex")
        assert KEY in await page.until("window.copied")
        await page.until_shown("Copied")
        assert KEY not in await page.evaluate("document.documentElement.innerHTML")
        page.expect("status of 401")
