"""Answers that are kept, and given again in the place of a provider's."""
