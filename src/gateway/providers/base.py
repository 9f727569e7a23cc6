"""The contract between the gateway and its adapters."""

from __future__ import annotations

import abc
import logging
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field, is_dataclass, replace
from types import MappingProxyType
from typing import Any, ClassVar, Final, Generic, Self, TypeVar

import aiohttp
import marshmallow as ma

from gateway.core.chat import ChatRequest, FillRequest
from gateway.core.embeddings import EmbedRequest, EmbedResult
from gateway.core.errors import NotSupported
from gateway.core.events import ChatStream
from gateway.core.model_info import LoadedModel, ModelInfo
from gateway.core.transcriptions import TranscribeRequest, Transcript
from gateway.providers.facts import NO_FACTS, Facts
from gateway.providers.keepsakes import Keepsakes

__all__ = ["CONTRACT", "KEY_OPTION", "Provider", "ProviderContext"]

CONTRACT = 2
"""The version of the contract that this gateway has.

An adapter that declares a newer one is refused at start-up.
"""

KEY_OPTION: Final = "api_key"
"""The option that holds the key of an account, in every adapter that has one."""

OptionsT = TypeVar("OptionsT")


@dataclass(frozen=True, slots=True)
class ProviderContext(Generic[OptionsT]):
    """What the gateway gives an adapter for as long as the application runs.

    ``name`` is the provider's name in the settings and the namespace of its models. ``session`` is
    shared with all other providers and never closed by an adapter. ``keepsakes`` remembers what the
    service wants back with a history. ``key_variable`` is the environment variable that may hold
    the provider's key, empty if there is none, for the words of an error about the key. ``facts``
    tells of models what lists do not.
    """

    name: str
    options: OptionsT
    session: aiohttp.ClientSession
    log: logging.Logger
    keepsakes: Keepsakes = field(default_factory=Keepsakes)
    key_variable: str = ""
    facts: Facts = NO_FACTS


class Provider(abc.ABC, Generic[OptionsT]):
    """The contract of an adapter: one upstream service, called in its own dialect.

    An adapter implements `list_models`, and overrides the operations that its service has, of which
    there may be one alone, such as `embed`. All methods raise `gateway.core.errors.UpstreamError`
    when the service fails, never an exception of a library.
    """

    contract: ClassVar[int] = 2
    """The version of the contract that the adapter was written for.

    The default stays what it is when `CONTRACT` rises, so that an adapter which declares none never
    claims a version that its author has not seen.
    """
    options_schema: ClassVar[type[ma.Schema]] = ma.Schema
    """Loads the adapter's table of the settings into ``OptionsT``."""
    options_from_env: ClassVar[Mapping[str, str | Sequence[str]]] = MappingProxyType({})
    """Name of an option to the environment variable that may set it.

    Of several variables the first one that is set counts, and errors name the first one.
    """
    required_options: ClassVar[tuple[str, ...]] = ()
    """Options without which no request can succeed, such as a key; start-up requires them."""
    learned: ClassVar[tuple[str, ...]] = ()
    """The attributes that hold what the adapter has learned of models, whatever the key is."""

    native_dialect: str | None = None
    """The dialect whose ``native`` fields of requests the adapter reads; empty if it reads none.

    Requests that differ only in what an adapter does not read share a kept answer. ``None`` says
    that it may read all. An instance may override that of its class.
    """

    facts_name: ClassVar[str] = ""
    """The service's name at models.dev, by default that of the adapter."""

    otel_name: str = ""
    """The service's name in OpenTelemetry's GenAI conventions (``gen_ai.provider.name``).

    Empty is the provider's name in the settings. An instance may override that of its class.
    """

    def __init__(self, context: ProviderContext[OptionsT]) -> None:
        self.context = context

    @property
    def remote_host(self) -> str:
        """The origin of the service, such as ``https://api.example``; never a path or a secret."""
        return ""

    def chat(self, request: ChatRequest) -> ChatStream:
        """Yield the answer's events in batches, as they arrive; the last one is a `Finish`.

        Nothing is sent before the first batch is requested. At most one request is accepted
        upstream. Closing the generator closes the upstream connection at once.
        """
        raise NotSupported(f"{self.context.name} does not support chat")

    @abc.abstractmethod
    async def list_models(self) -> Sequence[ModelInfo]:
        """Return the models that this account can use now."""

    def describe(self, model_id: str) -> ModelInfo:
        """Return what is known of a model that is in no list; by default only its id."""
        return ModelInfo(model_id)

    def has_unlisted(self, model_id: str) -> bool:
        """Tell whether a model that is in no list can be asked for by its id; by default none can.

        Such models are not shown in lists, but under the aliases that settings give them.
        """
        return False

    def fill(self, request: FillRequest) -> ChatStream:
        """Yield the text between a prompt and a suffix, in the manner of `chat`."""
        raise NotSupported(f"{self.context.name} does not support fill-in-the-middle")

    async def embed(self, request: EmbedRequest) -> EmbedResult:
        """Return one vector for each input."""
        raise NotSupported(f"{self.context.name} does not support embeddings")

    async def transcribe(self, request: TranscribeRequest) -> Transcript:
        """Return the text of a recording."""
        raise NotSupported(f"{self.context.name} does not support transcription")

    async def load_model(self, request: ChatRequest | EmbedRequest) -> None:
        """Have the service load a model into its memory; there is none unless this is overridden.

        *request* names the model and its options; it has neither messages nor inputs.
        """

    async def unload_model(self, model_id: str) -> None:
        """Have the service drop a model from its memory."""

    async def loaded_models(self) -> Sequence[LoadedModel] | None:
        """Return the models in the service's memory, or None if it does not report them."""
        return None

    def with_key(self, key: str) -> Self:
        """Return an instance that sends the requests of one user with that user's *key*.

        It is for one request, and is closed when that is over. By default it is made as this one
        was, with *key* as the option ``api_key``, and has the attributes ``learned`` of this one.
        Raise `gateway.core.errors.NotSupported` for an adapter without that option.
        """
        context = getattr(self, "context", None)
        options: Any = getattr(context, "options", None)
        if isinstance(options, dict) and KEY_OPTION in options:
            options = {**options, KEY_OPTION: key}
        elif is_dataclass(options) and hasattr(options, KEY_OPTION):
            options = replace(options, **{KEY_OPTION: key})  # type: ignore[type-var]
        else:
            raise NotSupported("the provider of this model does not take the keys of users")
        other = type(self)(replace(self.context, options=options))
        for name in self.learned:
            setattr(other, name, getattr(self, name))
        return other

    async def aclose(self) -> None:
        """Release what the adapter itself has opened."""


AnyProvider = Provider[Any]
