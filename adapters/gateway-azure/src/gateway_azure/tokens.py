"""Tokens of Microsoft Entra: from a command, or for the extra ``entra`` from Microsoft's library.

The library finds the account that the environment has: a secret or a certificate in variables, the
identities of workloads and machines, or whoever has signed in at a command line. It reads files
and asks servers by blocking calls, so it does so in a thread, once in the life of a token.
"""

from __future__ import annotations

import asyncio
import base64
import binascii
import time
from asyncio.subprocess import DEVNULL, PIPE
from collections.abc import Awaitable, Callable, Mapping, Sequence
from contextlib import suppress
from importlib.util import find_spec
from typing import Any, NamedTuple, TypeAlias

from gateway.providers import (
    Outgoing,
    UpstreamDenied,
    auth_error,
    fields_of,
    json_of,
    text_of,
)

from gateway_azure.errors import KEY_VARIABLE

__all__ = ["CommandSource", "IdentitySource", "Token", "TokenSource", "Tokens"]

_AHEAD = 300.0
"""Seconds before the end of a token at which another one is fetched."""
_PAUSE = 30.0
"""Seconds until a fetch that failed is tried again, as long as the token before is good."""
_UNKNOWN_LIFE = 600.0
"""Seconds for which a token is used that does not tell its end."""
_COMMAND_LIMIT = 60.0
"""Seconds that a command may take."""


class Token(NamedTuple):
    """A token, and when it ends in seconds since 1970."""

    text: str
    end: float


TokenSource: TypeAlias = Callable[[], Awaitable[Token]]
"""Fetches a token; an error that it raises may hold secrets, unless it is one of the gateway's."""


class Tokens:
    """The tokens of one *source*: each is used until shortly before its end."""

    def __init__(self, source: TokenSource, *, clock: Callable[[], float] = time.time) -> None:
        self._source = source
        self._clock = clock
        self._token = Token("", 0.0)
        self._due = 0.0
        self._lock = asyncio.Lock()

    async def authorize(self, _: Outgoing) -> Mapping[str, str]:
        """Return the header that authorizes a request, with a token that is still good."""
        if self._clock() >= self._due:
            async with self._lock:
                if self._clock() >= self._due:
                    await self._renew()
        return {"Authorization": f"Bearer {self._token.text}"}

    async def _renew(self) -> None:
        try:
            self._token = await self._source()
        except Exception:
            if self._clock() >= self._token.end:
                raise
            self._due = self._clock() + _PAUSE
        else:
            self._due = max(self._token.end - _AHEAD, self._clock() + _PAUSE)


class IdentitySource:
    """Tokens for *scope* of the account that the environment has; *name* is the provider's."""

    def __init__(self, name: str, scope: str) -> None:
        self._name = name
        self._scope = scope
        self._credential: Any = None

    async def __call__(self) -> Token:
        """Return a token."""
        if not _has_library():
            raise auth_error(
                f"{self._name} has no API key, and tokens need gateway-azure[entra]",
                provider=self._name,
                key_variable=f"{KEY_VARIABLE}, token_command",
            )
        return await asyncio.to_thread(self._fetch)

    def _fetch(self) -> Token:
        # Imported here, so that a key needs no library.
        from azure.identity import DefaultAzureCredential  # noqa: PLC0415

        if self._credential is None:
            self._credential = DefaultAzureCredential()
        token = self._credential.get_token(self._scope)
        return Token(token.token, float(token.expires_on))

    async def aclose(self) -> None:
        """Release the connections of the library."""
        if self._credential is not None:
            await asyncio.to_thread(self._credential.close)


def _has_library() -> bool:
    try:
        return find_spec("azure.identity") is not None
    except ModuleNotFoundError:  # without any package of the same maker
        return False


class CommandSource:
    """Tokens that a *command* prints, alone or as ``az account get-access-token`` does.

    ``{scope}`` in the command is what the token is for; *name* is the provider's.
    """

    def __init__(self, name: str, scope: str, command: Sequence[str]) -> None:
        self._name = name
        self._command = [word.replace("{scope}", scope) for word in command]

    async def __call__(self) -> Token:
        """Return a token; raise `UpstreamDenied` when the command fails or prints none."""
        try:
            process = await asyncio.create_subprocess_exec(
                *self._command, stdin=DEVNULL, stdout=PIPE, stderr=DEVNULL
            )
        except OSError as error:
            raise self._failed(f"cannot be run: {type(error).__name__}") from error
        try:
            async with asyncio.timeout(_COMMAND_LIMIT):
                output, _ = await process.communicate()
        except TimeoutError as error:
            raise self._failed("took too long") from error
        finally:
            if process.returncode is None:
                with suppress(ProcessLookupError):
                    process.kill()
                await process.wait()
        if process.returncode:
            raise self._failed(f"ended with status {process.returncode}")
        found = read_token(output.decode("utf-8", "replace"))
        if found is None:
            raise self._failed("printed no token")
        return found

    def _failed(self, what: str) -> UpstreamDenied:
        return UpstreamDenied(f"token_command of {self._name} {what}", provider=self._name)


def read_token(output: str) -> Token | None:
    """Return the token that a command has printed, None if it is none that a header can carry."""
    printed = fields_of(json_of(output))
    text = text_of(printed.get("accessToken")) or text_of(printed.get("access_token"))
    text = text or ("" if printed else output.strip())
    if not text or not text.isascii() or not text.isprintable() or " " in text:
        return None
    ends = (printed.get("expires_on"), fields_of(json_of(_claims(text))).get("exp"))
    known = [float(end) for end in ends if isinstance(end, int | float) and end > 0]
    return Token(text, known[0] if known else time.time() + _UNKNOWN_LIFE)


def _claims(token: str) -> bytes:
    """Return the claims of a token that is a JSON web token, nothing of another one."""
    parts = token.split(".")
    with suppress(binascii.Error, ValueError):
        return base64.urlsafe_b64decode(parts[1] + "==") if len(parts) == 3 else b""
    return b""
