"""Encode sampling parameters for Mistral; those that are not set keep Mistral's defaults."""

from __future__ import annotations

from typing import Final

from gateway.core.chat import Sampling
from gateway.providers.history.surrogates import clean

__all__ = ["local_stops", "wire_sampling"]

_DEFAULT: Final = Sampling()
_MOST_STOPS: Final = 4
_HOTTEST: Final = 1.5
_STRONGEST_PENALTY: Final = 2.0


def wire_sampling(
    sampling: Sampling, *, context_length: int, penalties: bool, dropped: list[str]
) -> dict[str, object]:
    """Return the sampling part of a body; *dropped* gets the names of what was changed or left out.

    *context_length* is the model's in tokens, 0 when unknown. Completions between a prompt and a
    suffix take no *penalties*.
    """
    fields: dict[str, object] = {}
    if sampling == _DEFAULT:
        return fields
    temperature, top_p, limit = sampling.temperature, sampling.top_p, sampling.max_tokens
    if temperature is not None:
        # Ollama's users go up to 2 and above.
        fields["temperature"] = _clamp("temperature", temperature, 0.0, _HOTTEST, dropped)
    if top_p is not None:
        # "top_p must be 1 when using greedy sampling", and 0 is out of range.
        if 0 < top_p <= 1 and fields.get("temperature") != 0:
            fields["top_p"] = top_p
        else:
            dropped.append("top_p")
    if limit is not None:
        # A limit as large as the window can never be reached, and Mistral refuses it.
        if limit > 0 and (context_length == 0 or limit < context_length):
            fields["max_tokens"] = limit
        else:
            dropped.append("max_tokens")
    stops = _stops(sampling)
    if stops:
        fields["stop"] = stops[:_MOST_STOPS]
    if sampling.seed is not None and sampling.seed >= 0:
        fields["random_seed"] = sampling.seed
    for name, penalty in (
        ("presence_penalty", sampling.presence_penalty),
        ("frequency_penalty", sampling.frequency_penalty),
    ):
        if penalty is None:
            continue
        if penalties:
            fields[name] = _clamp(name, penalty, -_STRONGEST_PENALTY, _STRONGEST_PENALTY, dropped)
        else:
            dropped.append(name)
    dropped += [name for name in ("top_k", "min_p") if getattr(sampling, name) is not None]
    return fields


def local_stops(sampling: Sampling) -> tuple[str, ...]:
    """Return the stop strings that Mistral does not get, as it takes four: cut the answer at them.

    The first four are Mistral's to enforce, so only the others need cutting.
    """
    if len(sampling.stop) <= _MOST_STOPS:
        return ()
    return tuple(_stops(sampling)[_MOST_STOPS:])


def _stops(sampling: Sampling) -> list[str]:
    # An empty string would stop at once, and an empty list is refused.
    return list(dict.fromkeys(clean(stop) for stop in sampling.stop if stop))


def _clamp(name: str, value: float, low: float, high: float, dropped: list[str]) -> float:
    clamped = min(max(value, low), high)
    if clamped != value:
        dropped.append(name)
    return clamped
