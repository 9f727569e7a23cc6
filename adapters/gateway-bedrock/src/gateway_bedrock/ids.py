"""What the id of a model tells: which foundation model it means.

A model is asked by its own id (``anthropic.claude-sonnet-4-6``), by that of a profile, which has a
geography before it (``us.anthropic.claude-sonnet-4-6``), or by an ARN with either of them.
"""

from __future__ import annotations

import re

__all__ = ["base_id"]

_GEOGRAPHY = re.compile(r"(?:global|apac|us-gov|[a-z]{2})\.(?=[a-z0-9-]+\.)")


def base_id(model_id: str) -> str:
    """Return the id of the foundation model, or what is left of an id that tells none."""
    name = model_id.partition("/")[2] if model_id.startswith("arn:") else model_id
    name = name.partition("/")[0]  # a model of a customer has its own id behind it
    return name[found.end() :] if (found := _GEOGRAPHY.match(name)) else name
