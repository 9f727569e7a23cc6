"""The page of the API as a browser shows it."""

from typing import Any

import pytest

from browser import chromium
from gateways import scripted_app
from scripted import ScriptedProvider

_LUMINANCE = """
(() => {
  const shown = getComputedStyle(document.body);
  const sum = (color) => color.match(/[0-9.]+/g).slice(0, 3).reduce((a, b) => a + Number(b), 0);
  const page = getComputedStyle(document.documentElement).colorScheme;
  return [page, sum(shown.color)];
})()
"""


@pytest.mark.slow
async def test_it_is_readable_in_narrow_and_wide_windows_light_and_dark(
    aiohttp_server: Any,
) -> None:
    server = await aiohttp_server(scripted_app(ScriptedProvider()))
    with chromium() as browser:
        async with browser.open(str(server.make_url("/docs"))) as page:
            for width in (320, 768, 1600):
                await page.look(width=width)
                assert await page.evaluate("document.documentElement.scrollWidth") <= width
            for dark in (False, True):
                await page.look(width=1280, dark=dark)
                scheme, text = await page.evaluate(_LUMINANCE)
                assert (scheme, text > 382) == ("light dark", dark)
        assert {one.partition("/docs")[2] for one in page.requests} == {""}
