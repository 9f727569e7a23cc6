"""One rule: a request, and what the answer must be."""

from __future__ import annotations

import json
import re
from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from typing import Any

__all__ = [
    "JSON",
    "LATE_JSON",
    "NDJSON",
    "PLAIN",
    "Case",
    "Reply",
    "ends",
    "error",
    "failed",
    "found",
]

JSON = "application/json; charset=utf-8"
LATE_JSON = "application/json"
"""Of errors that Ollama finds once it has begun to answer, and of all answers below ``/v1``."""
NDJSON = "application/x-ndjson"
PLAIN = "text/plain"


@dataclass(frozen=True)
class Reply:
    """An answer, read to its end; *whole* tells whether that was the end of its HTTP body."""

    status: int
    headers: Mapping[str, str]
    body: bytes
    whole: bool = True

    @property
    def text(self) -> str:
        return self.body.decode()

    @property
    def json(self) -> Any:
        return json.loads(self.body)

    @property
    def lines(self) -> list[Any]:
        """The objects of a stream, each of which must be one line."""
        lines = self.body.split(b"\n")
        assert lines.pop() == b"", "a stream ends with a line feed"
        assert all(lines), "a stream has no blank lines"
        return [json.loads(line) for line in lines]


@dataclass(frozen=True)
class Case:
    """A request to *endpoint* (``POST /api/chat``) and its answer.

    *id* names the section of Ollama's wire rules, *rule* says it in words. A *body* that is neither
    text nor bytes is sent as JSON. *path* is what is asked for where it is not the endpoint's own.
    *text* is the whole body of the answer, *pattern* a pattern for it, *check* anything else. In
    *headers* None means that there must be none. *before* is asked first. *deviation*
    is the reason why Ollama's answer, told in *ollama*, is another.
    """

    id: str
    endpoint: str
    rule: str
    body: object = None
    path: str = ""
    sent: Mapping[str, str] = field(default_factory=dict)
    status: int = 200
    text: str | None = None
    pattern: str | None = None
    check: Callable[[Reply], object] | None = None
    headers: Mapping[str, str | None] = field(default_factory=dict)
    before: tuple[Case, ...] = ()
    ollama: str = ""
    deviation: str = ""

    @property
    def method(self) -> str:
        return self.endpoint.split()[0]

    @property
    def target(self) -> str:
        return self.path or self.endpoint.split()[1]

    @property
    def encoded(self) -> bytes | None:
        if self.body is None or isinstance(self.body, bytes):
            return self.body
        text = self.body if isinstance(self.body, str) else json.dumps(self.body)
        return text.encode()

    def verify(self, reply: Reply) -> None:
        """Raise `AssertionError` unless *reply* is what the rule says."""
        assert reply.status == self.status, f"{reply.status} {reply.text[:200]}"
        assert reply.whole
        if self.text is not None:
            assert reply.text == self.text
        if self.pattern is not None:
            assert re.fullmatch(self.pattern, reply.text, re.DOTALL), reply.text[:300]
        for name, value in self.headers.items():
            assert reply.headers.get(name) == value, name
        if self.check is not None:
            verdict = self.check(reply)
            assert verdict is None or verdict is True, reply.text[:500]


def error(text: str) -> str:
    """Return Ollama's body for an error, escaped as Go does."""
    body = json.dumps({"error": text}, ensure_ascii=False, separators=(",", ":"))
    for char in "<>&":
        body = body.replace(char, f"\\u{ord(char):04x}")
    return body


def failed(status: int, text: str) -> dict[str, Any]:
    """Return what a case expects of an error before the first line."""
    return {"status": status, "text": error(text), "headers": {"Content-Type": JSON}}


def found(pattern: str) -> Callable[[Reply], bool]:
    """Return a check that *pattern* is somewhere in the answer."""
    return lambda reply: re.search(pattern, reply.text) is not None


def ends(**expected: object) -> Callable[[Reply], bool]:
    """Return a check of fields of the last line, or of the only one."""

    def check(reply: Reply) -> bool:
        last = json.loads(reply.body.rstrip(b"\n").split(b"\n")[-1])
        return all(last.get(key) == value for key, value in expected.items())

    return check
