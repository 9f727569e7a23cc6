"""Recordings: one file for each exchange with a provider, and one for the models that it lists.

``DIR/<provider>/<model>/<12 digits of the key>.json``, readable, and without any header, key or
address of a service.
"""

from __future__ import annotations

import base64
import dataclasses
import hashlib
import struct
from collections.abc import Iterator, Mapping, Sequence
from datetime import UTC, datetime
from pathlib import Path
from typing import Any, Final
from urllib.parse import quote

import msgspec

from gateway.core import codec, errors
from gateway.core.embeddings import EmbedResult
from gateway.core.errors import (
    GatewayError,
    InvalidRequest,
    ModelNotFound,
    NotSupported,
    UpstreamError,
)
from gateway.core.events import ChatEvent, Usage
from gateway.core.model_info import ModelInfo
from gateway.core.transcriptions import Transcript
from gateway.replay.entries import named, unnamed
from gateway.replay.keys import AnyRequest, key_of

__all__ = ["Batch", "Recording", "Recordings", "differences", "readable", "recording_file"]

Batch = tuple[float, Sequence[ChatEvent]]
"""Events that came together, and after how many seconds from the request."""

_FORMAT: Final = 1
_DIGITS: Final = 12
_LONGEST: Final = 100
"""Characters of a model's name in that of a folder."""
_LONG: Final = 1000
"""Characters of base64 that are still written as they are."""
_RETRY: Final = "Retry-After"
_OF_ADAPTERS: Final = (UpstreamError, InvalidRequest, ModelNotFound, NotSupported)


class _Error(msgspec.Struct, omit_defaults=True):
    kind: str
    status: int
    text: str
    retry_after: str = ""


class _File(msgspec.Struct, omit_defaults=True):
    """A file as it is written; ``events`` are seconds, kind and event."""

    format: int
    recorded: str
    kind: str
    request: dict[str, Any]
    pace: bool = False
    events: list[tuple[float, str, msgspec.Raw]] | None = None
    vectors: list[str] | None = None
    text: str | None = None
    usage: Usage | None = None
    native: dict[str, dict[str, Any]] | None = None
    error: _Error | None = None


@dataclasses.dataclass(frozen=True, slots=True)
class Recording:
    """What was answered: the ``batches`` of a stream or a ``result``, or an ``error`` after them.

    With ``pace`` the batches are given with the pauses with which they came.
    """

    batches: Sequence[Batch] = ()
    result: EmbedResult | Transcript | None = None
    error: GatewayError | None = None
    pace: bool = False


class Recordings:
    """The recordings of one *provider* in *directory*; its methods read and write files."""

    def __init__(self, directory: Path, provider: str) -> None:
        self._folder = directory / _name(provider)
        self._root = directory
        self._provider = provider

    def read(self, request: AnyRequest) -> Recording | None:
        """Return what was answered to *request*; raise `ValueError` for a file that is none."""
        path = self._path(request)
        try:
            found = msgspec.json.decode(path.read_bytes(), type=_File)
            return _recording(found)
        except FileNotFoundError:
            return None
        except (ValueError, KeyError, struct.error) as error:
            raise ValueError(f"{path} is no recording of this version: {error}") from None

    def write(self, request: AnyRequest, recording: Recording) -> None:
        """Write what was answered to *request*, in the place of an earlier recording."""
        path, content = recording_file(self._provider, request, recording)
        _write(self._root / path, content)

    def read_models(self) -> Sequence[ModelInfo] | None:
        """Return the models that were listed, or ``None`` if none were recorded."""
        try:
            found = (self._folder / "models.json").read_bytes()
        except FileNotFoundError:
            return None
        return msgspec.json.decode(found, type=list[ModelInfo])

    def write_models(self, models: Sequence[ModelInfo]) -> None:
        """Write the models that were listed, without the addresses of their services."""
        shown = [dataclasses.replace(model, remote_host="") for model in models]
        _write(self._folder / "models.json", _formatted(shown))

    def nearest(self, request: AnyRequest) -> tuple[str, Sequence[str]] | None:
        """Return which recording differs least from *request*, and in which members."""
        wanted = {"kind": type(request).__name__, "request": readable(request)}
        found = []
        for path in sorted(self._folder.glob("*/*.json")):
            try:
                file = codec.decode(path.read_bytes())
                other = {name: file[name] for name in wanted}
            except (ValueError, KeyError, TypeError):
                continue
            found.append((path, [*differences(wanted, other)]))
        if not found:
            return None
        path, members = min(found, key=lambda one: len(one[1]))
        return str(path.relative_to(self._root)), members

    def _path(self, request: AnyRequest) -> Path:
        return self._root / _path_of(self._provider, request)


