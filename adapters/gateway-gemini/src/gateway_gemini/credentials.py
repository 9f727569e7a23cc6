"""Access tokens of Google Cloud, for the extra ``vertex``.

The library reads files, asks servers of metadata and refreshes tokens by blocking calls, so all of
it happens in a thread, once in the life of a token.
"""

from __future__ import annotations

import asyncio
from collections.abc import Mapping
from typing import Any

from gateway.providers import Outgoing

__all__ = ["Tokens"]

_SCOPES = ("https://www.googleapis.com/auth/cloud-platform",)


class Tokens:
    """The tokens of the account that the environment has (Application Default Credentials)."""

    def __init__(self) -> None:
        self._credentials: Any = None
        self._lock = asyncio.Lock()

    async def authorize(self, _: Outgoing) -> Mapping[str, str]:
        """Return the header that authorizes a request, with a token that is still valid."""
        if self._credentials is None or not self._credentials.valid:
            async with self._lock:
                if self._credentials is None or not self._credentials.valid:
                    await asyncio.to_thread(self._refresh)
        return {"Authorization": f"Bearer {self._credentials.token}"}

    def _refresh(self) -> None:
        # Imported here, so that the package needs the library for these tokens alone.
        import google.auth  # noqa: PLC0415
        from google.auth.transport.requests import Request  # noqa: PLC0415

        credentials = self._credentials or google.auth.default(scopes=_SCOPES)[0]
        credentials.refresh(Request())
        self._credentials = credentials
