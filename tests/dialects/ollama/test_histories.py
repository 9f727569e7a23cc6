"""Random histories of Ollama's clients: each reaches a provider, valid and in its order."""

from __future__ import annotations

import json
from typing import Any

from hypothesis import given
from hypothesis import strategies as st

from gateway.core import codec
from gateway.core.model_info import ModelInfo
from gateway.dialects.ollama.checks import chat_request
from gateway.dialects.ollama.schemas import load_chat
from gateway.dialects.tool_names import rename_tools
from gateway.providers.mistral.encode import chat_body
from gateway.sandbox.rules import CHAT_PATH, refuse

words = st.sampled_from(["a", "", "b c", "Größe", "\ud83d"])
values = st.recursive(
    st.none() | st.booleans() | st.integers() | words | st.just('{"x": "Par'),
    lambda inner: st.lists(inner, max_size=3) | st.dictionaries(words, inner, max_size=3),
    max_leaves=5,
)
calls = st.fixed_dictionaries(
    {"function": st.fixed_dictionaries({"name": words}, optional={"arguments": values})},
    optional={"id": st.sampled_from(["c1", "c2", ""]), "type": words, "x": values},
)
turns = st.fixed_dictionaries(
    {
        "role": st.sampled_from(
            ["user", "assistant", "Assistant", "tool", "system", "developer", "x"]
        )
    },
    optional={
        "content": st.none() | words,
        "thinking": st.none() | words,
        "tool_calls": st.none() | st.lists(calls, max_size=2),
        "tool_name": st.none() | words,
        "tool_call_id": st.sampled_from(["c1", "c2", ""]),
        "name": values,
        "x": values,
    },
)
TOOLS = [
    {"type": "function", "function": {"name": name, "parameters": {}}} for name in ("f", "g h")
]


@given(st.lists(turns, max_size=6), st.integers(0, 2))
def test_no_history_is_refused_or_loses_its_order(
    history: list[dict[str, Any]], offered: int
) -> None:
    messages: list[dict[str, Any]] = [{"role": "user", "content": "mark 0"}]
    for number, turn in enumerate(history, 1):
        messages += [turn, {"role": "user", "content": f"mark {number}"}]
    body = load_chat(json.dumps({"messages": messages, "tools": TOOLS[:offered]}).encode())
    request, _ = rename_tools(chat_request(body, "mistral-medium-latest"))
    sent = codec.decode(codec.encode(chat_body(request, ModelInfo("mistral-medium-latest"))))
    assert refuse(CHAT_PATH, sent) is None
    told = json.dumps(sent["messages"])
    places = [told.index(f"mark {number}") for number in range(len(history) + 1)]
    assert places == sorted(places)
