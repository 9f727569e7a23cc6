"""What a user of LlamaIndex does; run by the interpreter that has it, which prints the results."""

from __future__ import annotations

import json
import sys

from llama_index.core.llms import ChatMessage
from llama_index.core.tools import FunctionTool
from llama_index.embeddings.ollama import OllamaEmbedding
from llama_index.llms.ollama import Ollama


def get_weather(city: str) -> str:
    """Get the weather of a city."""
    return f"21 C in {city}"


def main(url: str) -> None:
    """Talk to *url* and print one JSON object."""
    model = Ollama(model="mistral-large", base_url=url, request_timeout=30)
    vectors = OllamaEmbedding(model_name="mistral-embed", base_url=url)
    hello = [ChatMessage(role="system", content="Be kind."), ChatMessage(content="Hello there")]
    called = model.chat_with_tools(
        [FunctionTool.from_defaults(get_weather)], user_msg="What is the weather in Paris?"
    )
    calls = model.get_tool_calls_from_response(called)
    parts = [part.delta or "" for part in model.stream_chat(hello)]
    results = {
        "complete": model.complete("Hello there").text,
        "chat": model.chat(hello).message.content,
        "stream": "".join(parts),
        "parts": len(parts),
        "calls": [[call.tool_name, call.tool_kwargs] for call in calls],
        "vector": len(vectors.get_text_embedding("a cat")),
        "vectors": [len(one) for one in vectors.get_text_embedding_batch(["a", "b"])],
    }
    print(json.dumps(results))  # noqa: T201 - this is how the test learns of them


if __name__ == "__main__":
    main(sys.argv[1])
