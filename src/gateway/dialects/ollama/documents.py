"""The JSON documents for models and for embeddings."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import UTC, datetime
from typing import Any

from gateway.core.embeddings import EmbedResult, normalize
from gateway.core.model_info import Capability, ListedModel, LoadedModel, ModelfileLayers, ModelInfo
from gateway.core.timing import Timing
from gateway.dialects.documents import encode_document
from gateway.dialects.ollama.bodies import ShowBody
from gateway.dialects.ollama.messages import write_messages
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


@dataclass(frozen=True, slots=True)
class RunningModel:
    """A model that was used recently, and until when it counts as loaded.

    ``loaded`` is what its service reports, if that has models in memory itself.
    """

    model: ListedModel
    expires_at: datetime
    loaded: LoadedModel | None = None


def version_document(version: str) -> bytes:
    """Return the answer of ``/api/version``."""
    return encode_document({"version": version})


def tags_document(models: Sequence[ListedModel]) -> bytes:
    """Return the answer of ``/api/tags``, newest models first."""
    newest_first = sorted(models, key=lambda model: model.info.released, reverse=True)
    return encode_document({"models": [_tag(model) for model in newest_first]})


def ps_document(models: Sequence[RunningModel]) -> bytes:
    """Return the answer of ``/api/ps``, the last to expire first."""
    last_first = sorted(models, key=lambda running: running.expires_at, reverse=True)
    return encode_document({"models": [_process(running) for running in last_first]})


def show_document(model: ListedModel, body: ShowBody, *, basename: str = "") -> bytes:
    """Return the answer of ``/api/show``.

    A *basename* replaces ``general.basename``, which GitHub Copilot displays as the name.
    """
    info, layers, below = model.info, model.layers, described(model.info)
    system = body.system or layers.system
    fields: dict[str, Any] = {
        "license": "\n".join(layers.licenses),
        "modelfile": render_modelfile(model, system=system, options=body.options or {}),
        "parameters": render_parameters(info.parameters),
        "template": shown_template(model),
        "system": system,
        "details": _details(info),
        "messages": write_messages(layers.messages),
        "remote_model": model.remote_model,
        "remote_host": model.remote_host,
        "model_info": _model_info(info),
        "capabilities": _capabilities(info),
    }
    fields = {key: value for key, value in fields.items() if value or key == "model_info"}
    if layers == ModelfileLayers():
        mine = ("modelfile", "system") if system else ("modelfile",)
        fields |= {key: value for key, value in below.items() if key not in mine}
    if basename:
        fields["model_info"] = fields["model_info"] | {"general.basename": basename}
    return encode_document({**below, **fields, "modified_at": _rfc3339(info.released)})


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


def _tag(model: ListedModel) -> dict[str, object]:
    info = model.info
    lengths = {"context_length": info.context_length, "embedding_length": info.embedding_length}
    tag: dict[str, object] = {"name": model.name, "model": model.name}
    if model.remote_host:
        tag |= {"remote_model": model.remote_model, "remote_host": model.remote_host}
    tag |= {
        "modified_at": _rfc3339(info.released),
        "size": info.size,
        "digest": model.digest,
        "details": _details(info) | {key: value for key, value in lengths.items() if value},
    }
    if info.capabilities:
        tag["capabilities"] = _capabilities(info)
    return tag


def _process(running: RunningModel) -> dict[str, object]:
    model, loaded = running.model, running.loaded or LoadedModel("", running.expires_at)
    return {
        "name": model.name,
        "model": model.name,
        "size": loaded.size,
        "digest": model.digest,
        "details": _details(model.info),
        "expires_at": _rfc3339(running.expires_at),
        "size_vram": loaded.size_vram,
        "context_length": loaded.context_length or model.info.context_length,
    }


def _details(info: ModelInfo) -> dict[str, object]:
    below = described(info).get("details", {})
    families = below.get("families") if below.get("family") == info.family else None
    return {
        "parent_model": below.get("parent_model", ""),
        "format": below.get("format", ""),
        "family": info.family,
        "families": families or ([info.family] if info.family else None),
        "parameter_size": info.parameter_size,
        "quantization_level": info.quantization_level,
    }


def _model_info(info: ModelInfo) -> dict[str, object]:
    """Return the metadata that clients read; nothing of our own when the family is unknown."""
    below = described(info).get("model_info", {})
    if not info.family:
        return dict(below)
    numbers = {
        "general.parameter_count": info.parameter_count,
        f"{info.family}.context_length": info.context_length,
        f"{info.family}.embedding_length": info.embedding_length,
    }
    return {
        **below,
        "general.architecture": info.family,
        "general.basename": info.canonical,
        **{key: value for key, value in numbers.items() if value},
    }


def _capabilities(info: ModelInfo) -> list[Capability]:
    return [capability for capability in Capability if capability in info.capabilities]


def _rfc3339(moment: datetime) -> str:
    """Return a time in UTC as Go prints it."""
    text = moment.astimezone(UTC).isoformat().removesuffix("+00:00")
    return (text.rstrip("0") if "." in text else text) + "Z"
