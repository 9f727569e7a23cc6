from __future__ import annotations

import gc
import os

import pytest
from hypothesis import settings

settings.register_profile("few", max_examples=15, deadline=None)
settings.register_profile("many", max_examples=150, deadline=None)
settings.load_profile("few")  # unless `--hypothesis-profile` names another one

gc.disable()  # until all tests are collected, which makes hardly any garbage


@pytest.hookimpl(optionalhook=True)
def pytest_xdist_auto_num_workers() -> int:
    """Run one worker more than there are cores: some tests wait instead of computing."""
    return (os.cpu_count() or 1) + 1


def pytest_collection_finish() -> None:
    """Let the garbage collector pass over what is there for good: it is large, and looked at often.

    The official clients alone bring hundreds of thousands of objects.
    """
    gc.collect()
    gc.freeze()
    gc.set_threshold(5_000, 20, 20)
    gc.enable()


def pytest_terminal_summary(
    terminalreporter: pytest.TerminalReporter, config: pytest.Config
) -> None:
    """Say which tests and how many examples the run has left out, and how to run them."""
    if markers := config.getoption("markexpr"):
        terminalreporter.write_line(f"only tests that are {markers!r} were run; -m '' runs all")
    few, many = settings().max_examples, settings.get_profile("many").max_examples
    if few < many:
        terminalreporter.write_line(
            f"{few} examples of each property were tried; --hypothesis-profile=many tries {many}"
        )
