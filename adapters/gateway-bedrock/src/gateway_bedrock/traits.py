"""What families of models accept, by their ids.

No list tells any of it. The sources are the Bedrock user guide ("supported models and features",
"structured output", "prompt caching"), the documentation of the models' makers, and what client
libraries have found by asking. What is wrong here costs one request: the service refuses what a
model does not take, and `gateway_bedrock.learned` remembers it.
"""

from __future__ import annotations

import math
import re
from collections.abc import Callable, Sequence
from dataclasses import dataclass, replace
from functools import lru_cache
from typing import Literal, TypeAlias

__all__ = ["Traits", "traits_of"]

ThinkingBy: TypeAlias = Literal["", "always", "adaptive", "budget", "effort", "nova", "qwen"]
"""How thinking is switched: not at all, as it is always on, or by members of their own."""

_is_id = re.compile(r"[a-zA-Z0-9_-]{1,64}").fullmatch
_is_short_id = re.compile(r"[a-zA-Z0-9]{9}").fullmatch


@dataclass(frozen=True, slots=True)
class Traits:
    """What a model accepts.

    ``is_claude`` tells that members of Anthropic's API go beside those of Converse. ``max_output``
    is the most tokens of thinking and answer, where a budget depends on it. ``has_tools`` tells
    whether the model calls functions, ``has_formats`` whether it takes a schema for the answer.
    ``top_k`` is where that option goes. ``caches`` are the places that take cache points.
    ``beside_results`` are the kinds of blocks that may stand in one turn with results of tools,
    None for all; with ``sees_results`` a result may have media in itself, with ``marks_failures``
    it may be marked as failed. With ``short_ids`` ids of calls have nine letters and digits.
    """

    is_claude: bool = False
    thinking: ThinkingBy = ""
    max_output: int = 64_000
    has_tools: bool = True
    has_formats: bool = False
    top_k: Literal["", "top_k", "inferenceConfig"] = ""
    caches: frozenset[str] = frozenset()
    beside_results: frozenset[str] | None = None
    sees_results: bool = False
    marks_failures: bool = False
    short_ids: bool = False

    def is_id(self, text: str) -> bool:
        """Tell whether the model takes *text* as the id of a call."""
        return (_is_short_id if self.short_ids else _is_id)(text) is not None


_NOTHING: frozenset[str] = frozenset()
_EVERYWHERE = frozenset({"tools", "system", "messages"})
_CLAUDE = Traits(
    is_claude=True,
    top_k="top_k",
    caches=_EVERYWHERE,
    beside_results=frozenset({"text", "image"}),
    sees_results=True,
    marks_failures=True,
)
_NOVA = Traits(top_k="inferenceConfig", caches=_EVERYWHERE - {"tools"}, marks_failures=True)
_ALONE = Traits(beside_results=_NOTHING)
_MISTRAL = replace(_ALONE, short_ids=True)
_FORMATS = Traits(has_formats=True)
_THINKS = Traits(thinking="always")

_FAMILIES: Sequence[tuple[str, Traits]] = (
    (r"amazon\.nova-(premier|pro|lite|micro|canvas|reel|sonic)", _NOVA),
    (r"amazon\.nova", replace(_NOVA, thinking="nova")),
    (r"amazon\.titan", Traits(has_tools=False)),
    (r"openai\.gpt", Traits(thinking="effort")),
    (r"qwen\.qwen3-(coder|vl)", _FORMATS),
    (r"qwen\.", replace(_FORMATS, thinking="qwen")),
    (r"deepseek\.r1", replace(_THINKS, has_tools=False)),
    (r"mistral\.(mistral-7b|mixtral)", replace(_MISTRAL, has_tools=False)),
    (r"mistral\.magistral", replace(_MISTRAL, thinking="always", has_formats=True)),
    (r"mistral\.(ministral-3|mistral-large-3|voxtral)", replace(_MISTRAL, has_formats=True)),
    (r"mistral\.", _MISTRAL),
    (r"meta\.llama(2|3-(8|70)b|3-2-[13]b)", replace(_ALONE, has_tools=False)),
    (r"meta\.", _ALONE),
    (r"writer\.", _ALONE),
    (r"cohere\.command-(text|light)|ai21\.(j2|jamba-instruct)", Traits(has_tools=False)),
    (r"google\.gemma-3-(12|27)b", replace(_FORMATS, has_tools=False)),
    (r"google\.gemma-3", Traits(has_tools=False)),
    (r"minimax\.|moonshot(ai)?\.kimi-k2-thinking", replace(_FORMATS, thinking="always")),
    (r"zai\.", replace(_FORMATS, thinking="always")),
    (r"moonshot(ai)?\.|nvidia\.nemotron-nano", _FORMATS),
)
"""The families by the beginning of their ids; the first one counts."""

_matchers: Sequence[tuple[Callable[[str], object], Traits]] = [
    (re.compile(pattern).match, traits) for pattern, traits in _FAMILIES
]
_CLAUDE_VERSION = re.compile(r"claude-(?:[a-z]+-)?(\d+)(?:-(\d{1,2})(?!\d))?")
_OLD_CLAUDE = re.compile(r"claude-(v\d|instant)")
_UNFORMATTED = re.compile(r"claude-(opus-4-[178]|[a-z]+-[5-9])(?!\d)")
"""Models of Claude that take no schema here, though they do at Anthropic."""


@lru_cache(1024)
def traits_of(base: str) -> Traits:
    """Return what a foundation model accepts; *base* is its id."""
    if base.startswith("anthropic."):
        return _claude(base)
    return next((traits for matches, traits in _matchers if matches(base)), Traits())


def _claude(base: str) -> Traits:
    if _OLD_CLAUDE.search(base):
        return replace(_CLAUDE, has_tools=False, caches=_NOTHING, top_k="top_k")
    found = _CLAUDE_VERSION.search(base)
    version = (int(found[1]), int(found[2] or 0)) if found else (math.inf, 0)
    has_formats = version >= (4, 5) and not _UNFORMATTED.search(base)
    if version >= (4, 6):  # and names without a number, which are those of the newest
        return replace(_CLAUDE, thinking="adaptive", has_formats=has_formats)
    if version < (3, 7):
        return _CLAUDE
    # "Opus 4" and "Opus 4.1" write less than the others.
    is_short = "opus" in base and version < (4, 5)
    return replace(
        _CLAUDE,
        thinking="budget",
        max_output=32_000 if is_short else 64_000,
        has_formats=has_formats,
    )
