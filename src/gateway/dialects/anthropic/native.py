"""Keep what only Anthropic's own API understands, for an adapter that speaks it.

The conversation itself goes through the vocabulary, as for every provider. What stands here marks
places in it by what both sides can count: texts of the instructions, names of tools, and turns from
the end, where a turn is all that one speaker says without a break.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Final

from gateway.core.chat import Role
from gateway.dialects.anthropic.bodies import DIALECT, Fields, MessagesBody, Turn
from gateway.dialects.anthropic.messages import instructions

__all__ = ["native_fields"]

_LONGEST_HEADER: Final = 2_000


def native_fields(body: MessagesBody, *, betas: str) -> Mapping[str, Mapping[str, object]]:
    """Return the value of ``native`` for a request; *betas* is its header ``anthropic-beta``.

    ``fields`` are members of the body. ``betas`` is a header. ``budget`` is the number of tokens to
    think for. ``system`` are pairs of a text and its ``cache_control``, ``tools`` and ``turns`` are
    the ``cache_control`` of each by its name or its number from the end. ``errors`` are the ids of
    calls that failed. What the client has not sent is left out.
    """
    found: dict[str, object] = {
        "fields": {
            name: value
            for name, value in (
                ("metadata", body.metadata),
                ("service_tier", body.service_tier),
                ("cache_control", body.cache_control),
            )
            if value is not None
        },
        "betas": betas if _is_sendable(betas) else "",
        "budget": body.thinking.get("budget_tokens", 0),
        "system": _system_marks(body.system),
        "tools": _tool_marks(body.tools),
        "turns": _turn_marks(body.messages),
        "errors": _failed_calls(body.messages),
    }
    given = {name: value for name, value in found.items() if value}
    return {DIALECT: given} if given else {}


def _is_sendable(header: str) -> bool:
    return len(header) <= _LONGEST_HEADER and header.isascii() and header.isprintable()


def _mark(block: object) -> Mapping[str, object] | None:
    """Return the ``cache_control`` of a block or a tool."""
    control = block.get("cache_control") if isinstance(block, Mapping) else None
    return control if isinstance(control, dict) else None


def _system_marks(system: object) -> Sequence[tuple[str, Mapping[str, object] | None]]:
    blocks = system if isinstance(system, list) else []
    marks = [(text, _mark(block)) for block in blocks for text in instructions([block])]
    return marks if any(mark for _, mark in marks) else ()


def _tool_marks(tools: Sequence[Fields]) -> Mapping[str, object]:
    return {tool["name"]: mark for tool in tools if (mark := _mark(tool)) and tool.get("name")}


def _turn_marks(turns: Sequence[Turn]) -> Mapping[int, object]:
    """Return the last mark of each turn that has one; instructions are no turns of their own."""
    spoken = [turn for turn in turns if turn.role is not Role.SYSTEM and turn.blocks]
    marks: dict[int, object] = {}
    number = 0
    speaker: bool | None = None
    for turn in reversed(spoken):
        is_answer = turn.role is Role.ASSISTANT
        number += speaker is not None and is_answer is not speaker
        speaker = is_answer
        found = [mark for block in turn.blocks if (mark := _mark(block))]
        if found:
            marks.setdefault(number, found[-1])
    return marks


def _failed_calls(turns: Sequence[Turn]) -> Sequence[str]:
    return [
        block["tool_use_id"]
        for turn in turns
        for block in turn.blocks
        if block.get("is_error") is True and isinstance(block.get("tool_use_id"), str)
    ]
