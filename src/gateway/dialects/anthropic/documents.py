"""The JSON documents of Anthropic's dialect that are not answers of a language model.

Their shapes are those of Anthropic's API reference, "errors", "models" and "count tokens".
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from datetime import UTC
from typing import Final

from gateway.core.errors import BudgetSpent, ContextOverflow, GatewayError, Unpriced
from gateway.core.model_info import ListedModel
from gateway.dialects.documents import encode_document, encode_line

__all__ = ["count_document", "error_document", "model_document", "models_document"]

_ERROR_TYPES: Final[Mapping[int, str]] = {
    400: "invalid_request_error",
    401: "authentication_error",
    403: "permission_error",
    404: "not_found_error",
    413: "request_too_large",
    429: "rate_limit_error",
    503: "overloaded_error",
    529: "overloaded_error",
}
_TOO_LONG: Final = "prompt is too long"
"""The words by which Claude Code knows that it has to shorten the conversation."""


def error_document(error: GatewayError, identity: str) -> bytes:
    """Return the body of an error response to the request of that id."""
    kind = _ERROR_TYPES.get(error.status, "api_error")
    # By its class, since a provider's own 402 is told as it always was.
    if isinstance(error, BudgetSpent | Unpriced):
        kind = "billing_error"
    message = error.message
    if isinstance(error, ContextOverflow) and _TOO_LONG not in message.lower():
        message = f"{_TOO_LONG}: {message}"
    document = {
        "type": "error",
        "error": {"type": kind, "message": message},
        "request_id": f"req_{identity:0>24}",
    }
    return encode_document(document)


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
    info = model.info
    lengths = {"max_input_tokens": info.context_length, "max_tokens": info.output_length}
    return {
        "type": "model",
        "id": name,
        "display_name": name,
        "created_at": info.released.astimezone(UTC).strftime("%Y-%m-%dT%H:%M:%SZ"),
        **{key: length for key, length in lengths.items() if length},
    }
