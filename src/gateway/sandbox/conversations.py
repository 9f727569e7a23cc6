"""Check the rules for messages: their order, their calls and results, their ids.

They are the rules of Mistral's open-source request validator (`mistral-common`) in serving mode,
as far as the hosted service has been seen to apply them.
"""

from __future__ import annotations

import itertools
import re
from collections.abc import Iterator, Mapping, Sequence
from typing import Any, TypeAlias

from gateway.core import codec
from gateway.sandbox.refusals import Refusal, invalid_call, invalid_order

__all__ = ["call_refusal", "is_name", "order_refusal"]

_Message: TypeAlias = Mapping[str, Any]

_FOLLOWERS = {
    "system": {"system", "user", "assistant"},
    "user": {"user", "assistant", "system"},
    "assistant": {"assistant", "user", "tool"},
    "tool": {"assistant", "tool"},
}
_NAME = re.compile(r"[a-zA-Z0-9_-]{1,64}")
_ID = re.compile(r"[a-zA-Z0-9]{9}")


def is_name(name: str) -> bool:
    """Tell whether a function may have this name."""
    return _NAME.fullmatch(name) is not None


def order_refusal(messages: Sequence[_Message]) -> Refusal | None:
    """Refuse an impossible conversation (code 3230), or return None."""
    if not messages:
        return invalid_order("Conversation must have at least one message")
    return next(_order(messages), None)


def _order(messages: Sequence[_Message]) -> Iterator[Refusal]:
    roles = [message["role"] for message in messages]
    for before, role in itertools.pairwise(roles):
        if role not in _FOLLOWERS[before]:
            yield invalid_order(f"Unexpected role '{role}' after role '{before}'")
    last = messages[-1]
    if len(messages) == 1 and last["role"] not in {"user", "system"}:
        yield invalid_order(
            f"Conversation with a single message must have role User or System, got {last['role']}"
        )
    if len(messages) > 1 and not (last["role"] in {"user", "tool"} or last.get("prefix")):
        yield invalid_order(
            "Expected last role User or Tool (or Assistant with prefix True) for serving but got "
            f"{last['role']}"
        )
    for message in messages:
        if message["role"] != "assistant":
            continue
        if not message.get("content") and not message.get("tool_calls"):
            yield invalid_order(
                "Assistant message must have either content or tool_calls, but not none."
            )
        if message.get("prefix") and message is not last:
            yield invalid_order("Assistant message with prefix True must be last message")
    yield from _results(messages)


def _results(messages: Sequence[_Message]) -> Iterator[Refusal]:
    """Match each assistant message's calls with the results that follow it."""
    open_calls: list[str] = []
    answered: list[str] = []
    for message in (*messages, {"role": "assistant"}):
        if message["role"] == "tool":
            answered.append(message.get("tool_call_id") or "")
        elif message["role"] == "assistant":
            yield from _mismatch(open_calls, answered)
            open_calls = [call.get("id", "null") for call in message.get("tool_calls") or ()]
            answered = []


def _mismatch(calls: Sequence[str], results: Sequence[str]) -> Iterator[Refusal]:
    if len(calls) != len(results):
        yield invalid_order("Not the same number of function calls and responses")
    for ids in (calls, results):
        repeated = next((one for one in ids if ids.count(one) > 1), None)
        if repeated is not None:
            yield invalid_order(f"Duplicate tool call id {repeated} in tool results")
    for one in results:
        if one not in calls:
            yield invalid_order(f"Unexpected tool call id {one} in tool results")


def call_refusal(messages: Sequence[_Message]) -> Refusal | None:
    """Refuse wrong ids, names and arguments of calls and results (code 3280), or return None."""
    return next(_calls(messages), None)


def _calls(messages: Sequence[_Message]) -> Iterator[Refusal]:
    for message in messages:
        if message["role"] == "tool":
            yield from _id(message.get("tool_call_id"))
            if message.get("name") is not None:
                yield from _name(message["name"])
        for call in message.get("tool_calls") or ():
            yield from _id(call.get("id"))
            yield from _name(call["function"]["name"])
            yield from _arguments(call["function"]["arguments"])


def _id(value: str | None) -> Iterator[Refusal]:
    # The schema's own default is the four letters "null", which mean that there is no id.
    if value is None or value == "null":
        yield invalid_call("Tool call id has to be defined in serving mode.")
    elif _ID.fullmatch(value) is None:
        yield invalid_call(
            f"Tool call id was {value} but must be a-z, A-Z, 0-9, with a length of 9."
        )


def _name(value: str) -> Iterator[Refusal]:
    if not is_name(value):
        yield invalid_call(
            f"Function name was {value} but must be a-z, A-Z, 0-9, or contain underscores and "
            "dashes, with a maximum length of 64."
        )


def _arguments(value: object) -> Iterator[Refusal]:
    if isinstance(value, str):
        try:
            value = codec.decode(value)
        except codec.JSONError:
            value = None
    if not isinstance(value, dict):
        yield invalid_call("Function call arguments must be a JSON object.")
