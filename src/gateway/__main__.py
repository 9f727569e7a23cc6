"""Start the gateway with ``python -m gateway``."""

from __future__ import annotations

import sys

from gateway.cli import main

__all__: list[str] = []

if __name__ == "__main__":
    sys.exit(main())
