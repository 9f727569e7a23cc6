"""The tools whose parameters Anthropic's models know, as functions for models that do not.

A client names such a tool by its type alone and runs it itself (Anthropic's docs, "bash tool",
"text editor tool", "memory tool" and "computer use tool").
"""

from __future__ import annotations

from collections.abc import Mapping
from typing import Final

from gateway.core.chat import Tool
from gateway.dialects.anthropic.bodies import Fields

__all__ = ["client_tool"]

_FIRST_EDITORS: Final = ("text_editor_20241022", "text_editor_20250124")
"""The versions that can undo an edit, and take the text to insert as ``new_str``."""


def client_tool(definition: Fields) -> Tool | None:
    """Return the function for a tool of a documented type in any version, None for another tool."""
    kind = definition.get("type", "")
    for prefix, make in _TOOLS.items():
        if kind.startswith(prefix):
            tool = make(definition)
            return Tool(definition.get("name") or tool.name, tool.description, tool.parameters)
    return None


def _bash(_: Fields) -> Tool:
    properties = {
        "command": _text("The command to run; required unless restart is true."),
        "restart": {"type": "boolean", "description": "Whether to restart the shell."},
    }
    return Tool("bash", "Run a command in a bash shell that keeps its state.", _object(properties))


def _text_editor(definition: Fields) -> Tool:
    is_first = definition["type"] in _FIRST_EDITORS
    commands = ["view", "create", "str_replace", "insert", *(["undo_edit"] if is_first else [])]
    new = "The new text, for str_replace" + (" and insert." if is_first else ".")
    properties = {
        "command": _choice(commands),
        "path": _text("The path of the file or directory."),
        "view_range": _integers("The first and the last line to view, -1 for the end."),
        "file_text": _text("The content of the new file, for create."),
        "old_str": _text("The text to replace, which must occur exactly once, for str_replace."),
        "new_str": _text(new),
        "insert_line": _integer("The line after which to insert, 0 for the beginning."),
        **({} if is_first else {"insert_text": _text("The text to insert, for insert.")}),
    }
    name = "str_replace_editor" if is_first else "str_replace_based_edit_tool"
    return Tool(name, "View, create and edit files.", _object(properties, "command", "path"))


def _memory(_: Fields) -> Tool:
    properties = {
        "command": _choice(["view", "create", "str_replace", "insert", "delete", "rename"]),
        "path": _text("The path of the file or directory, below /memories; not for rename."),
        "view_range": _integers("The first and the last line to view."),
        "file_text": _text("The content of the new file, for create."),
        "old_str": _text("The text to replace, for str_replace."),
        "new_str": _text("The new text, for str_replace."),
        "insert_line": _integer("The line after which to insert, 0 for the beginning."),
        "insert_text": _text("The text to insert, for insert."),
        "old_path": _text("The path so far, for rename."),
        "new_path": _text("The new path, for rename."),
    }
    description = "Read and change the files in /memories, which are kept between conversations."
    return Tool("memory", description, _object(properties, "command"))


def _computer(definition: Fields) -> Tool:
    version = definition["type"].removeprefix("computer_")
    actions = [*_FIRST_ACTIONS]
    properties = {
        "coordinate": _integers("The x and y of a point on the screen, in pixels."),
        "text": _text("The text to type, the key to press, or the key to hold while clicking."),
    }
    if version >= "20250124":
        actions += _SECOND_ACTIONS
        properties |= {
            "start_coordinate": _integers("The x and y where a drag begins."),
            "scroll_direction": _choice(["up", "down", "left", "right"]),
            "scroll_amount": _integer("How far to scroll, in clicks of the wheel."),
            "duration": {"type": "number", "description": "Seconds to wait or to hold a key."},
        }
    if version >= "20251124" and definition.get("enable_zoom") is True:
        actions.append("zoom")
        properties["region"] = _integers("The x1, y1, x2, y2 of the part of the screen to enlarge.")
    size = [definition.get(f"display_{side}_px") for side in ("width", "height")]
    is_known = all(isinstance(pixels, int) for pixels in size)
    screen = f" of {size[0]} by {size[1]} pixels" if is_known else ""
    return Tool(
        "computer",
        f"Use the mouse, the keyboard and the screen{screen} of a computer.",
        _object({"action": _choice(actions), **properties}, "action"),
    )


_FIRST_ACTIONS: Final = (
    "key",
    "type",
    "mouse_move",
    "left_click",
    "left_click_drag",
    "right_click",
    "middle_click",
    "double_click",
    "screenshot",
    "cursor_position",
)
_SECOND_ACTIONS: Final = (
    "left_mouse_down",
    "left_mouse_up",
    "scroll",
    "hold_key",
    "wait",
    "triple_click",
)
_TOOLS: Final = {
    "bash_": _bash,
    "text_editor_": _text_editor,
    "memory_": _memory,
    "computer_": _computer,
}


def _object(properties: Mapping[str, object], *required: str) -> dict[str, object]:
    schema: dict[str, object] = {"type": "object", "properties": properties}
    return {**schema, "required": list(required)} if required else schema


def _text(description: str) -> dict[str, object]:
    return {"type": "string", "description": description}


def _integer(description: str) -> dict[str, object]:
    return {"type": "integer", "description": description}


def _integers(description: str) -> dict[str, object]:
    return {"type": "array", "items": {"type": "integer"}, "description": description}


def _choice(words: list[str]) -> dict[str, object]:
    return {"type": "string", "enum": words}
