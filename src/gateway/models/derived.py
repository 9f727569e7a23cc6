"""Models that users made of a provider's: how they lie over it, and what they add to a request.

A derived model names its provider's model directly. What stands between the two when it is made is
merged into it, so that deleting one model never breaks another.
"""

from __future__ import annotations

import dataclasses
from collections.abc import Collection
from datetime import datetime
from typing import Any, TypeVar

from gateway.core.chat import ChatRequest, FillRequest, Message, Role, Sampling, replace
from gateway.core.model_info import ListedModel, Overlay
from gateway.core.options import read_options

__all__ = ["DerivedModel", "derive", "for_chat", "for_prompt", "laid_over", "merged", "tuned"]

RequestT = TypeVar("RequestT", ChatRequest, FillRequest)

_UNSAID = Sampling()
_NOTHING = Overlay()


@dataclasses.dataclass(frozen=True, slots=True)
class DerivedModel:
    """A model that a user made, under the short display form of its name.

    ``provider`` and ``model_id`` say who answers.
    """

    name: str
    provider: str
    model_id: str
    created: datetime
    overlay: Overlay = _NOTHING


def derive(
    name: str, base: ListedModel, overlay: Overlay = _NOTHING, *, created: datetime
) -> DerivedModel:
    """Return the model *name* that lays *overlay* over *base*, which may itself be derived."""
    return DerivedModel(
        name=name,
        provider=base.provider,
        model_id=base.info.id,
        created=created,
        overlay=merged(base.overlay, overlay),
    )


def merged(below: Overlay, above: Overlay) -> Overlay:
    """Return both in one, as Ollama merges the layers of two models (``server/create.go``).

    Parameters are merged one by one, licences add up, and anything else *above* replaces.
    """
    said = {
        field.name: value
        for field in dataclasses.fields(Overlay)
        if (value := getattr(above, field.name)) != getattr(_NOTHING, field.name)
    }
    said["parameters"] = {**below.parameters, **above.parameters}
    said["licenses"] = tuple(dict.fromkeys((*below.licenses, *above.licenses)))
    return dataclasses.replace(below, **said)


def laid_over(base: ListedModel, derived: DerivedModel) -> ListedModel:
    """Return what clients see of *derived*; *base* is the provider's model that answers."""
    info, overlay = base.info, derived.overlay
    said: dict[str, Any] = {
        "capabilities": frozenset(overlay.capabilities),
        "canonical": overlay.base_name,
        "family": overlay.family,
        "parameter_size": overlay.parameter_size,
        "quantization_level": overlay.quantization_level,
        "context_length": overlay.context_length,
        "embedding_length": overlay.embedding_length,
    }
    return dataclasses.replace(
        base,
        name=derived.name,
        overlay=overlay,
        info=dataclasses.replace(
            info,
            released=derived.created,
            parameters={**info.parameters, **overlay.parameters},
            **{key: value for key, value in said.items() if value},
        ),
    )


def for_chat(
    model: ListedModel, request: ChatRequest, *, said: Collection[str] = ()
) -> ChatRequest:
    """Return *request* as a conversation with *model* continues it (Ollama's ``server/routes.go``).

    The stored messages come before those of the client, and the stored system prompt before all,
    unless the client's first message is one. *said* is explained at `tuned`.
    """
    stored = model.overlay.messages
    if model.overlay.system and not _begins_with_system(request):
        stored = (*_system(model), *stored)
    if stored:
        request = replace(request, messages=(*stored, *request.messages))
    return tuned(model, request, said=said)


def for_prompt(
    model: ListedModel, request: ChatRequest, *, said: Collection[str] = ()
) -> ChatRequest:
    """Return *request*, a single prompt, as *model* answers it (Ollama's ``server/routes.go``).

    The system prompt, the client's or else the stored one, comes first and the stored messages
    after it. *said* is explained at `tuned`.
    """
    own = 1 if _begins_with_system(request) else 0
    system = request.messages[:own] or _system(model)
    messages = (*system, *model.overlay.messages, *request.messages[own:])
    if messages != request.messages:
        request = replace(request, messages=messages)
    return tuned(model, request, said=said)


def tuned(model: ListedModel, request: RequestT, *, said: Collection[str] = ()) -> RequestT:
    """Return *request* with the stored parameters of *model* where the client said nothing.

    *said* are names of options whose stored values are not to be used, although the request does
    not show it: ``num_predict: -1`` leaves no limit, and none is to be filled in. Raise
    `gateway.core.errors.InvalidRequest` (500) for a stored parameter of a wrong type.
    """
    if not model.overlay.parameters:
        return request
    stored = {key: value for key, value in model.overlay.parameters.items() if key not in said}
    if not stored:
        return request
    sampling, extra = read_options(stored)
    given = {
        name: value
        for name in Sampling.__struct_fields__
        if (value := getattr(request.sampling, name)) != getattr(_UNSAID, name)
    }
    return replace(
        request,
        sampling=replace(sampling, **given),
        extra={**extra, **request.extra},
    )


def _begins_with_system(request: ChatRequest) -> bool:
    return bool(request.messages) and request.messages[0].role is Role.SYSTEM


def _system(model: ListedModel) -> tuple[Message, ...]:
    system = model.overlay.system
    return (Message(Role.SYSTEM, system),) if system else ()
