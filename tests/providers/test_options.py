"""The options that every adapter has."""

from __future__ import annotations

import marshmallow as ma
import pytest

from gateway.providers.options import ServiceOptions, ServiceOptionsSchema
from gateway.providers.upstream import Timeouts


class Schema(ServiceOptionsSchema):
    base_path = "/v1"


@pytest.mark.parametrize("given", ["http://x", "http://x/", "http://x/v1", "http://x/v1/"])
def test_a_base_url_may_be_given_with_and_without_its_path(given: str) -> None:
    assert Schema().load({"base_url": given}) == ServiceOptions(base_url="http://x/v1")


def test_timeouts_are_those_of_the_upstream() -> None:
    table = {"connect_timeout": 1, "first_event_timeout": 2, "silence_timeout": 3.5}
    loaded = ServiceOptionsSchema().load(table)
    assert loaded.timeouts == Timeouts(connect=1, head=2, silence=3.5)
    assert ServiceOptions().timeouts == Timeouts()


def test_a_key_is_trimmed_and_never_shown() -> None:
    loaded = ServiceOptionsSchema().load({"api_key": " secret\n"})
    assert loaded.api_key == "secret"
    assert "secret" not in repr(loaded)


def test_an_origin_has_no_path_and_no_secret() -> None:
    assert ServiceOptions(base_url="https://u:p@x.example:8/v1").origin == "https://x.example:8"
    assert ServiceOptions().origin == ""


@pytest.mark.parametrize(
    "table",
    [{"api_key": "two words"}, {"base_url": "x.example"}, {"connect_timeout": 0}, {"colour": 1}],
    ids=lambda table: next(iter(table)),
)
def test_wrong_options_are_refused_without_repeating_them(table: dict[str, object]) -> None:
    with pytest.raises(ma.ValidationError) as caught:
        ServiceOptionsSchema().load(table)
    assert "two words" not in str(caught.value.messages)
