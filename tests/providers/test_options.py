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


@pytest.mark.parametrize(
    "url",
    [
        "HTTPS://x.example:8443/a",
        "http://127.0.0.1:1",
        "http://[::1]:8080",
        "http://model_server:80",
        "https://é.example",
    ],
)
def test_a_base_url_may_name_any_host(url: str) -> None:
    assert ServiceOptionsSchema().load({"base_url": url}) == ServiceOptions(base_url=url)


@pytest.mark.parametrize(
    "url",
    [
        "",
        "x.example",
        "//x.example",
        "ftp://x.example",
        "http://",
        "http:///v1",
        "http://x.example:port",
        "http://x.example:99999",
        "http://[::1",
        "http://two words",
        "http://x.example/two words",
        " http://x.example",
    ],
)
def test_what_is_no_address_of_a_service_is_refused(url: str) -> None:
    with pytest.raises(ma.ValidationError) as caught:
        ServiceOptionsSchema().load({"base_url": url})
    assert caught.value.messages == {"base_url": ["Not a valid URL."]}


def test_timeouts_are_those_of_the_upstream() -> None:
    table = {"connect_timeout": 1, "first_event_timeout": 2, "silence_timeout": 3.5}
    loaded = ServiceOptionsSchema().load(table)
    assert loaded.timeouts == Timeouts(connect=1, head=2, idle=3.5)
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
