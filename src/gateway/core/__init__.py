"""The values of requests and answers, errors, JSON, names; imports nothing else of the gateway."""
