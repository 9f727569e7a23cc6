"""Formatters for log lines as text and JSON, and the logging configuration of the command line."""

from __future__ import annotations

import asyncio
import logging
from collections.abc import Mapping
from datetime import UTC, datetime
from functools import lru_cache
from typing import TextIO

from gateway.core import codec
from gateway.core.secrets import redact_exact
from gateway.core.texts import shorten

__all__ = ["JsonFormatter", "TextFormatter", "configure", "flush"]

_LONGEST = 4000
"""Characters of a message, and of the value of a field: both may quote what others sent."""

_DELAY = 0.05
"""Seconds for which lines are kept, to be written together."""
_UNUSED = ("logThreads", "logProcesses", "logMultiprocessing", "logAsyncioTasks")
"""Switches of `logging` for data that each record collects and no formatter uses."""


class TextFormatter(logging.Formatter):
    """One line per record: time, level, logger, message, ``key=value``; a traceback below it."""

    def format(self, record: logging.LogRecord) -> str:
        """Return the line; characters that could break or forge a line are escaped."""
        message = shorten(record.getMessage(), _LONGEST)
        line = _printable(f"{_time(record)} {record.levelname:7} {record.name} {message}")
        if fields := _fields(record):
            line = f"{line} {_pairs(fields)}"
        if not record.exc_info:
            return redact_exact(line)
        trace = self.formatException(record.exc_info).splitlines()
        return redact_exact("\n    ".join([line, *map(_printable, trace)]))


class JsonFormatter(logging.Formatter):
    """One JSON object per record: fields, details, then ts, level, logger, message and trace."""

    def format(self, record: logging.LogRecord) -> str:
        """Return the line; it never contains a line feed."""
        document = {
            **_fields(record),
            **getattr(record, "details", {}),
            "ts": _time(record),
            "level": record.levelname.lower(),
            "logger": record.name,
            "message": record.getMessage(),
        }
        document = {
            key: value
            if value is None or isinstance(value, int | float)
            else redact_exact(shorten(str(value), _LONGEST))
            for key, value in document.items()
        }
        if record.exc_info:
            document["trace"] = redact_exact(self.formatException(record.exc_info))
        try:
            return codec.encode(document).decode()
        except UnicodeEncodeError:
            return codec.encode({key: _plain(value) for key, value in document.items()}).decode()


class _Handler(logging.StreamHandler[TextIO]):
    """Write the lines that an event loop logs together, each write being a system call.

    Warnings and errors are written at once, with the lines before them, and so is what is logged
    outside of an event loop. At the end of the process `logging` flushes its handlers.
    """

    def __init__(self, stream: TextIO) -> None:
        super().__init__(stream)
        self._lines: list[str] = []
        self._flushed_by: asyncio.AbstractEventLoop | None = None

    def emit(self, record: logging.LogRecord) -> None:
        """Keep the line of *record* for a moment, or write it."""
        try:
            self._lines.append(self.format(record) + self.terminator)
            loop = None if record.levelno >= logging.WARNING else _running_loop()
            if loop is None:
                self.flush()
            elif loop is not self._flushed_by:
                self._flushed_by = loop
                loop.call_later(_DELAY, self.flush)
        except Exception:
            self.handleError(record)

    def flush(self) -> None:
        """Write the lines that are kept."""
        self.acquire()  # again, where a line is being written
        try:
            self._flushed_by = None
            text = "".join(self._lines)
            self._lines.clear()
            self.stream.write(text)
            self.stream.flush()
        finally:
            self.release()


def flush() -> None:
    """Write the lines that are kept, if any are."""
    for handler in logging.getLogger().handlers:
        handler.flush()


def _running_loop() -> asyncio.AbstractEventLoop | None:
    try:
        return asyncio.get_running_loop()
    except RuntimeError:
        return None


_FORMATTERS: Mapping[str, type[logging.Formatter]] = {"text": TextFormatter, "json": JsonFormatter}


def configure(level: str, format_name: str, *, stream: TextIO) -> None:
    """Log to *stream*: the gateway's loggers from *level* on, libraries from warning on."""
    handler = _Handler(stream)
    handler.setFormatter(_FORMATTERS[format_name]())
    logging.basicConfig(handlers=[handler], level=logging.WARNING, force=True)
    for switch in _UNUSED:
        setattr(logging, switch, False)
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


def _pairs(fields: Mapping[str, object]) -> str:
    values = tuple(fields.values())
    # One check for all values, since hardly any has to be quoted or escaped.
    every = "%s" * len(values) % values
    is_short = len(every) <= _LONGEST
    if is_short and every.isprintable() and not (" " in every or "=" in every or '"' in every):
        return (_form(tuple(fields)) % values).replace("= ", '="" ').rstrip()
    texts = {name: shorten(str(value), _LONGEST) for name, value in fields.items()}
    return _printable(
        " ".join(
            f"{name}={text if _is_bare(text) else _quoted(text)}" for name, text in texts.items()
        )
    )


@lru_cache(maxsize=64)  # the lines of one kind of request have the same fields
def _form(names: tuple[str, ...]) -> str:
    return "".join([_printable(name).replace("%", "%%") + "=%s " for name in names])


def _is_bare(text: str) -> bool:
    return '"' not in text and "=" not in text and text.split() == [text]


def _quoted(text: str) -> str:
    return codec.encode(_plain(text)).decode()


def _plain(value: object) -> object:
    """Return a text that UTF-8 can encode: a name may contain a lone surrogate."""
    if not isinstance(value, str):
        return value
    return value.encode("utf-8", "backslashreplace").decode()


def _printable(text: str) -> str:
    if text.isprintable():
        return text
    return "".join(
        character if character.isprintable() else character.encode("unicode_escape").decode()
        for character in text
    )
