"""The adapter's options: an account at Mistral and how to reach the service."""

from __future__ import annotations

from dataclasses import dataclass

from gateway.providers.options import ServiceOptions, ServiceOptionsSchema, flag

__all__ = ["MistralOptions", "MistralOptionsSchema"]


@dataclass(frozen=True, slots=True)
class MistralOptions(ServiceOptions):
    """One account; without a key all requests to this provider fail.

    ``base_url`` ends in ``/v1``. ``think_default`` turns thinking on when the client does not set
    it, as Ollama does; otherwise Mistral's default applies, which is off. ``prompt_cache`` sends a
    key that makes a hit in Mistral's prompt cache likelier. ``list_agents`` adds the agents of the
    account to the list of models.
    """

    base_url: str = "https://api.mistral.ai/v1"
    think_default: bool = False
    prompt_cache: bool = False
    list_agents: bool = False


class MistralOptionsSchema(ServiceOptionsSchema):
    """Load `MistralOptions`."""

    options_class = MistralOptions
    base_path = "/v1"

    think_default = flag()
    prompt_cache = flag()
    list_agents = flag()
