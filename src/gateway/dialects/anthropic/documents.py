"""The JSON documents of Anthropic's dialect that are not answers of a language model.

Their shapes are those of Anthropic's API reference, "models" and "count tokens".
"""

from __future__ import annotations

from collections.abc import Sequence
from datetime import UTC

from gateway.core.model_info import ListedModel
from gateway.dialects.documents import encode_line

__all__ = ["count_document", "model_document", "models_document"]


def count_document(tokens: int) -> bytes:
    """Return the answer of ``/v1/messages/count_tokens``."""
    return encode_line({"input_tokens": tokens})


def models_document(models: Sequence[ListedModel]) -> bytes:
    """Return the answer of ``/v1/models``, all on one page, in the order given."""
    data = [_model(model.name, model) for model in models]
    return encode_line(
        {
            "data": data,
            "has_more": False,
            "first_id": data[0]["id"] if data else None,
            "last_id": data[-1]["id"] if data else None,
        }
    )


def model_document(name: str, model: ListedModel) -> bytes:
    """Return the answer of ``/v1/models/{model}``; *name* is the name in the path."""
    return encode_line(_model(name, model))


def _model(name: str, model: ListedModel) -> dict[str, object]:
    return {
        "type": "model",
        "id": name,
        "display_name": name,
        "created_at": model.info.released.astimezone(UTC).strftime("%Y-%m-%dT%H:%M:%SZ"),
    }
