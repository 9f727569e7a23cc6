"""The playground in a real browser, over the sandbox."""

from __future__ import annotations

import asyncio
import base64
import json
import sys
from collections.abc import AsyncIterator, Sequence
from contextlib import asynccontextmanager
from pathlib import Path
from typing import Any

import pytest

from browser import BrowserPage, Chromium
from callers import KEY, with_key
from gateway.core.chat import ChatRequest
from gateway.core.events import (
    ChatEvent,
    Finish,
    FinishReason,
    TextDelta,
    ThinkingDelta,
    ToolCall,
    ToolCallDelta,
)
from gateway.core.model_info import Capability, ModelInfo
from gateway.settings import Settings, UiSettings
from gateways import scripted_app
from hosting import served
from live import LiveGateway, live_gateway
from scripted import ScriptedProvider

pytestmark = pytest.mark.slow  # a browser takes a second for each

DIALECTS = pytest.mark.parametrize("dialect", ["ollama", "openai", "anthropic"])
MODEL = "mistral-small:latest"
PNG = base64.b64decode(
    "iVBORw0KGgoAAAANSUhEUgAAAAEAAAABCAYAAAAfFcSJAAAADUlEQVR42mNk+M9QDwADhgGAWjR9awAAAABJRU5ErkJggg=="
)
DONE = Finish(FinishReason.STOP)
COUNT = "document.querySelectorAll('.turn.assistant').length"


@pytest.fixture
async def playground(browser: Chromium) -> AsyncIterator[tuple[BrowserPage, LiveGateway]]:
    async with opened(browser) as found:
        yield found


@asynccontextmanager
async def opened(
    browser: Chromium, **groups: Any
) -> AsyncIterator[tuple[BrowserPage, LiveGateway]]:
    """Open the playground, choose a model, and see at the end that nothing else was loaded."""
    async with (
        live_gateway(ui=UiSettings(True), **groups) as gateway,
        browser.open(f"{gateway.url}/ui/") as page,
    ):
        if not groups:
            await page.until(f"document.querySelector('option[value=\"{MODEL}\"]') !== null")
            await page.fill("combobox", "Model", MODEL)
        yield page, gateway
        foreign = [url for url in page.requests if not url.startswith((gateway.url, "data:"))]
        assert foreign == []


def scripted(steps: Sequence[Sequence[ChatEvent]]) -> ScriptedProvider:
    return ScriptedProvider([ModelInfo("tiny-latest", frozenset(Capability))], steps)


async def say(page: BrowserPage, text: str) -> None:
    await page.fill("textbox", "Message", text)
    await page.click("button", "Send")


async def answered(page: BrowserPage, count: int = 1) -> str:
    """Wait for the end of that many answers, and return what the last one shows."""
    await page.until(f"{COUNT} >= {count} && document.querySelector('.main:enabled') !== null")
    shown: str = await page.evaluate("[...document.querySelectorAll('.turn')].at(-1).innerText")
    return shown


async def raw(page: BrowserPage) -> str:
    lines: str = await page.evaluate("document.querySelector('.raw').textContent")
    return lines


def sent(gateway: LiveGateway, at: int = -1) -> Any:
    return gateway.received()[at].body


@DIALECTS
async def test_a_chat_streams_in_each_dialect_with_its_lines_beside_it(
    playground: tuple[BrowserPage, LiveGateway], dialect: str
) -> None:
    page, gateway = playground
    await page.fill("combobox", "Dialect", dialect)
    await page.fill("textbox", "System", "You are kind.")
    await say(page, "Hello! [[pace: 0.05]]")
    await page.until_shown("Hello from")
    await page.find("button", "Stop")
    assert await page.evaluate("document.querySelector('.main').disabled")
    text = await answered(page)
    assert "You wrote: Hello!" in text
    assert "tokens in" in text
    assert "all after" in text
    first = {"ollama": '{"model"', "openai": 'data: {"id"', "anthropic": "event: message_start"}
    assert (await raw(page)).startswith(first[dialect])
    roles = [message["role"] for message in sent(gateway)["messages"]]
    assert roles == ["system", "user"]


