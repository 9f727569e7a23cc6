"""The version of this distribution."""

__version__ = "0.2.0"
"""The version of the gateway, such as ``1.2.3``."""
