"""What log lines and spans tell of a request besides its record: its parameters, and its head."""

from dataclasses import dataclass
from urllib.parse import urlsplit

from gateway.core.chat import ChatRequest, FillRequest, Sampling
from gateway.observe.observer import ModelRequest

__all__ = ["NONE", "Parameters", "address_of", "parameters_of"]


@dataclass(frozen=True, slots=True)
class Parameters:
    """The sampling parameters of a request, and whether it wants ``text`` or ``json``."""

    sampling: Sampling
    output: str


NONE = Parameters(Sampling(), "")
"""Those of a request that has none, such as one for embeddings."""


def parameters_of(request: ModelRequest) -> Parameters:
    """Return the parameters of what a provider is sent."""
    if not isinstance(request, ChatRequest | FillRequest):
        return NONE
    is_json = isinstance(request, ChatRequest) and request.response_format is not None
    return Parameters(request.sampling, "json" if is_json else "text")


def address_of(host: str) -> tuple[str, int | None]:
    """Return the name and the port in ``Host``, which a client may have written in any way."""
    try:
        parts = urlsplit(f"//{host}")
        name, port = parts.hostname, parts.port
    except ValueError:
        return host, None
    return name or "", port
