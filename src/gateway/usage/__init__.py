"""Usage of requests by the hour, and reports of it."""
