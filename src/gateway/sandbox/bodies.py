"""The fields of the request objects in Mistral's API reference, which allow no other fields."""

from __future__ import annotations

import base64
import binascii
import re
import uuid
from collections.abc import Iterator
from typing import Final

from gateway.sandbox.refusals import Loc, Problem
from gateway.sandbox.shapes import (
    array,
    choice,
    closed,
    either,
    flag,
    integer,
    mapping,
    nullable,
    number,
    tagged,
    text,
)

__all__ = [
    "AGENT_CHAT",
    "CHAT",
    "EMBEDDINGS",
    "FIM",
    "MOST_STOPS",
    "MOST_TOOLS",
    "TRANSCRIPTION",
    "image_type",
]

MOST_STOPS: Final = 4
MOST_TOOLS: Final = 128

_DATA_IMAGE = re.compile(r"data:image/([a-z+.-]+);base64,([A-Za-z0-9+/=]+)")
_MAGIC = {
    "png": (b"\x89PNG",),
    "jpeg": (b"\xff\xd8\xff",),
    "gif": (b"GIF8",),
    "webp": (b"RIFF",),
}


def image_type(url: str) -> str | None:
    """Return the media type an image announces, `https` for an address, or None for neither."""
    if url.startswith("https://"):
        return "https"
    match = _DATA_IMAGE.fullmatch(url)
    return None if match is None else f"image/{match[1]}"


def _image(value: object, loc: Loc) -> Iterator[Problem]:
    yield from text(value, loc)
    if not isinstance(value, str):
        return
    kind = image_type(value)
    if kind is None:
        message = (
            "Value error, Image content must be a URL (starting with 'https') or base64 encoded "
            "image (starting with 'data:image/<format>;base64,')"
        )
        yield Problem("value_error", loc, message, value[:100])
    elif kind != "https" and not _is_image(value, kind.removeprefix("image/")):
        message = f"Value error, Image content could not be loaded as {kind}"
        yield Problem("value_error", loc, message, value[:100])


def _is_image(url: str, name: str) -> bool:
    """Look at the bytes: Mistral decodes the image as what its media type says it is."""
    try:
        content = base64.b64decode(url.partition(",")[2], validate=True)
    except binascii.Error:
        return False
    return content.startswith(_MAGIC.get(name, ()))


def _document(value: object, loc: Loc) -> Iterator[Problem]:
    yield from text(value, loc)
    starts = ("https://", "data:application/pdf;base64,")
    if isinstance(value, str) and not value.startswith(starts):
        message = "Value error, Document content must be an https URL or a base64 encoded PDF"
        yield Problem("value_error", loc, message, value[:100])


def _audio(value: object, loc: Loc) -> Iterator[Problem]:
    yield from text(value, loc)
    if isinstance(value, str) and value.startswith("data:"):
        message = "Value error, Audio content must be plain base64 or a URL"
        yield Problem("value_error", loc, message, value[:100])


def _uuid(value: object, loc: Loc) -> Iterator[Problem]:
    try:
        uuid.UUID(value if isinstance(value, str) else "")
    except ValueError:
        yield Problem("uuid_parsing", loc, "Input should be a valid UUID", value)


_TEXT = closed({"type": text, "text": text})
_REFERENCE = closed(
    {"type": text, "reference_ids": array(either({int: integer(low=0), str: text}))}
)
_TOOL_REFERENCE = closed(
    {"type": text, "tool": text, "title": text},
    {name: nullable(text) for name in ("url", "favicon", "description")},
)
_THINKING = closed(
    {
        "type": text,
        "thinking": array(
            tagged(
                "type",
                {"text": _TEXT, "reference": _REFERENCE, "tool_reference": _TOOL_REFERENCE},
            )
        ),
    },
    {"closed": flag, "signature": nullable(text)},
)
_DETAILED_IMAGE = closed({"url": _image}, {"detail": nullable(choice("low", "auto", "high"))})
_IMAGE = closed({"type": text, "image_url": either({str: _image, dict: _DETAILED_IMAGE})})
_DOCUMENT = closed({"type": text, "document_url": _document}, {"document_name": nullable(text)})
_FILE = closed({"type": text, "file_id": _uuid})
_AUDIO = closed({"type": text, "input_audio": _audio})

_SYSTEM_CHUNKS = array(tagged("type", {"text": _TEXT, "thinking": _THINKING}))
_USER_CHUNKS = array(
    tagged(
        "type",
        {
            "text": _TEXT,
            "image_url": _IMAGE,
            "document_url": _DOCUMENT,
            "file": _FILE,
            "input_audio": _AUDIO,
            "reference": _REFERENCE,
        },
    )
)
_ASSISTANT_CHUNKS = array(
    tagged("type", {"text": _TEXT, "thinking": _THINKING, "reference": _REFERENCE})
)
_TOOL_CHUNKS = array(tagged("type", {"text": _TEXT, "image_url": _IMAGE, "reference": _REFERENCE}))

