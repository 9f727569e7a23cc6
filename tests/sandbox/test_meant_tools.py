"""Which tools are called, and which are not, among those that real clients offer."""

from __future__ import annotations

import json
from typing import Any

import pytest

from gateway.sandbox.calls import reaction
from offered_tools import AGENT, CHAT, WEATHER, tool

Calls = list[tuple[str, dict[str, Any]]]


def called(text: str, tools: list[Any], **members: Any) -> Calls:
    body = {"messages": [{"role": "user", "content": text}], "tools": tools, **members}
    return [(call.name, json.loads(call.arguments)) for call in reaction(body, text).calls]


def advice(text: str, tools: list[Any]) -> str:
    found = reaction({"messages": [{"role": "user", "content": text}], "tools": tools}, text)
    assert not (found.calls and found.advice)
    return found.advice


EVERYDAY = [
    "Hello",
    "Thanks!",
    "How are you today?",
    "Good morning! Paris is great.",
    "Who are you, and what can you do?",
    "Tell me a fun fact about the Roman Empire",
    "Tell me a joke",
    "Write a short poem about autumn",
    "Write an email to my boss asking for a day off",
    "Write a Python function that reverses a string",
    "Write a short poem. Then take note of it",
    "Plan a three day trip to Paris",
    "and once more please",
    "Continue",
    "Make it shorter",
    "What is the best time to visit Japan?",
    "When was the last time that France won the world cup?",
    "Once upon a time there was a king. Go on.",
    "Explain quantum computing in simple terms",
    "Explain how web search works",
    "How do I search the web with Google?",
    "How do I delete a calendar event in Outlook?",
    "Help me study vocabulary for a college entrance exam",
    "Give me ideas for what to do with my kids' art",
    "Show me a code snippet of a website's sticky header",
    "Show me a note about autumn",
    "Create a workout plan for me",
    "Update me on the news",
    "Recommend a good book",
    "List the planets of the solar system",
    "Find me a memory card for my camera",
    "Compare cats and dogs",
    'Translate "delete the memory" into French',
    "Summarize this text: The quick brown fox jumps over the lazy dog.",
    "What did we talk about yesterday?",
    "View of Mount Fuji",
    "Send my regards to Bob",
    "Turn this into a list: a, b",
    "Why did you delete the memory?",
    "I deleted the memory about tea yesterday",
]


@pytest.mark.parametrize("text", EVERYDAY)
def test_everyday_prompts_call_nothing(text: str) -> None:
    assert called(text, CHAT) == []
    assert [called(text, [one]) for one in [*CHAT, *AGENT, WEATHER]] == [[]] * (
        len(CHAT) + len(AGENT) + 1
    )


MEANT: dict[str, tuple[str, dict[str, Any]]] = {
    "what is the time now, use your tool": ("get_current_timestamp", {}),
    "What time is it?": ("get_current_timestamp", {}),
    "What is the current time?": ("get_current_timestamp", {}),
    "Search the web for aiohttp": ("search_web", {"query": "aiohttp"}),
    "can you search the web for the best pizza in Rome?": (
        "search_web",
        {"query": "the best pizza in Rome"},
    ),
    "SEARCH MY NOTES FOR MILK, PLEASE": ("search_notes", {"query": "MILK"}),
    "search all my chats about the trip": ("search_chats", {"query": "the trip"}),
    "Search on the web": ("search_web", {"query": "Search on the web"}),
    "Search the knowledge files for holiday rules": (
        "search_knowledge_files",
        {"query": "holiday rules"},
    ),
    "list my memories": ("list_memories", {}),
    "Please list the memory.": ("list_memories", {}),
    "Fetch https://example.com/a?b=c": ("fetch_url", {"url": "https://example.com/a?b=c"}),
    "Add a memory that I like tea": ("add_memory", {"content": "I like tea"}),
    "Generate an image of a cat on a sofa": ("generate_image", {"prompt": "a cat on a sofa"}),
    "Execute this code: `print(1)`": ("execute_code", {"code": "print(1)"}),
    "Execute this code:\n```python\nprint(1)\n```": ("execute_code", {"code": "print(1)"}),
    "write_note with title: Shopping list, content: milk and eggs": (
        "write_note",
        {"title": "Shopping list", "content": "milk and eggs"},
    ),
    "Write a note.\nTitle: Shopping\nContent: 'milk and eggs'": (
        "write_note",
        {"title": "Shopping", "content": "milk and eggs"},
    ),
    "Write a note titled Shopping that says “milk”": (
        "write_note",
        {"title": "Shopping", "content": "milk"},
    ),
    "create a calendar event called Lunch, start: 2026-05-06T12:00:00Z": (
        "create_calendar_event",
        {"title": "Lunch", "start": "2026-05-06T12:00:00Z"},
    ),
    'Create the calendar event "Lunch" tomorrow': (
        "create_calendar_event",
        {"title": "Lunch", "start": "tomorrow"},
    ),
}


