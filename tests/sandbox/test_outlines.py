"""JSON that a prompt describes by a schema or an example."""

from __future__ import annotations

import json
from typing import Any

import jsonschema
import pytest

from gateway.sandbox.answers import answer_chat
from gateway.sandbox.models import MODELS
from gateway.sandbox.outlines import without_json
from gateway.sandbox.rules import CHAT_PATH, refuse

JSON: Any = {"response_format": {"type": "json_object"}}
PERSON: Any = {
    "type": "object",
    "properties": {"name": {"type": "string"}, "age": {"type": "integer"}},
    "required": ["name", "age"],
}
JASON = ("user", "Jason is 25")


def said(*messages: tuple[str, str], **members: Any) -> str:
    body = {
        "model": "mistral-large-latest",
        "messages": [{"role": role, "content": content} for role, content in messages],
        **members,
    }
    assert refuse(CHAT_PATH, body) is None
    return answer_chat(body, MODELS["mistral-large-latest"]).text


def document(*messages: tuple[str, str], **members: Any) -> Any:
    return json.loads(said(*messages, **members))


TASK = """### Task:
Generate a concise title for the chat.
### Guidelines:
- Your entire response must consist solely of the JSON object.
### Output:
JSON format: {}
### Examples:
- {}
### Chat History:
<chat_history>
USER: Why is the sky blue?
ASSISTANT: Since {{"a": 1}} it is.
</chat_history>"""
PARSER = """The output should be formatted as a JSON instance that conforms to the schema below.
As an example, for the schema {"properties": {"foo": {"type": "array"}}, "required": ["foo"]}
the object {"foo": ["bar"]} is well-formatted, {"properties": {"foo": ["bar"]}} is not.
```
%s
```"""
FACTS = """Return the facts in JSON.
Input: Hi.
Output: {"facts": [], "of": ""}
Input: My name is John.
Output: {"facts": ["Name is John"], "of": "John"}"""
BLUE = "Why is the sky blue?"

DOCUMENTS: dict[str, tuple[list[tuple[str, str]], Any, Any]] = {
    "a schema": (
        [("system", f"Answer by this schema: {json.dumps(PERSON)}"), JASON],
        JSON,
        {"name": "Jason", "age": 25},
    ),
    "a schema that is asked for in words": (
        [("system", f"Reply with JSON that matches {json.dumps(PERSON, indent=2)}."), JASON],
        {},
        {"name": "Jason", "age": 25},
    ),
    "the last of several schemas": (
        [("system", PARSER % json.dumps(PERSON)), JASON],
        {},
        {"name": "Jason", "age": 25},
    ),
    "a schema with references": (
        [
            ("system", json.dumps({"$defs": {"p": PERSON}, "$ref": "#/$defs/p"})),
            JASON,
        ],
        JSON,
        {"name": "Jason", "age": 25},
    ),
    "a schema in the user's message": (
        [("user", f"Answer by {json.dumps(PERSON)}\n\nJason is 25")],
        JSON,
        {"name": "Jason", "age": 25},
    ),
    "a title": (
        [("user", TASK.format('{ "title": "your title" }', '{ "title": "\U0001f36a Cookies" }'))],
        {},
        {"title": BLUE},
    ),
    "questions": (
        [("user", TASK.format('{ "follow_ups": ["1?", "2?", "3?", "4?"] }', "none"))],
        {},
        {"follow_ups": [BLUE, f"{BLUE} 2", f"{BLUE} 3"]},
    ),
    "facts": (
        [("system", FACTS), ("user", "I like tea")],
        JSON,
        {"facts": ["I like tea"], "of": "I like tea"},
    ),
    "values of each kind": (
        [
            (
                "system",
                'In JSON: {"s": "x", "n": 2, "f": 0.5, "b": false, "z": null, "l": [], '
                '"o": {"k": [1]}}',
            ),
            ("user", "hello"),
        ],
        JSON,
        {"s": "hello", "n": 1, "f": 1, "b": True, "z": None, "l": ["hello"], "o": {"k": [1]}},
    ),
    "words for types and choices": (
        [
            ("system", 'As JSON: {"a": "<int>", "b": "boolean", "c": "list", "d": "good | bad"}'),
            ("user", "that is bad"),
        ],
        JSON,
        {"a": 1, "b": True, "c": ["that is bad"], "d": "bad"},
    ),
    "an example without the word": (
        [("system", 'Say it so: {"mood": "happy"}'), ("user", 'I am {"x": 1} fine')],
        JSON,
        {"mood": "I am fine"},
    ),
    "the message that asks before data": (
        [
            ("system", "Be kind."),
            ("user", '{"x": 1}'),
            ("user", 'Reply in JSON: {"mood": "happy"}'),
        ],
        JSON,
        {"mood": "Reply in JSON:"},
    ),
    "an array of objects is no example": (
        [("system", 'Given [{"id": 1}], answer as JSON {"ids": [1]}'), ("user", "hello")],
        JSON,
        {"ids": [1]},
    ),
    "data of that name is no schema": (
        [("system", 'As JSON: {"type": "person", "properties": 5}'), ("user", "hello")],
        JSON,
        {"type": "hello", "properties": 1},
    ),
    "nothing is described": (
        [("user", "hello {not json} [[1, {2")],
        JSON,
        {"answer": "hello {not json} [[1, {2", "from": "the Mistral sandbox"},
    ),
}


@pytest.mark.parametrize(("messages", "members", "made"), DOCUMENTS.values(), ids=DOCUMENTS.keys())
def test_what_a_prompt_describes_is_made(
    messages: list[tuple[str, str]], members: Any, made: Any
) -> None:
    assert document(*messages, **members) == made


def test_a_schema_without_properties_gives_its_instance() -> None:
    schema = {"type": "array", "items": {"type": "integer"}}
    made = document(("user", f"Return JSON by {json.dumps(schema)}"))
    jsonschema.validate(made, schema)


WORDS = {
    "a question about JSON": [("user", 'What does this JSON mean? {"a": 1}')],
    "code that returns JSON": [("user", 'Explain: return json.dumps({"a": 1})')],
    "an older wish": [
        ("user", 'Answer in JSON: {"a": "b"}'),
        ("assistant", '{"a": "c"}'),
        ("user", "Thanks. And in words?"),
    ],
    "a wish without a form": [("user", "Answer in JSON")],
    "empty examples": [("user", "Answer in JSON: {} or []")],
}


@pytest.mark.parametrize("messages", WORDS.values(), ids=WORDS.keys())
def test_words_are_the_answer_where_no_json_is_wished_for(messages: list[tuple[str, str]]) -> None:
    assert said(*messages).startswith("Hello from the sandbox!")


def test_a_text_full_of_brackets_is_given_up() -> None:
    brackets = "{" * 300
    assert without_json(f"{brackets}") == brackets
    assert without_json('a {"b": 1} c [{"d": 2}] e [1]') == "a   c   e [1]"
    assert without_json("[" * 100_000) == "[" * 100_000
