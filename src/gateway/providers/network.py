"""How a provider is reached: the settings for all providers, its own, and the environment."""

from __future__ import annotations

from dataclasses import replace

from yarl import URL

from gateway.core.errors import SettingsError
from gateway.core.secrets import protect
from gateway.providers.proxies import find_proxy, is_loopback
from gateway.providers.upstream.transport import TlsContext
from gateway.settings import NetworkSettings, ProviderSettings, Settings

__all__ = ["network_of", "shown_proxy"]


def network_of(
    name: str, table: ProviderSettings, settings: Settings, options: object
) -> NetworkSettings:
    """Return how the provider *name* is reached; ``proxy`` is the one that its requests use.

    Raise `SettingsError` for authorities that cannot be read and a variable that is not a proxy.
    """
    network = replace(settings.network, **table.network)
    if network.ca_file:
        _check_authorities(
            network.ca_file, f"[providers.{name}]", is_own="ca_file" in table.network
        )
    url = _base_url(options)
    proxy = network.proxy
    if url is not None and is_loopback(url):
        proxy = ""
    elif url is not None and network.trust_env and not proxy:
        try:
            proxy = find_proxy(url, settings.environ.get)
        except ValueError as error:
            raise SettingsError(str(error)) from None
    protect([URL(proxy).password or ""])
    return replace(network, proxy=proxy)


def shown_proxy(network: NetworkSettings) -> str:
    """Return the URL of the proxy without its password, or an empty text if there is none."""
    return str(URL(network.proxy).with_user(None))


def _check_authorities(ca_file: str, own_place: str, *, is_own: bool) -> None:
    try:
        TlsContext(ca_file)
    except OSError as error:
        reason = (error.strerror or type(error).__name__).lower()
        place = own_place if is_own else "[network]"
        raise SettingsError(f"{place} ca_file: cannot read {ca_file}: {reason}") from error


def _base_url(options: object) -> URL | None:
    """Return where requests go, if the adapter has the option by which most adapters say so."""
    found = options.get("base_url") if isinstance(options, dict) else None
    text = found or getattr(options, "base_url", "")
    return URL(text) if isinstance(text, str) and text else None
