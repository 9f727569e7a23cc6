"""Read request bodies as Ollama's server does in every dialect: Go's JSON, then schemas.

Ollama reads all dialects with the same Go code, so they are equally lenient, and their type errors
have the same texts.
"""
