"""Answer a valid request: the same request always gets the same, useful answer."""

from __future__ import annotations

import dataclasses
import re
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from typing import Any, TypeAlias

from gateway.core import codec
from gateway.sandbox.bodies import image_type
from gateway.sandbox.calls import Call, Reaction, last_call, reaction
from gateway.sandbox.cards import Card
from gateway.sandbox.faults import without_directives
from gateway.sandbox.fills import fill
from gateway.sandbox.hints import Hints
from gateway.sandbox.instances import instance
from gateway.sandbox.outlines import outline, without_json
from gateway.sandbox.spoken import one_line, quote, spoken
from gateway.sandbox.tokens import BYTES_PER_TOKEN, count, prompt_tokens

__all__ = ["Answer", "answer_chat", "answer_fim", "deltas", "last_words"]

_Body: TypeAlias = Mapping[str, Any]
_Chunk: TypeAlias = Mapping[str, Any]

_WORDS = re.compile(r"\s*\S+|\s+")


@dataclass(frozen=True, slots=True, kw_only=True)
class Answer:
    """Hold a whole answer before it is cut into deltas.

    `echo` is the start of `text` that repeats the prefix of the request.
    """

    text: str
    finish: str
    prompt_tokens: int
    echo: str = ""
    thinking: str = ""
    calls: tuple[Call, ...] = ()
    audio_seconds: int | None = None

    @property
    def completion_tokens(self) -> int:
        """Count what was generated: thinking, echo, text and calls."""
        calls = sum(count(call.name + call.arguments) for call in self.calls)
        return count(self.thinking) + count(self.text) + calls


def deltas(text: str) -> list[str]:
    """Cut a text into pieces of about a word, each with the space before it."""
    return _WORDS.findall(text)


def answer_fim(body: _Body, card: Card) -> Answer:
    """Return the middle between a prompt and its suffix."""
    prompt, suffix = body["prompt"], body.get("suffix") or ""
    answer = Answer(
        text=_stopped(fill(prompt, suffix), body.get("stop"), 0),
        finish="stop",
        prompt_tokens=count(prompt) + count(suffix),
    )
    return _limited(answer, body.get("max_tokens"), card.context)


def answer_chat(body: _Body, card: Card) -> Answer:
    """Return the answer to a valid chat body."""
    messages = body["messages"]
    prompt = without_directives(last_words(messages))
    echo = _plain(messages[-1].get("content")) if messages[-1].get("prefix") else ""
    results = _results(messages)
    called = _reaction(body, prompt, results)
    calls = called.calls
    text = "" if calls else echo + _text(body, prompt, results, called.advice)
    audio = [chunk for chunk in _chunks(messages) if chunk["type"] == "input_audio"]
    answer = Answer(
        text=_stopped(text, body.get("stop"), len(echo)),
        finish="tool_calls" if calls else "stop",
        prompt_tokens=prompt_tokens(body),
        echo=echo,
        thinking=_thinking(prompt) if _thinks(body, card) else "",
        calls=calls,
        audio_seconds=len(audio) if audio else None,
    )
    return _limited(answer, body.get("max_tokens"), card.context)


def last_words(messages: Sequence[_Body]) -> str:
    """Return the text of the last user message, or an empty one."""
    users = [message for message in messages if message["role"] == "user"]
    return _plain(users[-1].get("content")) if users else ""


def _plain(content: str | Sequence[_Chunk] | None) -> str:
    if content is None or isinstance(content, str):
        return content or ""
    return "".join(chunk["text"] for chunk in content if chunk["type"] == "text")


def _chunks(messages: Sequence[_Body]) -> Iterator[_Chunk]:
    for message in messages:
        if isinstance(message.get("content"), list):
            yield from message["content"]


def _thinks(body: _Body, card: Card) -> bool:
    effort = body.get("reasoning_effort")
    # A model of a third party thinks unless told not to.
    return card.always_thinks or effort == "high" or ("glm" in card.name and effort is None)


def _thinking(prompt: str) -> str:
    return (
        f"The user wrote a message of {len(prompt.split())} words. "
        "I am a sandbox, so I only pretend to think it over. That is enough thought."
    )


def _reaction(body: _Body, prompt: str, results: Sequence[tuple[str, str]]) -> Reaction:
    if body["messages"][-1]["role"] == "user":
        return reaction(body, prompt)
    call = last_call(body, results) if results else None
    return Reaction() if call is None else Reaction((call,))


