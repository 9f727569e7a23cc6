"""The record of one request."""

from __future__ import annotations

import random
from collections.abc import Mapping
from dataclasses import dataclass, field

from gateway.core.errors import GatewayError
from gateway.core.events import FinishReason, Usage
from gateway.core.timing import Timing
from gateway.core.upstream_replies import Reply

__all__ = ["RequestRecord"]


@dataclass(slots=True)
class RequestRecord:
    """One request, from acceptance to the last byte, filled in while it is handled.

    ``dialect`` and ``operation`` are those of its endpoint, ``route`` is the template of its path,
    such as ``/v1/models/{model}``; all three are empty for an unknown path. ``peer`` is the address
    of the other end of the connection, empty for a Unix socket, and ``client`` the one that a
    trusted proxy names in ``X-Forwarded-For``, else empty. ``caller`` is the name of the `Caller`
    (`gateway.access.caller`), that of a key or one that a host application has set, and
    ``attribution`` holds the texts that it has set besides, such as a team.
    ``model`` is the name in the request, ``upstream_model`` the id that was sent to the provider.
    If the name means several targets (``has_choice``), ``provider``, ``upstream_model`` and ``key``
    are those of the last attempt, and ``skipped`` names the targets that failed before.
    ``usage`` is what the provider has counted, and ``complete`` says that there are such counts of
    the whole answer. In any case ``pieces`` and ``characters`` tell what the provider has sent so
    far: the events, and the length of their texts, thinking and calls, or of a transcript.
    ``stream`` says that the answer is streamed to the client.
    ``canonical`` is the canonical id of the requested model, empty if no list has it, and
    ``service`` the name of the provider's service in OpenTelemetry's GenAI conventions. ``error``
    is the message that the client got, ``error_type`` the name of the error's class, or
    ``cancelled`` for a client that disconnected.
    ``cache`` tells whether the answer is a kept one: ``hit``, or ``shared`` with an equal request
    that ran at the same time; otherwise ``miss``, or ``bypass`` for a request whose answer is not
    kept. It is empty where no cache was asked. ``limited`` names the limit, budget or missing right
    that rejected the request, as `gateway.core.errors.GatewayError.limit` does. ``cost`` is in
    10⁻¹² units of money, ``None`` if it is not known; ``is_unpriced`` says that this is so although
    prices are needed, and ``estimated`` that it and the tokens charged are estimates, as no counts
    arrived.
    ``replies`` holds the head of every answer of a provider, one for each attempt that reached it.
    ``trace`` is the id of the request's trace, empty unless it is recorded.
    No prompt and no answer is ever stored here.
    """

    method: str
    path: str
    # Not a secret, so a system call for entropy can be saved.
    id: str = field(default_factory=lambda: f"{random.getrandbits(64):016x}")
    timing: Timing = field(default_factory=Timing)
    dialect: str = ""
    route: str = ""
    operation: str = ""
    peer: str = ""
    client: str = ""
    caller: str = ""
    attribution: Mapping[str, str] = field(default_factory=dict)
    status: int = 0
    model: str = ""
    provider: str = ""
    upstream_model: str = ""
    canonical: str = ""
    service: str = ""
    key: int = 0
    has_choice: bool = False
    stream: bool = False
    skipped: list[str] = field(default_factory=list)
    usage: Usage | None = None
    complete: bool = False
    pieces: int = 0
    characters: int = 0
    finish: FinishReason | None = None
    error: str = ""
    error_type: str = ""
    cost: int | None = None
    is_unpriced: bool = False
    estimated: bool = False
    limited: str = ""
    cache: str = ""
    replies: list[Reply] = field(default_factory=list)
    trace: str = ""

    def set_target(self, provider: str, model: str, key: int) -> None:
        """Record the target of the attempt that begins: *provider*, its *model* and its *key*."""
        self.provider, self.upstream_model, self.key = provider, model, key

    def fail(self, error: GatewayError) -> None:
        """Record the error that the client gets."""
        self.error, self.error_type, self.limited = error.message, type(error).__name__, error.limit

    @property
    def target(self) -> str:
        """The target of the last attempt: provider, model and number of the key, as ``a/b#2``."""
        name = f"{self.provider}/{self.upstream_model}"
        return f"{name}#{self.key}" if self.key else name
