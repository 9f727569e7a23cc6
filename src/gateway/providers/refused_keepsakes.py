"""Leave out keepsakes that a service rejects: another service, model or account has made them.

A conversation may go on at another service than it began at, and clients send what the first one
has signed to the second. Nobody can tell by looking, so the service is asked: it rejects the
request, which is then sent again without them.
"""

from __future__ import annotations

import hashlib
import re
from collections.abc import Iterator, Sequence
from typing import Final

import msgspec

from gateway.core import codec
from gateway.core.chat import ChatRequest, Message, replace
from gateway.core.errors import UpstreamRejected
from gateway.core.events import Keepsake
from gateway.providers.history.surrogates import clean_json

__all__ = ["RefusedKeepsakes"]

_MOST: Final = 10_000
"""Keepsakes that are remembered; a conversation has one or two in each turn."""
_REJECTED: Final = 400

# "Invalid `signature` in `thinking` block", "`thinking` or `redacted_thinking` blocks in the latest
# assistant message cannot be modified", and what services say that have other names for it.
_is_about_keepsakes = re.compile(
    r"signature|redacted_thinking|thinking\W+block|reasoning_details|extra_content|encrypted",
    re.IGNORECASE,
).search

_encode = msgspec.json.Encoder(order="deterministic", enc_hook=codec.plain).encode


class RefusedKeepsakes:
    """Which keepsakes of a *dialect* a service has rejected, by model, as digests alone.

    Of more than *most* the oldest are forgotten.
    """

    def __init__(self, dialect: str, *, most: int = _MOST) -> None:
        self._most = most
        self._dialect = dialect
        self._digests: dict[bytes, None] = {}

    def learn(self, request: ChatRequest, error: UpstreamRejected) -> bool:
        """Remember the keepsakes of *request* if it was rejected for them; tell whether it was.

        Services tell which turn is wrong in many forms, so all keepsakes count as rejected. They
        are known by then as what came from elsewhere, and those of later answers are kept.
        """
        if error.status != _REJECTED or _is_about_keepsakes(error.message) is None:
            return False
        found = {self._digest(request.model, one) for one in self._all(request.messages)}
        new = found - self._digests.keys()
        self._digests |= dict.fromkeys(new)
        while len(self._digests) > self._most:
            del self._digests[next(iter(self._digests))]
        return bool(new)

    def without_them(self, request: ChatRequest) -> ChatRequest:
        """Return *request* without the keepsakes that its model has rejected."""
        if not self._digests:
            return request
        messages = tuple([self._rid(message, request.model) for message in request.messages])
        return replace(request, messages=messages)

    def _all(self, messages: Sequence[Message]) -> Iterator[Keepsake]:
        for message in messages:
            for keepsake in (message.keepsake, *[call.keepsake for call in message.tool_calls]):
                if self._dialect in keepsake:
                    yield keepsake

    def _rid(self, message: Message, model: str) -> Message:
        calls = message.tool_calls
        if any(call.keepsake for call in calls):
            calls = tuple(
                [replace(call, keepsake=self._kept(call.keepsake, model)) for call in calls]
            )
        return replace(message, keepsake=self._kept(message.keepsake, model), tool_calls=calls)

    def _kept(self, keepsake: Keepsake, model: str) -> Keepsake:
        if self._dialect not in keepsake or self._digest(model, keepsake) not in self._digests:
            return keepsake
        return {name: own for name, own in keepsake.items() if name != self._dialect}

    def _digest(self, model: str, keepsake: Keepsake) -> bytes:
        encoded = _encode(clean_json([model, keepsake[self._dialect]]))
        return hashlib.blake2b(encoded, digest_size=16).digest()
