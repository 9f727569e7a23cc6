"""Any Ollama client works, unchanged, with cloud models."""
