"""What the fields of the values that adapters return must be, as a table; pure."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from datetime import datetime
from decimal import Decimal
from typing import Any, Final, NamedTuple

from gateway.core import codec
from gateway.core.embeddings import EmbedResult
from gateway.core.events import (
    Finish,
    FinishReason,
    Logprobs,
    TextDelta,
    ThinkingDelta,
    Thought,
    ToolCall,
    ToolCallDelta,
    Usage,
)
from gateway.core.model_info import Capability, LoadedModel, ModelInfo, ModelPrices
from gateway.core.transcriptions import Transcript

__all__ = ["fault_of", "shown"]

_WORDS: Final = frozenset(Capability)


class _Kind(NamedTuple):
    """What a field may hold: a test, and the words for it."""

    test: Callable[[Any], bool]
    words: str


def _is_vectors(value: object) -> bool:
    return isinstance(value, Sequence) and all(map(_is_vector, value))


def _is_vector(value: object) -> bool:
    if not isinstance(value, list | tuple) or not value:
        return False
    try:
        # What has a sum consists of numbers, and nothing else tells it in so little time.
        return isinstance(sum(value), float | int)
    except TypeError:
        return False


def _is_text(value: object) -> bool:
    return isinstance(value, str) and (value.isascii() or _is_json(value))


def _is_mapping(value: object) -> bool:
    """Tell whether *value* is a mapping of what JSON can hold; the mapping itself may be any."""
    return isinstance(value, Mapping) and _is_json(dict(value))


def _is_json(value: object) -> bool:
    try:
        codec.encode(value)
    except (TypeError, ValueError, RecursionError, OverflowError):
        return False
    return True


_TEXT = _Kind(lambda value: value != "" and _is_text(value), "a text that is not empty")
_ANY_TEXT = _Kind(_is_text, "a text")
_COUNT = _Kind(lambda value: type(value) is int and value >= 0, "a number from 0")
_MAPPING = _Kind(_is_mapping, "a mapping of JSON values")
_MAYBE = _Kind(
    lambda value: value is None or _is_mapping(value), "a mapping of JSON values or None"
)
_JSON = _Kind(
    lambda value: isinstance(value, Mapping) and _is_json(value), "a mapping that JSON can hold"
)
_TOKENS = _Kind(
    lambda value: isinstance(value, tuple) and _is_json(value), "a tuple that JSON can hold"
)
_TIME = _Kind(
    lambda value: isinstance(value, datetime) and value.tzinfo is not None,
    "a date and time with a time zone",
)
_REASON = _Kind(lambda value: isinstance(value, FinishReason), "a FinishReason")
_USAGE = _Kind(
    lambda value: value is None or (isinstance(value, Usage) and not fault_of(value)),
    "a Usage of whole numbers or None",
)
_CAPABILITIES = _Kind(
    lambda value: (
        isinstance(value, frozenset | set | tuple | list) and all(one in _WORDS for one in value)
    ),
    f"a set of Capability ({', '.join(Capability)})",
)
_TEXTS = _Kind(
    lambda value: isinstance(value, tuple) and all(isinstance(one, str) for one in value),
    "a tuple of texts",
)
_PRICE = _Kind(
    lambda value: isinstance(value, Decimal) and value.is_finite() and value >= 0,
    "a Decimal from 0",
)
_MAYBE_PRICE = _Kind(lambda value: value is None or _PRICE.test(value), "a Decimal from 0 or None")
_PRICES = _Kind(
    lambda value: value is None or (isinstance(value, ModelPrices) and not fault_of(value)),
    "a ModelPrices of Decimals from 0 or None",
)
_VECTORS = _Kind(_is_vectors, "a list of lists of numbers")

_INFO: Mapping[str, _Kind] = {
    "capabilities": _CAPABILITIES,
    "released": _TIME,
    "parameters": _MAPPING,
    "native": _MAPPING,
    "efforts": _TEXTS,
    "prices": _PRICES,
    **dict.fromkeys(
        ("parameter_count", "context_length", "embedding_length", "output_length", "size"), _COUNT
    ),
    **dict.fromkeys(
        (
            *("id", "canonical", "family", "parameter_size", "description", "deprecated"),
            *("replacement", "quantization_level", "digest", "remote_model", "remote_host"),
        ),
        _ANY_TEXT,
    ),
}
_FIELDS: Mapping[type, Mapping[str, _Kind]] = {
    TextDelta: {"text": _TEXT},
    ThinkingDelta: {"text": _TEXT},
    Thought: {"keepsake": _MAPPING},
    ToolCallDelta: {"id": _TEXT, "name": _TEXT, "arguments": _TEXT},
    ToolCall: {"name": _TEXT, "arguments": _JSON, "id": _ANY_TEXT, "keepsake": _MAPPING},
    Logprobs: {"tokens": _TOKENS},
    Finish: {"reason": _REASON, "usage": _USAGE, "native": _MAYBE, "keepsake": _MAYBE},
    Usage: dict.fromkeys(("input_tokens", "output_tokens", "cached_tokens"), _COUNT),
    EmbedResult: {"vectors": _VECTORS, "usage": _USAGE, "native": _MAYBE},
    Transcript: {"text": _ANY_TEXT, "usage": _USAGE},
    LoadedModel: {
        "id": _TEXT,
        "expires": _TIME,
        **dict.fromkeys(("size", "size_vram", "context_length"), _COUNT),
    },
    ModelInfo: _INFO,
    ModelPrices: {
        **dict.fromkeys(("input", "output", "request"), _PRICE),
        "cached": _MAYBE_PRICE,
    },
}


def shown(value: object) -> str:
    """Return what *value* is, in a word or two and without what it holds."""
    kind = type(value).__name__
    return "None" if value is None else f"{'an' if kind[0] in 'aeiouAEIOU' else 'a'} {kind}"


def fault_of(value: object) -> str:
    """Return what is wrong with the fields of an event or a result, or nothing.

    The text goes on after the name of its class: ``whose arguments is a str, not a mapping``.
    """
    for name, kind in _FIELDS[type(value)].items():
        found = getattr(value, name)
        if not kind.test(found):
            what = f"{found!r:.80}" if isinstance(found, str | int | float) else shown(found)
            return f"whose {name} is {what}, not {kind.words}"
    return ""
