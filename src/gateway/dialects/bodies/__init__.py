"""Request bodies as Ollama's server reads them, whatever the dialect: JSON in Go's way, in schemas.

All dialects that Ollama serves are read by the same Go code, so their leniency and the words of
their type errors are the same.
"""
