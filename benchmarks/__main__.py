"""``make bench``: how fast is it, and against what?

``make bench ARGS="--only get lifecycle --rounds 50"`` runs a part of it, for longer.
"""

from __future__ import annotations

import argparse
import asyncio
import json
import sys
import time
from collections.abc import Sequence
from pathlib import Path
from typing import Final

from rich.console import Console

from .budget import Verdict, verdicts
from .cases import WORKS
from .harness import Options, Result, run
from .report import as_json, environment, print_result, print_verdicts

__all__ = ("main",)

CLOCKS: Final = {"wall": time.perf_counter, "cpu": time.process_time}


def main(arguments: Sequence[str] | None = None) -> int:
    """Measure, report, and return the exit status."""
    args = _parser().parse_args(arguments)
    options = Options(args.rounds, args.scale, CLOCKS[args.clock], not args.no_peers)
    console = Console()
    versions = ", ".join(f"{name} {value}" for name, value in environment(args.loop).items())
    console.print(f"{versions}; {options.rounds} rounds, {args.clock} clock", style="dim")
    results: dict[str, Result] = {}
    for name in args.only or WORKS:
        results[name] = _run_on(args.loop, name, options)
        print_result(console, results[name])
    reached = list(verdicts(results, args.margin))
    print_verdicts(console, reached)
    if args.json is not None:
        report = as_json(results, reached, options, args.loop)
        args.json.write_text(json.dumps(report, indent=1, ensure_ascii=False) + "\n", "utf-8")
    return _status(results, reached)


def _run_on(loop: str, name: str, options: Options) -> Result:
    """Run one work, on a loop of its own."""
    new_loop = asyncio.new_event_loop
    if loop == "uvloop":
        import uvloop

        new_loop = uvloop.new_event_loop
    runner = new_loop()
    try:
        result = runner.run_until_complete(run(WORKS[name], options))
        # Closed transports let go of their sockets in a turn of the loop, or two.
        runner.run_until_complete(asyncio.sleep(0.01))
        return result
    finally:
        runner.close()


def _status(results: dict[str, Result], reached: Sequence[Verdict]) -> int:
    missed = any(not verdict.holds for verdict in reached if not verdict.limit.goal)
    return int(missed or any(result.errors for result in results.values()))


def _parser() -> argparse.ArgumentParser:
    parser = argparse.ArgumentParser(prog="python -m benchmarks", description=__doc__)
    parser.add_argument("--only", nargs="+", choices=list(WORKS), metavar="WORK")
    parser.add_argument("--rounds", type=int, default=Options.rounds)
    parser.add_argument("--scale", type=float, default=Options.scale, help="calls in a sample")
    parser.add_argument("--clock", choices=list(CLOCKS), default="wall")
    parser.add_argument("--loop", choices=["asyncio", "uvloop"], default="asyncio")
    parser.add_argument("--margin", type=float, default=0.0, help="allowed beyond a figure")
    parser.add_argument("--no-peers", action="store_true", help="leave other libraries out")
    parser.add_argument("--json", type=Path, metavar="FILE", help="write everything measured")
    return parser


if __name__ == "__main__":
    sys.exit(main())
