"""Tell what a parameter of a tool takes, as far as its name and its schema say."""

from __future__ import annotations

from collections.abc import Mapping
from typing import TypeAlias

from gateway.sandbox.schemas import Schema
from gateway.sandbox.toolnames import name_words, stems

__all__ = ["Kind", "choices", "kind_of_name", "takes_one_name", "types_of"]

Kind: TypeAlias = str

_KINDS: Mapping[Kind, frozenset[str]] = {
    "address": stems("url uri link href website"),
    "code": stems("code command cmd script sql regex pattern snippet string"),
    "id": stems("id ids uuid key token hash"),
    "moment": stems("date day when start end time deadline due datetime timezone tz"),
    "path": stems("path file filename filepath directory folder dir"),
    "place": stems("city location place country town region area state destination origin where"),
    "prose": stems("text content message body description note memory fact comment answer summary"),
    "query": stems("query question prompt q search keyword instruction request term input"),
    "sum": stems("expression formula equation calculation"),
    "title": stems("title subject heading caption label"),
}
"""The words that end the name of a parameter of each kind."""


def kind_of_name(name: str) -> Kind:
    """Return the kind of a parameter, which the last telling word of its name says."""
    for word in reversed(name_words(name)):
        for kind, of_kind in _KINDS.items():
            if word in of_kind:
                return kind
    return "other"


def choices(parameters: Schema) -> list[object]:
    """Return the values among which the parameters of a function let choose."""
    members = (parameters.get("properties") or {}).values()
    return [
        value
        for member in members
        if isinstance(member, dict)
        for value in member.get("enum") or ()
    ]


def types_of(schema: Schema) -> set[object]:
    """Return the JSON types that a schema allows at its top."""
    options = [schema, *(schema.get("anyOf") or ()), *(schema.get("oneOf") or ())]
    kinds = [option.get("type") for option in options if isinstance(option, dict)]
    return {kind for one in kinds for kind in (one if isinstance(one, list) else [one])}


def takes_one_name(parameters: Schema) -> bool:
    """Tell whether exactly one parameter takes a text, and that a name such as a city's."""
    texts = [
        name
        for name, member in (parameters.get("properties") or {}).items()
        if isinstance(member, dict)
        and not {"enum", "const"} & member.keys()
        and "string" in types_of(member)
    ]
    return len(texts) == 1 and kind_of_name(texts[0]) in {"other", "place"}
