"""The ``options`` of a request: types checked as Ollama's ``api.Options.FromMap`` does, then split.

Their errors have status 500 and come after those of names and capabilities, as at Ollama.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping
from typing import Any, TypeAlias

from gateway.core.chat import Sampling
from gateway.core.errors import InvalidRequest

__all__ = ["check_options", "given_options", "read_options"]

_Reader: TypeAlias = Callable[[str, object], Any]

_DEFAULT = Sampling()
_LARGEST_INT = 2**63 - 1
_LARGEST_FLOAT = 3.4e38


def read_options(options: Mapping[str, object] | None) -> tuple[Sampling, dict[str, object]]:
    """Return the sampling options, and all other options unchanged.

    The others are those that Ollama does not know and those that tune its local inference, which
    only an adapter to Ollama uses. ``null`` counts as not given, and Ollama's local defaults are
    never filled in. A limit that is not positive is no limit, a negative seed is a random one.
    Raise `InvalidRequest` (500) for a wrong type.
    """
    if not options:
        return _DEFAULT, {}
    chosen, extra = _split(options)
    limit, seed = chosen.pop("num_predict", 0), chosen.pop("seed", -1)
    sampling = Sampling(
        **chosen,
        seed=seed if seed >= 0 else None,
        max_tokens=limit if limit > 0 else None,
    )
    return sampling, extra


def check_options(options: Mapping[str, object] | None) -> None:
    """Raise what `read_options` raises."""
    if options:
        _split(options)


def _split(options: Mapping[str, object]) -> tuple[dict[str, Any], dict[str, object]]:
    """Return the sampling options, under Ollama's names, and the rest."""
    chosen: dict[str, Any] = {}
    extra: dict[str, object] = {}
    for key, value in options.items():
        if value is None:
            continue
        read = _READERS.get(key)
        part = chosen if key in _SAMPLING else extra
        part[key] = value if read is None else read(key, value)
    return chosen, extra


def given_options(options: Mapping[str, object] | None) -> frozenset[str]:
    """Return the names of the options that the client gave any value."""
    if not options:
        return frozenset()
    return frozenset([key for key, value in options.items() if value is not None])


def _wrong_type(key: str, expected: str) -> InvalidRequest:
    return InvalidRequest(f'option "{key}" must be of {expected}', status=500)


def _integer(key: str, value: object) -> int:
    """Return an integer, cut from a fraction if need be."""
    if isinstance(value, bool) or not isinstance(value, int | float):
        raise _wrong_type(key, "type integer")
    return int(min(max(value, -_LARGEST_INT), _LARGEST_INT))


def _float(key: str, value: object) -> float:
    if isinstance(value, bool) or not isinstance(value, int | float):
        raise _wrong_type(key, "type float32")
    return float(min(max(value, -_LARGEST_FLOAT), _LARGEST_FLOAT))


def _boolean(key: str, value: object) -> bool:
    if not isinstance(value, bool):
        raise _wrong_type(key, "type boolean")
    return value


def _strings(key: str, value: object) -> tuple[str, ...]:
    """Return texts; unlike at Ollama a single text is accepted, and an empty one is none."""
    if isinstance(value, str):
        return (value,) if value else ()
    if not isinstance(value, list):
        raise _wrong_type(key, "type array")
    if not all(isinstance(item, str) for item in value):
        raise _wrong_type(key, "an array of strings")
    return tuple(value)


_LOCAL: dict[str, _Reader] = {
    "repeat_penalty": _float,
    "repeat_last_n": _integer,
    "typical_p": _float,
    "num_keep": _integer,
    "num_ctx": _integer,
    "num_batch": _integer,
    "num_gpu": _integer,
    "main_gpu": _integer,
    "use_mmap": _boolean,
    "num_thread": _integer,
    "draft_num_predict": _integer,
}
_SAMPLING: dict[str, _Reader] = {
    "temperature": _float,
    "top_p": _float,
    "top_k": _integer,
    "min_p": _float,
    "seed": _integer,
    "num_predict": _integer,
    "stop": _strings,
    "presence_penalty": _float,
    "frequency_penalty": _float,
}
_READERS = {**_SAMPLING, **_LOCAL}
