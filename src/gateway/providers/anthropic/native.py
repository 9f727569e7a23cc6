"""Apply what a client that speaks Anthropic's dialect has said beside the conversation.

The dialect has left it in ``native`` of the request, where `gateway.dialects.anthropic.native` says
what each member is. Marks on places that the conversation does not have (any more) are dropped.
"""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any, Final

from gateway.core.chat import ChatRequest
from gateway.providers.history.surrogates import clean, clean_json

__all__ = ["DIALECT", "native_of", "with_native"]

DIALECT: Final = "anthropic"
_UNMARKED: Final = ("thinking", "redacted_thinking")
"""Blocks that take no ``cache_control``."""


def native_of(request: ChatRequest) -> Mapping[str, Any]:
    """Return what only this dialect has, nothing for the client of another one."""
    return request.native.get(DIALECT, {})


def with_native(body: dict[str, Any], native: Mapping[str, Any]) -> dict[str, Any]:
    """Return *body* with the fields and marks of *native*."""
    if not native:
        return body
    marked = {**body, **clean_json(native.get("fields", {}))}
    if "system" in body:
        marked["system"] = _system(body["system"], native.get("system", ()))
    if "tools" in body:
        marks = native.get("tools", {})
        marked["tools"] = [_marked(tool, marks.get(tool["name"])) for tool in body["tools"]]
    turns = native.get("turns", {})
    last = len(body["messages"]) - 1
    marked["messages"] = [
        _turn(turn, turns.get(last - index), native.get("errors", ()))
        for index, turn in enumerate(body["messages"])
    ]
    return marked


def _system(text: str, marks: Any) -> object:
    """Return the instructions as the client's blocks, and what was added to them as one more."""
    blocks = [(clean(part), mark) for part, mark in marks if part.strip()]
    joined = "\n\n".join([part for part, _ in blocks])
    if not blocks or not f"{text}\n\n".startswith(f"{joined}\n\n"):
        return text
    rest = text[len(joined) :].lstrip("\n")
    return [_marked(_text(part), mark) for part, mark in blocks] + ([_text(rest)] if rest else [])


def _text(text: str) -> dict[str, object]:
    return {"type": "text", "text": text}


def _turn(turn: dict[str, Any], mark: object, errors: Any) -> dict[str, Any]:
    *others, last = [_with_error(block, errors) for block in turn["content"]]
    if last["type"] not in _UNMARKED:
        last = _marked(last, mark)
    return {**turn, "content": [*others, last]}


def _with_error(block: dict[str, Any], errors: Any) -> dict[str, Any]:
    is_error = block["type"] == "tool_result" and block["tool_use_id"] in errors
    return {**block, "is_error": True} if is_error else block


def _marked(block: dict[str, Any], mark: object) -> dict[str, Any]:
    return {**block, "cache_control": clean_json(mark)} if mark else block
