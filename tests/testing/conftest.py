from __future__ import annotations

import gc
from collections.abc import Iterator

import pytest


@pytest.fixture(autouse=True, scope="module")
def _leaks_stay_here() -> Iterator[None]:
    """Let what bad adapters have left open complain here, where that is expected."""
    yield
    gc.collect()
