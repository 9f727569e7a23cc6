"""Signatures of requests (AWS Signature Version 4), for the extra ``sigv4``.

The library finds credentials where AWS's own tools do: in the environment, in profiles, from single
sign-on, and from the services that machines and containers have for it. It reads files and asks
servers by blocking calls, and a signature hashes the whole body, so all of it happens in a thread.
"""

from __future__ import annotations

import asyncio
from collections.abc import Mapping
from importlib.util import find_spec
from typing import Any

from gateway.providers import Outgoing, UpstreamDenied

__all__ = ["Signer", "can_sign", "region_of_profile"]

_SERVICE = "bedrock"
_SIGNED = ("Content-Type",)
"""Headers that are signed; what proxies may change is not."""


def can_sign() -> bool:
    """Tell whether the library is installed."""
    return find_spec("botocore") is not None


def region_of_profile(profile: str) -> str:
    """Return the region that a profile of AWS's tools names, empty if it names none."""
    if not can_sign():
        return ""
    try:
        region = _session(profile).get_config_variable("region")
    except Exception:  # a broken file of others is told of when credentials are needed
        return ""
    return region if isinstance(region, str) else ""


class Signer:
    """Signs requests of the provider *name* with the credentials that the environment has."""

    def __init__(self, name: str, *, region: str, profile: str) -> None:
        self._name = name
        self._region = region
        self._profile = profile
        self._credentials: Any = None
        self._lock = asyncio.Lock()

    async def authorize(self, request: Outgoing) -> Mapping[str, str]:
        """Return the headers that authorize a request."""
        if self._is_due():
            async with self._lock:
                if self._is_due():
                    await asyncio.to_thread(self._refresh)
        return await asyncio.to_thread(self._sign, request)

    def _is_due(self) -> bool:
        """Tell whether there are no credentials, or such that end soon."""
        if self._credentials is None:
            return True
        is_due = getattr(self._credentials, "refresh_needed", None)
        return is_due is not None and bool(is_due())

    def _refresh(self) -> None:
        credentials = self._credentials or _session(self._profile).get_credentials()
        if credentials is None:
            raise UpstreamDenied(
                f"{self._name} finds no credentials of AWS: set AWS_BEARER_TOKEN_BEDROCK,"
                f" api_key or profile of the provider {self._name}",
                provider=self._name,
            )
        credentials.get_frozen_credentials()  # which refreshes them
        self._credentials = credentials

    def _sign(self, request: Outgoing) -> Mapping[str, str]:
        # Imported here, so that a key of Bedrock needs no library.
        from botocore.auth import SigV4Auth  # noqa: PLC0415
        from botocore.awsrequest import AWSRequest  # noqa: PLC0415

        given = request.headers
        own = {name: given[name] for name in _SIGNED if name in given}
        signed = AWSRequest(request.method, request.url, headers=own, data=request.body)
        frozen = self._credentials.get_frozen_credentials()
        SigV4Auth(frozen, _SERVICE, self._region).add_auth(signed)
        return {name: value for name, value in signed.headers.items() if name not in own}


def _session(profile: str) -> Any:
    import botocore.session  # noqa: PLC0415

    return botocore.session.Session(profile=profile or None)
