"""Requests, events, errors, JSON and names; imports no other package of the gateway."""
