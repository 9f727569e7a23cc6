"""Google's Gemini models for the gateway, through their own API: Google AI Studio and Vertex AI."""

from __future__ import annotations

from gateway_gemini.options import (
    GeminiOptions,
    GeminiOptionsSchema,
    VertexOptions,
    VertexOptionsSchema,
)
from gateway_gemini.provider import GeminiProvider
from gateway_gemini.vertex import VertexProvider

__all__ = [
    "GeminiOptions",
    "GeminiOptionsSchema",
    "GeminiProvider",
    "VertexOptions",
    "VertexOptionsSchema",
    "VertexProvider",
]
