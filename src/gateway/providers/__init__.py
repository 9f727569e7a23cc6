"""Adapters for upstream services, and the toolkit that they share."""
