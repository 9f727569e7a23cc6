"""Write bodies in other ways than as plain JSON: as forms, in several codings; pure."""

import gzip
import json
import random
import sys
import zlib
from collections.abc import Callable, Mapping, Sequence
from typing import Final
from urllib.parse import urlencode

from benchmarks.fuzz.mutations import mutated_bytes

if sys.version_info >= (3, 14):
    from compression import zstd
else:
    from backports import zstd

__all__ = ["coded", "form", "urlencoded"]

_NAMES: Final = ("", "file", "model", 'a"b', "é", "x" * 9000, "response_format", "\r\nX: y")
_FILE_NAMES: Final = ("", "a.wav", "../../x", 'a"b.wav', "é.mp3", "a\\.wav", "x" * 9000, "\x00")
_PART_HEADERS: Final = (
    *("Content-Type: audio/wav", "Content-Type: multipart/mixed; boundary=b", "Content-Type:"),
    *("Content-Transfer-Encoding: base64", "Content-Length: 3", "X-No-Colon", " folded: x"),
    "Content-Disposition: form-data; name*=utf-8''%ff; filename*=iso-8859-1''%e9",
)
_BOUNDARIES: Final = ("x", "----WebKitFormBoundary7MA4YWxkTrZu0gW", "'()+_,-./:=?", "é", "x" * 500)
_TYPES: Final = (
    'multipart/form-data; boundary="{}"',
    "multipart/form-data; boundary={}",
    "Multipart/Form-Data; charset=utf-8; Boundary={}",
)
_RECORDINGS: Final = (b"", b"RIFF\x24\x00\x00\x00WAVEfmt ", b"\r\n--", bytes(range(256)) * 20)


def form(fields: Mapping[str, str], chance: random.Random) -> tuple[str, bytes]:
    """Return content type and body of a form of *fields* with a recording, a little changed."""
    boundary = chance.choice(_BOUNDARIES)
    parts = [_part(name, value.encode(), chance) for name, value in fields.items()]
    parts.append(_part("file", chance.choice(_RECORDINGS), chance, file_name="a.wav"))
    for _ in range(chance.choice((0, 0, 1, 3))):
        at = chance.randrange(len(parts))
        parts[at : at + 1] = [parts[at]] * chance.choice((0, 2, 30))
        parts.append(_part(chance.choice(_NAMES), b"v", chance))
    chance.shuffle(parts)
    line = chance.choice((b"\r\n", b"\r\n", b"\n"))
    delimiter = b"--" + boundary.encode("latin-1")
    pieces = [line.join((delimiter, *part, b"")) for part in parts]
    body = chance.choice((b"", b"", b"preamble\r\n", b"\r\n" * 50)) + b"".join(pieces)
    body += delimiter + chance.choice((*(b"--\r\n",) * 6, b"--", b"\r\n", b"-- \t", b"x"))
    if chance.random() < 0.3:
        body = mutated_bytes(body, chance)
    return chance.choice(_TYPES).format(boundary), body


def _part(
    name: str, content: bytes, chance: random.Random, *, file_name: str = ""
) -> Sequence[bytes]:
    """Return the lines of a part."""
    if chance.random() < 0.1:
        file_name = chance.choice(_FILE_NAMES)
    disposition = f'Content-Disposition: form-data; name="{name}"'
    if file_name:
        disposition += f'; filename="{file_name}"'
    headers = [disposition]
    if chance.random() < 0.2:
        headers.insert(chance.randrange(2), chance.choice(_PART_HEADERS))
    return [*(header.encode() for header in headers), b"", content]


def urlencoded(value: object) -> bytes:
    """Return the members of a JSON object as a form that is urlencoded, which no endpoint reads."""
    members = value if isinstance(value, dict) else {"value": value}
    return urlencode(
        {
            name: item if isinstance(item, str) else json.dumps(item)
            for name, item in members.items()
        },
        errors="replace",
    ).encode()


def coded(data: bytes, chance: random.Random) -> tuple[str, bytes]:
    """Return the name of a coding and *data* in it, or in another, or broken."""
    name = chance.choice(
        ("zstd", "zstd", "zstd", "gzip", "deflate", "br", "identity", "zstd, gzip")
    )
    made = chance.choice(_CODINGS[name.partition(",")[0]])(data)
    if chance.random() < 0.3:
        made = mutated_bytes(made, chance)
    return name, made


def _gzip(data: bytes) -> bytes:
    return gzip.compress(data, mtime=0)  # the same bytes whenever it is made


def _frames(data: bytes) -> bytes:
    """Compress each seventh of *data* in a frame of its own."""
    step = len(data) // 7 + 1
    return b"".join(zstd.compress(data[at : at + step]) for at in range(0, len(data), step))


def _unknown_size(data: bytes) -> bytes:
    compressor = zstd.ZstdCompressor()
    return compressor.compress(data) + compressor.flush()


_CODINGS: Final[Mapping[str, Sequence[Callable[[bytes], bytes]]]] = {
    "zstd": (
        zstd.compress,
        _frames,
        _unknown_size,
        lambda data: zstd.compress(data) + zstd.compress(b""),
        lambda data: zstd.compress(bytes(1 << 20) + data),
        lambda data: b"\x50\x2a\x4d\x18\x04\x00\x00\x00skip" + zstd.compress(data),
    ),
    "gzip": (_gzip, lambda data: _gzip(data) * 3),
    "deflate": (zlib.compress, lambda data: zlib.compress(data)[2:-4]),
    "br": (lambda data: data,),
    "identity": (lambda data: data,),
}