def _text(body: _Body, prompt: str, results: Sequence[tuple[str, str]], advice: str) -> str:
    wanted = body.get("response_format", {})
    messages = body["messages"]
    if wanted.get("type") == "json_schema":
        return codec.encode(instance(wanted["json_schema"]["schema"], Hints(prompt))).decode()
    in_json = wanted.get("type") == "json_object"
    if messages[-1].get("prefix") and not in_json:
        return f" … and so it goes on, says the sandbox of {body['model']}."
    schema = outline(
        [(one["role"], _plain(one.get("content"))) for one in messages], demanded=in_json
    )
    if schema is not None:
        plain = without_json(prompt)
        hints = Hints(spoken(plain), otherwise=quote(plain))
        return codec.encode(instance(schema, hints)).decode()
    if in_json:
        return codec.encode({"answer": quote(prompt), "from": "the Mistral sandbox"}).decode()
    about = [f"{name} returned: {one_line(text) or 'nothing'}" for name, text in results]
    sentences = [*about, *_about_media(messages, prompt)] or [_written(prompt)]
    if advice:
        sentences.append(advice)
    hello = f"Hello from the sandbox! It stands in for {body['model']} and makes this answer up."
    return " ".join([hello, *sentences])


def _written(prompt: str) -> str:
    """Say what the user wrote, in one line that nobody takes for an instruction."""
    quoted = quote(prompt)
    if quoted:
        return f"You wrote: {quoted}"
    return "You wrote something that I do not repeat." if prompt else "You wrote nothing."


def _results(messages: Sequence[_Body]) -> list[tuple[str, str]]:
    """Return the results that no answer has used yet, each with the name of its tool."""
    names = {
        call["id"]: call["function"]["name"]
        for message in messages
        for call in message.get("tool_calls") or ()
    }
    last = len(messages)
    while last > 0 and messages[last - 1]["role"] == "tool":
        last -= 1
    return [
        (names[message["tool_call_id"]], _plain(message.get("content")))
        for message in messages[last:]
    ]


def _about_media(messages: Sequence[_Body], prompt: str) -> Iterator[str]:
    if messages[-1]["role"] == "tool":
        return
    chunks = list(_chunks(messages))
    images = [image_type(_address(chunk)) for chunk in chunks if chunk["type"] == "image_url"]
    if images:
        noun = "image" if len(images) == 1 else "images"
        yield f"I see {len(images)} {noun}: {', '.join(map(str, images))}."
    for kind, noun in (
        ("input_audio", "recording"),
        ("document_url", "document"),
        ("file", "file"),
    ):
        number = sum(chunk["type"] == kind for chunk in chunks)
        if number:
            yield f"I was given {number} {noun}{'' if number == 1 else 's'}."
    if images and prompt:
        yield _written(prompt)


def _address(chunk: _Chunk) -> str:
    image = chunk["image_url"]
    return str(image["url"] if isinstance(image, dict) else image)


def _stopped(text: str, stop: str | Sequence[str] | None, start: int) -> str:
    """Cut a text before the first stop string; the prefix is not searched."""
    stops = [stop] if isinstance(stop, str) else stop or ()
    ends = [text.find(one, start) for one in stops if one]
    return text[: min((end for end in ends if end >= 0), default=len(text))]


def _limited(answer: Answer, limit: int | None, window: int) -> Answer:
    """Cut an answer where `max_tokens` or the model's window ends it."""
    room = window - answer.prompt_tokens
    finish = "model_length"
    if limit is not None and limit <= room:
        room, finish = limit, "length"
    if answer.completion_tokens <= room:
        return answer
    thinking, room = _cut(answer.thinking, room)
    text, room = _cut(answer.text, room)
    calls = []
    for call in answer.calls:
        arguments, room = _cut(call.arguments, room - count(call.name))
        if arguments:
            calls.append(dataclasses.replace(call, arguments=arguments))
    return dataclasses.replace(
        answer,
        thinking=thinking,
        text=text,
        echo=answer.echo[: len(text)],
        calls=tuple(calls),
        finish=finish,
    )


def _cut(text: str, room: int) -> tuple[str, int]:
    """Return as much of a text as there is room for, and the room that is left."""
    if room <= 0:
        return "", 0
    kept = text.encode()[: room * BYTES_PER_TOKEN].decode(errors="ignore")
    return kept, room - count(kept)
