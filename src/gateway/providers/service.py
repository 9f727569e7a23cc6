"""The steps of an adapter with its service that are the same for all services."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from typing import Any, TypeVar

from gateway.core.errors import GatewayError, ModelNotFound, UpstreamError
from gateway.core.version import __version__
from gateway.providers.base import ProviderContext
from gateway.providers.error_responses import auth_error
from gateway.providers.options import ServiceOptions
from gateway.providers.upstream import Authorize, ErrorResponse, Upstream
from gateway.providers.upstream.transport import NO_HEADERS

__all__ = ["get_models", "open_upstream", "require_key"]

OptionsT = TypeVar("OptionsT", bound=ServiceOptions)


def open_upstream(
    context: ProviderContext[OptionsT],
    *,
    headers: Mapping[str, str] = NO_HEADERS,
    error_for: Callable[[ErrorResponse, str], GatewayError],
    authorize: Authorize | None = None,
    base_url: str = "",
    request_id_headers: Sequence[str] = ("x-request-id",),
) -> Upstream:
    """Return the service that the options of *context* describe.

    *headers* are sent with every request, without those whose value is empty and with a
    ``User-Agent``; *authorize* returns further ones for each request. *error_for* makes an error of
    an error response, given the provider's name. *base_url* is used in the place of the one in the
    options. The service may tell its own id of a request in *request_id_headers*.
    """
    name, options = context.name, context.options
    headers = {**headers, "User-Agent": f"ollama-gateway/{__version__}"}
    return Upstream(
        name,
        context.session,
        base_url or options.base_url,
        headers={header: value for header, value in headers.items() if value},
        error_for=lambda response: error_for(response, name),
        authorize=authorize,
        timeouts=options.timeouts,
        request_id_headers=request_id_headers,
    )


def require_key(context: ProviderContext[OptionsT], *, key_variable: str) -> None:
    """Raise `UpstreamDenied`, which names where to set a key, when the options have none.

    *key_variable* is the adapter's own variable, for a context that names none.
    """
    if not context.options.api_key:
        reason = f"{context.name} has no API key"
        variable = context.key_variable or key_variable
        raise auth_error(reason, provider=context.name, key_variable=variable)


async def get_models(
    upstream: Upstream, path: str, *, query: Mapping[str, str] | None = None
) -> Any:
    """GET a list of models and return its decoded JSON.

    Raise `UpstreamError`, which names the base URL, when the service does not know *path*.
    """
    try:
        return await upstream.get(path, query=query)
    except ModelNotFound as error:
        name = upstream.name
        raise UpstreamError(
            f"{name} has no list of models: check its base_url", provider=name
        ) from error
