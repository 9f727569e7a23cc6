from __future__ import annotations

import asyncio
import io
import json
import logging
import re
from collections.abc import Iterator, Mapping

import pytest
from hypothesis import given
from hypothesis import strategies as st

from gateway.cli.logs import JsonFormatter, TextFormatter, configure

MOMENT = 1_767_225_600.0625  # 2026-01-01T00:00:00.062Z


@pytest.fixture(autouse=True)
def _untouched_logging() -> Iterator[None]:
    root, ours = logging.getLogger(), logging.getLogger("gateway")
    before = root.handlers[:], root.level, ours.level
    switches = {name: value for name, value in vars(logging).items() if name.startswith("log")}
    yield
    root.handlers[:], level, our_level = before
    root.setLevel(level)
    ours.setLevel(our_level)
    vars(logging).update(switches)


def record(
    message: str, *arguments: object, fields: Mapping[str, object] | None = None
) -> logging.LogRecord:
    made = logging.LogRecord("gateway.x", logging.INFO, "x.py", 1, message, arguments, None)
    made.created = MOMENT
    if fields is not None:
        made.fields = fields
    return made


def failed_record() -> logging.LogRecord:
    made = record("failed")
    error = ValueError("first\nsecond")
    made.exc_info = (ValueError, error, None)
    return made


@pytest.mark.parametrize(
    ("made", "line"),
    [
        (record("hello %s", "you"), "hello you"),
        (
            record("POST /api/chat 200", fields={"model": "mistral-small", "total_ms": 12}),
            "POST /api/chat 200 model=mistral-small total_ms=12",
        ),
        (
            record("x", fields={"a": "two words", "b": 'q"', "c": "", "d": None, "e": "x=y"}),
            'x a="two words" b="q\\"" c="" d=None e="x=y"',
        ),
        (record("x", fields={"100%s": "1", "new\nline": ""}), 'x 100%s=1 new\\nline=""'),
        (record("forged\n2026 line \x1b[31m"), "forged\\n2026 line \\x1b[31m"),
        (record("x", fields={"model": "a\nb", "half": "\ud800"}), 'x model="a\\nb" half=\\ud800'),
    ],
    ids=[
        "message",
        "fields",
        "quoted",
        "odd names",
        "control characters",
        "fields with control characters",
    ],
)
def test_text_is_one_line_a_record_that_nothing_can_break(
    made: logging.LogRecord, line: str
) -> None:
    assert TextFormatter().format(made) == f"2026-01-01T00:00:00.062Z INFO    gateway.x {line}"


def pairs(fields: Mapping[str, object]) -> str:
    """Return what a line in text has behind its message."""
    return TextFormatter().format(record("x", fields=fields)).partition(" x")[2]


texts = st.text(max_size=3) | st.text('ab= "\n\t', max_size=4)
values = st.none() | st.booleans() | st.integers() | texts


@given(st.dictionaries(st.sampled_from("abcd"), values))
def test_a_value_is_quoted_for_its_own_sake_whatever_stands_beside_it(
    fields: Mapping[str, object],
) -> None:
    assert pairs(fields) == "".join(pairs({key: value}) for key, value in fields.items())
    for key, value in fields.items():
        is_bare = re.fullmatch(r"[^\s\"=]+", str(value)) is not None
        assert pairs({key: value}).startswith(f' {key}="') is not is_bare


@pytest.mark.parametrize(
    ("made", "more"),
    [
        (record("hello %s", "you"), {"message": "hello you"}),
        (
            record("x", fields={"n": 1, "f": 0.5, "t": True, "none": None, "list": [1], "ü": "ß"}),
            {
                "message": "x",
                "n": 1,
                "f": 0.5,
                "t": True,
                "none": None,
                "list": "[1]",
                "ü": "ß",
            },
        ),
        (
            record("a\nb", fields={"half": "\ud800", "n": 1}),
            {"message": "a\nb", "half": "\\ud800", "n": 1},
        ),
        (record("mine", fields={"message": "yours"}), {"message": "mine"}),
    ],
    ids=["message", "fields", "not UTF-8", "fields cannot replace what every line has"],
)
def test_json_is_one_object_a_line(made: logging.LogRecord, more: Mapping[str, object]) -> None:
    line = JsonFormatter().format(made)

    assert "\n" not in line
    assert json.loads(line) == {
        "ts": "2026-01-01T00:00:00.062Z",
        "level": "info",
        "logger": "gateway.x",
        **more,
    }


