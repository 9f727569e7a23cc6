"""Documents about a fixed account, so that clients do not ask their user to sign in."""

from __future__ import annotations

import uuid
from collections.abc import Sequence

from gateway.core.model_info import Capability, ListedModel
from gateway.dialects.documents import encode_document

__all__ = ["me_document", "recommendations_document", "status_document"]

_MOST_RECOMMENDED = 5
_LATEST = ":latest"
"""The tag that Ollama's own recommendations leave out, and with which no client compares them."""

# Clients parse it as a UUID; always the same one, since there are no accounts.
_ACCOUNT_ID = str(uuid.uuid5(uuid.NAMESPACE_DNS, "gateway.invalid"))


def status_document() -> bytes:
    """Return the answer of ``/api/status``: no feature is disabled."""
    return encode_document({"cloud": {"disabled": False, "source": "none"}})


def me_document() -> bytes:
    """Return the answer of ``/api/me``: signed in, so that clients do not request it."""
    return encode_document({"id": _ACCOUNT_ID, "email": "", "name": "gateway", "plan": "free"})


def recommendations_document(models: Sequence[ListedModel]) -> bytes:
    """Return the answer of ``/api/experimental/model-recommendations``.

    The recommended models are the first *models* that chat and call tools, each once, by the one of
    its names that has no tag.
    """
    needed = {Capability.COMPLETION, Capability.TOOLS}
    chosen: dict[tuple[str, str], ListedModel] = {}
    for model in models:
        key = (model.provider, model.info.canonical)
        if needed <= model.info.capabilities and (
            key not in chosen or model.name.endswith(_LATEST) > chosen[key].name.endswith(_LATEST)
        ):
            chosen[key] = model
    able = [*chosen.values()][:_MOST_RECOMMENDED]
    return encode_document({"recommendations": [_recommendation(model) for model in able]})


def _recommendation(model: ListedModel) -> dict[str, object]:
    recommendation: dict[str, object] = {
        "model": model.name.removesuffix(_LATEST),
        "description": model.info.description,
    }
    if model.info.context_length:
        recommendation["context_length"] = model.info.context_length
    return recommendation
