"""The contract suite bites: an adapter that looks right fails where it is wrong."""

from __future__ import annotations

import configparser

import pytest

import gateway.testing
from contract_results import CHECKS, FAILED, PASSED, SKIPPED, NaiveContract
from gateway.providers.registry import GROUP, load_adapter
from gateway.testing import ProviderContract
from pages import ROOT
from shipped_adapters import SHIPPED, OllamaContract


class Hasty(NaiveContract):
    """Where it fails it may fail by never ending."""

    patience = 0.4


pytestmark = pytest.mark.filterwarnings("ignore::pytest.PytestUnraisableExceptionWarning")


def test_the_expectations_are_about_every_check() -> None:
    assert sorted([*PASSED, *FAILED, *SKIPPED]) == sorted(CHECKS)


@pytest.mark.parametrize("name", sorted(PASSED))
def test_a_naive_adapter_passes_where_all_is_well(name: str) -> None:
    getattr(NaiveContract(), name)()


@pytest.mark.slow
@pytest.mark.parametrize(("name", "error"), FAILED.items(), ids=FAILED)
def test_a_naive_adapter_fails_where_something_goes_wrong(
    name: str, error: type[BaseException]
) -> None:
    with pytest.raises(error):
        getattr(Hasty(), name)()


@pytest.mark.parametrize("name", sorted(SKIPPED))
def test_a_check_of_what_an_adapter_does_not_have_is_skipped(name: str) -> None:
    with pytest.raises(pytest.skip.Exception, match="^optional: the adapter has no "):
        getattr(NaiveContract(), name)()


def test_every_adapter_that_comes_with_the_gateway_is_held_against_every_check() -> None:
    setup = configparser.ConfigParser()
    setup.read(ROOT / "setup.cfg", encoding="utf-8")
    lines = setup["options.entry_points"][GROUP].strip().splitlines()
    names = [line.partition(" =")[0] for line in lines]
    assert {contract.provider for contract in SHIPPED} == {load_adapter(name) for name in names}
    for name in names:
        assert (ROOT / "tests" / "providers" / name / "test_contract.py").is_file()
    for contract in SHIPPED:
        changed = [n for n in CHECKS if getattr(contract, n) is not getattr(ProviderContract, n)]
        assert (contract.__name__, changed) == (contract.__name__, [])


def test_a_check_is_a_plain_test_with_a_docstring() -> None:
    checks = [getattr(ProviderContract, name) for name in sorted(CHECKS)]
    assert all(check.__doc__ for check in checks)
    assert {check.__code__.co_argcount for check in checks} == {1}


class Keyless(OllamaContract):
    secret_option = ""


def test_a_service_may_have_no_secret() -> None:
    Keyless().test_text_comes_first_and_one_finish_last()
    Keyless().test_the_secret_is_never_shown()


def test_there_is_nothing_else_in_the_kit() -> None:
    with pytest.raises(AttributeError, match="has no attribute 'Contract'"):
        gateway.testing.Contract  # type: ignore[attr-defined] # that is the point  # noqa: B018
