"""Convert Anthropic's messages of blocks to a conversation.

Texts, images and documents are kept in their order, and so are calls and results of the tools that
Anthropic's own servers run: the model has used them, whoever continues the conversation.
"""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from dataclasses import dataclass, field
from typing import Final

from gateway.core.chat import Message, Part, Role, Tool, content_of, replace
from gateway.core.errors import InvalidRequest
from gateway.core.events import Keepsake, ToolCall, join_keepsakes
from gateway.dialects.anthropic.blocks import content_parts, parts_of
from gateway.dialects.anthropic.bodies import DIALECT, Fields, Turn
from gateway.dialects.anthropic.thinking import read_thinking_block
from gateway.dialects.bodies.arguments import parse_arguments

__all__ = ["ERROR_MARK", "conversation", "instructions"]

ERROR_MARK: Final = "[error]"
"""What begins the text of a result with ``is_error``, for which most services have no field."""

_BILLING: Final = "x-anthropic-billing-header:"
"""How Claude Code begins a block of instructions that is meant for Anthropic's billing alone.

It changes from request to request, so no provider's prompt cache would hit with it.
"""


def conversation(
    system: object, turns: Iterable[Turn], tools: Sequence[Tool] = ()
) -> tuple[Message, ...]:
    """Return the instructions and the messages that are not empty, in the client's order.

    A result of a tool of Anthropic's servers is named after its type, but not where only one of
    *tools* is on offer: adapters take a result without a call for one of that. Raise
    `InvalidRequest` for a call without an id or a name, and for media that no provider reads.
    """
    text = content_of(instructions(system))
    messages = [Message(Role.SYSTEM, text)] if text else []
    for turn in turns:
        messages += _messages(turn, is_named=len(tools) != 1)
    return tuple(messages)


def instructions(system: object) -> list[str]:
    """Return the texts of the instructions, without what is meant for Anthropic alone."""
    texts = [part for part in content_parts(system) if isinstance(part, str)]
    return [text for text in map(_without_billing, texts) if text]


def _without_billing(text: str) -> str:
    return text.partition("\n")[2] if text.startswith(_BILLING) else text


@dataclass(slots=True)
class _Speech:
    """What has been said since the last result of a tool."""

    parts: list[Part] = field(default_factory=list)
    thoughts: list[str] = field(default_factory=list)
    calls: list[ToolCall] = field(default_factory=list)
    keepsakes: list[Keepsake] = field(default_factory=list)

    def messages(self, role: Role) -> list[Message]:
        """Return one message, or none if nothing has been said."""
        message = Message(
            role,
            content_of(self.parts),
            thinking="".join(self.thoughts),
            tool_calls=tuple(self.calls),
        )
        if message == Message(role):
            return []
        return [replace(message, keepsake=join_keepsakes(self.keepsakes))]


def _messages(turn: Turn, *, is_named: bool) -> list[Message]:
    """Return the messages of a turn.

    Results in a user's turn come before the user's own text, since they answer the turn before. In
    an assistant's turn they answer calls of the same turn, and stay in their place.
    """
    speech = _Speech()
    results: list[Message] = []
    said: list[Message] = []
    for block in turn.blocks:
        kind = block.get("type")
        if not isinstance(kind, str):
            kind = ""
        if kind.endswith("tool_result"):
            name = kind.removesuffix("tool_result").removesuffix("_")
            results.append(_result(block, name if is_named and name != "mcp" else ""))
            if turn.role is Role.ASSISTANT:
                said += [*speech.messages(turn.role), results.pop()]
                speech = _Speech()
        elif kind.endswith("tool_use"):
            speech.calls.append(_call(block))
        elif kind in ("thinking", "redacted_thinking"):
            keepsake = read_thinking_block(block) if turn.role is Role.ASSISTANT else {}
            if DIALECT in keepsake and speech.parts and not speech.calls:
                # Signed thinking has its place: a message begins with the thinking that led to it.
                said += speech.messages(turn.role)
                speech = _Speech()
            speech.thoughts.append(_text(block, "thinking"))
            speech.keepsakes.append(keepsake)
        else:
            speech.parts += parts_of(block)
    return [*results, *said, *speech.messages(turn.role)]


def _call(block: Fields) -> ToolCall:
    if block["type"] == "tool_use":
        for name in ("id", "name"):
            if not block.get(name):
                raise InvalidRequest(f"tool_use block missing required '{name}' field")
    return ToolCall(_text(block, "name"), parse_arguments(block.get("input")), _text(block, "id"))


def _result(block: Fields, name: str) -> Message:
    parts = content_parts(block.get("content"))
    if block.get("is_error") is True:
        match parts:
            case [str(text), *others]:
                parts = [f"{ERROR_MARK} {text}", *others]
            case _:
                parts = [ERROR_MARK, *parts]
    identity = _text(block, "tool_use_id")
    return Message(Role.TOOL, content_of(parts), tool_name=name, tool_call_id=identity)


def _text(block: Fields, name: str) -> str:
    value = block.get(name)
    return value if isinstance(value, str) else ""
