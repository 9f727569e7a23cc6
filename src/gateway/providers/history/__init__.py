"""Repair a conversation so that a service accepts it, without I/O."""
