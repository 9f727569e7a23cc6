"""The inspector in a real browser, over the sandbox."""

from __future__ import annotations

import asyncio
import json
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from pathlib import Path
from typing import Any

import aiohttp
import pytest

from browser import BrowserPage, Chromium
from callers import auth, hash_of, key_of
from gateway.settings import CassetteSettings, KeySettings, UiSettings
from live import LiveGateway, live_gateway

pytestmark = pytest.mark.slow  # a browser takes a second for each

ON = UiSettings(enabled=True, exchanges=20)
MODEL = "mistral-small"
CHAT = {"model": MODEL, "messages": [{"role": "user", "content": "Hello!"}], "stream": False}
ROWS = "[...document.querySelectorAll('.inspector tbody tr:not([hidden])')]"


@asynccontextmanager
async def opened(
    browser: Chromium, ui: UiSettings = ON, **groups: Any
) -> AsyncIterator[tuple[BrowserPage, LiveGateway]]:
    async with (
        live_gateway(ui=ui, **groups) as gateway,
        browser.open(f"{gateway.url}/ui/#inspector") as page,
    ):
        await page.until("document.title.startsWith('Inspector')")
        yield page, gateway
        assert [url for url in page.requests if gateway.url not in url] == []


async def chat(gateway: LiveGateway, path: str = "/api/chat", **headers: str) -> str:
    async with (
        aiohttp.ClientSession() as session,
        session.post(f"{gateway.url}{path}", json=CHAT, headers=headers) as response,
    ):
        return await response.text()


async def rows(page: BrowserPage) -> list[str]:
    found: list[str] = await page.evaluate(f"{ROWS}.map((one) => one.innerText)")
    return found


async def following(page: BrowserPage) -> None:
    """Wait until the page learns of what happens."""
    async with asyncio.timeout(10):
        while not any("/gateway/exchanges" in url and "events" not in url for url in page.requests):
            await asyncio.sleep(0.02)
    await page.evaluate("new Promise((resolve) => setTimeout(resolve, 100))")


async def choose(page: BrowserPage, text: str) -> None:
    script = f"{ROWS}.find((one) => one.innerText.includes({json.dumps(text)}))"
    await page.until(f"{script} !== undefined")
    await page.evaluate(f"{script}.querySelector('a').click()")
    await page.until("document.querySelector('.details h2') !== null")


async def test_an_exchange_is_shown_within_a_second_and_never_a_key(browser: Chromium) -> None:
    keys = {"root": KeySettings(hash_of("root"), admin=True)}
    async with opened(browser, keys=keys) as (page, gateway):
        page.expect("401")  # until there is a key
        await page.fill("textbox", "Key", key_of("root"))
        await following(page)
        key = key_of("root")
        quoted = {**CHAT, "messages": [{"role": "user", "content": f"my key is {key}"}]}
        async with (
            aiohttp.ClientSession() as session,
            session.post(f"{gateway.url}/api/chat", json=quoted, headers=auth("root")) as response,
        ):
            await response.read()
        async with asyncio.timeout(1):
            while not any("/api/chat" in one and "200" in one for one in await rows(page)):
                await asyncio.sleep(0.02)
        await choose(page, "/api/chat")
        await page.until_shown("my key is [redacted]")
        for tab in ("Provider got", "Answer", "Client sent"):
            await page.click("tab", tab)
            assert key not in await page.text()
        assert key not in await page.evaluate("document.documentElement.outerHTML")


async def test_what_was_sent_and_answered_stands_beside_times_and_attempts(
    browser: Chromium,
) -> None:
    async with opened(browser) as (page, gateway):
        await following(page)
        answer = await chat(gateway, "/v1/chat/completions")
        await choose(page, "/v1/chat/completions")
        await page.until_shown(json.dumps(CHAT))
        shown = await page.text()
        assert "mistral/mistral-small-latest" in shown
        for fact in ("Until asked", "First token", "In all", "Input tokens", "Output tokens"):
            assert fact in shown
        await page.click("tab", "Answer")
        await page.until_shown(answer.strip())
        await page.click("tab", "Provider got")
        (sent,) = gateway.received()
        await page.until(
            "JSON.parse(document.querySelector('[role=tabpanel]:not([hidden]) pre').textContent)"
        )
        got = await page.evaluate(
            "document.querySelector('[role=tabpanel]:not([hidden]) pre').textContent"
        )
        assert json.loads(got) == json.loads(json.dumps(sent.body))


