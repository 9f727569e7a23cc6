"""The usual repairs of a conversation, in their order, without I/O."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Sequence

from gateway.core.chat import Message
from gateway.providers.history.ids import names_no_call
from gateway.providers.history.pairing import pair_results
from gateway.providers.history.results import (
    adopt_orphans,
    answer_open_calls,
    drop_blank_turns,
    drop_strays,
    join_duplicates,
    name_by_calls,
)
from gateway.providers.history.surrogates import clean_messages

__all__ = ["repair_history"]


def _is_id(text: str) -> bool:
    return not names_no_call(text) and text.isprintable()


def repair_history(
    messages: Sequence[Message], *, is_id: Callable[[str], bool] = _is_id
) -> tuple[Message, ...]:
    """Return a history in which every call has exactly one result, right behind the calls.

    All ids of calls are ones that the service takes (*is_id*; by default all printable ones), and
    no two of one turn are alike; each result has the id and the name of its call. All names of
    functions are valid, text is valid UTF-8, and media and calls are only where they can be. A
    result that is missing is a text that says so, and a result without a call gets one. An empty
    message of the user behind a result is left out. The order of messages is else the client's,
    and so are their roles; the same history gives the same one.
    """
    history: Iterable[Message] = drop_strays(tuple(clean_messages(messages)))
    history = pair_results(tuple(history), is_id=is_id)
    steps = (answer_open_calls, adopt_orphans, join_duplicates, name_by_calls, drop_blank_turns)
    for step in steps:
        history = step(tuple(history))
    return tuple(history)
