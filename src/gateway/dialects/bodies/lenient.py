"""Read JSON that a strict decoder refuses, as Go's ``encoding/json`` does, errors included.

Go replaces what is not Unicode and stops at the end of the first value, which Python's decoder can
be brought to do. It also nests 10,000 deep, and its errors have words of their own: for these there
is a slow reader with a stack that is not Python's.
"""

from __future__ import annotations

import math
import re
from json import JSONDecodeError, JSONDecoder
from string import hexdigits
from typing import NoReturn

from gateway.core import codec
from gateway.core.errors import InvalidRequest

__all__ = ["read_value"]

# The reader takes some microseconds for each value, which must not add up to seconds.
_LONGEST_SLOW = 256 * 1024
_MAX_DEPTH = 10_000

_find_token = re.compile(r"[^ \t\n\r]").search
_match_number = re.compile(r"-?(?:0|[1-9][0-9]*)(\.[0-9]+)?([eE][+-]?[0-9]+)?").match
_match_legal = re.compile(r'"(?:[^"\\\x00-\x1f]++|\\(?:["\\/bfnrt]|u[0-9a-fA-F]{4}))*+').match
_replace_surrogates = re.compile("[\ud800-\udfff]").sub
_LITERALS: dict[str, tuple[str, bool | None]] = {
    "t": ("true", True),
    "f": ("false", False),
    "n": ("null", None),
}
_CLOSING = {"{": "}", "[": "]"}
_NAMED = {
    0x07: r"\a",
    0x08: r"\b",
    0x09: r"\t",
    0x0A: r"\n",
    0x0B: r"\v",
    0x0C: r"\f",
    0x0D: r"\r",
    0x27: r"\'",
    0x5C: r"\\",
}


def read_value(body: bytes) -> object:
    """Return the first JSON value of *body*, or raise `InvalidRequest` in Go's words."""
    # Each byte that is not UTF-8 becomes one surrogate, and each surrogate one U+FFFD.
    text = _replace_surrogates("\ufffd", body.decode("utf-8", "surrogateescape"))
    text = codec.repair_escapes(text)
    start = _find_token(text)
    if start is None:
        raise InvalidRequest("missing request body")
    try:
        value: object = _decode(text, start.start())[0]
    except (ValueError, RecursionError):
        if len(text) > _LONGEST_SLOW:
            raise InvalidRequest("request body is not valid JSON or nests too deep") from None
        value = _Reader(text).read()
    return value


def _read_float(literal: str) -> float:
    number = float(literal)
    if math.isinf(number):
        raise InvalidRequest(
            f"json: cannot unmarshal number {literal[:40]} into Go value of type float64"
        )
    return number


def _refuse_constant(name: str) -> NoReturn:
    raise ValueError(name)


_decode = JSONDecoder(parse_float=_read_float, parse_constant=_refuse_constant).raw_decode


class _Reader:
    """One pass over one text; ``position`` is the next character to look at."""

    __slots__ = ("position", "text")

    def __init__(self, text: str) -> None:
        self.text = text
        self.position = 0

    def read(self) -> object:
        open_values: list[dict[str, object] | list[object]] = []
        keys: list[str] = []
        while True:
            char = self._next()
            value: object
            if char in _CLOSING:
                if len(open_values) == _MAX_DEPTH:
                    raise self._unexpected("exceeded max depth")
                self.position += 1
                container: dict[str, object] | list[object] = {} if char == "{" else []
                if self._next() != _CLOSING[char]:
                    open_values.append(container)
                    if char == "{":
                        keys.append(self._key())
                    continue
                self.position += 1
                value = container
            else:
                value = self._scalar(char)
            # A value is complete, and with it perhaps those that surround it.
            while open_values:
                container = open_values[-1]
                if isinstance(container, list):
                    container.append(value)
                    closing, place = "]", "after array element"
                else:
                    container[keys.pop()] = value
                    closing, place = "}", "after object key:value pair"
                char = self._next()
                if char not in (",", closing):
                    raise self._unexpected(place)
                self.position += 1
                if char == ",":
                    if isinstance(container, dict):
                        keys.append(self._key())
                    break
                value = open_values.pop()
            else:
                return value

    def _next(self) -> str:
        """Return the next character that is not white space."""
        match = _find_token(self.text, self.position)
        if match is None:
            raise InvalidRequest("unexpected EOF")
        self.position = match.start()
        return match.group()

    def _peek(self) -> str:
        try:
            return self.text[self.position]
        except IndexError:
            raise InvalidRequest("unexpected EOF") from None

    def _key(self) -> str:
        if self._next() != '"':
            raise self._unexpected("looking for beginning of object key string")
        key = self._string()
        if self._next() != ":":
            raise self._unexpected("after object key")
        self.position += 1
        return key

    def _scalar(self, char: str) -> object:
        if char == '"':
            return self._string()
        if char in _LITERALS:
            return self._literal(*_LITERALS[char])
        if char == "-" or "0" <= char <= "9":
            return self._number()
        raise self._unexpected("looking for beginning of value")

    def _literal(self, name: str, value: bool | None) -> bool | None:
        for expected in name:
            if self._peek() != expected:
                raise self._unexpected(f"in literal {name} (expecting '{expected}')")
            self.position += 1
        return value

    def _number(self) -> int | float:
        match = _match_number(self.text, self.position)
        if match is None:
            self.position += 1
            self._peek()
            raise self._unexpected("in numeric literal")
        self.position = match.end()
        fraction, exponent = match.groups()
        if fraction is None and exponent is None and self.text.startswith(".", self.position):
            self.position += 1
            self._peek()
            raise self._unexpected("after decimal point in numeric literal")
        if exponent is None and self.text.startswith(("e", "E"), self.position):
            self.position += 1
            if self._peek() in "+-":
                self.position += 1
                self._peek()
            raise self._unexpected("in exponent of numeric literal")
        number = _read_float(match.group())
        return number if fraction or exponent else int(match.group())

    def _string(self) -> str:
        try:
            value, self.position = _decode(self.text, self.position)
        except JSONDecodeError:
            raise self._bad_string() from None
        return str(value)

    def _bad_string(self) -> InvalidRequest:
        legal = _match_legal(self.text, self.position)
        self.position = legal.end() if legal else self.position
        if self._peek() != "\\":
            return self._unexpected("in string literal")
        self.position += 1
        if self._peek() != "u":
            return self._unexpected("in string escape code")
        self.position += 1
        while self._peek() in hexdigits:
            self.position += 1
        return self._unexpected("in \\u hexadecimal character escape")

    def _unexpected(self, place: str) -> InvalidRequest:
        return InvalidRequest(f"invalid character {_quote(self._peek())} {place}")


def _quote(char: str) -> str:
    """Quote as Go does, who sees the first byte of a character and takes it for Latin-1."""
    byte = char.encode()[0]
    if byte in _NAMED:
        text = _NAMED[byte]
    elif byte < 0x20 or byte == 0x7F:
        text = f"\\x{byte:02x}"
    else:
        text = chr(byte)
    return f"'{text}'"