@pytest.mark.parametrize(("text", "call"), MEANT.items(), ids=MEANT.keys())
def test_a_tool_that_is_meant_is_called_once(text: str, call: tuple[str, Any]) -> None:
    assert called(text, CHAT) == [call]


FILES: dict[str, Calls] = {
    "Delete the file notes.txt": [("delete_file", {"path": "notes.txt"})],
    "delete notes.txt": [("delete_file", {"path": "notes.txt"})],
    "DELETE THE FILE NOTES.TXT": [("delete_file", {"path": "NOTES.TXT"})],
    "Can you delete the file src/a.txt, please?": [("delete_file", {"path": "src/a.txt"})],
    "I want you to delete the files a.txt": [("delete_file", {"path": "a.txt"})],
    "Call delete_file on /tmp/a.txt": [("delete_file", {"path": "/tmp/a.txt"})],
    "Ok, read `src/main.py`": [("read_file", {"path": "src/main.py"})],
    'Could you read the file "my notes.txt"?': [("read_file", {"path": "my notes.txt"})],
    "Read the file C:\\a\\b.txt with limit 5": [
        ("read_file", {"path": "C:\\a\\b.txt", "limit": 5})
    ],
    "Write a file hello.txt with the content 'hi there'": [
        ("write_file", {"path": "hello.txt", "content": "hi there"})
    ],
    "List the directory src/": [("list_directory", {"path": "src/"})],
    "List the directory src/, recursive": [("list_directory", {"path": "src/", "recursive": True})],
    "Run `ls -la` in bash": [("bash", {"command": "ls -la"})],
    "grep for `TODO` in src/": [("grep", {"pattern": "TODO", "path": "src/"})],
    "Edit a.py, oldString: x, newString: y": [
        ("edit", {"filePath": "a.py", "oldString": "x", "newString": "y"})
    ],
    # What is denied, asked about, told, quoted or supposed is no order.
    "Please do not delete my file": [],
    "Please do not delete the file notes.txt": [],
    "do NOT Delete the File notes.txt": [],
    "Don't delete the file notes.txt": [],
    "Don\u2019t delete the file notes.txt": [],
    "dont delete file notes.txt": [],
    "Never delete the file notes.txt": [],
    "I do not want you to delete the file notes.txt": [],
    'Please do "not" delete the file notes.txt': [],
    "Please do *not* delete the file notes.txt": [],
    "Delete the file notes.txt? No!": [],
    "Do not, under any circumstances, delete the file notes.txt": [],
    "Why did you delete the file notes.txt?": [],
    "Should I delete the file notes.txt?": [],
    "Can I delete the file notes.txt?": [],
    "Is it safe to delete the file notes.txt?": [],
    "Delete the file notes.txt?": [],
    "How do I find and delete the file notes.txt in Linux?": [],
    "What happens when I delete the file notes.txt?": [],
    "What does delete_file do to notes.txt?": [],
    "You called delete_file on notes.txt last time": [],
    "I deleted the file notes.txt yesterday": [],
    "If it rains, delete the file notes.txt": [],
    'Translate "delete the file notes.txt" to French': [],
    "Explain the bash command `rm -rf /`": [],
    "Write a bash script for Ubuntu": [],
    "Write a poem without a file": [],
    # What would have to be made up is not.
    "Delete my file": [],
    "Delete every file": [],
    "Write a file notes.txt": [],
    "Write me a task list": [],
    "Fix the bug in main.py": [],
    "Add tests for src/app.py": [],
}


