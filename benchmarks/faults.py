"""Run the fault matrix on adapters and print a score: ``python -m benchmarks.faults --help``."""

from __future__ import annotations

import argparse
import asyncio
import itertools
import logging
import sys
from collections import defaultdict
from importlib import import_module
from pathlib import Path
from typing import Any

from gateway.testing.faults import Outcome, all_cases, run_matrix

__all__ = ["main"]

_SHIPPED = [
    f"shipped_adapters:{name}Contract" for name in ("Mistral", "OpenAI", "Anthropic", "Ollama")
]
_TRANSPORTS = ("own", "aiohttp")
_SUPPORT = Path(__file__).parents[1] / "tests" / "support"


def main() -> int:
    """Run what the command line asks for; return 1 if any case went wrong."""
    parser = argparse.ArgumentParser(prog="python -m benchmarks.faults", description=__doc__)
    parser.add_argument(
        "contracts",
        nargs="*",
        default=_SHIPPED,
        metavar="MODULE:CLASS",
        help="subclasses of ProviderContract; by default those of the adapters here",
    )
    parser.add_argument("--every", type=int, default=1, metavar="N", help="only every Nth case")
    parser.add_argument("--transport", choices=_TRANSPORTS, help="one of the two HTTP clients")
    parser.add_argument("--fault", help="only cases of this fault")
    arguments = parser.parse_args()
    logging.disable()  # the log of a gateway whose provider fails all the time
    sys.path[:0] = [str(_SUPPORT), str(Path.cwd())]
    return asyncio.run(_run(arguments))


async def _run(arguments: argparse.Namespace) -> int:
    cases = [one for one in all_cases() if arguments.fault in (None, one.fault)]
    transports = [arguments.transport] if arguments.transport else _TRANSPORTS
    wrong = 0
    for name, transport in itertools.product(arguments.contracts, transports):
        module, _, attribute = name.partition(":")
        contract: Any = getattr(import_module(module), attribute)
        running = run_matrix(contract, cases[:: arguments.every], transport=transport)
        outcomes = [outcome async for outcome in running]
        wrong += _report(f"{attribute}, transport {transport}", outcomes)
    return 1 if wrong else 0


def _report(name: str, outcomes: list[Outcome]) -> int:
    """Print a line for each fault and each problem; return the number of problems."""
    by_fault = defaultdict(list)
    for outcome in outcomes:
        by_fault[outcome.case.fault].append(outcome)
    print(f"\n{name}\n{'fault':26} {'right':>9} {'requests':>9} {'longest, s':>11}")
    for fault, some in by_fault.items():
        right = sum(not one.problem for one in some)
        most = max(one.requests for one in some)
        longest = max(one.seconds for one in some)
        print(f"{fault:26} {f'{right}/{len(some)}':>9} {most:>9} {longest:>11.2f}")
    problems = [one for one in outcomes if one.problem]
    for one in problems:
        print(f"WRONG {one.case}: {one.problem}")
    print(f"score: {100 * (1 - len(problems) / len(outcomes)):.1f} % of {len(outcomes)} cases")
    return len(problems)


if __name__ == "__main__":
    sys.exit(main())
