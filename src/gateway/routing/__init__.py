"""Whom to ask for an answer, in which order, and how often."""
