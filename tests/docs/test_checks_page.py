"""The page on the contract suite against the suite, and against what is known to pass and fail."""

from __future__ import annotations

from contract_results import CHECKS, FAILED, PASSED, SKIPPED
from gateway.testing import ProviderContract
from pages import ROOT, codes, page, table
from shipped_adapters import SHIPPED

PAGE = "reference/checks.md"
ROWS = {codes(row["Check"])[0]: row for row in table(PAGE, "Contract suite")}


def test_every_check_is_on_the_page_with_its_reason() -> None:
    bases = ProviderContract.__bases__
    assert list(ROWS) == [name for base in bases for name in vars(base) if name in CHECKS]
    for name, row in ROWS.items():
        said = getattr(ProviderContract, name).__doc__ or ""
        assert row["Why"] == " ".join(said.split()).replace("``", "`")


def test_the_naive_adapter_fails_where_the_page_says() -> None:
    wrong = {name for name, row in ROWS.items() if row["The naive adapter"]}
    assert wrong == FAILED.keys()
    assert ROWS.keys() - wrong == PASSED | SKIPPED
    assert (ROOT / "tests" / "support" / "naive_adapter.py").is_file()


def test_the_adapters_that_pass_are_named() -> None:
    modules = [contract.provider.__module__.rpartition(".")[2] for contract in SHIPPED]
    (sentence,) = [line for line in page(PAGE).splitlines() if "pass every check" in line]
    assert codes(sentence) == modules
