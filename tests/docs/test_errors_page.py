"""The page on errors against the tree of errors and the rules for retries."""

from __future__ import annotations

from gateway.core import errors
from gateway.core.errors import GatewayError
from gateway.routing.retry import delay_before
from gateway.settings import RetrySettings
from pages import codes, section, table

PAGE = "reference/errors.md"
CLASSES = {name: getattr(errors, name) for name in errors.__all__}


def test_every_error_that_a_client_may_see_stands_with_its_status() -> None:
    rows = table(PAGE, "Errors before the first line")
    assert {codes(row["Class"])[0]: int(row["Status"]) for row in rows} == {
        name: kind.default_status
        for name, kind in CLASSES.items()
        if issubclass(kind, GatewayError)
    }


def test_every_error_that_stops_the_start_stands_there() -> None:
    rows = table(PAGE, "Errors at start-up")
    assert {codes(row["Class"])[0] for row in rows} == {
        name for name, kind in CLASSES.items() if not issubclass(kind, GatewayError)
    }


def test_the_errors_that_allow_a_retry_are_those_of_the_code() -> None:
    samples = {name: kind("x") for name, kind in CLASSES.items() if issubclass(kind, GatewayError)}
    samples["UpstreamRejected"] = errors.UpstreamRejected("x", status=503)
    lines = section(PAGE, "Retries and fallback").splitlines()
    (sentence,) = [line for line in lines if line.startswith("The errors that allow")]
    assert set(codes(sentence)) == {
        name
        for name, error in samples.items()
        if delay_before(1, error, RetrySettings()) is not None
    }
