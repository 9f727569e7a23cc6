"""Encode messages for Gemini's API (API reference, "Content").

There are two roles that take turns, the user's first. Instructions stand apart from them, results
of tools are the user's and come right behind their calls, and no text may be blank.

A model may sign a part of an answer, and wants the signature back on that part. The first call of
each turn must have one; a word stands in for a signature that nobody knows.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from itertools import takewhile

from gateway.providers import (
    EXTRA_CONTENT,
    InvalidRequest,
    Media,
    Message,
    Part,
    Role,
    ToolCall,
    clean,
    fields_of,
    fold_late_instructions,
    join_paragraphs,
    json_of,
    lift_media,
    long_text,
    repair_history,
    text_of,
)

__all__ = [
    "DIALECT",
    "UNSIGNED",
    "Signing",
    "contents",
    "function_name",
    "instructions",
    "signatures",
]

DIALECT = "gemini"
"""The key of what the service wants back with a turn, in keepsakes."""
UNSIGNED = "skip_thought_signature_validator"
"""What the service accepts in the place of a signature that is not known."""
_LONGEST_NAME = 64
_NOTHING_SAID = "."
"""The text of a user's turn that has none, for a conversation that has to start with one."""


class Signing:
    """Which signatures the parts of a history get.

    With *required* the first call of a turn has one in any case. What is not *trusted* is replaced,
    since the service has refused it, and each turn with calls has one then.
    """

    __slots__ = ("required", "trusted")

    def __init__(self, *, required: bool, trusted: bool = True) -> None:
        self.required = required or not trusted
        self.trusted = trusted

    def of_calls(self, message: Message) -> list[str]:
        """Return the signature of each call of a turn, empty for one that has none."""
        signed = _signed_parts(message)
        found = [
            _own_signature(call) or signed.get(place, "")
            for place, call in enumerate(message.tool_calls)
        ]
        if not self.trusted:
            found = [UNSIGNED if signature else "" for signature in found]
        if found and self.required:
            found[0] = found[0] or UNSIGNED
        return found

    def of_text(self, message: Message) -> str:
        """Return the signature of the text of a turn, empty if it has none."""
        return _signed_parts(message).get(None, "") if self.trusted else ""


def instructions(messages: Sequence[Message]) -> str:
    """Return the instructions with which a conversation begins."""
    leading = takewhile(lambda message: message.role is Role.SYSTEM, messages)
    return join_paragraphs([clean(message.text) for message in leading])


def function_name(name: str) -> str:
    """Return what a tool is called here: a name does not begin with a digit or a dash."""
    return name if name[:1].isalpha() or name[:1] == "_" else f"_{name}"[:_LONGEST_NAME]


def signatures(body: Mapping[str, object]) -> list[object]:
    """Return the signatures in a body, None for each part that has none."""
    turns = body.get("contents")
    return [
        part.get("thoughtSignature")
        for turn in (turns if isinstance(turns, list) else ())
        for part in turn["parts"]
    ]


def contents(
    messages: Sequence[Message], signing: Signing, *, ids: bool
) -> list[dict[str, object]]:
    """Return the conversation without the instructions at its beginning, as turns that alternate.

    Calls and results have their *ids* where the service knows any. Raise `InvalidRequest` for media
    of an unknown type.
    """
    history = fold_late_instructions(repair_history(messages))
    turns: list[tuple[str, list[dict[str, object]]]] = []
    for message in lift_media(history):
        if message.role is Role.SYSTEM:
            continue
        role = "model" if message.role is Role.ASSISTANT else "user"
        parts = _parts(message, signing, ids=ids)
        if not parts:
            continue
        if turns and turns[-1][0] == role:
            turns[-1][1].extend(parts)
        else:
            turns.append((role, parts))
    if not turns or turns[0][0] == "model":
        turns.insert(0, ("user", [{"text": _NOTHING_SAID}]))
    return [{"role": role, "parts": parts} for role, parts in turns]


def _parts(message: Message, signing: Signing, *, ids: bool) -> list[dict[str, object]]:
    if message.role is Role.TOOL:
        return [_result(message, ids=ids)]
    spoken = [part for part in message.parts if not isinstance(part, str) or part.strip()]
    parts = list(map(_part, spoken))
    if message.role is not Role.ASSISTANT:
        return parts
    if signature := signing.of_text(message):
        parts = parts or [{"text": ""}]
        parts[-1]["thoughtSignature"] = signature
    signatures = signing.of_calls(message)
    return parts + [
        _call(call, signature, ids=ids)
        for call, signature in zip(message.tool_calls, signatures, strict=True)
    ]


def _part(part: Part) -> dict[str, object]:
    return {"text": part} if isinstance(part, str) else _media(part)


def _call(call: ToolCall, signature: str, *, ids: bool) -> dict[str, object]:
    function = {
        "name": function_name(call.name),
        "args": call.arguments,
        **({"id": call.id} if ids else {}),
    }
    return {"functionCall": function, **({"thoughtSignature": signature} if signature else {})}


def _result(message: Message, *, ids: bool) -> dict[str, object]:
    """Return a result, which is an object for this service."""
    value = json_of(message.text)
    response = value if isinstance(value, dict) else {"result": message.text}
    function = {"name": function_name(message.tool_name), "response": response}
    return {"functionResponse": {**function, **({"id": message.tool_call_id} if ids else {})}}


def _media(media: Media) -> dict[str, object]:
    kind = {"mimeType": media.media_type} if media.media_type else {}
    if media.url:
        return {"fileData": {**kind, "fileUri": clean(media.url)}}
    if not kind:
        raise InvalidRequest("a picture, recording or document of an unknown format")
    return {"inlineData": {**kind, "data": long_text("", media.base64)}}


def _own_signature(call: ToolCall) -> str:
    """Return what a call carries in OpenAI's dialect, where the service has a place for it."""
    extra = fields_of(call.keepsake.get("openai")).get(EXTRA_CONTENT)
    return text_of(fields_of(fields_of(extra).get("google")).get("thought_signature"))


def _signed_parts(message: Message) -> Mapping[int | None, str]:
    """Return the signatures of a turn, by the place of their call, or None for that of the text."""
    parts = fields_of(message.keepsake.get(DIALECT)).get("parts")
    found: dict[int | None, str] = {}
    for part in map(fields_of, parts if isinstance(parts, list) else ()):
        place, signature = part.get("call"), text_of(part.get("thoughtSignature"))
        if signature and (place is None or isinstance(place, int)):
            found[place] = clean(signature)
    return found
