"""Tell which of the offered tools a text asks for, if any.

A tool may have side effects, so it is called only when it is plainly meant: all the telling words
of its name are said in one sentence that asks for it, and nothing is denied anywhere.  Of a few
tools, one that only looks something up may be meant by a word of its description as well.
"""

from __future__ import annotations

import re
from collections import Counter
from collections.abc import Collection, Mapping, Sequence
from dataclasses import dataclass
from typing import Any, Final, TypeAlias

from gateway.sandbox.excerpts import bare, quotations_in
from gateway.sandbox.parameters import choices, takes_one_name
from gateway.sandbox.phrases import asks, denies, is_about, is_now, orders, sentences, word_stems
from gateway.sandbox.phrases import writes as asks_for_a_text
from gateway.sandbox.toolnames import last_name, name_words, spelled, stems

__all__ = ["Intent", "described_words", "intent", "spelled_out"]

_Function: TypeAlias = Mapping[str, Any]

_FEW: Final = 3
"""Of so many tools one may be meant by its description."""

_UNTELLING = stems("and call for function get of run set the to tool use with")
_LOOKS = stems("check fetch find grep glob list look lookup query read retrieve search show view")
_ACTS = stems(
    "accept activate add allocate alter append apply approve archive assign authorize backup ban "
    "bash block book build burn buy cancel change charge chmod chown claim clear click clone "
    "close code command commit compose compress connect convert copy cp create cut deactivate "
    "decrypt del delete deny deploy deposit destroy disable disconnect dispatch donate download "
    "draft drain drop dump duplicate edit eject elevate email empty enable encrypt enter erase "
    "eval evict exec execute expire export extract fill fire flush follow format forward generate "
    "grant halt hire import insert install invite invoke join kick kill launch leave lock log "
    "make mark merge message migrate mkdir modify mount move mute mv navigate notify nuke open "
    "order overwrite paste patch pause pay post press print promote provision publish purge push "
    "put python reboot record redeem refund register reject reload remember remove rename replace "
    "reply reset restart restore resume revoke rewrite rm rmdir rollback rotate run s save scale "
    "schedule select sell send set share shell ship shut sign start stop store submit subscribe "
    "suspend swipe switch sync tap task terminal terminate test toggle trade transfer trash "
    "trigger truncate turn type undo unfollow uninstall unlink unlock unmute unsubscribe unzip "
    "update upgrade upload vote wipe wire withdraw write zip"
)
_MANY: Final = 3
"""A word before a verb that begins so many names is a namespace."""
_VAGUE = stems("all any available current latest new today")
"""Words of names that people leave out when they ask what they want to know."""
_EVERLASTING = stems("date day time")
"""Words that mean the present moment only if it is said."""
_EMPTY = stems(
    "about add all and any are array boolean call can current data does for from get given has "
    "have information integer into its list name not number object off one optional out provide "
    "query require return run search set string text that the their this tool type use user value "
    "what when which will with you your"
)


@dataclass(frozen=True, slots=True)
class Intent:
    """Hold a tool that a text asks for, and the sentence that does.

    A tool that `acts` may change things.  Where it is `vague` what is asked for, a call has to take
    a value from the text.
    """

    function: _Function
    sentence: str
    acts: bool = False
    vague: bool = False


def intent(functions: Sequence[_Function], text: str) -> Intent | None:
    """Return the tool that a text asks for, or None; of several the one with the longest name."""
    # A quotation of one word is emphasis: do "not" delete it.
    stressed = [one for one in quotations_in(text) if len(one.split()) == 1]
    if denies(" ".join([bare(text), *stressed])):
        return None
    requests = [one for one in sentences(text) if not is_about(one)]
    spaces = _namespaces(functions)
    found = [
        one for request in requests for tool in functions for one in _by_name(tool, request, spaces)
    ]
    if not found and len(functions) <= _FEW:
        found = [
            Intent(tool, request, vague=True)
            for request in requests
            for tool in functions
            if _by_description(tool, request)
        ]
    return max(found, key=lambda one: len(name_words(one.function["name"])), default=None)


def _by_name(function: _Function, sentence: str, namespaces: Collection[str]) -> list[Intent]:
    name = _without_namespace(name_words(function["name"]), namespaces)
    plain = bare(spelled_out(function["name"], sentence))
    stems = {*word_stems(plain), *(["current"] if is_now(plain) else [])}
    telling = _telling(name)
    absent = telling - stems
    present = telling & stems
    if not present or not absent <= _VAGUE or (absent and present <= _EVERLASTING):
        return []
    verb = _verb(name)
    acts = verb in _ACTS
    if acts and absent:
        return []
    if verb is None:
        meant = asks(plain) and not asks_for_a_text(plain)
    else:
        meant = orders(plain, verb, present - {verb}, strictly=acts)
    return [Intent(function, sentence, acts=acts, vague=bool(absent))] if meant else []


def spelled_out(name: str, sentence: str) -> str:
    """Return a sentence with the words of a tool's name where the name itself stands."""
    if len(name_words(name)) < 2:
        return sentence
    names = "|".join(re.escape(one) for one in (name, last_name(name)))
    words = " ".join(spelled(name))
    return re.sub(rf"[`'\"]?(?<![\w-])(?:{names})(?![\w-])[`'\"]?", words, sentence, flags=re.I)


def _telling(name: Sequence[str]) -> set[str]:
    """Return the words of a name that have to be said."""
    return {word for word in name if word not in _UNTELLING} or {*name}


def _namespaces(functions: Sequence[_Function]) -> set[str]:
    """Return the words with which names begin that need not be said."""
    first = Counter(name_words(function["name"])[0] for function in functions)
    few = len(functions) <= _FEW
    return {word for word, count in first.items() if few or count >= _MANY}


def _without_namespace(name: list[str], namespaces: Collection[str]) -> list[str]:
    """Return a name from its verb on, if that tells enough: `turn_on` of `HassTurnOn`."""
    if "get" in name:
        return name[name.index("get") :]
    own = name[1:]
    enough = _verb(own) is not None and len(_telling(own) - _VAGUE) > 1
    return own if name[0] in namespaces and _verb(name[:1]) is None and enough else name


def _verb(name: Sequence[str]) -> str | None:
    """Return the verb that a tool is ordered with; what is got or named is asked for instead."""
    if "get" in name:
        return None
    return next((word for word in name if word in _ACTS or word in _LOOKS), None)


def _by_description(function: _Function, sentence: str) -> bool:
    """Tell a question about what a tool looks up, be it of anything or by one name."""
    verb = _verb(name_words(function["name"]))
    looks = verb is None or (verb in _LOOKS and takes_one_name(function["parameters"]))
    if not looks or not asks(sentence) or asks_for_a_text(sentence):
        return False
    return not described_words(function).isdisjoint(word_stems(sentence))


def described_words(function: _Function) -> set[str]:
    """Return the telling words of a tool's name and description, and the values that it takes."""
    members = function["parameters"].get("properties") or {}
    values = map(str, choices(function["parameters"]))
    text = " ".join([function.get("description", ""), *values])
    stems = {*word_stems(text), *name_words(function["name"])}
    named = {word for member in members for word in name_words(member)}
    return {word for word in stems - named - _EMPTY - _LOOKS if len(word) > 2}