async def test_a_conversation_goes_on_until_it_is_cleared(
    playground: tuple[BrowserPage, LiveGateway],
) -> None:
    page, gateway = playground
    await say(page, "One")
    await answered(page, 1)
    await say(page, "Two")
    await answered(page, 2)
    assert [one["role"] for one in sent(gateway)["messages"]] == ["user", "assistant", "user"]
    await page.click("button", "Clear")
    assert await page.evaluate(COUNT) == 0
    await say(page, "Three")
    await answered(page, 1)
    assert len(sent(gateway)["messages"]) == 1


@DIALECTS
async def test_thinking_is_shown_as_such(
    playground: tuple[BrowserPage, LiveGateway], dialect: str
) -> None:
    page, _ = playground
    await page.fill("combobox", "Dialect", dialect)
    await page.fill("combobox", "Think", "high")
    await say(page, "Hello!")
    await answered(page)
    assert await page.evaluate("document.querySelector('.thinking .text').innerText.length") > 0
    await say(page, "And now?")
    assert "You wrote: And now?" in await answered(page, 2)


@DIALECTS
async def test_a_tool_is_called_and_its_result_answered(
    playground: tuple[BrowserPage, LiveGateway], dialect: str
) -> None:
    page, gateway = playground
    await page.fill("combobox", "Dialect", dialect)
    await page.click("button", "An example of a tool")
    await say(page, "What is the weather in Paris?")
    await page.until_shown('get_weather({"city":"Paris"})')
    await page.fill("textbox", "Result of get_weather", "20 degrees, sunny")
    await page.click("button", "Send results")
    assert "sunny" in await answered(page, 2)
    asked, call, result = sent(gateway)["messages"]
    assert asked["role"] == "user"
    assert call["tool_calls"][0]["function"]["name"] == "get_weather"
    assert result["tool_call_id"] == call["tool_calls"][0]["id"]
    assert result["content"] == "20 degrees, sunny"


@DIALECTS
async def test_an_image_and_a_document_are_sent_with_a_message(
    playground: tuple[BrowserPage, LiveGateway], dialect: str, tmp_path: Path
) -> None:
    page, gateway = playground
    image, text = tmp_path / "dot.png", tmp_path / "notes.md"
    image.write_bytes(PNG)
    text.write_text("The code word is tangerine.")
    await page.fill("combobox", "Dialect", dialect)
    await page.choose_files(image, text)
    await page.click("tab", "curl")
    await page.until("document.body.innerText.includes('Copy')")
    await say(page, "What is this?")
    await answered(page)
    await page.find("image", "dot.png")
    parts = json.dumps(sent(gateway)["messages"])
    assert base64.b64encode(PNG).decode() in parts
    assert "tangerine" in parts
    await say(page, "And without?")
    await answered(page, 2)
    assert base64.b64encode(PNG).decode() not in json.dumps(sent(gateway)["messages"][2:])


@pytest.mark.parametrize("dialect", ["ollama", "openai"])
async def test_a_recording_is_sent_in_the_dialects_that_have_a_place_for_it(
    playground: tuple[BrowserPage, LiveGateway], dialect: str, tmp_path: Path
) -> None:
    page, gateway = playground
    recording = tmp_path / "hello.wav"
    recording.write_bytes(b"RIFF\x24\0\0\0WAVEfmt " + bytes(24))
    await page.fill("combobox", "Model", "voxtral-small:latest")
    await page.fill("combobox", "Dialect", dialect)
    await page.choose_files(recording)
    await say(page, "What do I say?")
    await answered(page)
    assert '"input_audio"' in json.dumps(sent(gateway)["messages"])


@DIALECTS
async def test_format_and_options_are_sent(
    playground: tuple[BrowserPage, LiveGateway], dialect: str
) -> None:
    page, gateway = playground
    await page.fill("combobox", "Dialect", dialect)
    await page.fill("combobox", "Format", "schema")
    await page.fill("spinbutton", "Temperature", "0.5")
    await page.fill("spinbutton", "Max tokens", "100")
    await page.fill("textbox", "Stop sequences (one on each line)", "END\nSTOP")
    await page.fill("textbox", "Further members of the body (JSON)", '{"top_p": 0.5}')
    await say(page, "Answer.")
    assert '"answer"' in await answered(page)
    body = sent(gateway)
    assert (body["temperature"], body["max_tokens"], body["stop"]) == (0.5, 100, ["END", "STOP"])
    assert body["response_format"]["type"] == "json_schema"
    assert ("top_p" in body) == (dialect != "ollama")


