"""``options``: types, cuts, and what is passed on; ids name the section of the wire rules."""

from __future__ import annotations

from collections.abc import Callable

import pytest
from hypothesis import given
from hypothesis import strategies as st

from gateway.core.chat import Sampling
from gateway.core.errors import InvalidRequest
from gateway.core.options import check_options, read_options


@pytest.mark.parametrize(
    ("options", "expected"),
    [
        pytest.param(None, Sampling(), id="3.6-absent"),
        pytest.param({}, Sampling(), id="3.6-no-local-defaults"),
        pytest.param(
            {
                "temperature": 0,
                "top_p": 0.5,
                "top_k": 0,
                "min_p": 0.0,
                "seed": 7,
                "num_predict": 128,
                "stop": ["a", ""],
                "presence_penalty": -1,
                "frequency_penalty": 1.5,
            },
            Sampling(
                temperature=0.0,
                top_p=0.5,
                top_k=0,
                min_p=0.0,
                seed=7,
                max_tokens=128,
                stop=("a", ""),
                presence_penalty=-1.0,
                frequency_penalty=1.5,
            ),
            id="3.6-zero-is-a-value",
        ),
        pytest.param(
            {"num_predict": 3.9, "seed": 0.5, "top_k": -2.9},
            Sampling(max_tokens=3, seed=0, top_k=-2),
            id="3.6-integers-are-cut",
        ),
        pytest.param({"num_predict": 0}, Sampling(), id="3.6-limit-of-zero"),
        pytest.param({"num_predict": -1}, Sampling(), id="3.6-no-limit"),
        pytest.param({"seed": -1}, Sampling(), id="3.6-random-seed"),
        pytest.param({"seed": 0}, Sampling(seed=0), id="3.6-seed-of-zero"),
        pytest.param({"stop": []}, Sampling(), id="3.6-nothing-stops"),
        pytest.param({"stop": "###"}, Sampling(stop=("###",)), id="one-text-stops"),
        pytest.param({"stop": " \n"}, Sampling(stop=(" \n",)), id="white-space-stops"),
        pytest.param({"stop": ""}, Sampling(), id="an-empty-text-stops-nothing"),
        pytest.param(
            {"temperature": None, "stop": None, "num_ctx": None}, Sampling(), id="3.6-null"
        ),
        pytest.param(
            {"seed": 10**400, "num_predict": 1e300, "temperature": -(10**400)},
            Sampling(seed=2**63 - 1, max_tokens=2**63 - 1, temperature=-3.4e38),
            id="3.6-numbers-without-bounds",
        ),
    ],
)
def test_options_that_ollama_knows(options: dict[str, object] | None, expected: Sampling) -> None:
    assert read_options(options) == (expected, {})


def test_options_that_ollama_does_not_know_are_kept_as_they_are() -> None:
    options = {"safe_prompt": True, "Temperature": "hot", "tfs_z": 1, "x": None}
    assert read_options(options) == (
        Sampling(),
        {"safe_prompt": True, "Temperature": "hot", "tfs_z": 1},
    )


@pytest.mark.parametrize(
    ("key", "value", "expected"),
    [
        ("temperature", "0.5", "type float32"),
        ("temperature", True, "type float32"),
        ("repeat_penalty", [], "type float32"),
        ("num_predict", "10", "type integer"),
        ("num_ctx", False, "type integer"),
        ("seed", {}, "type integer"),
        ("use_mmap", 1, "type boolean"),
        ("use_mmap", "true", "type boolean"),
        ("stop", {}, "type array"),
        ("stop", ["a", 7], "an array of strings"),
        ("stop", [None], "an array of strings"),
    ],
    ids="3.6-{}".format,
)
def test_an_option_of_a_wrong_type_is_a_server_error(
    key: str, value: object, expected: str
) -> None:
    with pytest.raises(InvalidRequest) as caught:
        read_options({"unknown": 1, key: value})
    assert (caught.value.status, caught.value.message) == (
        500,
        f'option "{key}" must be of {expected}',
    )


@given(
    st.dictionaries(
        st.sampled_from(["temperature", "num_predict", "seed", "top_k", "other"]),
        st.integers() | st.floats(allow_nan=False, allow_infinity=False),
    )
)
def test_any_numbers_make_a_sampling_within_bounds(options: dict[str, object]) -> None:
    sampling, _ = read_options(options)
    assert sampling.max_tokens is None or 0 < sampling.max_tokens < 2**63
    assert sampling.seed is None or 0 <= sampling.seed < 2**63
    assert sampling.temperature is None or abs(sampling.temperature) <= 3.4e38


LOCAL = {
    "repeat_penalty": 1.1,
    "repeat_last_n": 64,
    "typical_p": 1.0,
    "num_keep": 4,
    "num_ctx": 4096,
    "num_batch": 512,
    "num_gpu": -1,
    "main_gpu": 0,
    "use_mmap": False,
    "num_thread": 0,
    "draft_num_predict": 4,
}


def test_what_tunes_local_inference_is_kept_for_an_ollama_behind_us() -> None:
    assert read_options({**LOCAL, "num_ctx": 4096.9, "typical_p": 1}) == (Sampling(), LOCAL)


@given(
    st.dictionaries(
        st.sampled_from(["temperature", "seed", "stop", "num_ctx", "use_mmap", "other"]),
        st.sampled_from([1, 0.5, True, "x", ["a"], [1], None]),
    )
)
def test_a_check_refuses_what_reading_would_refuse(options: dict[str, object]) -> None:
    assert _refusal(check_options, options) == _refusal(read_options, options)


def _refusal(use: Callable[[dict[str, object]], object], options: dict[str, object]) -> str:
    try:
        use(options)
    except InvalidRequest as error:
        return error.message
    return ""