def recording_file(provider: str, request: AnyRequest, recording: Recording) -> tuple[str, bytes]:
    """Return the file of what *provider* has answered: its path below the directory, its content.

    Raise what the codec does for what cannot be encoded.
    """
    now = datetime.now(UTC).isoformat(timespec="seconds")
    error, result = recording.error, recording.result
    file: dict[str, Any] = {
        "format": _FORMAT,
        "recorded": now,
        "kind": type(request).__name__,
        "request": readable(request),
        "pace": recording.pace,
    }
    if isinstance(result, EmbedResult):
        file |= {"vectors": [_packed(vector) for vector in result.vectors]}
    elif result is not None:
        file |= {"text": result.text}
    else:
        file |= {"events": [*_timed(recording.batches)]}
    if result is not None and result.usage is not None:
        file["usage"] = result.usage
    if isinstance(result, EmbedResult) and result.native is not None:
        file["native"] = result.native
    if error is not None:
        kind, asked = type(error).__name__, error.headers.get(_RETRY, "")
        file["error"] = _Error(kind, error.status, error.message, asked)
    return _path_of(provider, request), _formatted(file)


def _path_of(provider: str, request: AnyRequest) -> str:
    key = key_of(
        request, scope="", provider=provider, model=request.model, dialect=None, version=""
    )
    return f"{_name(provider)}/{_name(request.model)}/{key[:_DIGITS]}.json"


def readable(request: AnyRequest) -> dict[str, Any]:
    """Return *request* as JSON can hold it: media as their digest, and nothing about who asked."""
    built = msgspec.to_builtins(request, enc_hook=codec.plain)
    for name in ("caller", "user"):
        built.pop(name, None)
    shortened: dict[str, Any] = _shortened(built)
    return shortened


def _shortened(value: Any) -> Any:
    match value:
        case dict():
            return {
                name: _digest(one)
                if name in ("base64", "recording") and len(one) > _LONG
                else _shortened(one)
                for name, one in value.items()
            }
        case list() | tuple():
            return [_shortened(one) for one in value]
    return value


def _digest(text: str) -> str:
    return f"sha256:{hashlib.sha256(text.encode()).hexdigest()}"


def differences(one: Any, other: Any, path: str = "") -> Iterator[str]:
    """Yield the paths of the members in which two JSON values differ, never what they hold."""
    if isinstance(one, dict) and isinstance(other, dict):
        for name in dict.fromkeys((*one, *other)):
            below = f"{path}.{name}".lstrip(".")
            if name in one and name in other:
                yield from differences(one[name], other[name], below)
            else:
                yield below
    elif isinstance(one, list) and isinstance(other, list) and len(one) == len(other):
        for number, pair in enumerate(zip(one, other, strict=True)):
            yield from differences(*pair, f"{path}[{number}]")
    elif type(one) is not type(other) or one != other:
        yield path


def _name(text: str) -> str:
    """Return a name of a file for any text, which leads to no other folder."""
    return quote(text[:_LONGEST], safe=" :@+=,").lstrip(".") or "_"


def _formatted(value: object) -> bytes:
    return msgspec.json.format(codec.encode(value), indent=2) + b"\n"


def _write(path: Path, content: bytes) -> None:
    """Write a file as a whole, so that nobody reads a half of it."""
    path.parent.mkdir(parents=True, exist_ok=True)
    part = path.with_suffix(".part")
    part.write_bytes(content)
    part.replace(path)


def _timed(batches: Sequence[Batch]) -> Iterator[tuple[float, str, Any]]:
    for seconds, events in batches:
        for name, event in named(events):
            yield round(seconds, 3), name, event


def _recording(file: _File) -> Recording:
    if file.format != _FORMAT:
        raise ValueError(f"format {file.format}")
    error = None if file.error is None else _error(file.error)
    if file.vectors is not None:
        vectors = [_unpacked(vector) for vector in file.vectors]
        return Recording(result=EmbedResult(vectors, file.usage, file.native), error=error)
    if file.text is not None:
        return Recording(result=Transcript(file.text, file.usage), error=error)
    batches: list[Batch] = []
    pairs: list[tuple[str, Any]] = []
    for number, (seconds, name, event) in enumerate(file.events or ()):
        pairs.append((name, event))
        rest = (file.events or ())[number + 1 :][:1]
        if not rest or rest[0][0] != seconds:
            batches.append((seconds, unnamed(pairs)))
            pairs = []
    return Recording(batches, error=error, pace=file.pace)


def _error(told: _Error) -> GatewayError:
    kind = getattr(errors, told.kind, None)
    if not (isinstance(kind, type) and issubclass(kind, _OF_ADAPTERS)):
        kind = UpstreamError
    headers: Mapping[str, str] = {_RETRY: told.retry_after} if told.retry_after else {}
    return kind(told.text, status=told.status, headers=headers)


def _packed(vector: Sequence[float]) -> str:
    return base64.b64encode(struct.pack(f"<{len(vector)}f", *vector)).decode()


def _unpacked(text: str) -> list[float]:
    packed = base64.b64decode(text, validate=True)
    return [*struct.unpack(f"<{len(packed) // 4}f", packed)]
