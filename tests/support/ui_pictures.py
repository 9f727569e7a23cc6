"""Take pictures of all pages in narrow and wide windows, light and dark, for people to look at.

Usage: ``PYTHONPATH=tests/support python -m ui_pictures DIRECTORY``.
"""

from __future__ import annotations

import asyncio
import itertools
import sys
from pathlib import Path

from browser import BrowserPage, Chromium, chromium
from gateway.settings import UiSettings, UsageSettings
from live import live_gateway

__all__ = ["take_pictures", "talk"]

PAGES = ("playground", "inspector", "usage", "models", "connect")
WIDTHS = (320, 768, 1440)
SHORT = 900
"""The height of a window; pages are taken as a whole."""


async def take_pictures(browser: Chromium, directory: Path) -> None:
    """Write a PNG for each page, width and colour scheme to *directory*, and that of the README."""
    kept = {"ui": UiSettings(True, exchanges=20), "usage": UsageSettings(enabled=True)}
    async with live_gateway(**kept) as gateway:
        for name, dark in itertools.product(PAGES, (False, True)):
            async with browser.open(f"{gateway.url}/ui/#{name}") as page:
                await page.until("document.querySelector('section').children.length > 1")
                if name == "playground":
                    await talk(page)
                    await page.look(width=1320, height=820)
                    await page.evaluate("document.querySelector('.log').scrollTop = 10000")
                    await asyncio.sleep(0.2)
                    picture = await page.picture(whole=False)
                    (directory / "ui.png").write_bytes(picture)
                for width in WIDTHS:
                    await page.look(width=width, height=SHORT, dark=dark)
                    await asyncio.sleep(0.2)  # until it is drawn
                    scheme = "dark" if dark else "light"
                    file = directory / f"{name}-{width}-{scheme}.png"
                    file.write_bytes(await page.picture())


async def talk(page: BrowserPage) -> None:
    """Have a conversation with thinking and a call, whose result is not given yet."""
    await page.until("document.querySelectorAll('option').length > 20")
    await page.fill("combobox", "Model", "mistral-small:latest")
    await page.fill("combobox", "Think", "high")
    await page.fill("textbox", "System", "You are a friendly guide.")
    await page.fill("textbox", "Message", "Which bridges of Paris do I have to see?")
    await page.click("button", "Send")
    await page.until_shown("all after")
    await page.click("button", "An example of a tool")
    await page.fill("textbox", "Message", "What is the weather in Paris?")
    await page.click("button", "Send")
    await page.until_shown("Send results")


def main() -> None:
    """Take the pictures."""
    directory = Path(sys.argv[1])
    directory.mkdir(parents=True, exist_ok=True)
    with chromium() as browser:
        asyncio.run(take_pictures(browser, directory))


if __name__ == "__main__":
    main()
