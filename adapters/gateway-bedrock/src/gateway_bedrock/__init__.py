"""The models of Amazon Bedrock for the gateway, through the Converse API."""

from __future__ import annotations

from gateway_bedrock.options import BedrockOptions, BedrockOptionsSchema, ModelRule
from gateway_bedrock.provider import BedrockProvider

__all__ = ["BedrockOptions", "BedrockOptionsSchema", "BedrockProvider", "ModelRule"]