@pytest.mark.parametrize(("text", "calls"), FILES.items(), ids=FILES.keys())
def test_files_are_changed_only_on_a_plain_order(text: str, calls: Calls) -> None:
    assert called(text, AGENT) == calls
    assert called(text, AGENT[:3]) == [call for call in calls if call[0].endswith("_file")]


SPELLINGS = [
    *("delete_file", "deleteFile", "DeleteFiles", "delete-file", "DELETE_FILE", "files_delete"),
    *("mcp__disk__delete_file", "delete_file_0a1b2c3d"),
]


@pytest.mark.parametrize("name", SPELLINGS)
def test_a_name_may_be_spelled_in_many_ways(name: str) -> None:
    tools = [tool(name, "Delete a file", "path"), *CHAT]
    assert called("Please delete the file a.txt", tools) == [(name, {"path": "a.txt"})]
    assert called(f"Use `{name}` on a.txt", tools) == [(name, {"path": "a.txt"})]
    assert called("Please do not delete the file a.txt", tools) == []


SKIES = [
    *("get_weather", "getWeather", "weather", "get_current_weather", "mcp__sky__get_weather"),
    *("sky_get_weather", "get_weather_0a1b2c3d"),
]


@pytest.mark.parametrize("name", SKIES)
def test_what_is_got_need_not_be_ordered(name: str) -> None:
    weather = tool(name, "Get the weather of a city", "city")
    for tools in ([weather], [weather, *CHAT]):
        assert called("What's the weather in Paris and Rome?", tools) == [
            (name, {"city": "Paris"}),
            (name, {"city": "Rome"}),
        ]
        assert called("Write a poem about the weather in Paris", tools) == []


SAID: dict[str, list[str]] = {
    "what's the weather in paris and rome today?": ["paris", "rome"],
    "how's the weather in new york right now": ["new york"],
    "WHAT IS THE WEATHER IN PARIS?": ["PARIS"],
    "What is the weather in Paris on Monday?": ["Paris"],
    "Weather, city: Oslo": ["Oslo"],
    "Give me the weather for Paris, Rome and Berlin please.": ["Paris", "Rome", "Berlin"],
    "Hi Bob! What is the weather in Paris?": ["Paris"],
    "I need the weather in Paris": ["Paris"],
    "The weather in Paris was lovely": [],
    "I love the weather in Paris": [],
    "Paris is a nice city": [],
    "I'm not sure, what's the weather in Paris?": [],
    "what is the weather in the city?": [],
}


@pytest.mark.parametrize(("text", "cities"), SAID.items(), ids=SAID.keys())
def test_cities_are_found_however_they_are_written(text: str, cities: list[str]) -> None:
    assert called(text, [WEATHER]) == [("get_weather", {"city": city}) for city in cities]


def test_little_said_is_enough_only_with_a_value_from_the_text() -> None:
    clock = tool("get_current_date", "Get the date")
    latest = tool("get_latest_news", "Get the news", topic={"type": "string"})
    assert called("Which date has Easter?", [clock]) == []
    assert called("What is the date today?", [clock]) == [("get_current_date", {})]
    assert called("Any news?", [latest]) == []
    assert called("Any news of Paris?", [latest]) == [("get_latest_news", {"topic": "Paris"})]


HOUSE = [
    tool(name, "", "name") for name in ("HassTurnOn", "HassTurnOff", "HassLightSet", "weather")
]


def test_a_namespace_need_not_be_said() -> None:
    lamp = [("HassTurnOn", {"name": "Lamp"})]
    assert called("Turn on the Lamp", HOUSE) == lamp
    assert called("turn the Lamp on", HOUSE[:1]) == lamp
    assert called("Do not turn on the Lamp", HOUSE) == []
    shared = [tool("issues_create_label", "", "name"), *CHAT]
    assert called("Create a label called Bug", shared) == []
    assert called("Create a label for issues called Bug", shared) == [
        ("issues_create_label", {"name": "Bug"})
    ]
    assert called("Delete Bob", [tool("user_delete_all", "", "name")]) == []
    assert called("Generate the poem 'Ode'", [tool("image_generate", "", "prompt")]) == []


