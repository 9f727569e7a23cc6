"""The contract suite bites: an adapter that looks right fails where it is wrong."""

from __future__ import annotations

import configparser
import json

import aiohttp
import pytest

import gateway.testing
from adapters.test_anthropic_contract import TestAnthropic as AnthropicContract
from adapters.test_ollama_contract import TestOllama as OllamaContract
from adapters.test_openai_contract import TestOpenAI as OpenAIContract
from gateway.providers.registry import GROUP, load_adapter
from gateway.testing import ProviderContract
from mistral.test_contract import TestMistral as MistralContract
from pages import ROOT
from testing.naive_adapter import NaiveProvider

HELLO = (
    b'data: {"choices":[{"delta":{"content":"Hel"}}]}\n\n'
    b'data: {"choices":[{"delta":{"content":"lo"}}]}\n\n'
    b"data: [DONE]\n\n"
)


class Naive(ProviderContract):
    provider = NaiveProvider
    hello_stream = HELLO
    hello_text = "Hello"
    hello_finish = b"data: [DONE]"
    models_body = b'{"data":[{"id":"a"},{"id":"b"}]}'


class Hasty(Naive):
    """Where it fails it may fail by never ending."""

    patience = 0.4


pytestmark = pytest.mark.filterwarnings("ignore::pytest.PytestUnraisableExceptionWarning")

PASSED = {
    "test_text_comes_first_and_one_finish_last",
    "test_a_request_is_json_that_names_the_model",
    "test_nothing_is_sent_before_the_first_event_is_asked_for",
    "test_events_do_not_depend_on_where_the_bytes_are_cut",
    "test_events_may_arrive_byte_by_byte",
    "test_lines_may_end_in_cr_and_lf",
    "test_streams_do_not_share_what_they_remember",
    "test_models_are_the_same_from_list_to_list",
    "test_leaving_early_frees_the_service",
    "test_leaving_while_nothing_comes_frees_the_service",
    "test_the_session_stays_open",
    "test_the_contract_is_one_that_this_gateway_knows",
}
FAILED: dict[str, type[BaseException]] = {
    "test_a_long_answer_outlives_the_limits_of_the_session": TimeoutError,
    "test_a_lost_connection_is_an_error": aiohttp.ClientPayloadError,
    "test_an_early_end_never_looks_complete": TimeoutError,
    "test_garbage_is_a_protocol_error": json.JSONDecodeError,
    "test_a_page_is_a_protocol_error": ConnectionAbortedError,
    "test_a_rate_limit_keeps_its_delay": ConnectionError,
    "test_refused_credentials_are_not_the_clients": ConnectionRefusedError,
    "test_a_refusal_keeps_its_words": ConnectionError,
    "test_a_session_that_raises_for_statuses_changes_nothing": aiohttp.ClientResponseError,
    "test_a_failing_service_is_not_the_clients_fault": ConnectionError,
    "test_a_redirect_is_not_followed": aiohttp.TooManyRedirects,
    "test_nobody_listening_is_unavailable": aiohttp.ClientConnectorError,
    "test_a_list_that_fails_is_an_error": KeyError,
    "test_the_secret_is_shown_nowhere": ConnectionRefusedError,
    "test_an_unknown_option_is_refused": pytest.fail.Exception,
}
"""What goes wrong in each check: mostly that a library's own error comes through."""
CHECKS = {name for name in dir(ProviderContract) if name.startswith("test_")}


def test_the_expectations_are_about_every_check() -> None:
    assert sorted([*PASSED, *FAILED]) == sorted(CHECKS)


@pytest.mark.parametrize("name", sorted(PASSED))
def test_a_naive_adapter_passes_where_all_is_well(name: str) -> None:
    getattr(Naive(), name)()


@pytest.mark.parametrize(("name", "error"), FAILED.items(), ids=FAILED)
def test_a_naive_adapter_fails_where_something_goes_wrong(
    name: str, error: type[BaseException]
) -> None:
    with pytest.raises(error):
        getattr(Hasty(), name)()


SHIPPED = (MistralContract, OpenAIContract, AnthropicContract, OllamaContract)


def test_every_adapter_that_comes_with_the_gateway_is_held_against_every_check() -> None:
    setup = configparser.ConfigParser()
    setup.read(ROOT / "setup.cfg", encoding="utf-8")
    lines = setup["options.entry_points"][GROUP].strip().splitlines()
    assert {contract.provider for contract in SHIPPED} == {
        load_adapter(line.partition(" =")[0]) for line in lines
    }
    for contract in SHIPPED:
        changed = [n for n in CHECKS if getattr(contract, n) is not getattr(ProviderContract, n)]
        assert (contract.__name__, changed) == (contract.__name__, [])
        assert contract.__name__.startswith("Test")


def test_a_check_is_a_plain_test_with_a_docstring() -> None:
    checks = [getattr(ProviderContract, name) for name in sorted(CHECKS)]
    assert all(check.__doc__ for check in checks)
    assert {check.__code__.co_argcount for check in checks} == {1}


class Keyless(OllamaContract):
    secret_option = ""


def test_a_service_may_have_no_secret() -> None:
    Keyless().test_text_comes_first_and_one_finish_last()
    Keyless().test_the_secret_is_shown_nowhere()


def test_there_is_nothing_else_in_the_kit() -> None:
    with pytest.raises(AttributeError, match="has no attribute 'Contract'"):
        gateway.testing.Contract  # type: ignore[attr-defined] # that is the point  # noqa: B018