async def test_stop_ends_the_request_at_the_provider(
    playground: tuple[BrowserPage, LiveGateway],
) -> None:
    page, gateway = playground
    await say(page, "Hello! [[pace: 0.1]]")
    await page.until_shown("Hello from")
    await page.click("button", "Stop")
    assert "stopped" in await answered(page)
    (received,) = gateway.received()
    await received.finished()
    assert received.closed_early
    await say(page, "Go on.")
    assert "Go on." in await answered(page, 2)


async def test_a_script_in_an_answer_stays_text(browser: Chromium) -> None:
    script = "<script>window.was = 1</script><img src=x onerror='window.was = 1'>"
    provider = scripted(
        [[ThinkingDelta(script), TextDelta(script), ToolCall(script, {"a": script}), DONE]]
    )
    app = scripted_app(provider, Settings(providers={}, ui=UiSettings(True)))
    async with served(app) as url, browser.open(f"{url}/ui/") as page:
        await page.until("document.querySelector('option[value=\"tiny:latest\"]') !== null")
        await page.fill("combobox", "Think", "on")
        await say(page, script)
        # The message, the thinking, the text, the call, the name of the field for its result.
        await page.until_shown(script, 5)
        assert await page.evaluate("window.was === undefined && document.images.length === 0")


@DIALECTS
async def test_an_error_is_shown_in_the_gateways_words(
    playground: tuple[BrowserPage, LiveGateway], dialect: str
) -> None:
    page, _ = playground
    await page.fill("combobox", "Dialect", dialect)
    await say(page, "[[fault: 422]]")
    assert "messages: Refused on request" in await answered(page)
    page.expect("status of 400")


@DIALECTS
async def test_an_error_in_the_middle_of_an_answer_is_shown_below_it(
    playground: tuple[BrowserPage, LiveGateway], dialect: str
) -> None:
    page, _ = playground
    await page.fill("combobox", "Dialect", dialect)
    await say(page, "[[fault: cut after=3]]")
    assert "Hello" in await answered(page)
    assert "mistral" in await page.evaluate("document.querySelector('.turn .failed').innerText")


async def test_settings_that_are_no_json_are_reported_and_nothing_is_sent(
    playground: tuple[BrowserPage, LiveGateway],
) -> None:
    page, gateway = playground
    await page.fill("textbox", "Tools (JSON)", "[{")
    await say(page, "Hello!")
    await page.until_shown("Tools: ")
    await page.fill("textbox", "Tools (JSON)", "")
    await page.fill("textbox", "Message", "")
    await page.click("button", "Send")
    await page.until_shown("Write a message first.")
    assert gateway.received() == []


async def test_two_models_answer_side_by_side(
    playground: tuple[BrowserPage, LiveGateway],
) -> None:
    page, gateway = playground
    await page.fill("combobox", "Compare with", "codestral:latest")
    await say(page, "Hello!")
    await answered(page, 2)
    await say(page, "Again!")
    await answered(page, 4)
    models = sorted(one.body["model"] for one in gateway.received())
    assert models == ["codestral-latest"] * 2 + ["mistral-small-latest"] * 2
    assert all(len(one.body["messages"]) == 3 for one in gateway.received()[2:])
    assert await page.evaluate("document.querySelectorAll('.log:not([hidden])').length") == 2


@pytest.mark.slow  # the clients of Python take seconds to be imported
@DIALECTS
async def test_the_same_request_is_shown_as_a_command_and_as_a_program(
    playground: tuple[BrowserPage, LiveGateway], dialect: str
) -> None:
    page, gateway = playground
    await page.fill("combobox", "Dialect", dialect)
    await page.fill("combobox", "Think", "low")
    await page.fill("spinbutton", "Temperature", "0.5")
    await page.fill("textbox", "System", 'Say "yes".')
    await page.fill("textbox", "Further members of the body (JSON)", '{"unknown": null}')
    await page.click("button", "An example of a tool")
    await page.fill("textbox", "Message", "It's me")
    shown = {
        name: await page.evaluate(f"document.querySelector('pre[aria-label={name}]').textContent")
        for name in ("curl", "Python")
    }
    await page.click("button", "Send")
    await answered(page)
    for command in (["bash", "-c", shown["curl"]], [sys.executable, "-c", shown["Python"]]):
        assert "sandbox" in await output_of(*command)
    first, *others = [one.body for one in gateway.received()]
    assert [first] * 2 == others


