"""The adapter: the one for OpenAI's API, with Azure's addresses, tokens, errors and deployments."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import replace
from types import MappingProxyType
from typing import cast
from urllib.parse import quote

from gateway.providers import (
    Authorize,
    ErrorResponse,
    GatewayError,
    ModelInfo,
    OpenAIOptions,
    OpenAIProvider,
    ProviderContext,
    Upstream,
    UpstreamProtocolError,
    fields_of,
    get_models,
    open_upstream,
    text_of,
)
from yarl import URL

from gateway_azure import errors
from gateway_azure.deployments import API_VERSION, merged, parse_deployments
from gateway_azure.options import AzureOptions, AzureOptionsSchema
from gateway_azure.tokens import CommandSource, IdentitySource, Tokens

__all__ = ["AzureProvider"]

_MOST_PAGES = 100
_MANAGEMENT_SCOPE = "{url}/.default"


class AzureProvider(OpenAIProvider):
    """The deployments of one resource."""

    contract = 2
    options_schema = AzureOptionsSchema
    options_from_env = MappingProxyType(
        {
            "api_key": (errors.KEY_VARIABLE, "AZURE_API_KEY"),
            "resource": "AZURE_RESOURCE_NAME",
            "base_url": "AZURE_OPENAI_ENDPOINT",
            "api_version": "OPENAI_API_VERSION",
            "subscription": "AZURE_SUBSCRIPTION_ID",
        }
    )

    def __init__(self, context: ProviderContext[OpenAIOptions]) -> None:
        self._sources: list[IdentitySource] = []
        self._given = context.options.models
        super().__init__(replace(context, key_variable=context.key_variable or errors.KEY_VARIABLE))
        self.otel_name = "azure.ai.openai"
        self._management = self._connect_management()

    @property
    def azure_options(self) -> AzureOptions:
        """The options, by their own type."""
        return cast("AzureOptions", self.context.options)

    def authorization(self) -> Authorize | None:
        """Return what gives each request a token; None if a key does."""
        options = self.azure_options
        return None if options.api_key else self._tokens(options.scope).authorize

    def error_for(self, response: ErrorResponse, provider: str) -> GatewayError:
        """Return the error for a response other than 200, with what the content filter found."""
        error = super().error_for(response, provider)
        has_key = bool(self.context.options.api_key)
        return errors.refined(error, response, provider, has_key=has_key)

    def path(self, path: str, model: str) -> str:
        """Return where a request goes: in the older API the deployment is in the path."""
        if not self.azure_options.deployments:
            return path
        return f"/deployments/{quote(model, safe='')}{path}"

    async def list_models(self) -> Sequence[ModelInfo]:
        """Return the deployments that the settings name, and those that the account lists."""
        if self._management is not None:
            found = parse_deployments(await self._rows(self._management), self.context.name)
            models = MappingProxyType(merged(self._given, found))
            options = replace(self.context.options, models=models)
            self.context = replace(self.context, options=options)
        return await super().list_models()

    async def aclose(self) -> None:
        """Release the connections of the library for tokens."""
        for source in self._sources:
            await source.aclose()
        await super().aclose()

    async def _rows(self, management: Upstream) -> list[object]:
        """Return the deployments of all pages."""
        name = self.context.name
        path, query = self.azure_options.deployments_path, {"api-version": API_VERSION}
        rows: list[object] = []
        seen: set[str] = set()
        for _ in range(_MOST_PAGES):
            page = await get_models(management, path, query=query)
            found = fields_of(page).get("value")
            if not isinstance(found, list):
                text = f"{name} sent no list of deployments"
                raise UpstreamProtocolError(text, provider=name)
            rows += found
            # Only the query of the link is used, so that no token goes to another host.
            link = text_of(fields_of(page).get("nextLink"))
            if not link or link in seen:
                break
            seen.add(link)
            query = dict(URL(link).query)
        return rows

    def _tokens(self, scope: str) -> Tokens:
        name, command = self.context.name, self.azure_options.token_command
        if command:
            return Tokens(CommandSource(name, scope, command))
        source = IdentitySource(name, scope)
        self._sources.append(source)
        return Tokens(source)

    def _connect_management(self) -> Upstream | None:
        """Return the service that lists deployments, None if the settings do not tell which."""
        options = self.azure_options
        if not options.deployments_path:
            return None
        url = options.management_url.rstrip("/")
        scope = _MANAGEMENT_SCOPE.format(url=url)
        return open_upstream(
            self.context,
            error_for=self._management_error,
            authorize=self._tokens(scope).authorize,
            base_url=url,
        )

    def _management_error(self, response: ErrorResponse, provider: str) -> GatewayError:
        error = super().error_for(response, provider)
        return errors.refined(error, response, provider, has_key=False)
