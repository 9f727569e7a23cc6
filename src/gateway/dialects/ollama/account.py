"""Documents about an account that nobody needs here: clients ask, and must not stop to sign in."""

from __future__ import annotations

import uuid
from collections.abc import Sequence

from gateway.core.model_info import Capability, ListedModel
from gateway.dialects.documents import encode_document

__all__ = ["me_document", "recommendations_document", "status_document"]

_MOST_RECOMMENDED = 5

# Clients parse it as a UUID; always the same one, since it means nobody.
_NOBODY = str(uuid.uuid5(uuid.NAMESPACE_DNS, "gateway.invalid"))


def status_document() -> bytes:
    """Return the answer of ``/api/status``: nothing is switched off."""
    return encode_document({"cloud": {"disabled": False, "source": "none"}})


def me_document() -> bytes:
    """Return the answer of ``/api/me``: somebody is signed in, so nobody is asked to."""
    return encode_document({"id": _NOBODY, "email": "", "name": "gateway", "plan": "free"})


def recommendations_document(models: Sequence[ListedModel]) -> bytes:
    """Return the answer of ``/api/experimental/model-recommendations``.

    They are the first *models* that chat and call tools.
    """
    wanted = {Capability.COMPLETION, Capability.TOOLS}
    able = [model for model in models if wanted <= model.info.capabilities]
    return encode_document(
        {"recommendations": [_recommendation(model) for model in able[:_MOST_RECOMMENDED]]}
    )


def _recommendation(model: ListedModel) -> dict[str, object]:
    recommendation: dict[str, object] = {
        "model": model.name,
        "description": model.info.description,
    }
    if model.info.context_length:
        recommendation["context_length"] = model.info.context_length
    return recommendation