def test_a_tool_with_effects_is_called_only_by_its_whole_name() -> None:
    wipe = tool("delete_all_files", "Delete files in a directory", "path")
    assert called("Delete the file a.txt", [wipe]) == []
    assert called("Delete all files in src/", [wipe]) == [("delete_all_files", {"path": "src/"})]


ADVICE = {
    "Delete my file": (
        "I did not call delete_file, because your message does not say path. "
        "To have it called, write: delete_file with path: …"
    ),
    "Write a file": (
        "I did not call write_file, because your message does not say path, content. "
        "To have it called, write: write_file with path: …, content: …"
    ),
    "Please do not delete my file": "",
    "Tell me a joke": "",
    "Delete the file a.txt": "",
}


@pytest.mark.parametrize(("text", "words"), ADVICE.items(), ids=ADVICE.keys())
def test_an_order_that_lacks_something_is_answered_with_what_it_lacks(
    text: str, words: str
) -> None:
    assert advice(text, AGENT) == words


def test_the_advice_can_be_followed() -> None:
    for one in [*CHAT, *AGENT]:
        function = one["function"]
        required = function["parameters"]["required"]
        if required and "array" not in str(function):
            line = ", ".join(f"{name}: value-{number}" for number, name in enumerate(required))
            values = {name: f"value-{number}" for number, name in enumerate(required)}
            assert called(f"{function['name']} with {line}", [one]) == [(function["name"], values)]


def test_a_long_prompt_asks_with_its_last_paragraph() -> None:
    context = "Some context about the web. Search the web for cats.\n" * 30
    assert called(f"{context}\nWhat is love?", CHAT) == []
    assert called(f"{context}\n\nSearch the web for aiohttp", CHAT) == [
        ("search_web", {"query": "aiohttp"})
    ]


def test_a_demanded_call_gets_what_it_requires_and_no_more() -> None:
    search = tool("search_web", "", "query", "site", count={"type": "integer", "default": 10})
    assert called("Tell me a joke", [search], tool_choice="required") == [
        ("search_web", {"query": "Tell me a joke", "site": "sandbox site"})
    ]
    named = {"type": "function", "function": {"name": "delete_file"}}
    assert called("Please do not delete my file", AGENT, tool_choice=named) == [
        ("delete_file", {"path": "sandbox path"})
    ]


FAR = [
    "Write a poem about a file notes.txt with the content 'x'",
    "Write the really long and dusty old story file notes.txt with the content 'x'",
    "Write",
]


@pytest.mark.parametrize("text", FAR)
def test_what_an_order_is_about_stands_next_to_its_verb(text: str) -> None:
    assert called(text, AGENT) == []


OF_NO_LIST = [
    "Is it safe to xerox the file a.txt?",
    "Can I xerox the file a.txt?",
    "Do not xerox a.txt",
]


@pytest.mark.parametrize("text", OF_NO_LIST)
def test_a_verb_that_nobody_foresaw_is_not_taken_for_an_order(text: str) -> None:
    xerox = tool("xerox_file", "Copy a file", "path")
    assert called(text, [xerox]) == []
    assert called("Xerox the file a.txt", [xerox]) == [("xerox_file", {"path": "a.txt"})]


def test_what_one_may_have_or_hear_about_is_asked_for() -> None:
    assert called("Can I get the weather in Paris?", [WEATHER]) == [
        ("get_weather", {"city": "Paris"})
    ]
    town = tool("Town", "", "name", "people", people={"type": "integer"})
    assert called("Tell me about the town of Lyon, 520774 people", [town]) == [
        ("Town", {"name": "Lyon", "people": 520774})
    ]
    assert called("Tell me about the town", [town]) == []
    assert called("Tell me how to find and delete the file a.txt", AGENT) == []
