"""Gates: decide for each request which models exist and which of them may be used."""

from __future__ import annotations

from collections.abc import Callable, Collection, Sequence
from dataclasses import dataclass
from typing import Protocol

from aiohttp import web

from gateway.access.estimates import ModelRequest
from gateway.core.errors import GatewayError
from gateway.core.model_info import ListedModel, ModelInfo
from gateway.observe.record import RequestRecord

__all__ = ["Asked", "Gate", "HostGate", "RequestGate"]


@dataclass(frozen=True, slots=True)
class Asked:
    """What a request wants of one model of one provider, once its name has been resolved.

    ``operation`` is ``chat``, ``text_completion``, ``embeddings`` or ``transcription``, also if a
    model is only to be loaded or unloaded. ``name`` is the name in the request, ``listed`` the one
    in lists; ``provider`` is its name in the settings and ``model`` the id there.
    """

    operation: str
    name: str
    provider: str
    model: str
    listed: str = ""


class Gate(Protocol):
    """What a host application decides of models; without a method of its own, all is allowed.

    What a method raises that is no `GatewayError` makes the request fail, and is logged.
    """

    async def admit(self, request: web.Request, asked: Asked) -> None:
        """Raise a `GatewayError` unless the request may use this model.

        This is called before anything is sent to a provider, once for each model that the name
        stands for. Those that are rejected are left out; if all are, the client gets the first
        error, in the form of its API, and a `ModelNotFound` in the words of its endpoint.
        """
        return

    def shows(self, request: web.Request, provider: str, model: ModelInfo) -> bool:
        """Tell whether *model* exists for the request: in lists, in descriptions, and in calls."""
        return True


class RequestGate(Protocol):
    """A gate as one request meets it: that of its key, or that of a host application."""

    def may_use(self, model: ListedModel, *, requested: str = "") -> bool:
        """Tell whether *model* exists, which was *requested* by that name or is to be listed."""

    async def admit(
        self,
        record: RequestRecord,
        models: Sequence[ListedModel],
        prepare: Callable[[], ModelRequest] | None,
    ) -> Collection[tuple[str, str]]:
        """Return provider and id of those of *models* that may be used, at least one.

        *prepare* returns the request for the first of them; ``None`` is one that only has a model
        loaded or unloaded. Raise the `GatewayError` that the client gets if none may be used.
        """


class HostGate:
    """The `Gate` of a host application for one request."""

    def __init__(self, gate: Gate, request: web.Request) -> None:
        self._gate = gate
        self._request = request

    def may_use(self, model: ListedModel, *, requested: str = "") -> bool:
        """Return what the host says; aliases and copies are what they stand for."""
        return self._gate.shows(self._request, model.provider, model.info)

    async def admit(
        self,
        record: RequestRecord,
        models: Sequence[ListedModel],
        prepare: Callable[[], ModelRequest] | None,
    ) -> Collection[tuple[str, str]]:
        """Ask the host once for each model, whatever number of keys its provider has."""
        admitted = []
        errors = []
        names: dict[tuple[str, str], str] = {}
        for one in models:
            names.setdefault((one.provider, one.info.id), one.name)
        for (provider, model), listed in names.items():
            asked = Asked(record.operation, record.model, provider, model, listed)
            try:
                await self._gate.admit(self._request, asked)
            except GatewayError as error:
                errors.append(error)
            else:
                admitted.append((provider, model))
        if not admitted:
            raise errors[0]
        return admitted
