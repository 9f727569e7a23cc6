"""Repairs of a conversation, so that a service accepts it; pure."""
