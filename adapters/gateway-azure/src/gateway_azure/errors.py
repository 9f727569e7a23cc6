"""What Azure's errors tell beside those of OpenAI's API."""

from __future__ import annotations

from collections.abc import Iterator, Mapping

from gateway.providers import (
    ErrorResponse,
    GatewayError,
    UpstreamDenied,
    UpstreamRejected,
    fields_of,
    json_of,
    text_of,
)

__all__ = ["KEY_VARIABLE", "refined"]

KEY_VARIABLE = "AZURE_OPENAI_API_KEY"
_SAFE = "safe"


def refined(
    error: GatewayError, response: ErrorResponse, provider: str, *, has_key: bool
) -> GatewayError:
    """Return *error*, which was made of *response*, with what only this service tells.

    Whoever is rejected without a key may lack a role; what a filter has found is named, and the
    status stays, since nothing was answered.
    """
    inner = fields_of(fields_of(json_of(response.body)).get("error"))
    if response.status in (401, 403) and not has_key:
        code = text_of(inner.get("code")) or str(response.status)
        hint = (
            ": it may lack the role Cognitive Services OpenAI User"
            if code == "PermissionDenied"
            else ""
        )
        return UpstreamDenied(
            f"{provider} rejected the token of Microsoft Entra ({code}){hint}", provider=provider
        )
    found = ", ".join(_filtered(fields_of(inner.get("innererror"))))
    if not found or not isinstance(error, UpstreamRejected):
        return error
    return UpstreamRejected(
        f"{error.message} (found: {found})",
        provider=provider,
        request_id=error.request_id,
        status=error.status,
        headers=error.headers,
    )


def _filtered(inner: Mapping[str, object]) -> Iterator[str]:
    """Yield what the filter has found, with how bad it is where that is told."""
    results = fields_of(inner.get("content_filter_result") or inner.get("content_filter_results"))
    for name, result in results.items():
        fields = fields_of(result)
        if fields.get("filtered") is True:
            severity = text_of(fields.get("severity"))
            yield f"{name} {severity}" if severity not in ("", _SAFE) else name
