"""Measure the gateway beside a bare relay: ``python -m benchmarks``; Linux only.

The limit for a gateway built on aiohttp is an aiohttp handler that copies the upstream's bytes
untouched, so every figure is a ratio to that relay, formed within a round of one run.
"""
