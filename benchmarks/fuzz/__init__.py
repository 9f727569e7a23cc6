"""Mutated requests to a gateway, and mutated answers of its services."""
