"""Offer OpenAI's custom tools, whose input is plain text, as functions with one text.

https://developers.openai.com/api/docs/guides/function-calling#custom-tools
"""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any, Final

from gateway.core import codec
from gateway.core.chat import Tool

__all__ = ["custom_arguments", "custom_input", "custom_tool"]

_INPUT: Final = "input"
_PARAMETERS: Final[Mapping[str, object]] = {
    "type": "object",
    "properties": {_INPUT: {"type": "string"}},
    "required": [_INPUT],
    "additionalProperties": False,
}


def custom_tool(definition: Mapping[str, Any]) -> Tool:
    """Return the function for a custom tool; a grammar for its input joins the description."""
    name, description = definition.get("name"), definition.get("description")
    paragraphs = [description] if isinstance(description, str) and description else []
    match definition.get("format"):
        # a chat has the grammar in an object of its own
        case {"grammar": {"definition": str(grammar), **rest}} | {
            "definition": str(grammar),
            **rest,
        }:
            syntax = rest.get("syntax")
            kind = f"{syntax} grammar" if isinstance(syntax, str) else "grammar"
            paragraphs.append(f"The text of `{_INPUT}` must match this {kind}:\n{grammar}")
    return Tool(name if isinstance(name, str) else "", "\n\n".join(paragraphs), _PARAMETERS)


def custom_arguments(text: object) -> dict[str, object]:
    """Return the arguments of the function for an *input* in a history."""
    return {_INPUT: text if isinstance(text, str) else ""}


def custom_input(arguments: Mapping[str, object]) -> str:
    """Return the input for the arguments that a model has written.

    One that is not under its name is the only text among them, else all of them as JSON.
    """
    text = arguments.get(_INPUT)
    if isinstance(text, str):
        return text
    texts = [value for value in arguments.values() if isinstance(value, str)]
    return texts[0] if len(texts) == len(arguments) == 1 else codec.encode(arguments).decode()
