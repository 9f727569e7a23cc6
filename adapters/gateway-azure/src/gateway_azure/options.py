"""The adapter's options: those of the adapter for OpenAI's API, a resource, and who asks."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any, Literal

import marshmallow as ma
from gateway.providers import OpenAIOptions, OpenAIOptionsSchema, ServiceOptions, flag

__all__ = ["AzureOptions", "AzureOptionsSchema"]

_V1 = "/openai/v1"
_DATED = "/openai"
_API_VERSION = "2024-10-21"
_V1_VERSIONS = ("preview", "latest")
"""The versions that the v1 API knows; it needs none."""
_IN_A_NAME = r"[A-Za-z0-9][A-Za-z0-9_.()-]*\Z"


@dataclass(frozen=True, slots=True)
class AzureOptions(OpenAIOptions):
    """One resource of Azure OpenAI or Microsoft Foundry.

    ``resource`` is its name, for a ``base_url`` that is not given. Without ``api_key`` a request
    has a token for ``scope``: one that ``token_command`` prints, if it is set, else one of the
    account that the environment has. ``deployments`` uses the addresses with the deployment in the
    path and ``api_version`` behind them, in the place of the v1 API. With ``subscription`` and
    ``resource_group`` the deployments of ``account``, by default those of the resource, are listed.
    """

    base_url: str = ""
    thinking_back: Literal["given", "never", "calls", "always"] = "never"
    key_header: str = "api-key"
    list_path: str = ""
    documents: bool = False
    resource: str = ""
    deployments: bool = False
    api_version: str = _API_VERSION
    scope: str = "https://cognitiveservices.azure.com/.default"
    token_command: tuple[str, ...] = ()
    subscription: str = ""
    resource_group: str = ""
    account: str = ""
    management_url: str = "https://management.azure.com"

    @property
    def deployments_path(self) -> str:
        """Return where the deployments are listed, empty if the settings do not tell."""
        account = self.account or self.resource
        if not (self.subscription and self.resource_group and account):
            return ""
        return (
            f"/subscriptions/{self.subscription}/resourceGroups/{self.resource_group}"
            f"/providers/Microsoft.CognitiveServices/accounts/{account}/deployments"
        )


def _name() -> ma.fields.String:
    return ma.fields.String(validate=ma.validate.Regexp(_IN_A_NAME))


class AzureOptionsSchema(OpenAIOptionsSchema):
    """Load `AzureOptions`; the base URL may be given with and without its path."""

    options_class = AzureOptions

    resource = _name()
    deployments = flag()
    api_version = ma.fields.String(
        validate=ma.validate.Regexp(
            r"(\d{4}-\d\d-\d\d(-preview)?|preview|latest)\Z",
            error="must be a version such as 2024-10-21",
        )
    )
    scope = ma.fields.String(validate=ma.validate.Regexp(r"[!-~]+\Z"))
    token_command = ma.fields.List(ma.fields.String(), validate=ma.validate.Length(min=1))
    subscription = _name()
    resource_group = _name()
    account = _name()
    management_url = ma.fields.String(validate=ma.validate.Regexp(r"https?://[^\s/?#@]+/?\Z"))

    @ma.post_load
    def build(self, data: Mapping[str, Any], **more: Any) -> ServiceOptions:
        """Return the options, read-only all the way down."""
        options = dict(data)
        resource = options.get("resource", "")
        root = options.get("base_url", "") or (
            f"https://{resource}.openai.azure.com" if resource else ""
        )
        if not root:
            raise ma.ValidationError(
                "must be set, by AZURE_OPENAI_ENDPOINT, or else resource, by AZURE_RESOURCE_NAME",
                "base_url",
            )
        bare = root.rstrip("/").removesuffix(_V1).removesuffix(_DATED)
        is_dated = options.get("deployments", False)
        options["base_url"] = bare + (_DATED if is_dated else _V1)
        version = options.get("api_version", _API_VERSION if is_dated else "")
        if is_dated or version in _V1_VERSIONS:
            options["query"] = {"api-version": version, **options.get("query", {})}
        built: ServiceOptions = super().build(options, **more)
        return built
