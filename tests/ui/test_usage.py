"""The page of usage in a real browser: its charts are what the ledger says."""

from __future__ import annotations

import time
from typing import Any

import aiohttp
import pytest

from browser import BrowserPage, Chromium
from callers import PRICES, auth, hash_of, key_of, settings_of
from gateway.core.events import Finish, FinishReason, TextDelta, Usage
from gateway.serving.keys import ACCESS
from gateway.settings import KeySettings, LimitsSettings, UiSettings, UsageSettings
from gateway.state.rows import UsageCounts, UsageKey, UsageRow
from gateways import scripted_app
from hosting import served
from live import live_gateway
from model_routes import MODEL
from scripted import ScriptedProvider

pytestmark = pytest.mark.slow  # a browser takes a second for each

ON: dict[str, Any] = {"ui": UiSettings(True), "usage": UsageSettings(enabled=True)}
HOUR = 3600
BARS = """[...document.querySelectorAll(".chart")].map((figure) => [
    figure.querySelector("strong").textContent,
    [...figure.querySelectorAll("rect")].map((one) => [
        one.dataset.group,
        Number(one.dataset.value),
        Number(one.getAttribute("height")),
        one.querySelector("title").textContent.split(",")[0],
    ]),
])"""
FIRST = "document.querySelector('.chart title').textContent"
HEIGHT = 140


def named(hour: int, form: str) -> str:
    return time.strftime(form, time.gmtime(hour))


async def charts(page: BrowserPage) -> dict[str, list[list[Any]]]:
    await page.until("document.querySelectorAll('.chart').length === 4")
    return dict(await page.evaluate(BARS))


async def test_the_charts_are_what_the_ledger_says(browser: Chromium) -> None:
    now = int(time.time()) // HOUR * HOUR
    app = scripted_app(ScriptedProvider(models=[MODEL]), settings_of(**ON))
    rows = [
        UsageRow(
            UsageKey(now - HOUR, "", "one", "small", "chat"),
            UsageCounts(requests=6, errors=2, input_tokens=100, output_tokens=50, cost=3 * 10**12),
        ),
        UsageRow(
            UsageKey(now, "", "one", "small", "chat"),
            UsageCounts(requests=1, input_tokens=10, output_tokens=5, cost=5 * 10**11),
        ),
        UsageRow(
            UsageKey(now, "", "two", "large", "chat"),
            UsageCounts(requests=2, input_tokens=1000, output_tokens=500, cost=10**12),
        ),
    ]
    async with served(app) as url:
        opened = app[ACCESS].opened
        assert opened is not None
        assert await opened.state.add_usage(rows, "batch")
        async with browser.open(f"{url}/ui/#usage") as page:
            found = await charts(page)
            before, at = (named(one, "%Y-%m-%dT%H:00:00Z") for one in (now - HOUR, now))
            assert found == {
                "Requests": [
                    ["small", 6, HEIGHT, before],
                    ["small", 1, pytest.approx(HEIGHT / 6), at],
                    ["large", 2, pytest.approx(HEIGHT / 3), at],
                ],
                "Tokens": [
                    ["small", 150, pytest.approx(HEIGHT * 150 / 1515), before],
                    ["small", 15, pytest.approx(HEIGHT * 15 / 1515), at],
                    ["large", 1500, pytest.approx(HEIGHT * 1500 / 1515), at],
                ],
                "Cost": [
                    ["small", 3, HEIGHT, before],
                    ["small", 0.5, pytest.approx(HEIGHT / 6), at],
                    ["large", 1, pytest.approx(HEIGHT / 3), at],
                ],
                "Errors": [["small", 2, HEIGHT, before]],
            }
            text = await page.text()
            assert "Requests 9" in text
            assert "Cost 4.500000" in text
            cells = "[...document.querySelectorAll('[aria-label=Sums] tbody tr')]"
            sums = await page.evaluate(f"{cells}.map((one) => one.innerText.split(/\\s+/))")
            assert sums == [
                ["small", "7", "2", "0", "0", "110", "55", "3.500000", "0"],
                ["large", "2", "0", "0", "0", "1,000", "500", "1.000000", "0"],
            ]
            for by, groups in (("provider", {"one", "two"}), ("operation", {"chat"})):
                await page.fill("combobox", "By", by)
                await page.until(
                    f"document.querySelector('[aria-label=Sums] th').innerText === '{by}'"
                )
                assert {bar[0] for bar in (await charts(page))["Requests"]} == groups
            for span, form in (("30 days", "%Y-%m-%d"), ("12 months", "%Y-%m")):
                await page.fill("combobox", "Time", span)
                await page.until(f"{FIRST}.startsWith('{named(now, form)},')")
                (bars,) = [(await charts(page))["Requests"]]
                assert sum(bar[1] for bar in bars) == 9


async def test_a_key_sees_its_own_usage_and_what_is_left_to_it(browser: Chromium) -> None:
    keys = {
        name: KeySettings(hash_of(name), rpm=60, tpm=10_000, concurrency=4, budget=20)
        for name in ("alice", "bob")
    }
    done = [Finish(FinishReason.STOP, Usage(5, 7))]
    provider = ScriptedProvider(models=[MODEL], steps=[[TextDelta("hello")], done])
    app = scripted_app(provider, settings_of(**ON, keys=keys, prices=PRICES))
    body = {"model": "tiny", "messages": [{"role": "user", "content": "hi"}], "stream": False}
    async with served(app) as url:
        async with aiohttp.ClientSession() as session:
            for name in ("alice", "bob", "bob"):
                headers = auth(name)
                async with session.post(f"{url}/api/chat", json=body, headers=headers) as response:
                    assert response.status == 200
        async with browser.open(f"{url}/ui/#usage") as page:
            await page.until_shown("an API key is required")
            page.expect("401")
            await page.fill("textbox", "Key", key_of("alice"))
            await page.until_shown("Limits of alice")
            (bars,) = [(await charts(page))["Requests"]]
            assert [bar[:2] for bar in bars] == [["tiny-latest", 1]]
            text = await page.text()
            assert "0.000019 spent" in text
            assert "Requests a minute\t60\t59" in text or "Requests a minute\t60\t60" in text
            await page.fill("combobox", "By", "caller")
            await page.until(
                "document.querySelector('[aria-label=Sums] th').innerText === 'caller'"
            )
            assert {bar[0] for bar in (await charts(page))["Requests"]} == {"alice"}


async def test_without_usage_the_page_says_which_setting_keeps_it(browser: Chromium) -> None:
    async with (
        live_gateway(ui=UiSettings(True)) as gateway,
        browser.open(f"{gateway.url}/ui/#usage") as page,
    ):
        await page.until_shown("No usage is kept. Set usage.enabled")
        await page.until_shown("There is no limit. Set limits")


async def test_before_anything_was_used_the_page_says_so(browser: Chromium) -> None:
    async with (
        live_gateway(**ON, limits=LimitsSettings(rpm=60)) as gateway,
        browser.open(f"{gateway.url}/ui/#usage") as page,
    ):
        await page.until_shown("Nothing was used in this time.")
        await page.until_shown("Requests a minute")
