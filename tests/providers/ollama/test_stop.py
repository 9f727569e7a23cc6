"""One text as a stop string, which an Ollama server accepts in lists only."""

from __future__ import annotations

import pytest

from gateway.core.chat import ChatRequest
from gateway.providers.ollama.encode import _options
from gateway.providers.ollama.options import OllamaOptions


@pytest.mark.parametrize(("given", "sent"), [("end", ["end"]), ("", [])])
def test_one_text_becomes_a_list(given: str, sent: list[str]) -> None:
    request = ChatRequest("m", (), native={"ollama": {"options": {"stop": given}}})
    assert _options(request, OllamaOptions())["stop"] == sent
