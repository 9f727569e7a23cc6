"""Targets of a request: their order, retries and cool-downs."""
