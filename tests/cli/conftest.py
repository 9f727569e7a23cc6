from __future__ import annotations

import logging
from collections.abc import Iterator

import pytest

from gateway.cli import logs


@pytest.fixture(autouse=True)
def _log_as_it_was() -> Iterator[None]:
    """Undo what the command line does to the log of the process that calls it."""
    root, ours = logging.getLogger(), logging.getLogger("gateway")
    levels = root.level, ours.level
    switches = {name: getattr(logging, name) for name in logs._UNUSED if hasattr(logging, name)}
    yield
    for handler in [*root.handlers]:
        if isinstance(handler, logs._Handler):
            root.removeHandler(handler)
    root.setLevel(levels[0])
    ours.setLevel(levels[1])
    for name, value in switches.items():
        setattr(logging, name, value)
