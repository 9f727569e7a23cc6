"""The usual repairs of a conversation, in their order, without I/O."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Sequence

from gateway.core.chat import Message
from gateway.providers.history.pairing import pair_results
from gateway.providers.history.results import (
    adopt_orphans,
    answer_open_calls,
    drop_strays,
    join_duplicates,
)
from gateway.providers.history.surrogates import clean_messages

__all__ = ["repair_history"]


def repair_history(
    messages: Sequence[Message], *, is_id: Callable[[str], bool]
) -> tuple[Message, ...]:
    """Return a history in which every call has exactly one result, right behind the calls.

    All ids of calls are ones that the service takes (*is_id*), all names of functions in it are
    valid, text is valid UTF-8, and media and calls are only where they can be. The order of
    messages is else the client's, and so are their roles.
    """
    history: Iterable[Message] = drop_strays(tuple(clean_messages(messages)))
    history = pair_results(tuple(history), is_id=is_id)
    for step in (answer_open_calls, adopt_orphans, join_duplicates):
        history = step(tuple(history))
    return tuple(history)
