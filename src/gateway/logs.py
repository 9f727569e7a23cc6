"""Log lines for people and for machines; only the command line sets them up."""

from __future__ import annotations

import logging
import re
from collections.abc import Mapping
from datetime import UTC, datetime
from functools import lru_cache
from typing import TextIO

from gateway import codec

__all__ = ["JsonFormatter", "TextFormatter", "configure"]

_BARE = re.compile(r"[^\s\"=]+")


class TextFormatter(logging.Formatter):
    """One line a record: time, level, logger, message, ``key=value``; a traceback below it."""

    def format(self, record: logging.LogRecord) -> str:
        """Return the line; whatever could break or forge one is escaped."""
        words = [_time(record), f"{record.levelname:7}", record.name, record.getMessage()]
        words += [f"{key}={_quoted(value)}" for key, value in _fields(record).items()]
        line = _printable(" ".join(words))
        if not record.exc_info:
            return line
        trace = self.formatException(record.exc_info).splitlines()
        return "\n    ".join([line, *map(_printable, trace)])


class JsonFormatter(logging.Formatter):
    """One JSON object a record: its fields, then ts, level, logger, message, and a trace."""

    def format(self, record: logging.LogRecord) -> str:
        """Return the line; it never contains a line feed."""
        document = {key: _plain(value) for key, value in _fields(record).items()}
        document |= {
            "ts": _time(record),
            "level": record.levelname.lower(),
            "logger": record.name,
            "message": _plain(record.getMessage()),
        }
        if record.exc_info:
            document["trace"] = _plain(self.formatException(record.exc_info))
        return codec.encode(document).decode()


_FORMATTERS: Mapping[str, type[logging.Formatter]] = {"text": TextFormatter, "json": JsonFormatter}


def configure(level: str, format_name: str, *, stream: TextIO) -> None:
    """Send the log to *stream*: ours from *level* on, that of libraries from warnings on."""
    handler = logging.StreamHandler(stream)
    handler.setFormatter(_FORMATTERS[format_name]())
    logging.basicConfig(handlers=[handler], level=logging.WARNING, force=True)
    logging.getLogger("gateway").setLevel(level.upper())


def _fields(record: logging.LogRecord) -> Mapping[str, object]:
    fields: Mapping[str, object] = getattr(record, "fields", {})
    return fields


def _time(record: logging.LogRecord) -> str:
    seconds, milliseconds = divmod(int(record.created * 1000), 1000)
    return f"{_second(seconds)}.{milliseconds:03}Z"


@lru_cache(maxsize=4)
def _second(seconds: int) -> str:
    return datetime.fromtimestamp(seconds, UTC).strftime("%Y-%m-%dT%H:%M:%S")


def _quoted(value: object) -> str:
    if type(value) is int:
        return str(value)
    text = str(value)
    return text if _BARE.fullmatch(text) else codec.encode(_plain(text)).decode()


def _plain(value: object) -> object:
    if value is None or isinstance(value, bool | int | float):
        return value
    # A name may hold half a surrogate pair, which UTF-8 cannot carry.
    return str(value).encode("utf-8", "backslashreplace").decode()


def _printable(text: str) -> str:
    if text.isprintable():
        return text
    return "".join(
        character if character.isprintable() else character.encode("unicode_escape").decode()
        for character in text
    )
