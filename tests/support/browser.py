"""Chromium without a window, driven by its own protocol over a WebSocket.

https://chromedevtools.github.io/devtools-protocol/
"""

from __future__ import annotations

import asyncio
import base64
import itertools
import json
import os
import shutil
import subprocess
import time
from collections.abc import AsyncIterator, Iterator, Mapping
from contextlib import asynccontextmanager, contextmanager, suppress
from dataclasses import dataclass, field
from pathlib import Path
from tempfile import TemporaryDirectory
from typing import Any

import aiohttp
import pytest

__all__ = ["BrowserPage", "Chromium", "chromium"]

_START = 20.0
"""Seconds that the browser may take to start on a busy machine."""
_LIMIT = 10.0
"""Seconds that anything on a page may take."""
_NAMES = ("chromium", "chromium-browser", "google-chrome")
_OPTIONS = (
    *("--headless=new", "--no-sandbox", "--disable-gpu", "--disable-dev-shm-usage"),
    *("--no-first-run", "--disable-extensions", "--disable-background-networking", "--mute-audio"),
    "--remote-debugging-port=0",
)
_KEYS: Mapping[str, tuple[int, str]] = {
    "Tab": (9, ""),
    "Enter": (13, "\r"),
    " ": (32, " "),
    "ArrowRight": (39, ""),
    "ArrowDown": (40, ""),
}
"""Keys with their codes, and the text that they write."""
_SHIFT = 8


@contextmanager
def chromium() -> Iterator[Chromium]:
    """Run a browser; the test that asks for it is skipped where there is none."""
    executable = next(filter(None, map(shutil.which, _NAMES)), None)
    if executable is None:
        pytest.skip("there is no Chromium: install the package of that name")
    with TemporaryDirectory(ignore_cleanup_errors=True) as home:
        environ = {**os.environ, "HOME": home}
        process = subprocess.Popen(
            [executable, *_OPTIONS, f"--user-data-dir={home}", "about:blank"],
            stdout=subprocess.DEVNULL,
            stderr=subprocess.DEVNULL,
            env=environ,
        )
        try:
            yield Chromium(_endpoint(Path(home, "DevToolsActivePort"), process))
        finally:
            process.terminate()
            process.wait(_START)


def _endpoint(file: Path, process: subprocess.Popen[bytes]) -> str:
    """Return the address that the browser writes to *file* once it listens."""
    give_up_at = time.monotonic() + _START
    while True:
        lines = file.read_text().splitlines() if file.exists() else []
        if len(lines) == 2:
            port, path = lines
            return f"ws://127.0.0.1:{port}{path}"
        assert process.poll() is None, "the browser has ended"
        assert time.monotonic() < give_up_at, "the browser does not start"
        time.sleep(0.02)


@dataclass(frozen=True)
class Chromium:
    """A browser that runs; each page has cookies and storage of its own."""

    endpoint: str

    @asynccontextmanager
    async def open(
        self, url: str, *, width: int = 1280, height: int = 900, dark: bool = False
    ) -> AsyncIterator[BrowserPage]:
        """Open a page at *url*, and look for errors at the end."""
        async with (
            aiohttp.ClientSession() as session,
            session.ws_connect(self.endpoint, max_msg_size=0) as socket,
        ):
            page = BrowserPage(socket)
            listening = asyncio.create_task(page.listen())
            try:
                await page.start(url, width=width, height=height, dark=dark)
                yield page
                await page.stop()
            finally:
                listening.cancel()
                with suppress(asyncio.CancelledError):
                    await listening
        assert page.problems == []


