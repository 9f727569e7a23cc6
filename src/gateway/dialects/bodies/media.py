"""Validate the base64 of images, audio and documents as Go does, without decoding it completely."""

from __future__ import annotations

import binascii
import re

from gateway.core.chat import Media
from gateway.core.errors import InvalidRequest
from gateway.core.media_types import sniff
from gateway.dialects.bodies.budget import give_way

__all__ = ["read_media", "read_text_document"]

# Checked piece by piece, so that 100 MB of pictures do not need another 100 MB of memory, nor
# Python's lock all the time.
_PIECE = 256 * 1024

_ALPHABET = b"ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789+/"
_find_other = re.compile(r"[^\r\n]").search
_find_foreign = re.compile(r"[^A-Za-z0-9+/\r\n]").search

_match_data_url = re.compile(r"\s*data:(?:[^,]{0,1000};)?base64,", re.IGNORECASE).match
_PADDING = ("", "", "==", "=")


def read_media(text: str) -> Media:
    """Check one string of standard base64 and sniff what it holds.

    Line breaks are dropped. Unlike Ollama, accept a data URL, whatever it says of the kind and with
    white space around it, and missing padding. Raise `InvalidRequest` with the offset that Go's
    ``encoding/base64`` would name.
    """
    prefix = _match_data_url(text)
    clean = _without_breaks(text if prefix is None else text[prefix.end() :].rstrip())
    clean += _PADDING[len(clean) % 4]
    if not _is_base64(clean):
        raise InvalidRequest(f"illegal base64 data at input byte {_offset_of_error(text)}")
    return Media(media_type=sniff(binascii.a2b_base64(clean[:16])), base64=clean)


def read_text_document(media: Media) -> str | None:
    """Return the text of a document that is plain text, None for any other."""
    if media.media_type or not media.base64:
        return None
    try:
        text = binascii.a2b_base64(media.base64).decode()
    except UnicodeDecodeError:
        return None
    return None if "\x00" in text else text


def _without_breaks(text: str) -> str:
    if "\n" not in text and "\r" not in text:
        return text
    pieces: list[str] = []
    for start in range(0, len(text), _PIECE):
        if start:
            give_way()
        pieces.append(text[start : start + _PIECE].replace("\n", "").replace("\r", ""))
    return "".join(pieces)


def _is_base64(text: str) -> bool:
    padding = 2 if text.endswith("==") else 1 if text.endswith("=") else 0
    end = len(text) - padding
    if len(text) % 4:
        return False
    for start in range(0, end, _PIECE):
        piece = text[start : min(start + _PIECE, end)].encode("ascii", "replace")
        if piece.translate(None, _ALPHABET):
            return False
        if start:
            give_way()
    return True


def _offset_of_error(text: str) -> int:
    """Return where Go stops reading *text*, which is not base64 (``encoding/base64``)."""
    foreign = _first_foreign(text)
    end = foreign.start() if foreign else len(text)
    breaks = text.count("\r", 0, end) + text.count("\n", 0, end)
    in_group = (end - breaks) % 4
    if foreign is None:
        return end - in_group
    if foreign.group() != "=" or in_group < 2:
        return end
    position = _skip_breaks(text, end + 1)
    if in_group == 2:
        if text[position : position + 1] != "=":
            return position - 1
        position = _skip_breaks(text, position + 1)
    return position


def _first_foreign(text: str) -> re.Match[str] | None:
    for start in range(0, len(text), _PIECE):
        if start:
            give_way()
        piece = text[start : start + _PIECE]
        # To delete a whole alphabet is far quicker than the pattern.
        if piece.encode("ascii", "replace").translate(None, _ALPHABET + b"\r\n"):
            return _find_foreign(text, start)
    return None


def _skip_breaks(text: str, position: int) -> int:
    found = _find_other(text, position)
    return len(text) if found is None else found.start()
