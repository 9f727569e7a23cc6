"""Serve one request over HTTP: body, pipeline, relay, errors, disconnects."""
