"""Read the parts of a message, by the names of ``/v1/chat/completions`` and ``/v1/responses``.

Both endpoints take the parts of both, and Mistral's, since clients convert histories only halfway.
"""

from __future__ import annotations

from collections.abc import Iterable
from typing import Any, Final

from gateway.core.chat import Media, Message, Part, Role, content_of
from gateway.dialects.bodies.described import OBJECT, UNCHECKED, JsonSchema, any_of, described
from gateway.dialects.bodies.media import read_media, read_text_document
from gateway.dialects.bodies.readable import readable_text
from gateway.dialects.bodies.readers import Mismatch
from gateway.dialects.left_out import log_left_out
from gateway.dialects.openai.images import read_image_url

__all__ = ["NO_FILE", "NO_IMAGE", "Thought", "message_of", "read_part"]

NO_FILE: Final = "[a file that is not available here]"
NO_IMAGE: Final = "[an image that is not available here]"
"""What stands in the place of something that only another service has, named by an id."""

_PDF: Final = "application/pdf"
_BETWEEN_THOUGHTS: Final = "\n\n"


_BASE64: Final[JsonSchema] = {"type": "string", "contentEncoding": "base64"}
_URL: Final[JsonSchema] = {"type": "string", "format": "uri"}


def _part(kind: str = "", **members: JsonSchema) -> JsonSchema:
    own: JsonSchema = {"type": {"const": kind}} if kind else {}
    return {"type": "object", "properties": own | members, "required": [*own, *members]}


class Thought(str):
    """A part of an assistant's message that is its thinking."""

    __slots__ = ()


def message_of(role: Role, parts: Iterable[Part], *, thinking: str = "", **fields: Any) -> Message:
    """Return a message that says *parts*; a thought is added to its *thinking*."""
    thoughts = [thinking] if thinking else []
    said: list[Part] = []
    for part in parts:
        if isinstance(part, Thought):
            thoughts.append(part)
        else:
            said.append(part)
    return Message(role, content_of(said), thinking=_BETWEEN_THOUGHTS.join(thoughts), **fields)


@described(
    any_of(
        _part("text", text={"type": "string"}),
        _part("image_url", image_url=any_of(_URL, _part(url=_URL))),
        _part("input_audio", input_audio=_part(data=_BASE64)),
        _part("file", file=_part(filename={"type": "string"}, file_data=_BASE64)),
        OBJECT,
        {"type": "string"},
    )
    | UNCHECKED,
    name="OpenAIPart",
)
def read_part(part: Any) -> Part:
    """Return what a part says; empty for one that is left out.

    Raise `Mismatch` for a part of a known type that lacks what it is for, and `InvalidRequest` for
    data that cannot be read.
    """
    match part:
        case str():
            return part
        case None:  # as a member that is null, it is not there
            return ""
        case {"type": "text" | "input_text" | "output_text"}:
            return _text(part, "text")
        case {"type": "refusal"}:
            return _text(part, "refusal")
        case {"type": "thinking"}:
            return Thought(readable_text(part.get("thinking")))
        case {"type": "reasoning" | "reasoning_text"}:
            return Thought(readable_text(part))
        case {"type": "image_url" | "input_image" | "computer_screenshot"}:
            return _image(part)
        case {"type": "input_audio", "input_audio": {"data": str(data)}}:
            return read_media(data)
        case {"type": "document_url"}:
            return _document_at(_address(part, "document_url"))
        case {"type": "file", "file": dict(file)}:
            return _file(file)
        case {"type": "input_file"}:
            return _file(part)
        case dict():
            return _unknown(part)
    raise Mismatch(part, "openai.ResponsesContent")


def _text(part: dict[str, Any], member: str) -> str:
    text = part.get(member)
    if text is None:
        return ""
    if not isinstance(text, str):
        kind = "ResponsesOutputText" if part["type"] == "output_text" else "ResponsesText"
        raise Mismatch(text, "string", (member,), f"{kind}Content")
    return text


def _image(part: dict[str, Any]) -> Part:
    if part.get("image_url") in (None, ""):
        return NO_IMAGE if part.get("file_id") else ""
    return read_image_url(_address(part, "image_url"))


def _address(part: dict[str, Any], member: str) -> str:
    match part.get(member):
        case str(url) | {"url": str(url)}:
            return url
    raise Mismatch(part.get(member), "string", (member,), "ResponsesImageContent")


def _document_at(url: str) -> Part:
    if url.startswith(("https://", "http://")):
        return Media(_PDF, url=url)
    return _document(url)


def _file(file: dict[str, Any]) -> Part:
    """Return a document, or the text of a file that is one; its name stands before its text."""
    match file:
        case {"file_data": str(data)} if data:
            document = _document(data)
            name = file.get("filename")
            named = isinstance(document, str) and isinstance(name, str) and name
            return f"{name}\n\n{document}" if named else document
        case {"file_url": str(url)} if url:
            return _document_at(url)
    return NO_FILE


def _document(data: str) -> Part:
    media = read_media(data)
    text = read_text_document(media)
    return media if text is None else text


def _unknown(part: dict[str, Any]) -> str:
    text = readable_text(part)
    if not text:
        log_left_out("a part of a message", part.get("type"))
    return text
