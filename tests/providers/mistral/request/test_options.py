from __future__ import annotations

import pytest

from gateway.core.errors import InvalidRequest
from gateway.providers.mistral.extra_options import CHAT_OPTIONS, wire_options

FUNCTION = {"type": "function", "function": {"name": "weather"}}


@pytest.mark.parametrize(
    ("extra", "wire", "dropped"),
    [
        pytest.param({}, {}, [], id="nothing"),
        pytest.param(
            {
                "metadata": {"team": "a\ud83d"},
                "service_tier": "auto",
                "prompt_cache_key": "k",
                "guardrails": [{"block_on_error": True}],
                "safe_prompt": False,
                "prediction": "x = 1",
                "reasoning_effort": "high",
                "parallel_tool_calls": False,
                "tool_choice": "any",
                "random_seed": 0,
            },
            {
                "random_seed": 0,
                "tool_choice": "any",
                "parallel_tool_calls": False,
                "reasoning_effort": "high",
                "prediction": {"type": "content", "content": "x = 1"},
                "safe_prompt": False,
                "guardrails": [{"block_on_error": True}],
                "prompt_cache_key": "k",
                "service_tier": "auto",
                "metadata": {"team": "a\ufffd"},
            },
            [],
            id="all-that-mistral-knows",
        ),
        pytest.param({"tool_choice": FUNCTION}, {"tool_choice": FUNCTION}, [], id="one-function"),
        pytest.param(
            {"num_ctx": 4096, "mirostat": 2, "safe_prompt": None, "n": 2},
            {},
            ["num_ctx", "mirostat", "n"],
            id="what-mistral-does-not-know",
        ),
    ],
)
def test_mistrals_own_options_are_sent_and_others_are_not(
    extra: dict[str, object], wire: dict[str, object], dropped: list[str]
) -> None:
    noted: list[str] = []
    written = wire_options(extra, allowed=CHAT_OPTIONS, dropped=noted)
    assert (list(written.items()), noted) == (list(wire.items()), dropped)


def test_an_option_that_does_not_apply_is_left_out_unchecked() -> None:
    noted: list[str] = []
    written = wire_options(
        {"safe_prompt": "yes", "random_seed": 1}, allowed={"random_seed"}, dropped=noted
    )
    assert (written, noted) == ({"random_seed": 1}, ["safe_prompt"])


@pytest.mark.parametrize(
    ("name", "value", "kind"),
    [
        ("random_seed", True, "integer, not below 0"),
        ("random_seed", -1, "integer, not below 0"),
        ("random_seed", 1.5, "integer, not below 0"),
        ("parallel_tool_calls", 1, "boolean"),
        ("reasoning_effort", True, "string"),
        ("prediction", {"type": "content"}, "string"),
        ("safe_prompt", "true", "boolean"),
        ("guardrails", {}, "array of objects"),
        ("guardrails", ["x"], "array of objects"),
        ("prompt_cache_key", 5, "string"),
        ("service_tier", [], "string"),
        ("metadata", "x", "object"),
        *(
            (
                "tool_choice",
                value,
                "string (auto, none, any or required) or object naming a function",
            )
            for value in (
                "weather",
                5,
                {"type": "function"},
                {"type": "function", "function": {"name": 5}},
                {**FUNCTION, "extra": 1},
                {"type": "function", "function": {"name": "f", "extra": 1}},
            )
        ),
    ],
)
def test_a_wrong_type_is_refused(name: str, value: object, kind: str) -> None:
    with pytest.raises(InvalidRequest) as caught:
        wire_options({name: value}, allowed=CHAT_OPTIONS, dropped=[])
    assert (caught.value.status, caught.value.message) == (
        400,
        f'option "{name}" must be of type {kind}',
    )
