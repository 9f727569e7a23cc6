"""The tools of a chat interface and of a coding agent, with parameters as they have them."""

from __future__ import annotations

from typing import Any

__all__ = ["AGENT", "CHAT", "WEATHER", "tool"]

TEXT: Any = {"type": "string"}
COUNT: Any = {"type": "integer", "default": 10}
MAYBE: Any = {"anyOf": [{"type": "string"}, {"type": "null"}], "default": None}


def tool(name: str, description: str = "", /, *required: str, **members: Any) -> dict[str, Any]:
    """Return a function with the given parameters, a text each where nothing else is said."""
    properties = {**dict.fromkeys(required, TEXT), **members}
    parameters = {"type": "object", "properties": properties, "required": list(required)}
    inner = {"name": name, "description": description, "parameters": parameters}
    return {"type": "function", "function": inner}


WEATHER = tool(
    "get_weather",
    "Return the current temperature of a city",
    "city",
    unit={"type": "string", "enum": ["celsius", "fahrenheit"]},
)

CHAT = [
    tool("get_current_timestamp", "Get the current Unix timestamp in seconds and the date"),
    tool("calculate_timestamp", "Get a past time", days_ago={"type": "integer", "default": 0}),
    tool("search_web", "Search the public web for information", "query", count=COUNT),
    tool("fetch_url", "Fetch and extract the main text of a page", "url"),
    tool("generate_image", "Generate an image based on a text prompt", "prompt"),
    tool("edit_image", "Edit existing images", "prompt", image_urls={"type": "array"}),
    tool("execute_code", "Execute Python code and return its output", "code"),
    tool("search_memories", "Search the user's memories", "query", count=COUNT),
    tool("add_memory", "Store a fact about the user", "content"),
    tool("update_memory", "Replace a memory of a fun fact", "memory_id", "content"),
    tool("delete_memory", "Delete a memory", "memory_id"),
    tool("list_memories", "List all memories"),
    tool("search_notes", "Search the user's notes by title and content", "query", count=COUNT),
    tool("view_note", "Read a note", "note_id"),
    tool("write_note", "Create a new note with a title and content", "title", "content"),
    tool("replace_note_content", "Replace a note's content", "note_id", "content"),
    tool("search_chats", "Search past conversations", "query", count=COUNT),
    tool("view_chat", "Read a past conversation", "chat_id"),
    tool("search_channels", "Search channels by name", "query", count=COUNT),
    tool("search_channel_messages", "Search messages", "query", count=COUNT),
    tool("view_channel_message", "Read one message", "message_id"),
    tool("list_knowledge_bases", "List the knowledge bases", count=COUNT, skip=COUNT),
    tool("search_knowledge_bases", "Search knowledge bases by name", "query", count=COUNT),
    tool("search_knowledge_files", "Search files by name", "query", knowledge_id=MAYBE),
    tool("view_knowledge_file", "Read a file", "file_id"),
    tool("query_knowledge_files", "Ask the files", "query", knowledge_ids=MAYBE),
    tool("view_skill", "Read a skill", "name"),
    tool("create_automation", "Run a prompt on a schedule", "name", "prompt", "rrule"),
    tool("update_automation", "Change an automation", "automation_id", prompt=MAYBE),
    tool("list_automations", "List automations", status=MAYBE, count=COUNT),
    tool("toggle_automation", "Pause or resume an automation", "automation_id"),
    tool("delete_automation", "Delete an automation", "automation_id"),
    tool("search_calendar_events", "Search events", query=MAYBE, start=MAYBE, end=MAYBE),
    tool("create_calendar_event", "Plan an event or a trip", "title", "start", end=MAYBE),
    tool("update_calendar_event", "Change an event or a trip", "event_id", title=MAYBE),
    tool("delete_calendar_event", "Delete an event", "event_id"),
]

AGENT = [
    tool("read_file", "Read a file", "path", limit={"type": "integer"}),
    tool("write_file", "Write a file", "path", "content"),
    tool("delete_file", "Delete a file", "path"),
    tool("list_directory", "List a directory", "path", recursive={"type": "boolean"}),
    tool("bash", "Run a command in a shell", "command", description=TEXT),
    tool("edit", "Replace a text in a file", "filePath", "oldString", "newString"),
    tool("grep", "Search the contents of files", "pattern", path=TEXT),
    tool("todowrite", "Write the list of tasks", todos={"type": "array", "items": {}}),
    tool("task", "Let another agent do a task", "description", "prompt"),
]
