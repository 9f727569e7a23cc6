"""Read the list of deployments (Cognitive Services management API, "Deployments - List").

A deployment has the name that its owner gave it; the list tells which model is behind it, and with
that the rules of OpenAI's models hold.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import replace

from gateway.providers import Capability, ModelRule, fields_of, read_models, text_of

__all__ = ["API_VERSION", "merged", "parse_deployments"]

API_VERSION = "2024-10-01"
_CHATS = ("chatCompletion", "completion", "responses")
_EMBEDS = "embeddings"
_READY = "Succeeded"


def parse_deployments(rows: object, provider: str) -> dict[str, ModelRule]:
    """Return what is known of the deployments that chat or embed, by name.

    Raise `UpstreamProtocolError` when *rows* is no list of deployments.
    """
    return dict(read_models(rows, _read, provider))


def merged(given: Mapping[str, ModelRule], found: Mapping[str, ModelRule]) -> dict[str, ModelRule]:
    """Return the rules of the settings, and behind them those of deployments.

    What the settings say of a deployment by its name wins, and keeps the rest.
    """
    rules = {**found, **given}
    for name in given.keys() & found.keys():
        own, listed = given[name], found[name]
        rules[name] = replace(
            own,
            base=own.base or listed.base,
            context_length=own.context_length or listed.context_length,
            output_length=own.output_length or listed.output_length,
            capabilities=listed.capabilities if own.capabilities is None else own.capabilities,
        )
    return {**{name: rules[name] for name in given}, **rules}


def _read(row: object) -> tuple[str, ModelRule] | None:
    name = text_of(fields_of(row).get("name"))
    if not name:
        raise ValueError("a deployment without a name")
    properties = fields_of(fields_of(row).get("properties"))
    model = text_of(fields_of(properties.get("model")).get("name"))
    abilities = fields_of(properties.get("capabilities"))
    chats = any(_is_true(abilities.get(word)) for word in _CHATS)
    embeds = _is_true(abilities.get(_EMBEDS))
    state = properties.get("provisioningState", _READY)
    if state != _READY or (abilities and not (chats or embeds)):
        return None
    rule = ModelRule(
        base=model,
        context_length=_number(abilities.get("maxContextToken")),
        output_length=_number(abilities.get("maxOutputToken")),
    )
    if embeds and not chats:
        rule = replace(rule, capabilities=frozenset({Capability.EMBEDDING}))
    return name, rule


def _is_true(value: object) -> bool:
    return value is True or (isinstance(value, str) and value.lower() == "true")


def _number(value: object) -> int:
    text = str(value)
    return int(text) if text.isascii() and text.isdecimal() else 0
