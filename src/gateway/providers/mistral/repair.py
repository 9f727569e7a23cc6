"""Repair any history so that Mistral accepts it.

Ollama accepts messages in any order; Mistral checks the order, the pairing of calls and results,
and that no answer is empty (`mistral-common`, request validator; code 3230). Each repair is a
function from a history to a history that leaves a clean one alone, and `REPAIRS` is their order:
later ones rely on earlier ones. Nothing here depends on more than the history itself, so one
history always gives the same bytes: tests and the provider's prompt cache count on it.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable, Sequence
from functools import partial
from typing import Final

from gateway.core.chat import Message, Role, content_of, replace
from gateway.providers.history.ids import is_name
from gateway.providers.history.instructions import fold_late_instructions
from gateway.providers.history.pairing import pair_results
from gateway.providers.history.results import (
    adopt_orphans,
    answer_open_calls,
    drop_blank_turns,
    drop_strays,
    join_duplicates,
    lift_media,
)
from gateway.providers.history.surrogates import clean, clean_messages
from gateway.providers.mistral.bridge import bridge_results
from gateway.providers.mistral.ids import is_id

__all__ = ["REPAIRS", "instruct_by_user", "repair"]

_FOLLOWERS: Final = {
    Role.SYSTEM: frozenset({Role.SYSTEM, Role.USER, Role.ASSISTANT}),
    Role.USER: frozenset({Role.USER, Role.ASSISTANT}),
    Role.ASSISTANT: frozenset({Role.USER, Role.ASSISTANT}),
    Role.TOOL: frozenset({Role.ASSISTANT}),
}
"""Which roles may follow each role; results are counted apart."""
_PAIRING: Final = "paired results with calls"


def repair(messages: Sequence[Message]) -> tuple[tuple[Message, ...], list[str]]:
    """Return a history that Mistral takes and what had to be done for it, for the log.

    The history may come out empty. Its last message may be an assistant's, to be continued.
    """
    history = tuple(messages)
    if _is_fit(history):
        return history, []
    # Clients of Ollama send calls without ids, and that is nearly always all there is to mend.
    paired = tuple(REPAIRS[_PAIRING](history))
    if _is_fit(paired):
        return paired, [_PAIRING]
    made: list[str] = []
    for name, step in REPAIRS.items():
        mended = tuple(step(history))
        if mended != history:
            history = mended
            made.append(name)
            if _is_fit(history):
                break
    return history, made


def _is_fit(messages: Sequence[Message]) -> bool:
    """Tell in one pass that no repair has anything to do; to run them all costs far more."""
    speaker = Role.SYSTEM
    waiting: set[str] = set()
    for message in messages:
        role, calls, text = message.role, message.tool_calls, message.text
        if not (text.isascii() and message.thinking.isascii()) and not _is_clean(message):
            return False
        if role is Role.TOOL:
            if message.tool_call_id not in waiting or message.media or calls:
                return False
            waiting.remove(message.tool_call_id)
        elif waiting or role not in _FOLLOWERS[speaker]:
            return False
        elif role is Role.ASSISTANT:
            waiting = {call.id for call in calls if is_id(call.id) and is_name(call.name)}
            if len(waiting) != len(calls) or message.media or not (calls or text.strip()):
                return False
        elif calls or (message.media and role is Role.SYSTEM):
            return False
        speaker = role
    alone = len(messages) == 1 and speaker is Role.ASSISTANT
    return not (waiting or alone or speaker is Role.SYSTEM)


def _is_clean(message: Message) -> bool:
    return all(clean(text) is text for text in (message.text, message.thinking))


def _drop_empty_answers(messages: Sequence[Message]) -> Iterable[Message]:
    """Drop answers without text and calls; one with thinking alone is incomplete."""
    return [
        message
        for message in messages
        if message.role is not Role.ASSISTANT or message.tool_calls or message.text.strip()
    ]


def _place_instructions(messages: Sequence[Message]) -> Iterable[Message]:
    """Keep instructions at the beginning only; Mistral takes them in few other places.

    A conversation of instructions alone has its last one asked by the user.
    """
    if any(message.role is not Role.SYSTEM for message in messages):
        return fold_late_instructions(messages)
    return [*messages[:-1], *(replace(message, role=Role.USER) for message in messages[-1:])]


def _open_with_user(messages: Sequence[Message]) -> Iterable[Message]:
    """Put an empty question before an answer that stands alone."""
    if len(messages) == 1 and messages[0].role is Role.ASSISTANT:
        return [Message(Role.USER), *messages]
    return messages


def instruct_by_user(messages: Sequence[Message]) -> Sequence[Message]:
    """Move all instructions in front of the first user text; there must be a user message.

    Models for audio reject a system message beside a recording.
    """
    texts = [message.text for message in messages if message.role is Role.SYSTEM]
    if not texts:
        return messages
    rest = [message for message in messages if message.role is not Role.SYSTEM]
    first = min(i for i, message in enumerate(rest) if message.role is Role.USER)
    rest[first] = replace(rest[first], content=content_of([*texts, *rest[first].parts]))
    return rest


REPAIRS: Final[dict[str, Callable[[Sequence[Message]], Iterable[Message]]]] = {
    "replaced lone surrogates": clean_messages,
    "dropped misplaced images or calls": drop_strays,
    "dropped empty answers": _drop_empty_answers,
    _PAIRING: partial(pair_results, is_id=is_id),
    "moved system messages": _place_instructions,
    "answered open calls": answer_open_calls,
    "invented calls for orphaned results": adopt_orphans,
    "joined repeated results": join_duplicates,
    "moved images out of results": lift_media,
    "dropped empty user messages after results": drop_blank_turns,
    "bridged results and user": bridge_results,
    "opened with an empty question": _open_with_user,
}