def test_a_traceback_stands_below_its_text_line_and_cannot_pass_for_another() -> None:
    first, *trace = TextFormatter().format(failed_record()).splitlines()

    assert first == "2026-01-01T00:00:00.062Z INFO    gateway.x failed"
    assert trace == ["    ValueError: first", "    second"]


def test_a_traceback_is_a_field_of_its_json_line() -> None:
    line = JsonFormatter().format(failed_record())

    assert "\n" not in line
    assert json.loads(line)["trace"] == "ValueError: first\nsecond"


@pytest.mark.parametrize(
    ("level", "messages"),
    [
        ("debug", ["debug", "info", "warning", "theirs"]),
        ("info", ["info", "warning", "theirs"]),
        ("error", ["theirs"]),
    ],
)
def test_the_level_is_that_of_our_own_loggers(level: str, messages: list[str]) -> None:
    stream = io.StringIO()

    configure(level, "json", stream=stream)
    for name in ("debug", "info", "warning"):
        logging.getLogger("gateway.x").log(getattr(logging, name.upper()), name)
    logging.getLogger("library").info("quiet")
    logging.getLogger("library").warning("theirs")

    assert [json.loads(line)["message"] for line in stream.getvalue().splitlines()] == messages


def test_text_is_the_other_format() -> None:
    stream = io.StringIO()

    configure("info", "text", stream=stream)
    logging.getLogger("gateway").info("hello")

    assert stream.getvalue().endswith(" INFO    gateway hello\n")


@pytest.mark.parametrize("formatter", [TextFormatter(), JsonFormatter()], ids=["text", "json"])
def test_a_line_is_cut_whatever_others_have_sent(formatter: logging.Formatter) -> None:
    record = logging.makeLogRecord({"msg": "%s", "args": ("m" * 2_000_000,)})
    record.fields = {"model": "n" * 2_000_000, "error": "e e" * 2_000_000, "count": 3}
    line = formatter.format(record)
    assert 12_000 < len(line) < 13_000
    assert line.count("…") == 3


class Writes(io.StringIO):
    """Keep each write."""

    def __init__(self) -> None:
        super().__init__()
        self.texts: list[str] = []

    def write(self, text: str) -> int:
        self.texts.append(text)
        return len(text)

    def messages(self) -> list[list[str]]:
        """Return the messages of each write."""
        return [re.findall(r"gateway (\w+)\n", text) for text in self.texts]


async def test_lines_of_an_event_loop_are_written_together() -> None:
    stream = Writes()
    configure("info", "text", stream=stream)
    log = logging.getLogger("gateway")
    log.info("one")
    log.info("two")
    assert stream.messages() == []

    await asyncio.sleep(0.1)
    assert stream.messages() == [["one", "two"]]

    log.info("three")
    await asyncio.sleep(0.1)
    assert stream.messages() == [["one", "two"], ["three"]]


async def test_a_warning_is_written_at_once_behind_the_lines_before_it() -> None:
    stream = Writes()
    configure("info", "text", stream=stream)
    log = logging.getLogger("gateway")
    log.info("one")
    log.warning("two")
    assert stream.messages() == [["one", "two"]]


async def test_a_thread_writes_its_lines_at_once() -> None:
    stream = Writes()
    configure("info", "text", stream=stream)
    log = logging.getLogger("gateway")
    log.info("one")
    await asyncio.to_thread(log.info, "two")
    assert stream.messages() == [["one", "two"]]


def test_what_a_loop_has_left_is_written_by_the_next_line_or_the_end() -> None:
    stream = Writes()
    configure("info", "text", stream=stream)
    log = logging.getLogger("gateway")

    async def say(text: str) -> None:
        log.info(text)

    asyncio.run(say("one"))
    log.info("two")
    assert stream.messages() == [["one", "two"]]
    asyncio.run(say("three"))
    logging.getLogger().handlers[0].flush()
    assert stream.messages() == [["one", "two"], ["three"]]


def test_a_line_that_cannot_be_made_is_reported(capsys: pytest.CaptureFixture[str]) -> None:
    stream = Writes()
    configure("info", "text", stream=stream)
    logging.getLogger("gateway").info("%d", "none")
    assert stream.messages() == []
    assert "--- Logging error ---" in capsys.readouterr().err


def test_json_has_the_details_of_a_request_and_text_has_not() -> None:
    made = record("request", fields={"model": "m"})
    made.details = {"operation": "chat", "stream": True}
    line = json.loads(JsonFormatter().format(made))
    assert (line["model"], line["operation"], line["stream"]) == ("m", "chat", True)
    assert TextFormatter().format(made).endswith("request model=m")