_CALLED = closed({"name": text, "arguments": either({str: text, dict: mapping})})
_CALL = closed(
    {"function": _CALLED}, {"id": text, "type": choice("function"), "index": integer(low=0)}
)
_MESSAGE = tagged(
    "role",
    {
        "system": closed({"role": text, "content": either({str: text, list: _SYSTEM_CHUNKS})}),
        "user": closed(
            {"role": text, "content": nullable(either({str: text, list: _USER_CHUNKS}))}
        ),
        "assistant": closed(
            {"role": text},
            {
                "content": nullable(either({str: text, list: _ASSISTANT_CHUNKS})),
                "tool_calls": nullable(array(_CALL)),
                "prefix": flag,
            },
        ),
        "tool": closed(
            {"role": text, "content": nullable(either({str: text, list: _TOOL_CHUNKS}))},
            {"tool_call_id": nullable(text), "name": nullable(text)},
        ),
    },
)

_FUNCTION = closed({"name": text, "parameters": mapping}, {"description": text, "strict": flag})
# Mistral hosts tools of other types (web_search, connector, …); the sandbox has none of them.
_TOOL = tagged("type", {"function": closed({"type": text, "function": _FUNCTION})})
_NAMED_TOOL = closed({"function": closed({"name": text})}, {"type": choice("function")})

_SCHEMA = closed({"name": text, "schema": mapping}, {"description": nullable(text), "strict": flag})
_RESPONSE_FORMAT = closed(
    {},
    {"type": choice("text", "json_object", "json_schema"), "json_schema": nullable(_SCHEMA)},
)
_PREDICTION = closed({}, {"type": choice("content"), "content": text})

_STOP = either({str: text, list: array(text, least=1, most=MOST_STOPS)})
_GENERATION = {
    "max_tokens": nullable(integer(low=0)),
    "stop": nullable(_STOP),
    "random_seed": nullable(integer(low=0)),
    "stream": flag,
    "metadata": nullable(mapping),
    "prompt_cache_key": nullable(text),
}
_SAMPLING = {
    **_GENERATION,
    "temperature": nullable(number(low=0, high=1.5)),
    "top_p": nullable(number(low=0, high=1, above=True)),
}
_PENALTY = nullable(number(low=-2, high=2))
_CONVERSATION = {
    "presence_penalty": _PENALTY,
    "frequency_penalty": _PENALTY,
    "n": nullable(integer(low=1)),
    "response_format": _RESPONSE_FORMAT,
    "tools": nullable(array(_TOOL, least=1, most=MOST_TOOLS)),
    "tool_choice": either({str: choice("auto", "none", "any", "required"), dict: _NAMED_TOOL}),
    "parallel_tool_calls": flag,
    "reasoning_effort": nullable(choice("none", "minimal", "low", "medium", "high", "xhigh")),
    "prompt_mode": nullable(choice("reasoning")),
    "prediction": _PREDICTION,
    "guardrails": nullable(array(mapping)),
    "service_tier": nullable(choice("auto", "standard_only")),
}

CHAT: Final = closed(
    {"model": text, "messages": array(_MESSAGE)},
    {**_SAMPLING, **_CONVERSATION, "safe_prompt": flag},
)
"""The body of POST /v1/chat/completions."""

AGENT_CHAT: Final = closed(
    {"agent_id": text, "messages": array(_MESSAGE)}, {**_GENERATION, **_CONVERSATION}
)
"""The body of POST /v1/agents/completions, as Mistral's client library has it.

That has some parameters of other engines besides, such as ``top_k``, which a chat has not.
"""

FIM: Final = closed(
    {"model": text, "prompt": text},
    {**_SAMPLING, "suffix": nullable(text), "min_tokens": nullable(integer(low=0))},
)
"""The body of POST /v1/fim/completions."""

EMBEDDINGS: Final = closed(
    {"model": text, "input": either({str: text, list: array(text, least=1)})},
    {
        "output_dimension": nullable(integer(low=1)),
        "output_dtype": choice("float", "int8", "uint8", "binary", "ubinary"),
        "encoding_format": choice("float", "base64"),
        "metadata": nullable(mapping),
    },
)
"""The body of POST /v1/embeddings."""

TRANSCRIPTION: Final = closed({"model": text, "file": mapping}, {"language": text})
"""The members of the form of a transcription that a client here may send."""
