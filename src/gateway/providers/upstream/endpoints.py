"""Where the requests to one service go: paths below its base URL, with the headers of all."""

from __future__ import annotations

from collections.abc import Mapping
from functools import lru_cache
from typing import Final
from urllib.parse import quote, urlencode

from yarl import URL

from gateway.core.errors import UpstreamError
from gateway.providers.upstream.named_framings import EVENT_STREAM
from gateway.providers.upstream.transport import NO_HEADERS, Endpoint
from gateway.providers.upstream.transport.request_head import check_headers

__all__ = ["Endpoints", "checked"]

_MOST: Final = 64
"""Endpoints that are kept; adapters have few paths, unless they put names of models into them."""


class Endpoints:
    """The endpoints of the service *name*, each made once; *headers* are sent to all of them."""

    def __init__(
        self, name: str, base_url: str, headers: Mapping[str, str], connect_timeout: float
    ) -> None:
        base = URL(base_url.rstrip("/"))
        self.host = base.host or ""
        self._name = name
        self._base_url = str(base)
        self._headers = {**headers, "Accept-Encoding": "identity"}
        self._connect_timeout = connect_timeout
        self._made = lru_cache(_MOST)(self._make)

    def url(self, path: str) -> URL:
        """Return the URL of *path* below the base URL; *path* is percent-encoded already."""
        return URL(self._base_url + path, encoded=True)

    def get(
        self,
        method: str,
        path: str,
        query: Mapping[str, str] | None,
        accept: str,
        content_type: str,
    ) -> Endpoint:
        """Return the endpoint of *path* with *query* after its own; raise `UpstreamError`.

        *accept* is the media type that is wanted, *content_type* that of the body, or empty.
        """
        return self._made(method, _with_query(path, query), accept, content_type)

    def _make(self, method: str, path: str, accept: str, content_type: str) -> Endpoint:
        headers = {**self._headers, "Accept": accept}
        if content_type:
            headers["Content-Type"] = content_type
        if accept == EVENT_STREAM:
            headers["Cache-Control"] = "no-cache"
        # Another beginning would change the host or the last word of the base URL, and what comes
        # after a "#" would not be sent.
        if not path.startswith("/") or "#" in path:
            raise _invalid(self._name, "the path of a request")
        try:
            return Endpoint(method, self.url(path), headers, self._connect_timeout)
        except ValueError as error:
            raise _invalid(self._name, "the base URL") from error


def checked(name: str, headers: Mapping[str, str] | None) -> Mapping[str, str]:
    """Return the headers of one request to the service *name*; raise `UpstreamError`."""
    if not headers:
        return NO_HEADERS
    try:
        check_headers(headers)
    except ValueError as error:
        raise _invalid(name, "a header of a request") from error
    return headers


def _invalid(name: str, what: str) -> UpstreamError:
    return UpstreamError(f"{what} of {name} is not valid", provider=name)


def _with_query(path: str, query: Mapping[str, str] | None) -> str:
    """Return *path* with *query* after its own."""
    if not query:
        return path
    encoded = urlencode(query, quote_via=quote, safe="", errors="replace")
    return f"{path}{'&' if '?' in path else '?'}{encoded}"
