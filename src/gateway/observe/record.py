"""The record of one request."""

from __future__ import annotations

import random
from dataclasses import dataclass, field

from gateway.core.events import FinishReason, Usage
from gateway.core.timing import Timing
from gateway.observe.upstream_replies import Reply

__all__ = ["RequestRecord"]


@dataclass(slots=True)
class RequestRecord:
    """One request, from acceptance to the last byte; filled in by whoever knows.

    ``dialect`` and ``operation`` are those of its endpoint, ``route`` is the template of its path,
    such as ``/v1/models/{model}``; all three are empty for a path that is none of ours. ``peer`` is
    the address of the other end of the connection, empty for a Unix socket. ``caller`` is the name
    of the `Caller` (`gateway.access.caller`), that of a key or one that a host has set.
    ``model`` is what the client typed, ``upstream_model`` what the provider was asked for.
    Where the name stands for several targets (``has_choice``) these two, and ``key``, are those of
    the one that was asked last, and ``skipped`` names those that failed before.
    ``limited`` says what of a caller's key, limits and money was in the way, as
    `gateway.core.errors.GatewayError.limit` does. ``cost`` is in 10⁻¹² units of money, ``None`` if
    it is not known; ``estimated`` says that it and the tokens charged are, since no counts came.
    ``replies`` holds the head of every answer of a provider, one for each attempt that reached it.
    Nothing that a person wrote is ever noted here.
    """

    method: str
    path: str
    # No secret, so that the kernel need not be asked for it.
    id: str = field(default_factory=lambda: f"{random.getrandbits(64):016x}")
    timing: Timing = field(default_factory=Timing)
    dialect: str = ""
    route: str = ""
    operation: str = ""
    peer: str = ""
    caller: str = ""
    status: int = 0
    model: str = ""
    provider: str = ""
    upstream_model: str = ""
    key: int = 0
    has_choice: bool = False
    skipped: list[str] = field(default_factory=list)
    usage: Usage | None = None
    finish: FinishReason | None = None
    error: str = ""
    cost: int | None = None
    estimated: bool = False
    limited: str = ""
    replies: list[Reply] = field(default_factory=list)

    def ask(self, provider: str, model: str, key: int) -> None:
        """Note that *provider* is asked now, for its *model* and with its *key*."""
        self.provider, self.upstream_model, self.key = provider, model, key

    @property
    def target(self) -> str:
        """Who was asked last: provider, model and number of the key, as ``a/b#2``."""
        name = f"{self.provider}/{self.upstream_model}"
        return f"{name}#{self.key}" if self.key else name
