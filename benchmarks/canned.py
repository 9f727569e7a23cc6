"""What the fake upstream says: chunks as Mistral sends them, and the plan that a request carries.

A request chooses its answer by a plan in the text of a message, which every server under test hands
through: ``[[plan events=100 pace=20]]``.
"""

from __future__ import annotations

import json
import re
import time
from dataclasses import dataclass, fields

__all__ = [
    "DONE",
    "FINISH",
    "MARK",
    "MODEL",
    "MODELS",
    "ROLE",
    "STAMP",
    "WORD",
    "Plan",
    "find_plan",
    "stamped",
    "text_chunk",
    "whole",
]

MODEL = "mistral-small-latest"
WORD = " word"
MARK = f'"{WORD}'.encode()
"""Is found once in each event that carries text, in every dialect, and nowhere else."""
STAMP = re.compile(rb"@(\d+)@")
"""The monotonic time, in nanoseconds, at which a stamped event was written."""

_CHUNK_BYTES = 207
"""The size of a text event of Mistral's, as recorded, with its framing."""
_PLAN = re.compile(rb"\[\[plan ([a-z0-9= ]*)\]\]")
_FURTHEST = 64 * 1024


@dataclass(frozen=True, slots=True)
class Plan:
    """How one request wants to be answered.

    ``events`` text events, 0 for an answer without end; ``pace`` milliseconds between two of them,
    0 for as fast as they are taken; ``burst`` events in one write, each in an HTTP chunk of its own
    unless ``bulk`` is 1; ``hold`` 1 to fall silent after the last event instead of finishing;
    ``stamp`` 1 to write the time into each event. With ``stream`` the answer has that number, and
    after the first ``burst`` events it sends only as many as the client has received.
    """

    events: int = 10
    pace: int = 0
    burst: int = 1
    bulk: int = 0
    hold: int = 0
    stamp: int = 0
    stream: int = 0

    def __str__(self) -> str:
        given = " ".join(f"{one.name}={getattr(self, one.name)}" for one in fields(self))
        return f"[[plan {given}]]"


def find_plan(body: bytes | bytearray) -> Plan:
    """Return the plan in a request's body, near one of its ends; a default plan without one."""
    found = _PLAN.search(body, 0, _FURTHEST) or _PLAN.search(body, max(len(body) - _FURTHEST, 0))
    if found is None:
        return Plan()
    return Plan(
        **{name: int(value) for name, value in re.findall(r"(\w+)=(\d+)", found[1].decode())}
    )


def _event(delta: dict[str, object], *, finish: str | None = None, size: int = 0) -> bytes:
    choice = {"index": 0, "delta": delta, "finish_reason": finish, "logprobs": None}
    chunk: dict[str, object] = {
        "id": "5f1c7a0e9d3b4c52a8e6d1f0b7c94e33",
        "object": "chat.completion.chunk",
        "created": 1790000000,
        "model": MODEL,
        "choices": [choice],
    }
    if finish is not None:
        chunk["usage"] = {"prompt_tokens": 11, "completion_tokens": 7, "total_tokens": 18}
    chunk["p"] = ""
    bare = f"data: {json.dumps(chunk, separators=(',', ':'))}\n\n".encode()
    return bare.replace(b'"p":""', b'"p":"%s"' % (b"a" * max(size - len(bare), 0)))


ROLE = _event({"role": "assistant", "content": ""})
FINISH = _event({"content": ""}, finish="stop")
DONE = b"data: [DONE]\n\n"
_TEXT = _event({"content": WORD}, size=_CHUNK_BYTES)
_UNSTAMPED = _event({"content": f"{WORD}@%d@"}, size=_CHUNK_BYTES - 12)


def text_chunk() -> bytes:
    """Return one event with text."""
    return _TEXT


def stamped() -> bytes:
    """Return one event with the present time in its text."""
    return _UNSTAMPED % time.monotonic_ns()


def whole(plan: Plan) -> bytes:
    """Return the answer as one document, for a request that does not stream."""
    message = {"role": "assistant", "content": WORD * plan.events, "tool_calls": None}
    choice = {"index": 0, "finish_reason": "stop", "logprobs": None, "message": message}
    usage = {"prompt_tokens": 11, "completion_tokens": plan.events, "total_tokens": 18}
    answer = {
        "id": "5f1c7a0e9d3b4c52a8e6d1f0b7c94e33",
        "object": "chat.completion",
        "created": 1790000000,
        "model": MODEL,
        "choices": [choice],
        "usage": usage,
    }
    return json.dumps(answer, separators=(",", ":")).encode()


MODELS = json.dumps(
    {
        "object": "list",
        "data": [
            {
                "id": MODEL,
                "object": "model",
                "created": 1790000000,
                "owned_by": "mistralai",
                "name": "mistral-small-2603",
                "description": "A canned model.",
                "max_context_length": 262144,
                "aliases": [],
                "default_model_temperature": 0.3,
                "deprecation": None,
                "type": "base",
                "capabilities": {
                    "completion_chat": True,
                    "function_calling": True,
                    "reasoning": False,
                    "completion_fim": False,
                    "fine_tuning": False,
                    "vision": True,
                },
            }
        ],
    }
).encode()
