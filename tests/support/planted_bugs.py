"""Bugs that the contract suite has to find, each as a change of the example's own code."""

from __future__ import annotations

import sys
from types import ModuleType

import test_gateway_acme
from gateway.testing import ProviderContract
from pages import DOCS

__all__ = ["BUGS", "contract_with"]

SOURCE = (DOCS / "examples" / "gateway-acme" / "gateway_acme.py").read_text("utf-8")

_STREAM = """\
            async for batch in stream:
                yield [event for data in batch for event in answer.events(data)]
"""

BUGS: dict[str, tuple[str, str, str]] = {
    "the key in the address": (
        '"/chat", _body(request)',
        'f"/chat?key={self.context.options.api_key}", _body(request)',
        "test_the_secret_is_never_shown",
    ),
    "the whole answer held back": (
        _STREAM,
        """\
            batches = [batch async for batch in stream]
            yield [event for batch in batches for data in batch for event in answer.events(data)]
""",
        "test_closing_a_stream_closes_its_connection",
    ),
    "an early end becomes a finish": (
        _STREAM,
        _STREAM + "        yield [Finish(FinishReason.STOP)]\n",
        "test_an_early_end_never_looks_complete",
    ),
    "state that answers share": (
        "        answer = _Answer(self.context.name)\n",
        '        self.__dict__.setdefault("answer", _Answer(self.context.name))\n'
        "        answer = self.__dict__['answer']\n",
        "test_calls_are_whole_and_end_the_turn",
    ),
    "empty deltas": (
        '        if event.get("text"):\n            yield TextDelta(event["text"])\n',
        '        yield TextDelta(event.get("text", ""))\n',
        "test_text_comes_first_and_one_finish_last",
    ),
    "the usage of the first event": (
        '        if "out" in event:',
        '        if "out" in event and self._usage is None:',
        "test_usage_is_that_of_the_whole_answer",
    ),
    "temperature 0 is dropped": (
        '"heat": given.temperature,',
        '"heat": given.temperature or None,',
        "test_zero_is_a_value",
    ),
    "only the first hundred inputs": (
        "range(0, len(request.inputs), _MOST_TEXTS)",
        "range(0, _MOST_TEXTS, _MOST_TEXTS)",
        "test_every_input_has_its_vector",
    ),
    "an error event becomes a finish": (
        """\
            text = f"{self._provider} failed: {event['error']}"
            raise UpstreamError(text, provider=self._provider)
""",
        "            yield Finish(FinishReason.STOP)\n            return\n",
        "test_an_error_in_mid_stream_is_no_end",
    ),
    "calls beside text are lost": (
        '        if "call" not in event:',
        '        if "call" not in event or event.get("text"):',
        "test_calls_are_whole_and_end_the_turn",
    ),
    "a stop where calls came": (
        "FinishReason.TOOL_CALLS if self._calls.made else reason",
        "reason",
        "test_calls_are_whole_and_end_the_turn",
    ),
    "thinking as text": (
        'yield ThinkingDelta(event["thought"])',
        'yield TextDelta(event["thought"])',
        "test_thinking_is_not_text",
    ),
    "a level of thinking that is missing": (
        ', "high": 3, "max": 3}',
        ', "high": 3}',
        "test_no_option_breaks_a_request",
    ),
    "pictures are dropped": (
        "    if message.media:",
        "    if False:",
        "test_pictures_are_sent_or_rejected",
    ),
    "instructions are dropped": (
        "for message in history]",
        'for message in history if message.role != "system"]',
        "test_a_conversation_is_sent_whole_and_in_order",
    ),
    "a KeyError of embeddings": (
        'convert(payload, _Vectors, provider=name, what="vectors")',
        '_Vectors(payload["vectors"], payload["in"])',
        "test_a_failed_embedding_or_transcription_is_an_error",
    ),
    "a KeyError of an odd row": (
        "read_models(rows, _info, self.context.name)",
        "[info for row in rows if (info := _info(row))]",
        "test_odd_rows_cost_no_more_than_themselves",
    ),
    "no model can chat": (
        '    "chat": Capability.COMPLETION,\n',
        "",
        "test_a_model_can_do_what_the_adapter_can",
    ),
    "arguments as a text": (
        "            yield from self._calls.finish()\n",
        """\
            for one in self._calls.finish():
                yield msgspec.structs.replace(one, arguments="{}")
""",
        "test_calls_are_whole_and_end_the_turn",
    ),
    "a sleep for each event": (
        "            event = codec.decode(data)\n",
        """\
            __import__("time").sleep(0.05)
            event = codec.decode(data)
""",
        "test_the_event_loop_is_never_blocked",
    ),
}
"""What is replaced, by what, and the check that has to fail."""


def contract_with(old: str, new: str) -> type[ProviderContract]:
    """Return the example's own tests for its adapter with *new* in the place of *old*."""
    assert SOURCE.count(old) == 1, old
    module = ModuleType("planted")
    sys.modules["planted"] = module
    try:
        exec(compile(SOURCE.replace(old, new), "planted.py", "exec"), vars(module))
    finally:
        del sys.modules["planted"]
    attributes = {"provider": module.AcmeProvider, "patience": 1.0}
    return type("TestPlanted", (test_gateway_acme.TestAcme,), attributes)
