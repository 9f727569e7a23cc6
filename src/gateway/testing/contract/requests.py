"""Checks of what is sent: marks of all that a client says, and differences that options make."""

from __future__ import annotations

import base64
from typing import Final
from urllib.parse import unquote

from gateway.core import codec
from gateway.core.chat import (
    ChatRequest,
    JsonFormat,
    Media,
    Message,
    NamedTool,
    Role,
    Sampling,
    Tool,
    replace,
)
from gateway.core.errors import GatewayError
from gateway.core.events import ToolCall
from gateway.core.model_info import Capability
from gateway.testing.bench import Bench, events_of
from gateway.testing.contract.subject import Subject, chat_check
from gateway.testing.upstream import Received

__all__ = ["Requests"]

_PICTURE: Final = base64.b64encode(b"\x89PNG\r\n\x1a\n" + bytes(range(33, 120))).decode()
_WEATHER: Final = Tool(
    "mark_tool",
    "MARKABOUT",
    {"type": "object", "properties": {"mark_property": {"type": "string"}}},
)
_SCHEMA: Final = {"type": "object", "properties": {"mark_schema": {"type": "string"}}}
_LEVELS: Final = (True, False, "low", "medium", "high", "max")
_CHOICES: Final = ("auto", "none", "required", NamedTool("mark_tool"))
_FULL: Final = Sampling(0.5, 0.5, 5, 0.1, 5, 50, ("MARKSTOP",), 0.5, 0.5)


class Requests(Subject):
    """A request contains all that the client has sent, and nothing breaks it."""

    @chat_check
    async def test_a_request_names_the_model(self, bench: Bench) -> None:
        """The id is the one that the provider uses, in the body or in the path."""
        await self._hello(bench, self.hello_stream)
        (request,) = bench.upstream.requests
        assert _names(request, self.model), f"{self.model} is neither in the body nor in the path"

    @chat_check
    async def test_a_model_in_a_path_is_percent_encoded(self, bench: Bench) -> None:
        """Its name comes from a client, who must not choose another path or query."""
        await self._hello(bench, self.hello_stream)
        (request,) = bench.upstream.requests
        if self.model not in unquote(request.path):
            return
        odd = "odd/../id?mark=1"
        if await self._sent(bench, replace(self._request(), model=odd)) is not None:
            (request,) = bench.upstream.requests
            assert "mark=1" not in request.path, "the model's name can add a query"
            assert "/../" not in request.path, "the model's name can lead elsewhere"

    @chat_check
    async def test_a_conversation_is_sent_whole_and_in_order(self, bench: Bench) -> None:
        """Instructions, questions and answers: what is dropped is missing in the answer."""
        sent = await self._sent(
            bench,
            self._request(
                Message(Role.SYSTEM, "MARKSYSTEM"),
                Message(Role.USER, "MARKFIRST"),
                Message(Role.ASSISTANT, "MARKANSWER"),
                Message(Role.USER, "MARKLAST"),
            ),
        )
        assert sent is not None, "a plain conversation is rejected"
        assert b"MARKSYSTEM" in sent, "the instructions are missing"
        places = [sent.find(mark) for mark in (b"MARKFIRST", b"MARKANSWER", b"MARKLAST")]
        assert -1 not in places, "a message is missing"
        assert places == sorted(places), "the messages are in another order"

    @chat_check
    async def test_tools_calls_and_results_are_sent(self, bench: Bench) -> None:
        """The model needs all of them to go on; only for a model that has tools."""
        if Capability.TOOLS not in await self._capabilities(bench):
            return
        call = ToolCall("mark_tool", {"mark_property": "MARKARGUMENT"}, "call12345")
        sent = await self._sent(
            bench,
            replace(
                self._request(
                    Message(Role.USER, "MARKFIRST"),
                    Message(Role.ASSISTANT, tool_calls=(call,)),
                    Message(Role.TOOL, "MARKRESULT", tool_call_id="call12345"),
                ),
                tools=(_WEATHER,),
            ),
        )
        assert sent is not None, "tools are rejected"
        marks = ("MARKABOUT", "mark_property", "MARKARGUMENT", "MARKRESULT", "mark_tool")
        assert [mark for mark in marks if mark.encode() not in sent] == []

    @chat_check
    async def test_pictures_are_sent_or_rejected(self, bench: Bench) -> None:
        """A model that does not get them answers without them; only for one that sees."""
        if Capability.VISION not in await self._capabilities(bench):
            return
        picture = Media("image/png", _PICTURE)
        request = self._request(Message(Role.USER, ("What is it?", picture)))
        sent = await self._sent(bench, request)
        assert sent is None or _PICTURE.encode() in sent, "the picture is missing"

    @chat_check
    async def test_zero_is_a_value(self, bench: Bench) -> None:
        """What is 0 was set by the client; only for options that the adapter sends at all."""
        for name, some in (("temperature", 0.515625), ("seed", 515625)):
            without, with_some, with_zero = [
                await self._sent(bench, replace(self._request(), sampling=sampling))
                for sampling in (Sampling(), Sampling(**{name: some}), Sampling(**{name: 0}))  # type: ignore[arg-type]
            ]
            if with_some is None or with_some == without or with_zero != without:
                continue
            # Some adapters always send an option, and 0 where a client has set none.
            zeros = [with_some.replace(str(some).encode(), zero) for zero in (b"0", b"0.0")]
            assert without in zeros, f"{name} 0 is dropped"

    @chat_check
    async def test_what_an_option_contains_is_sent_with_it(self, bench: Bench) -> None:
        """Stop strings and schemas; only for options that the adapter sends at all."""
        plain = self._request()
        without = await self._sent(bench, plain)
        options = {
            b"MARKSTOP": replace(plain, sampling=Sampling(stop=("MARKSTOP",))),
            b"mark_schema": replace(plain, response_format=JsonFormat(_SCHEMA)),
        }
        for mark, request in options.items():
            sent = await self._sent(bench, request)
            assert sent in (None, without) or mark in sent, f"{mark.decode()} is missing"

    @chat_check
    async def test_no_option_breaks_a_request(self, bench: Bench) -> None:
        """What the service does not have is left out, or rejected by an error of the gateway."""
        plain = self._request()
        with_tools = replace(plain, tools=(_WEATHER, Tool("bare")))
        requests = [
            *(replace(plain, think=level) for level in _LEVELS),
            *(replace(with_tools, tool_choice=choice) for choice in _CHOICES),
            replace(with_tools, parallel_tool_calls=False),
            replace(plain, response_format=JsonFormat()),
            replace(plain, sampling=_FULL, logprobs=3, extra={"odd": [1]}, native={"odd": {}}),
            self._request(
                Message(Role.TOOL, "no call"),
                Message(Role.ASSISTANT, tool_calls=(ToolCall("mark_tool", {}),)),
                Message(Role.SYSTEM, "late"),
                Message(
                    Role.USER, (Media("", "AAAA"), Media("image/png", url="https://a.example"))
                ),
            ),
        ]
        for request in requests:
            await self._sent(bench, request)

    async def _sent(self, bench: Bench, request: ChatRequest) -> bytes | None:
        """Return the paths and bodies that are sent for *request*, or None if it is rejected."""
        bench.upstream.plan(self._good(self.hello_stream))
        try:
            await events_of(bench.provider.chat(request))
        except GatewayError:
            return None
        return b"\n".join(one.path.encode() + one.body for one in bench.upstream.requests)


def _names(request: Received, model: str) -> bool:
    return codec.encode(model) in request.body or model in unquote(request.path)