@DIALECTS
async def test_long_files_are_cut_where_the_request_is_shown_and_whole_where_it_is_copied(
    playground: tuple[BrowserPage, LiveGateway], dialect: str, tmp_path: Path
) -> None:
    page, _ = playground
    image = tmp_path / "large.png"
    image.write_bytes(PNG * 10)
    whole = base64.b64encode(PNG * 10).decode()
    await page.evaluate("navigator.clipboard.writeText = async (text) => { window.copied = text }")
    await page.fill("combobox", "Dialect", dialect)
    await page.choose_files(image)
    for name in ("curl", "Python"):
        await page.click("tab", name)
        await page.until_shown("characters)")
        assert whole not in await page.text()
        await page.click("button", "Copy")
        copied = await page.until("window.copied")
        assert whole in copied
        await page.evaluate("window.copied = ''")
    compile(copied, "copied", "exec")


async def output_of(*command: str) -> str:
    process = await asyncio.create_subprocess_exec(*command, stdout=asyncio.subprocess.PIPE)
    said, _ = await asyncio.wait_for(process.communicate(), 30)
    assert process.returncode == 0
    return said.decode()


@DIALECTS
async def test_the_arguments_of_a_call_are_shown_as_they_come(
    browser: Chromium, dialect: str
) -> None:
    call = ToolCall("add", {"a": 1, "b": 2}, "call_1")
    parts = [ToolCallDelta("call_1", "add", '{"a":1,'), ToolCallDelta("call_1", "add", '"b":2}')]
    provider = scripted([[parts[0]], [parts[1]], [call], [DONE]])
    app = scripted_app(provider, Settings(providers={}, ui=UiSettings(True)))
    async with served(app) as url, browser.open(f"{url}/ui/") as page:
        await page.until("document.querySelector('option[value=\"tiny:latest\"]') !== null")
        await page.fill("combobox", "Dialect", dialect)
        await page.click("button", "An example of a tool")
        await say(page, "Add.")
        await page.until_shown('add({"a":1,"b":2})')
        await page.fill("textbox", "Result of add", "3")
        await page.click("button", "Send results")
        await answered(page, 2)
    request = provider.asked[-1]
    assert isinstance(request, ChatRequest)
    assert request.messages[1].tool_calls[0].arguments == {"a": 1, "b": 2}


async def test_what_comes_after_clear_is_no_part_of_the_next_conversation(
    playground: tuple[BrowserPage, LiveGateway],
) -> None:
    page, gateway = playground
    await say(page, "Hello! [[pace: 0.1]]")
    await page.until_shown("Hello from")
    await page.click("button", "Clear")
    await page.find("button", "Send")
    await say(page, "Begin anew.")
    assert "Begin anew." in await answered(page)
    assert [one["content"] for one in sent(gateway)["messages"]] == ["Begin anew."]


async def test_the_key_is_sent_and_kept_in_the_tab_alone(browser: Chromium) -> None:
    settings = with_key()
    groups = {"keys": settings.keys, "prices": settings.prices}
    async with opened(browser, **groups) as (page, _):
        await page.until_shown("an API key is required")
        await page.fill("textbox", "Key", KEY)
        await page.until("document.querySelectorAll('option').length > 20")
        assert not (await page.text()).count("an API key is required")
        await page.fill("combobox", "Model", MODEL)
        await page.fill("textbox", "Message", "Hello!")
        await page.click("tab", "curl")
        await page.until_shown("Bearer $GATEWAY_KEY")
        assert KEY not in await page.evaluate("document.documentElement.innerHTML")
        await page.click("button", "Send")
        assert "You wrote: Hello!" in await answered(page)
        assert await page.evaluate("localStorage.length") == 0
        assert await page.evaluate("Object.values(sessionStorage)") == [KEY]
        assert not any(KEY in url for url in page.requests)
        page.expect("status of 401")
