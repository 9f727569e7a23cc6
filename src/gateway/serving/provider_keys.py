"""Send a request with the key of its user, where the operator's own is not to be used."""

from __future__ import annotations

import hashlib
import re
import secrets
from collections.abc import Awaitable, Mapping, Sequence
from typing import Final, TypeVar

from aiohttp import web

from gateway.access.caller import PROVIDER_KEY, told
from gateway.core.errors import Unauthorized, UpstreamDenied
from gateway.core.model_info import ListedModel
from gateway.core.secrets import protect_in_context
from gateway.providers.adapter_calls import calling
from gateway.providers.base import AnyProvider
from gateway.routing.targets import Target, UserKey
from gateway.serving.keys import CLIENT_KEYED, RECORD, REQUEST_ACCESS, TARGETS, USER_KEYS
from gateway.serving.user_keys import UserKeys

__all__ = ["as_user", "owner_of", "user_keys"]

_SALT: Final = secrets.token_bytes(32)
_is_header_safe = re.compile(r"[\x21-\x7e]+").fullmatch

T = TypeVar("T")


def user_keys(
    request: web.Request, models: Sequence[ListedModel]
) -> tuple[Sequence[ListedModel], Mapping[str, UserKey]]:
    """Return those of *models* that may be asked, and the user's keys for their providers.

    A host's key that is a text is for the provider of the first model; others are left out then.
    So are models for which the client has to give a key and gives none. Raise `Unauthorized` if
    that leaves none, or for a key that no header can hold, and `NotSupported` for a provider that
    takes no keys.
    """
    given, client_keyed = told(request, PROVIDER_KEY), request.app[CLIENT_KEYED]
    if not given and not client_keyed:
        return models, {}
    if isinstance(given, str) and given:
        first = models[0].provider
        models = [model for model in models if model.provider == first]
        given = {first: given}
    keys = {name: key for name, key in (given or {}).items() if key}
    names = dict.fromkeys(model.provider for model in models)
    if lacking := [name for name in names if name in client_keyed and name not in keys]:
        if own := _client_key(request):
            keys |= dict.fromkeys(lacking, own)
        else:
            models = [model for model in models if model.provider not in lacking]
        if not models:
            raise Unauthorized(f"an API key of {lacking[0]} is required")
    keys = {name: key for name, key in keys.items() if name in names}
    if not all(map(_is_header_safe, keys.values())):
        raise Unauthorized("the API key contains characters that are not allowed in a key")
    token = protect_in_context(keys.values())
    found: dict[str, UserKey] = {}
    request[USER_KEYS] = UserKeys(found, token)
    providers: Mapping[str, AnyProvider] = request.app[TARGETS].providers
    for name, key in keys.items():
        with calling(name):
            found[name] = UserKey(providers[name].with_key(key), _owner(key))
    return models, found


def owner_of(request: web.Request) -> str:
    """Return whose state *request* may use: its caller, or else whoever has the key that it gives.

    It is empty for all who have neither.
    """
    caller = request[RECORD].caller
    if caller:
        return caller
    given = told(request, PROVIDER_KEY)
    if not given and request.app[CLIENT_KEYED]:
        given = _client_key(request)
    return _owner(given) if isinstance(given, str) and given else ""


async def as_user(target: Target, answer: Awaitable[T]) -> T:
    """Return *answer*; a key of the user that is rejected is an error of the user's own."""
    try:
        return await answer
    except UpstreamDenied as error:
        name = target.model.provider
        raise Unauthorized(f"{name} rejected the API key of this request") from error


def _client_key(request: web.Request) -> str:
    """Return the first key that the client gives which is not one of the gateway's own."""
    from gateway.access.credentials import (  # noqa: PLC0415 - only where it is used
        MADE,
        credentials,
    )

    access = request[REQUEST_ACCESS]
    for key in credentials(request.headers):
        if not key.startswith(MADE) and not (access is not None and access.has_key(key)):
            return key
    return ""


def _owner(key: str) -> str:
    """Return what tells keys apart while this process runs, and tells nothing of the key."""
    return hashlib.blake2b(key.encode("utf-8", "replace"), key=_SALT, digest_size=16).hexdigest()
