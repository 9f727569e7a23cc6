"""Encode messages for the Converse API (API reference, "Message", "ContentBlock").

There are two roles that take turns, the user's first. Instructions stand apart from them, results
of tools are the user's and come right behind their calls, no text may be blank, and a document
needs a text beside it.
"""

from __future__ import annotations

from collections.abc import Collection, Iterator, Mapping, Sequence
from itertools import count, takewhile

from gateway.providers import (
    InvalidRequest,
    Media,
    Message,
    Part,
    Role,
    ToolCall,
    clean,
    clean_json,
    codec,
    content_of,
    fold_late_instructions,
    lift_media,
    long_text,
    replace,
)

from gateway_bedrock.reasoning import reasoning_blocks
from gateway_bedrock.traits import Traits

__all__ = ["Block", "Turn", "instructions", "turns", "without_tools"]

Block = dict[str, object]
Turn = dict[str, object]

_NOTHING_SAID: Block = {"text": "."}
"""What stands where a text has to be and the client has none."""
_NO_RESULT = "[empty result]"
_S3 = "s3://"
_IMAGES: Mapping[str, str] = {f"image/{kind}": kind for kind in ("png", "jpeg", "gif", "webp")}
_RECORDINGS: Mapping[str, str] = {"audio/wav": "wav", "audio/mpeg": "mp3"}
_OFFICE = "application/vnd.openxmlformats-officedocument"
_DOCUMENTS: Mapping[str, str] = {
    "application/pdf": "pdf",
    "application/msword": "doc",
    f"{_OFFICE}.wordprocessingml.document": "docx",
    "application/vnd.ms-excel": "xls",
    f"{_OFFICE}.spreadsheetml.sheet": "xlsx",
    "text/csv": "csv",
    "text/html": "html",
    "text/markdown": "md",
    "text/plain": "txt",
}


def instructions(messages: Sequence[Message]) -> list[str]:
    """Return the instructions with which a conversation begins."""
    leading = takewhile(lambda message: message.role is Role.SYSTEM, messages)
    return [text for message in leading if (text := clean(message.text)).strip()]


def without_tools(history: Sequence[Message]) -> list[Message]:
    """Return a repaired history whose calls and results are told in words.

    The service takes blocks of calls and results only beside tools.
    """
    return list(map(_told, history))


def _told(message: Message) -> Message:
    if message.role is Role.TOOL:
        words = f"[Result of {message.tool_name}]"
        return Message(Role.USER, content_of([words, *message.parts]))
    if not message.tool_calls:
        return message
    calls = [
        f"[Called {call.name} with {codec.encode(clean_json(call.arguments)).decode()}]"
        for call in message.tool_calls
    ]
    return replace(message, content=content_of([*message.parts, *calls]), tool_calls=())


def turns(
    history: Sequence[Message],
    traits: Traits,
    *,
    reasoning: bool,
    failed: Collection[object] = (),
) -> list[Turn]:
    """Return a repaired history without the instructions at its beginning, as alternating turns.

    With *reasoning* an answer begins with the thinking that the service has signed. *failed* are
    the ids of calls that have failed. Raise `InvalidRequest` for media that the API lacks.
    """
    history = fold_late_instructions(history)
    if not traits.sees_results:
        history = list(lift_media(history))
    encoder = _Encoder(reasoning=reasoning, failed=failed if traits.marks_failures else ())
    said = [(message.role, encoder.blocks(message)) for message in history]
    joined = _alternating(
        (
            ("assistant" if role is Role.ASSISTANT else "user", blocks)
            for role, blocks in said
            if blocks and role is not Role.SYSTEM
        ),
        traits,
    )
    if not joined or joined[0][0] == "assistant":
        joined.insert(0, ("user", [_NOTHING_SAID]))
    _trim_end(*joined[-1])
    return [{"role": role, "content": _with_text(blocks)} for role, blocks in joined]


