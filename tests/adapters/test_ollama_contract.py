"""The adapter for Ollama servers keeps the contract of all adapters."""

from __future__ import annotations

from gateway.providers.ollama import OllamaProvider
from gateway.testing import ProviderContract


class TestOllama(ProviderContract):
    provider = OllamaProvider
    model = "qwen3:8b"
    content_type = "application/x-ndjson"
    garbage = b'{"message":]\n'
    hello_text = "Héllo 🌍!"
    hello_finish = b'{"model":"qwen3:8b","message":{"role":"assistant","content":""},"done":true'
    hello_stream = (
        b'{"model":"qwen3:8b","message":{"role":"assistant","content":"H\xc3\xa9l"},"done":false}\n'
        b'{"model":"qwen3:8b","message":{"role":"assistant","content":"lo \\ud83c\\udf0d!"},'
        b'"done":false}\n'
        b'{"model":"qwen3:8b","message":{"role":"assistant","content":""},"done":true,'
        b'"done_reason":"stop","prompt_eval_count":11,"eval_count":4}\n'
    )
    models_body = {
        "/api/tags": b'{"models":[{"name":"qwen3:8b","digest":"500a1f067a9f","modified_at":'
        b'"2025-10-03T23:34:03.409490317-07:00"},{"name":"all-minilm:latest","digest":"1b22"}]}',
        "/api/show": b'{"capabilities":["completion","tools"],"model_info":{}}',
    }
