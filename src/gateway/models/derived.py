"""User-made models: their Modelfile layers, and what these add to a request.

A derived model names its provider's model directly. The layers of all models between the two are
merged when it is made, so that deleting one model never breaks another.
"""

from __future__ import annotations

import dataclasses
from collections.abc import Collection
from datetime import datetime
from typing import Any, TypeVar

import msgspec

from gateway.core.chat import ChatRequest, FillRequest, Message, Role, Sampling, replace
from gateway.core.model_info import ListedModel, ModelfileLayers
from gateway.core.options import read_options

__all__ = [
    "DerivedModel",
    "apply_layers",
    "derive",
    "for_chat",
    "for_prompt",
    "merge_layers",
    "with_defaults",
]

RequestT = TypeVar("RequestT", ChatRequest, FillRequest)

_DEFAULT = Sampling()
_NO_LAYERS = ModelfileLayers()


# "overlay" is what the layers are called in stored documents.
class DerivedModel(msgspec.Struct, frozen=True, rename={"layers": "overlay"}):
    """A model that a user made, under the short display form of its name.

    ``provider`` and ``model_id`` say who answers.
    """

    name: str
    provider: str
    model_id: str
    created: datetime
    layers: ModelfileLayers = _NO_LAYERS


def derive(
    name: str, base: ListedModel, layers: ModelfileLayers = _NO_LAYERS, *, created: datetime
) -> DerivedModel:
    """Return the model *name* with *layers* on top of *base*, which may itself be derived."""
    return DerivedModel(
        name=name,
        provider=base.provider,
        model_id=base.info.id,
        created=created,
        layers=merge_layers(base.layers, layers),
    )


def merge_layers(below: ModelfileLayers, above: ModelfileLayers) -> ModelfileLayers:
    """Return both in one, as Ollama merges the layers of two models (``server/create.go``).

    Parameters are merged one by one, licences add up, and anything else *above* replaces.
    """
    given = {
        field.name: value
        for field in dataclasses.fields(ModelfileLayers)
        if (value := getattr(above, field.name)) != getattr(_NO_LAYERS, field.name)
    }
    given["parameters"] = {**below.parameters, **above.parameters}
    given["licenses"] = tuple(dict.fromkeys((*below.licenses, *above.licenses)))
    return dataclasses.replace(below, **given)


def apply_layers(base: ListedModel, derived: DerivedModel) -> ListedModel:
    """Return what clients see of *derived*: its layers applied to *base*, which answers."""
    info, layers = base.info, derived.layers
    given: dict[str, Any] = {
        "capabilities": frozenset(layers.capabilities),
        "canonical": layers.base_name,
        "family": layers.family,
        "parameter_size": layers.parameter_size,
        "quantization_level": layers.quantization_level,
        "context_length": layers.context_length,
        "embedding_length": layers.embedding_length,
    }
    return dataclasses.replace(
        base,
        name=derived.name,
        layers=layers,
        info=dataclasses.replace(
            info,
            released=derived.created,
            parameters={**info.parameters, **layers.parameters},
            **{key: value for key, value in given.items() if value},
        ),
    )


def for_chat(
    model: ListedModel, request: ChatRequest, *, explicit: Collection[str] = ()
) -> ChatRequest:
    """Return *request* as a conversation with *model* continues it (Ollama's ``server/routes.go``).

    The stored messages come before those of the client, and the stored system prompt before all,
    unless the client's first message is one. *explicit* is explained at `with_defaults`.
    """
    stored = model.layers.messages
    if model.layers.system and not _begins_with_system(request):
        stored = (*_system(model), *stored)
    if stored:
        request = replace(request, messages=(*stored, *request.messages))
    return with_defaults(model, request, explicit=explicit)


def for_prompt(
    model: ListedModel, request: ChatRequest, *, explicit: Collection[str] = ()
) -> ChatRequest:
    """Return *request*, a single prompt, as *model* answers it (Ollama's ``server/routes.go``).

    The system prompt, the client's or else the stored one, comes first and the stored messages
    after it. *explicit* is explained at `with_defaults`.
    """
    own = 1 if _begins_with_system(request) else 0
    system = request.messages[:own] or _system(model)
    messages = (*system, *model.layers.messages, *request.messages[own:])
    if messages != request.messages:
        request = replace(request, messages=messages)
    return with_defaults(model, request, explicit=explicit)


def with_defaults(
    model: ListedModel, request: RequestT, *, explicit: Collection[str] = ()
) -> RequestT:
    """Return *request* with the stored parameters of *model* as defaults.

    *explicit* are the names of the options that the client gave. Their stored values are not used
    even where the request does not show it: ``num_predict: -1`` leaves no limit, and none is to be
    filled in. Raise `gateway.core.errors.InvalidRequest` (500) for a stored parameter of a wrong
    type.
    """
    if not model.layers.parameters:
        return request
    stored = {key: value for key, value in model.layers.parameters.items() if key not in explicit}
    if not stored:
        return request
    sampling, extra = read_options(stored)
    given = {
        name: value
        for name in Sampling.__struct_fields__
        if (value := getattr(request.sampling, name)) != getattr(_DEFAULT, name)
    }
    return replace(
        request,
        sampling=replace(sampling, **given),
        extra={**extra, **request.extra},
    )


def _begins_with_system(request: ChatRequest) -> bool:
    return bool(request.messages) and request.messages[0].role is Role.SYSTEM


def _system(model: ListedModel) -> tuple[Message, ...]:
    system = model.layers.system
    return (Message(Role.SYSTEM, system),) if system else ()
