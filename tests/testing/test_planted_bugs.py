"""The contract suite finds bugs that are planted in a right adapter, one at a time."""

from __future__ import annotations

import pytest

from gateway.testing import ProviderContract
from planted_bugs import BUGS, contract_with

pytestmark = pytest.mark.slow

CHECKS = sorted(name for name in dir(ProviderContract) if name.startswith("test_"))


def failed(contract: type[ProviderContract], check: str) -> bool:
    try:
        getattr(contract(), check)()
    except pytest.skip.Exception:
        return False
    except (Exception, pytest.fail.Exception):
        return True
    return False


@pytest.mark.filterwarnings("ignore::pytest.PytestUnraisableExceptionWarning")
@pytest.mark.parametrize(("old", "new", "check"), BUGS.values(), ids=BUGS)
def test_a_planted_bug_is_found(old: str, new: str, check: str) -> None:
    assert failed(contract_with(old, new), check)


def test_there_are_twenty() -> None:
    assert len(BUGS) == 20


@pytest.mark.parametrize("check", CHECKS)
def test_nothing_is_found_where_nothing_is_planted(check: str) -> None:
    contract = contract_with("0 is a value", "0 is one")
    assert not failed(contract, check)