class _Encoder:
    """Encodes the messages of one conversation; it counts the documents."""

    def __init__(self, *, reasoning: bool, failed: Collection[object]) -> None:
        self._reasoning = reasoning
        self._failed = failed
        self._numbers = count(1)

    def blocks(self, message: Message) -> list[Block]:
        """Return the blocks of a message, none for one that says nothing."""
        if message.role is Role.TOOL:
            return [self._result(message)]
        said = [*self._content(message), *map(_call, message.tool_calls)]
        if self._reasoning and said and message.role is Role.ASSISTANT:
            return [*reasoning_blocks(message), *said]
        return said

    def _content(self, message: Message) -> list[Block]:
        spoken = [part for part in message.parts if not isinstance(part, str) or part.strip()]
        return list(map(self._block, spoken))

    def _block(self, part: Part) -> Block:
        return {"text": part} if isinstance(part, str) else self._media(part)

    def _result(self, message: Message) -> Block:
        content = self._content(message) or [{"text": _NO_RESULT}]
        result: Block = {"toolUseId": message.tool_call_id, "content": content}
        if message.tool_call_id in self._failed:
            result["status"] = "error"
        return {"toolResult": result}

    def _media(self, media: Media) -> Block:
        kind = media.media_type
        if kind in _DOCUMENTS:
            # The name reaches the model, and two documents may not have the same.
            name = f"Document {next(self._numbers)}"
            document = {"format": _DOCUMENTS[kind], "name": name, "source": _source(media)}
            return {"document": document}
        if kind in _IMAGES:
            return {"image": {"format": _IMAGES[kind], "source": _source(media)}}
        if kind in _RECORDINGS:
            return {"audio": {"format": _RECORDINGS[kind], "source": _source(media)}}
        raise InvalidRequest(
            f"unsupported media format {kind or '(not recognised)'}: use PNG, JPEG, GIF or WebP"
            " images, WAV or MP3 recordings, or documents such as PDF"
        )


def _source(media: Media) -> Mapping[str, object]:
    if not media.url:
        return {"bytes": long_text("", media.base64)}
    if media.url.startswith(_S3):
        return {"s3Location": {"uri": clean(media.url)}}
    raise InvalidRequest("this model takes media in the request or in S3, not at other URLs")


def _call(call: ToolCall) -> Block:
    arguments = clean_json(call.arguments)
    return {"toolUse": {"toolUseId": call.id, "name": call.name, "input": arguments}}


def _alternating(
    said: Iterator[tuple[str, list[Block]]], traits: Traits
) -> list[tuple[str, list[Block]]]:
    """Return what is said by the same role in one turn, unless it may not be together."""
    joined: list[tuple[str, list[Block]]] = []
    for role, blocks in said:
        if not joined or joined[-1][0] != role:
            joined.append((role, [*blocks]))
        elif role == "user" and _clash([*joined[-1][1], *blocks], traits):
            # The service would join two turns of one role.
            joined += [("assistant", [_NOTHING_SAID]), (role, [*blocks])]
        else:
            joined[-1][1].extend(blocks)
    return joined


def _clash(blocks: Sequence[Block], traits: Traits) -> bool:
    """Tell whether there are results of tools beside what the model does not take there."""
    kinds = {kind for block in blocks for kind in block}
    allowed = traits.beside_results
    return allowed is not None and "toolResult" in kinds and not kinds <= {"toolResult", *allowed}


def _trim_end(role: str, blocks: list[Block]) -> None:
    # "final assistant content cannot end with trailing whitespace"
    text = blocks[-1].get("text")
    if role == "assistant" and isinstance(text, str):
        blocks[-1] = {"text": text.rstrip()}


def _with_text(blocks: list[Block]) -> list[Block]:
    kinds = {kind for block in blocks for kind in block}
    return [*blocks, _NOTHING_SAID] if "document" in kinds and "text" not in kinds else blocks
