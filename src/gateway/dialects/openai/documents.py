"""The JSON documents of OpenAI's dialect that are not answers of a language model.

Their shapes are those of Ollama's ``openai/openai.go``.
"""

from __future__ import annotations

import base64
import struct
from collections.abc import Mapping, Sequence
from typing import Final

from gateway.core.embeddings import EmbedRequest, EmbedResult, normalize
from gateway.core.errors import GatewayError, RateLimited
from gateway.core.model_info import ListedModel
from gateway.core.names import InvalidName, parse_name
from gateway.core.token_estimates import text_tokens
from gateway.core.transcriptions import Transcript
from gateway.dialects.documents import encode_document, encode_line

__all__ = [
    "TEXT_TYPE",
    "embeddings_document",
    "error_document",
    "error_fields",
    "model_document",
    "models_document",
    "transcript_document",
]

TEXT_TYPE: Final = "text/plain; charset=utf-8"

_ERROR_TYPES: Final[Mapping[int, str]] = {400: "invalid_request_error", 404: "not_found_error"}
_TYPES_OF_CODES: Final[Mapping[str, str]] = {
    "invalid_api_key": "invalid_request_error",
    "insufficient_permissions": "permission_error",
    "insufficient_quota": "insufficient_quota",
    "model_not_priced": "insufficient_quota",
}
"""The types of the gateway's own errors, for which Ollama has none to go by."""


def error_fields(error: GatewayError) -> dict[str, object]:
    """Return the member ``error`` of an error response and of a failed stream."""
    return {
        "message": error.message,
        "type": _error_type(error),
        "param": None,
        "code": error.code or None,
    }


def error_document(error: GatewayError, _: str = "") -> bytes:
    """Return the body of an error response, which has no place for a request id."""
    return encode_document({"error": error_fields(error)})


def models_document(models: Sequence[ListedModel]) -> bytes:
    """Return the answer of ``/v1/models``, in the order given."""
    data = [_model(model.name, model) for model in models]
    return encode_line({"object": "list", "data": data or None})


def model_document(name: str, model: ListedModel) -> bytes:
    """Return the answer of ``/v1/models/{model}``; *name* is the name in the path."""
    return encode_line(_model(name, model))


def embeddings_document(
    model: str, wanted: EmbedRequest, result: EmbedResult, *, encoding: str
) -> bytes:
    """Return the answer of ``/v1/embeddings``, with vectors of the length 1 that was *wanted*.

    *model* is the name in the request; *encoding* is ``base64``, for little-endian floats of 32
    bits, or else means numbers. The tokens are estimates if the service has counted none, since
    many clients cannot read an answer without them.
    """
    vectors = [normalize(vector[: wanted.dimensions]) for vector in result.vectors]
    if result.usage is None:
        tokens = sum([text_tokens(len(text)) for text in wanted.inputs])
    else:
        tokens = result.usage.input_tokens
    return encode_line(
        {
            "object": "list",
            "data": [
                {
                    "object": "embedding",
                    "embedding": _pack(vector) if encoding == "base64" else vector,
                    "index": index,
                }
                for index, vector in enumerate(vectors)
            ],
            "model": model,
            "usage": {"prompt_tokens": tokens, "total_tokens": tokens},
        }
    )


def transcript_document(transcript: Transcript) -> bytes:
    """Return the answer of ``/v1/audio/transcriptions``."""
    return encode_line({"text": transcript.text})


def _error_type(error: GatewayError) -> str:
    if isinstance(error, RateLimited):
        return error.unit
    by_status = _ERROR_TYPES.get(error.status, "api_error")
    return _TYPES_OF_CODES.get(error.code, by_status)


def _model(name: str, model: ListedModel) -> dict[str, object]:
    return {
        "id": name,
        "object": "model",
        "created": int(model.info.released.timestamp()),
        "owned_by": _owner(name),
    }


def _owner(name: str) -> str:
    try:
        return parse_name(name).namespace
    except InvalidName:  # an id of the provider's own, such as that of a fine-tuned model
        return ""


def _pack(vector: Sequence[float]) -> str:
    return base64.b64encode(struct.pack(f"<{len(vector)}f", *vector)).decode()
