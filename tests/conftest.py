from __future__ import annotations

import gc


def pytest_collection_finish() -> None:
    """Let the garbage collector pass over what is there for good: it is large, and looked at often.

    The official clients alone bring hundreds of thousands of objects.
    """
    gc.collect()
    gc.freeze()
    gc.set_threshold(5_000, 20, 20)