@dataclass
class BrowserPage:
    """A page: what it shows, and what a user does with it.

    Elements are found by role and accessible name, as a screen reader does. ``requests`` are the
    addresses that were loaded, ``problems`` what the console told as a warning or an error.
    """

    socket: aiohttp.ClientWebSocketResponse
    problems: list[str] = field(default_factory=list)
    requests: list[str] = field(default_factory=list)

    def __post_init__(self) -> None:
        self._ids = itertools.count(1)
        self._answers: dict[int, asyncio.Future[dict[str, Any]]] = {}
        self._session: str | None = None
        self._context = ""

    async def start(self, url: str, *, width: int, height: int, dark: bool) -> None:
        made = await self.send("Target.createBrowserContext")
        self._context = made["browserContextId"]
        made = await self.send(
            "Target.createTarget", url="about:blank", browserContextId=self._context
        )
        target = made["targetId"]
        attached = await self.send("Target.attachToTarget", targetId=target, flatten=True)
        self._session = attached["sessionId"]
        for domain in ("Page", "Runtime", "Log", "Network", "DOM", "Accessibility"):
            await self.send(f"{domain}.enable")
        # They would take some of the width, but are not in pictures.
        await self.send("Emulation.setScrollbarsHidden", hidden=True)
        await self.look(width=width, height=height, dark=dark)
        await self.send("Page.navigate", url=url)
        await self.until("document.readyState === 'complete' && location.href !== 'about:blank'")

    async def stop(self) -> None:
        self._session = None
        await self.send("Target.disposeBrowserContext", browserContextId=self._context)

    async def look(self, *, width: int, height: int = 900, dark: bool = False) -> None:
        """Have a window of this size, and colours that are light or dark."""
        await self.send(
            "Emulation.setDeviceMetricsOverride",
            width=width,
            height=height,
            deviceScaleFactor=1,
            mobile=False,
        )
        scheme = {"name": "prefers-color-scheme", "value": "dark" if dark else "light"}
        await self.send("Emulation.setEmulatedMedia", features=[scheme])

    async def listen(self) -> None:
        """Sort what the browser sends, until cancelled."""
        async for message in self.socket:
            told = json.loads(message.data)
            if "id" in told:
                self._take(self._answers.pop(told["id"]), told)
            else:
                self._note(told["method"], told["params"])

    def _take(self, answer: asyncio.Future[dict[str, Any]], told: dict[str, Any]) -> None:
        if not answer.done():  # else nobody waits for it any more
            answer.set_result(told)

    def _note(self, method: str, params: Mapping[str, Any]) -> None:
        match method:
            case "Network.requestWillBeSent":
                self.requests.append(params["request"]["url"])
            case "Runtime.exceptionThrown":
                self.problems.append(json.dumps(params["exceptionDetails"])[:500])
            case "Runtime.consoleAPICalled" if params["type"] in ("error", "warning", "assert"):
                self.problems.append(json.dumps(params["args"])[:500])
            case "Log.entryAdded" if params["entry"]["level"] in ("error", "warning"):
                self.problems.append(f"{params['entry']['text']} {params['entry'].get('url')}")

    async def send(self, method: str, **params: Any) -> dict[str, Any]:
        """Send a command of the protocol and return its result."""
        number = next(self._ids)
        answer = self._answers[number] = asyncio.get_running_loop().create_future()
        command: dict[str, Any] = {"id": number, "method": method, "params": params}
        if self._session is not None:
            command["sessionId"] = self._session
        await self.socket.send_json(command)
        async with asyncio.timeout(_LIMIT):
            told = await answer
        assert "error" not in told, f"{method}: {told['error']}"
        result: dict[str, Any] = told["result"]
        return result

    def expect(self, text: str) -> None:
        """Forget the problems that have a text in them, of which there has to be one."""
        others = [one for one in self.problems if text not in one]
        assert others != self.problems
        self.problems[:] = others

    async def evaluate(self, script: str) -> Any:
        """Return the value of an expression, awaited."""
        told = await self.send(
            "Runtime.evaluate", expression=script, awaitPromise=True, returnByValue=True
        )
        assert "exceptionDetails" not in told, json.dumps(told["exceptionDetails"])[:1000]
        return told["result"].get("value")

    async def until(self, script: str) -> Any:
        """Return the value of an expression once it is true."""
        async with asyncio.timeout(_LIMIT):
            while not (found := await self.evaluate(script)):
                await asyncio.sleep(0.02)
        return found

    async def until_shown(self, text: str, count: int = 1) -> None:
        """Wait until the page shows a text, at least *count* times."""
        quoted = json.dumps(text)
        script = f"document.body.innerText.split({quoted}).length > {count}"
        try:
            await self.until(script)
        except TimeoutError:
            raise AssertionError(
                f"{text!r} is not shown: {await self.evaluate('document.body.innerText')}"
            ) from None

    async def find(self, role: str, name: str) -> int:
        """Return the only element that is shown with a role and an accessible name."""
        async with asyncio.timeout(_LIMIT):
            while True:
                found = await self._query(role, name)
                if len(found) == 1:
                    return found[0]
                assert not found, f"{len(found)} elements are a {role} named {name!r}"
                await asyncio.sleep(0.02)

    async def _query(self, role: str, name: str) -> list[int]:
        root = await self.send("DOM.getDocument", depth=0)
        told = await self.send(
            "Accessibility.queryAXTree",
            nodeId=root["root"]["nodeId"],
            accessibleName=name,
            role=role,
        )
        return [node["backendDOMNodeId"] for node in told["nodes"] if not node["ignored"]]

    async def call(self, element: int, function: str, *arguments: object) -> Any:
        """Call a function of JavaScript with an element as its ``this``."""
        resolved = await self.send("DOM.resolveNode", backendNodeId=element)
        told = await self.send(
            "Runtime.callFunctionOn",
            functionDeclaration=function,
            objectId=resolved["object"]["objectId"],
            arguments=[{"value": one} for one in arguments],
            awaitPromise=True,
            returnByValue=True,
        )
        assert "exceptionDetails" not in told, json.dumps(told["exceptionDetails"])[:1000]
        return told["result"].get("value")

    async def click(self, role: str, name: str) -> None:
        """Click on an element."""
        await self.call(await self.find(role, name), "function () { this.click() }")

    async def fill(self, role: str, name: str, text: str) -> None:
        """Put a text into a field, as pasting does, or choose the option of that value."""
        script = """function (text) {
            this.focus();
            this.value = text;
            this.dispatchEvent(new Event("input", { bubbles: true }));
            this.dispatchEvent(new Event("change", { bubbles: true }));
        }"""
        await self.call(await self.find(role, name), script, text)

    async def choose_files(self, *files: Path) -> None:
        """Choose files in the only field for them, whose accessible name has those chosen in it."""
        told = await self.send(
            "Runtime.evaluate", expression="document.querySelector('input[type=file]')"
        )
        field = told["result"]["objectId"]
        await self.send("DOM.setFileInputFiles", files=[*map(str, files)], objectId=field)

    async def press(self, key: str, *, shift: bool = False) -> None:
        """Press a key."""
        code, text = _KEYS[key]
        event: dict[str, Any] = {"key": key, "code": key, "windowsVirtualKeyCode": code}
        event["modifiers"] = _SHIFT if shift else 0
        await self.send("Input.dispatchKeyEvent", type="keyDown", text=text, **event)
        await self.send("Input.dispatchKeyEvent", type="keyUp", **event)

    async def type(self, text: str) -> None:
        """Write where the focus is."""
        await self.send("Input.insertText", text=text)

    async def focused(self) -> str:
        """Return the accessible name of the element with the focus."""
        told = await self.send("Runtime.evaluate", expression="document.activeElement")
        found = await self.send(
            "Accessibility.getPartialAXTree",
            objectId=told["result"]["objectId"],
            fetchRelatives=False,
        )
        name: str = found["nodes"][0].get("name", {}).get("value", "")
        return name

    async def tab_to(self, name: str, *, most: int = 60) -> None:
        """Press the tabulator until the element of this name has the focus."""
        seen = []
        for _ in range(most):
            await self.press("Tab")
            seen.append(await self.focused())
            if seen[-1] == name:
                return
        raise AssertionError(f"no way to {name!r} by keyboard: {seen}")

    async def text(self) -> str:
        """Return the text that the page shows."""
        shown: str = await self.evaluate("document.body.innerText")
        return shown

    async def picture(self, *, whole: bool = True) -> bytes:
        """Return what the page looks like, as a whole or what the window shows of it, as PNG."""
        told = await self.send("Page.captureScreenshot", captureBeyondViewport=whole)
        return base64.b64decode(told["data"])