async def test_a_request_can_be_asked_again_and_copied_as_curl(browser: Chromium) -> None:
    async with opened(browser) as (page, gateway):
        await following(page)
        await chat(gateway)
        await choose(page, "/api/chat")
        await page.click("button", "Ask again")
        await page.until_shown("Asked again: status 200.")
        await page.until(
            f"{ROWS}.filter((one) => one.innerText.includes('/api/chat')).length === 2"
        )
        first, second = gateway.received()
        assert first.body == second.body
        await page.evaluate(
            "navigator.clipboard.writeText = async (text) => { window.copied = text }"
        )
        await page.click("button", "Copy as curl")
        command = await page.until("window.copied")
        process = await asyncio.create_subprocess_shell(
            command, stdout=asyncio.subprocess.PIPE, stderr=asyncio.subprocess.DEVNULL
        )
        answer, _ = await process.communicate()
        assert json.loads(answer)["done"] is True
        assert gateway.received()[-1].body == first.body


async def test_a_request_that_was_not_kept_whole_cannot_be_asked_again(browser: Chromium) -> None:
    async with opened(browser) as (page, gateway):
        await following(page)
        long = {**CHAT, "messages": [{"role": "user", "content": "a " * 40_000}]}
        async with (
            aiohttp.ClientSession() as session,
            session.post(f"{gateway.url}/api/chat", json=long) as response,
        ):
            await response.read()
        await choose(page, "/api/chat")
        await page.until_shown("This is not all")
        for name in ("Ask again", "Copy as curl", "Download as recording"):
            button = await page.find("button", name)
            assert await page.call(button, "function () { return this.disabled }")


async def test_a_download_can_be_replayed(browser: Chromium, tmp_path: Path) -> None:
    async with opened(browser) as (page, gateway):
        await page.send("Page.setDownloadBehavior", behavior="allow", downloadPath=str(tmp_path))
        await following(page)
        answer = json.loads(await chat(gateway))
        await choose(page, "/api/chat")
        await page.click("button", "Download as recording")
        await page.until_shown("Its place in a directory of recordings is mistral/")
        place = (await page.text()).partition("recordings is ")[2].split()[0].rstrip(".")
        saved = tmp_path / Path(place).name
        async with asyncio.timeout(10):
            while not (saved.exists() and saved.stat().st_size):
                await asyncio.sleep(0.02)
    folder = tmp_path / "recordings"
    path = folder / place
    path.parent.mkdir(parents=True)
    path.write_bytes(saved.read_bytes())
    async with live_gateway(cassettes=CassetteSettings("auto", str(folder))) as offline:
        again = json.loads(await chat(offline))
        assert again["message"] == answer["message"]
        assert offline.received() == []


async def test_only_requests_to_models_can_be_listed_and_all_be_cleared(browser: Chromium) -> None:
    async with opened(browser) as (page, gateway):
        await following(page)
        async with aiohttp.ClientSession() as session:
            for path in ("/api/tags", "/missing"):
                async with session.get(f"{gateway.url}{path}") as response:
                    await response.read()
        await chat(gateway)
        await page.until(f"{ROWS}.length === 3")
        await page.click("checkbox", "Only requests to models")
        await page.until(f"{ROWS}.length === 1")
        await page.click("checkbox", "Only requests to models")
        await page.until(f"{ROWS}.length === 3")
        await page.click("button", "Clear")
        await page.until(f"{ROWS}.length === 0")


@pytest.mark.parametrize(
    ("ui", "hint"),
    [
        (UiSettings(enabled=True), "What was sent and answered is not kept. Set ui.exchanges"),
        (UiSettings(enabled=True, exchanges=0), "No requests are kept. Set ui.exchanges"),
    ],
)
async def test_a_page_without_texts_says_which_setting_keeps_them(
    browser: Chromium, ui: UiSettings, hint: str
) -> None:
    async with opened(browser, ui) as (page, gateway):
        await page.until_shown(hint)
        if ui.exchanges is None:
            await following(page)
            await chat(gateway)
            await choose(page, "/api/chat")
            await page.until_shown("In all")
            assert "Client sent" not in await page.text()


async def test_a_key_without_admin_sees_nothing_of_others(browser: Chromium) -> None:
    keys = {"alice": KeySettings(hash_of("alice"))}
    async with opened(browser, keys=keys) as (page, _):
        page.expect("401")
        await page.fill("textbox", "Key", key_of("alice"))
        await page.until_shown("Only a key with admin")


async def test_a_script_in_an_exchange_stays_text(browser: Chromium) -> None:
    async with opened(browser) as (page, gateway):
        await following(page)
        script = "<img src=x onerror=alert(1)><script>alert(2)</script>"
        body = {**CHAT, "messages": [{"role": "user", "content": script}]}
        async with (
            aiohttp.ClientSession() as session,
            session.post(f"{gateway.url}/api/chat", json=body) as response,
        ):
            await response.read()
        await choose(page, "/api/chat")
        await page.until_shown("<script>alert(2)</script>")
        assert await page.evaluate("document.querySelectorAll('.inspector img').length") == 0
