"""Progress of creating and copying models: one line per step."""

from __future__ import annotations

import hashlib
from collections.abc import Sequence

from gateway.core import codec
from gateway.core.model_info import ModelfileLayers
from gateway.dialects.documents import encode_document

__all__ = ["create_statuses", "progress_document", "progress_lines"]


def create_statuses(
    base: ModelfileLayers, made: ModelfileLayers, *, model_digest: str
) -> list[str]:
    """Return what Ollama reports while it creates a model (``server/create.go``, ``layer.go``).

    A layer is a part of the model that Ollama stores by the digest of its content. *model_digest*
    is the digest of the provider's model, which takes the place of weights.
    """
    inherited = {f"sha256:{model_digest}", *_digests(base)}
    wanted = [f"sha256:{model_digest}", *_digests(made)]
    return [
        *[f"using existing layer {digest}" for digest in wanted if digest in inherited],
        *[f"creating new layer {digest}" for digest in wanted if digest not in inherited],
        "writing manifest",
        "success",
    ]


def progress_document(status: str) -> bytes:
    """Return one progress object."""
    return encode_document({"status": status})


def progress_lines(statuses: Sequence[str]) -> bytes:
    """Return one line for each status."""
    return b"".join([progress_document(status) + b"\n" for status in statuses])


def _digests(layers: ModelfileLayers) -> list[str]:
    """Return the digest of each part, encoded as Ollama stores it."""
    contents = [layers.template.encode(), layers.system.encode()]
    contents += [text.encode() for text in layers.licenses]
    if layers.parameters:
        contents.append(codec.encode(dict(sorted(layers.parameters.items()))) + b"\n")
    if layers.messages:
        contents.append(codec.encode(layers.messages) + b"\n")
    return [f"sha256:{hashlib.sha256(content).hexdigest()}" for content in contents if content]
