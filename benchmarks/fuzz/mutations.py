"""Mutate seeds of JSON and of bytes; the same generator of random numbers yields the same; pure."""

from __future__ import annotations

import json
import random
from collections.abc import Callable, Sequence
from copy import deepcopy
from typing import Any, Final

__all__ = ["mutated", "mutated_bytes", "mutated_json"]

_ODD: Final[Sequence[object]] = (
    *(None, True, False, 0, -1, 1.5, 2**63, -(2**70), 1e308, float("nan"), float("inf")),
    *(
        "",
        " ",
        "\x00",
        "\ud800",
        "0",
        "null",
        "é🌍",
        "a" * 5000,
        "../../x",
        "data:image/png;base64,AA",
    ),
    *([], {}, [None], [[]], {"": None}, {"type": "object"}, [{"type": "text"}]),
    *("user", "tool", "system", "function", "json", "auto", "stop"),
)


def mutated(seed: bytes, chance: random.Random) -> bytes:
    """Return *seed* with a few changes: of its values if it is JSON, or of its bytes."""
    try:
        value = json.loads(seed)
    except ValueError:
        return mutated_bytes(seed, chance)
    data = json.dumps(mutated_json(value, chance)).encode()
    return mutated_bytes(data, chance) if chance.random() < 0.15 else data


def mutated_json(value: Any, chance: random.Random) -> Any:
    """Return a copy of *value* in which some members are replaced, removed, renamed or repeated."""
    changed = json.loads(json.dumps(value))
    for _ in range(chance.choice((1, 1, 1, 2, 4))):
        places = [place for place in _containers(changed) if place]
        if not places:
            return _odd(chance)
        _change(chance.choice(places), chance)
    return changed


def _containers(value: Any) -> list[Any]:
    found = [value] if isinstance(value, list | dict) else []
    below = value.values() if isinstance(value, dict) else value if found else ()
    return found + [one for part in below for one in _containers(part)]


def _change(place: Any, chance: random.Random) -> None:
    key = chance.choice(list(place) if isinstance(place, dict) else range(len(place)))
    kind = chance.randrange(5)
    if kind == 0:
        del place[key]
    elif kind == 1 and isinstance(place, list):
        place[key:key] = [deepcopy(place[key]) for _ in range(chance.choice((1, 2, 20)))]
    elif kind == 1:
        place[chance.choice(("", "type", "content", "model", "x" * 300))] = place.pop(key)
    elif kind == 2:
        place[key] = [place[key]]
    elif kind == 3:
        place[key] = {"content": place[key]}
    else:
        place[key] = _odd(chance)


def _odd(chance: random.Random) -> object:
    return deepcopy(chance.choice(_ODD))  # further changes must not reach other mutations


def mutated_bytes(data: bytes, chance: random.Random) -> bytes:
    """Return *data* with some bytes changed, removed, repeated or cut off."""
    changed = bytearray(data)
    for _ in range(chance.choice((1, 1, 2, 8))):
        start = chance.randrange(len(changed) + 1)
        end = min(len(changed), start + chance.choice((1, 2, 16)))
        change: Callable[[], bytes] = chance.choice(
            (
                lambda: b"",
                lambda: bytes(chance.randrange(256) for _ in range(3)),
                lambda part=bytes(changed[start:end]): part * 3,
                lambda: chance.choice(
                    (b"\n", b"\r\n\r\n", b"\x00", b'"', b"{", b"]", b"\xff", b"\\u")
                ),
            )
        )
        changed[start:end] = change()
        if chance.random() < 0.05:
            del changed[start:]
    return bytes(changed)
