"""Google's Gemini models for the gateway, through their own API."""

from __future__ import annotations

from gateway_gemini.options import GeminiOptions, GeminiOptionsSchema
from gateway_gemini.provider import GeminiProvider

__all__ = ["GeminiOptions", "GeminiOptionsSchema", "GeminiProvider"]
