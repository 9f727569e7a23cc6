from __future__ import annotations

import pytest

from gateway.core.chat import Sampling
from gateway.providers.mistral.sampling import local_stops, wire_sampling


@pytest.mark.parametrize(
    ("sampling", "fields", "dropped"),
    [
        pytest.param(Sampling(), {}, [], id="nothing-said-nothing-sent"),
        pytest.param(Sampling(temperature=0.7), {"temperature": 0.7}, [], id="temperature"),
        pytest.param(Sampling(temperature=0.0), {"temperature": 0.0}, [], id="zero-is-a-value"),
        pytest.param(
            Sampling(temperature=-1.0), {"temperature": 0.0}, ["temperature"], id="too-cold"
        ),
        pytest.param(
            Sampling(temperature=2.0), {"temperature": 1.5}, ["temperature"], id="too-hot"
        ),
        pytest.param(Sampling(top_p=1.0), {"top_p": 1.0}, [], id="top-p"),
        pytest.param(Sampling(top_p=0.0), {}, ["top_p"], id="top-p-zero"),
        pytest.param(Sampling(top_p=-0.1), {}, ["top_p"], id="top-p-negative"),
        pytest.param(Sampling(top_p=1.1), {}, ["top_p"], id="top-p-above-one"),
        pytest.param(Sampling(top_p=float("inf")), {}, ["top_p"], id="top-p-infinite"),
        pytest.param(
            Sampling(temperature=0.0, top_p=0.9), {"temperature": 0.0}, ["top_p"], id="greedy"
        ),
        pytest.param(
            Sampling(temperature=-3.0, top_p=0.9),
            {"temperature": 0.0},
            ["temperature", "top_p"],
            id="greedy-once-clamped",
        ),
        pytest.param(Sampling(seed=0), {"random_seed": 0}, [], id="seed"),
        pytest.param(Sampling(seed=-1), {}, [], id="random-seed"),
        pytest.param(Sampling(max_tokens=999), {"max_tokens": 999}, [], id="limit"),
        pytest.param(Sampling(max_tokens=1000), {}, ["max_tokens"], id="limit-of-the-window"),
        pytest.param(Sampling(max_tokens=0), {}, ["max_tokens"], id="limit-zero"),
        pytest.param(Sampling(max_tokens=-2), {}, ["max_tokens"], id="limit-negative"),
        pytest.param(Sampling(stop=("a",)), {"stop": ["a"]}, [], id="one-stop"),
        pytest.param(Sampling(stop=("", "")), {}, [], id="empty-stops"),
        pytest.param(
            Sampling(stop=("b", "a", "", "b", "\ud83d")),
            {"stop": ["b", "a", "\ufffd"]},
            [],
            id="repeated-stops",
        ),
        pytest.param(
            Sampling(stop=("a", "b", "c", "d", "e")),
            {"stop": ["a", "b", "c", "d"]},
            [],
            id="more-than-four-stops",
        ),
        pytest.param(
            Sampling(presence_penalty=0.0, frequency_penalty=-0.5),
            {"presence_penalty": 0.0, "frequency_penalty": -0.5},
            [],
            id="penalties",
        ),
        pytest.param(
            Sampling(presence_penalty=3.0, frequency_penalty=-3.0),
            {"presence_penalty": 2.0, "frequency_penalty": -2.0},
            ["presence_penalty", "frequency_penalty"],
            id="penalties-clamped",
        ),
        pytest.param(Sampling(top_k=0, min_p=0.0), {}, ["top_k", "min_p"], id="other-samplers"),
    ],
)
def test_sampling_on_the_wire(
    sampling: Sampling, fields: dict[str, object], dropped: list[str]
) -> None:
    noted: list[str] = []
    wire = wire_sampling(sampling, context_length=1000, penalties=True, dropped=noted)
    assert (wire, noted) == (fields, dropped)


def test_a_limit_is_sent_when_the_window_is_unknown() -> None:
    wire = wire_sampling(Sampling(max_tokens=10**6), context_length=0, penalties=True, dropped=[])
    assert wire == {"max_tokens": 10**6}


def test_fill_in_the_middle_takes_no_penalties() -> None:
    noted: list[str] = []
    sampling = Sampling(temperature=0.5, presence_penalty=0.0, frequency_penalty=1.0)
    wire = wire_sampling(sampling, context_length=0, penalties=False, dropped=noted)
    assert (wire, noted) == ({"temperature": 0.5}, ["presence_penalty", "frequency_penalty"])


@pytest.mark.parametrize(
    ("stops", "local"),
    [
        pytest.param((), (), id="none"),
        pytest.param(("a", "b", "c", "d"), (), id="four"),
        pytest.param(("a", "", "b", "c", "a", "d", "e", "f"), ("e", "f"), id="six"),
    ],
)
def test_stops_beyond_the_fourth_are_cut_here(
    stops: tuple[str, ...], local: tuple[str, ...]
) -> None:
    assert local_stops(Sampling(stop=stops)) == local
