"""The deployments of Azure OpenAI for the gateway, with keys or tokens of Microsoft Entra."""

from __future__ import annotations

from gateway_azure.options import AzureOptions, AzureOptionsSchema
from gateway_azure.provider import AzureProvider

__all__ = ["AzureOptions", "AzureOptionsSchema", "AzureProvider"]
