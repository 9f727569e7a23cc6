"""The JSON documents for models and for embeddings."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import datetime
from typing import Any

from gateway.core.embeddings import EmbedResult, normalize
from gateway.core.model_info import ListedModel, LoadedModel, ModelfileLayers
from gateway.core.timing import Timing
from gateway.dialects.documents import encode_document
from gateway.dialects.ollama.bodies import ShowBody
from gateway.dialects.ollama.messages import write_messages
from gateway.dialects.ollama.metadata import (
    capabilities_of,
    details_of,
    embedding_length_of,
    license_of,
    metadata_of,
    remote_of,
    size_of,
    write_time,
)
from gateway.dialects.ollama.modelfile import render_modelfile, render_parameters, shown_template
from gateway.dialects.ollama.passthrough import DIALECT, described

__all__ = [
    "RunningModel",
    "embed_document",
    "embeddings_document",
    "ps_document",
    "show_document",
    "tags_document",
    "version_document",
]

_REMOTE = ("remote_model", "remote_host")


@dataclass(frozen=True, slots=True)
class RunningModel:
    """A model that was used recently, and until when it counts as loaded.

    ``name`` is the name that was asked for. ``loaded`` is what its service reports, if
    that has models in memory itself.
    """

    name: str
    model: ListedModel
    expires_at: datetime
    loaded: LoadedModel | None = None


def version_document(version: str) -> bytes:
    """Return the answer of ``/api/version``."""
    return encode_document({"version": version})


def tags_document(models: Sequence[ListedModel], *, show_remote: bool = False) -> bytes:
    """Return the answer of ``/api/tags``, newest models first.

    With *show_remote* models are marked as remote, here and in all documents and lines.
    """
    newest_first = sorted(models, key=lambda model: model.info.released, reverse=True)
    return encode_document(
        {"models": [_tag(model, show_remote=show_remote) for model in newest_first]}
    )


def ps_document(models: Sequence[RunningModel]) -> bytes:
    """Return the answer of ``/api/ps``, the last to expire first."""
    last_first = sorted(models, key=lambda running: running.expires_at, reverse=True)
    return encode_document({"models": [_process(running) for running in last_first]})


def show_document(
    model: ListedModel, body: ShowBody, *, basename: str = "", show_remote: bool = False
) -> bytes:
    """Return the answer of ``/api/show``.

    A *basename* replaces ``general.basename``, which GitHub Copilot displays as the name.
    """
    info, layers, below = model.info, model.layers, described(model.info)
    system = body.system or layers.system
    fields: dict[str, Any] = {
        "license": license_of(model),
        "modelfile": render_modelfile(model, system=system, options=body.options or {}),
        "parameters": render_parameters(info.parameters),
        "template": shown_template(model),
        "system": system,
        "details": details_of(info),
        "messages": write_messages(layers.messages),
        **remote_of(model),
        "model_info": metadata_of(model),
        "capabilities": capabilities_of(info),
    }
    fields = {key: value for key, value in fields.items() if value or key == "model_info"}
    if layers == ModelfileLayers():
        mine = ("modelfile", "system") if system else ("modelfile",)
        fields |= {key: value for key, value in below.items() if key not in mine}
    if basename:
        fields["model_info"] = fields["model_info"] | {"general.basename": basename}
    document = {**below, **fields, "modified_at": write_time(info.released)}
    if not show_remote:
        document = {key: value for key, value in document.items() if key not in _REMOTE}
    return encode_document(document)


def embed_document(
    model: str, result: EmbedResult | None, *, dimensions: int = 0, timing: Timing
) -> bytes:
    """Return the answer of ``/api/embed``; without a result the model was only loaded.

    Vectors are cut to *dimensions*, if that is positive, and normalized; an Ollama server has done
    both already.
    """
    if result is None:
        return encode_document({"model": model, "embeddings": []})
    passthrough = (result.native or {}).get(DIALECT)
    if passthrough is not None:
        return encode_document({"model": model, "embeddings": result.vectors, **passthrough})
    size = dimensions if dimensions > 0 else None
    durations = timing.durations()
    document: dict[str, object] = {
        "model": model,
        "embeddings": [normalize(vector[:size]) for vector in result.vectors],
        "total_duration": durations.total,
        "load_duration": durations.load,
    }
    if result.usage is not None and result.usage.input_tokens > 0:
        document["prompt_eval_count"] = result.usage.input_tokens
    return encode_document(document)


def embeddings_document(result: EmbedResult | None) -> bytes:
    """Return the answer of ``/api/embeddings``, its vector unchanged; no vector for a load."""
    return encode_document({"embedding": result.vectors[0] if result else []})


def _tag(model: ListedModel, *, show_remote: bool) -> dict[str, object]:
    info = model.info
    lengths = {
        "context_length": info.context_length,
        "embedding_length": embedding_length_of(info),
    }
    tag: dict[str, object] = {"name": model.name, "model": model.name}
    if show_remote:
        tag |= remote_of(model)
    tag |= {
        "modified_at": write_time(info.released),
        "size": size_of(model),
        "digest": model.digest,
        "details": details_of(info) | {key: value for key, value in lengths.items() if value},
    }
    if info.capabilities:
        tag["capabilities"] = capabilities_of(info)
    return tag


def _process(running: RunningModel) -> dict[str, object]:
    model, loaded = running.model, running.loaded
    size = loaded.size if loaded else size_of(model)
    context_length = loaded.context_length if loaded else 0
    return {
        "name": running.name,
        "model": running.name,
        "size": size,
        "digest": model.digest,
        "details": details_of(model.info),
        "expires_at": write_time(running.expires_at),
        "size_vram": loaded.size_vram if loaded else size,
        "context_length": context_length or model.info.context_length,
    }
