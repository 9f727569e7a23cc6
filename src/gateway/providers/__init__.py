"""Adapters to upstream services, and what every one of them stands on."""
