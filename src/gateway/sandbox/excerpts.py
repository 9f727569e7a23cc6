"""Find what stands out in a text: quotations, names, places, paths, addresses, code, sums."""

from __future__ import annotations

import re
from collections.abc import Collection, Iterator

__all__ = [
    "WORD",
    "bare",
    "code_in",
    "names_in",
    "paths_in",
    "places_in",
    "quotations_in",
    "sum_in",
]

WORD = re.compile(r"[^\W_]+(?:['\u2019-][^\W_]+)*")
_QUOTED = re.compile(r"\"([^\"\n]+)\"|“([^”\n]+)”|`([^`\n]+)`|(?<!\w)'([^'\n]+)'(?!\w)")
_FENCED = re.compile(r"^[ \t]*(`{3,}|~{3,})[^\n]*\n(.*?)^[ \t]*\1", re.MULTILINE | re.DOTALL)
_ADDRESS = re.compile(r"\b(?:https?|ftp)://[^\s\"'<>`]*[\w/]")
_PATH = re.compile(
    r"(?<![\w.@/\\:-])(?:"
    r"[A-Za-z]:\\[^\s\"'<>]*[\w\\]"
    r"|(?:~|\.{1,2})?/[\w./-]*[\w/]"
    r"|(?:[\w-]+/)+(?:[\w-]+(?:\.[\w-]+)*\.\w+|(?=\s|[.,;:!?]|$))"
    r"|(?!(?:e\.g|i\.e|a\.m|p\.m)\b)[\w-]+(?:\.[\w-]+)*\.(?!(?:com|org|net|io)\b)[A-Za-z]\w{0,7}"
    r"|\.[A-Za-z][\w-]+"
    r"|(?:README|LICENSE|CHANGELOG|Makefile|Dockerfile)"
    r")(?![\w@])"
)
_SUM = re.compile(r"[(\d][\d.\s()]*(?:(?:[-+*/%^]|\*\*)[\s(]*\d[\d.\s()]*)+")
_PLACE = re.compile(r"\b(?:in|at|for|near|around|of|to|from)\s+([^?.!;:\n]+)", re.IGNORECASE)
_AFTER_PLACES = re.compile(
    r"\b(?:today|tonight|tomorrow|now|right|please|currently|this|next|on|in|at|for|with|using|like"
    r"|is|are|was|will|be|by|the (?:next|coming|morning|evening|weekend)|degrees)\b.*",
    re.IGNORECASE,
)
_BETWEEN_PLACES = re.compile(r"\s*(?:,|&|\band\b|\bor\b)\s*", re.IGNORECASE)
_OPENERS_TEXT = (
    "a all also am an and answer any are as at but call can check compare compute could describe "
    "did do does done explain extract fetch fill find for from get give good hello her here hey "
    "hi his how however i if in is it json let list look make may me my no not now of ok okay on "
    "or our please reply return say send set should show so some summarise summarize tell thank "
    "thanks that the their then there these they this those to today tomorrow translate try use "
    "was we were what when where which who why will with would write yes you your "
    "monday tuesday wednesday thursday friday saturday sunday"
)
_OPENERS = frozenset(_OPENERS_TEXT.split())


def quotations_in(text: str) -> list[str]:
    """Return what stands between quotation marks or back-ticks."""
    return ["".join(groups) for groups in _QUOTED.findall(text)]


def code_in(text: str) -> str | None:
    """Return the first fenced block, or the first text between back-ticks."""
    fenced = _FENCED.search(text)
    if fenced is not None:
        return fenced[2].rstrip("\n")
    return next((match[3] for match in _QUOTED.finditer(text) if match[3]), None)


def paths_in(text: str) -> list[str]:
    """Return the paths and names of files; addresses are none."""
    return _PATH.findall(_ADDRESS.sub(" ", text))


def sum_in(text: str) -> str | None:
    """Return the first sum such as `2 + 3.5`."""
    found = _SUM.search(text)
    return None if found is None else found[0].strip()


def names_in(text: str, *, verbs: Collection[str] = ()) -> list[str]:
    """Return runs of capitalised words that do not merely open a sentence; `verbs` do that too."""
    names: list[str] = []
    end = -1
    for match in WORD.finditer(_QUOTED.sub(" ", text)):
        word = match[0]
        first = re.split(r"['\u2019]", word, maxsplit=1)[0].lower()
        if not word[0].isupper() or first in _OPENERS or word.lower() in verbs:
            continue
        if names and match.start() == end + 1 and match.string[end] == " ":
            names[-1] += f" {word}"
        else:
            names.append(word)
        end = match.end()
    return names


def places_in(text: str) -> Iterator[str]:
    """Yield what stands after `in`, `for` and the like, as people write it who use no capitals."""
    for match in _PLACE.finditer(text):
        for part in _BETWEEN_PLACES.split(_AFTER_PLACES.sub("", match[1])):
            if 0 < len(part.split()) <= 3 and not part.lower().startswith(("the ", "my ", "a ")):
                yield part.strip()


def bare(text: str) -> str:
    """Return a text with quotations left out, and with a word for each path and address.

    What is quoted is a value, and no wish of the person's.
    """
    return _PATH.sub(" file ", _QUOTED.sub(_kind, _ADDRESS.sub(" url ", text)))


def _kind(quoted: re.Match[str]) -> str:
    inside = "".join(group or "" for group in quoted.groups())
    return inside if inside == " url " else " file " if _PATH.fullmatch(inside) else " "
