"""Read JSON that a strict decoder refuses, as Go's ``encoding/json`` does, errors included.

Go replaces what is not Unicode, stops at the end of the first value, and does not look at numbers
that no field wants, which Python's decoder can be brought to do. Its errors have words of their
own: for these there is a slow scanner.
"""

from __future__ import annotations

import math
import re
from json import JSONDecoder
from string import hexdigits
from typing import NoReturn

from gateway.core import codec
from gateway.core.errors import InvalidRequest

__all__ = ["read_value", "repaired", "too_deep"]

# The scanner takes a microsecond or two for each value, and runs on the event loop.
_LONGEST_SLOW = 16 * 1024

_find_token = re.compile(r"[^ \t\n\r]").search
_match_number = re.compile(r"-?(?:0|[1-9][0-9]*)(\.[0-9]+)?([eE][+-]?[0-9]+)?").match
_match_legal = re.compile(r'"(?:[^"\\\x00-\x1f]++|\\(?:["\\/bfnrt]|u[0-9a-fA-F]{4}))*+').match
_replace_surrogates = re.compile("[\ud800-\udfff]").sub
_LITERALS = {"t": "true", "f": "false", "n": "null"}
_CLOSING = {"{": "}", "[": "]"}
_PLACES = {"{": "after object key:value pair", "[": "after array element"}
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


def repaired(body: bytes) -> str:
    """Return the text of *body* with U+FFFD for what is not Unicode, also in escapes."""
    # Each byte that is not UTF-8 becomes one surrogate, and each surrogate one U+FFFD.
    text = _replace_surrogates("\ufffd", body.decode("utf-8", "surrogateescape"))
    return codec.repair_escapes(text)


def read_value(text: str) -> object:
    """Return the first JSON value of *text*, or raise `InvalidRequest` in Go's words.

    Raise `RecursionError` for a value that nests too deep.
    """
    start = _find_token(text)
    if start is None:
        raise InvalidRequest("missing request body")
    try:
        value: object = _decode(text, start.start())[0]
    except ValueError:
        if len(text) <= _LONGEST_SLOW:
            _Scanner(text).scan()
        raise InvalidRequest("request body is not valid JSON") from None
    return value


def too_deep(body: bytes) -> InvalidRequest:
    """Return the error for a body that nests too deep, which Go tells by the bracket it is at."""
    bracket = "[" if body.count(b"[") >= body.count(b"{") else "{"
    return InvalidRequest(f"invalid character '{bracket}' exceeded max depth")


def _read_float(literal: str) -> float | codec.LargeNumber:
    number = float(literal)
    return codec.LargeNumber(literal) if math.isinf(number) else number


def _read_int(literal: str) -> int | codec.LargeNumber:
    try:
        return int(literal)
    except ValueError:  # Python has a limit for the digits of a number
        return codec.LargeNumber(literal)


def _refuse_constant(name: str) -> NoReturn:
    raise ValueError(name)


_decode = JSONDecoder(
    parse_float=_read_float, parse_int=_read_int, parse_constant=_refuse_constant
).raw_decode


class _Scanner:
    """One pass over a text that is not JSON, up to its first error.

    ``position`` is the next character to look at.
    """

    __slots__ = ("position", "text")

    def __init__(self, text: str) -> None:
        self.text = text
        self.position = 0

    def scan(self) -> None:
        """Raise `InvalidRequest` for the first error."""
        open_values: list[str] = []
        while True:
            char = self._next()
            if char in _CLOSING:
                self.position += 1
                if self._next() != _CLOSING[char]:
                    open_values.append(char)
                    if char == "{":
                        self._key()
                    continue
                self.position += 1
            else:
                self._scalar(char)
            # A value is complete, and with it perhaps those that surround it.
            while open_values:
                container = open_values[-1]
                closing = _CLOSING[container]
                char = self._next()
                if char not in (",", closing):
                    raise self._unexpected(_PLACES[container])
                self.position += 1
                if char == ",":
                    if container == "{":
                        self._key()
                    break
                open_values.pop()
            else:
                return

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

    def _key(self) -> None:
        if self._next() != '"':
            raise self._unexpected("looking for beginning of object key string")
        self._string()
        if self._next() != ":":
            raise self._unexpected("after object key")
        self.position += 1

    def _scalar(self, char: str) -> None:
        if char == '"':
            self._string()
        elif char in _LITERALS:
            self._literal(_LITERALS[char])
        elif char == "-" or "0" <= char <= "9":
            self._number()
        else:
            raise self._unexpected("looking for beginning of value")

    def _literal(self, name: str) -> None:
        for expected in name:
            if self._peek() != expected:
                raise self._unexpected(f"in literal {name} (expecting '{expected}')")
            self.position += 1

    def _number(self) -> None:
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

    def _string(self) -> None:
        legal = _match_legal(self.text, self.position)
        self.position = legal.end() if legal else self.position
        char = self._peek()
        if char == '"':
            self.position += 1
            return
        if char != "\\":
            raise self._unexpected("in string literal")
        self.position += 1
        if self._peek() != "u":
            raise self._unexpected("in string escape code")
        self.position += 1
        while self._peek() in hexdigits:
            self.position += 1
        raise self._unexpected("in \\u hexadecimal character escape")

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
