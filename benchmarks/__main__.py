"""One command measures all servers side by side: ``python -m benchmarks --help``."""

from __future__ import annotations

import argparse
import json
import os
import sys
from pathlib import Path

from benchmarks import targets
from benchmarks.dialects import OLLAMA, OPENAI
from benchmarks.lab import Lab, Sizes
from benchmarks.loops import LOOPS, run
from benchmarks.machine import describe, free_port, lift_limits, plan_cores, sentence
from benchmarks.processes import python, started, stop_on_sigterm
from benchmarks.results import neighbours, table
from benchmarks.rounds import usable
from benchmarks.scenarios import SCENARIOS
from benchmarks.targets import Target

__all__ = ["main"]


def main() -> int:
    """Run what the command line asks for; 1 if something could not be measured."""
    arguments = _parser().parse_args()
    lift_limits()
    stop_on_sigterm()
    return run(_run(arguments), loop=LOOPS[0]) or 0


def _parser() -> argparse.ArgumentParser:
    names = [scenario.name for scenario in SCENARIOS]
    parser = argparse.ArgumentParser(prog="python -m benchmarks", description=__doc__)
    parser.add_argument("--quick", action="store_true", help="less of everything, under a minute")
    parser.add_argument(
        "--only", action="append", choices=names, metavar="SCENARIO", help=", ".join(names)
    )
    parser.add_argument("--rounds", type=int, help="how often each server is measured (default 5)")
    parser.add_argument("--window", type=float, help="seconds of one measurement (default 1.2)")
    parser.add_argument("--size", type=float, help="factor for the numbers of streams and requests")
    parser.add_argument("--loop", choices=LOOPS, default=LOOPS[0], help="of the servers")
    parser.add_argument(
        "--without", action="append", default=[], metavar="SERVER", help="leave a server out"
    )
    parser.add_argument(
        "--gateway-arguments", default="", metavar="TEXT", help="for its command line"
    )
    parser.add_argument(
        "--other",
        metavar="COMMAND",
        help="start another server; it must listen on {port} and ask {upstream}",
    )
    parser.add_argument(
        "--other-path", default=OLLAMA.path, help="its chat endpoint (default %(default)s)"
    )
    parser.add_argument("--json", type=Path, metavar="FILE", help="write all figures there as well")
    return parser


def _targets(arguments: argparse.Namespace) -> list[Target]:
    own = arguments.gateway_arguments.split()
    found = [targets.direct(), targets.relay(arguments.loop)]
    found += [
        targets.gateway(arguments.loop, dialect=one, arguments=own) for one in (OLLAMA, OPENAI)
    ]
    if arguments.other:
        found.append(targets.other(arguments.other, path=arguments.other_path))
    return [target for target in found if target.name not in arguments.without]


async def _run(arguments: argparse.Namespace) -> int:
    quick = arguments.quick
    window = arguments.window or (0.4 if quick else 1.2)
    sizes = Sizes(min(window / 2, 0.5), window, arguments.size or (0.25 if quick else 1.0))
    rounds = arguments.rounds or (1 if quick else 5)
    chosen = [one for one in SCENARIOS if not arguments.only or one.name in arguments.only]
    cores = plan_cores()
    os.sched_setaffinity(0, {cores.load})
    port = free_port()
    command = python("-m", "benchmarks.upstream", "--port", str(port))
    async with (
        started(command, port, core=cores.upstream) as upstream,
        usable(Lab(upstream, cores, sizes), _targets(arguments)) as bench,
    ):
        all_results = [await bench.measure(scenario, rounds) for scenario in chosen]
        names = bench.names
    print(sentence())
    print(f"Event loop {arguments.loop}; {rounds} rounds of {window:g} seconds.\n")
    print(table(all_results, names))
    print(f"\n{neighbours(all_results)}")
    if arguments.json:
        document = {
            "machine": describe(),
            "loop": arguments.loop,
            "rounds": rounds,
            "sizes": {"warm": sizes.warm, "window": sizes.window, "factor": sizes.factor},
            "results": [results.document(names) for results in all_results],
        }
        arguments.json.write_text(json.dumps(document, indent=2, ensure_ascii=False) + "\n")
    return 1 if any(results.failures for results in all_results) else 0


if __name__ == "__main__":
    sys.exit(main())
