"""``make bench``: how fast is it, and against what?

``make bench ARGS="--only get lifecycle --rounds 50"`` runs a part of it, for longer.
"""

from __future__ import annotations

import argparse
import asyncio
import json
import sys
import time
from collections.abc import Iterable, Sequence
from pathlib import Path
from typing import Any, Final

from rich.console import Console

from . import budget
from .budget import MARGIN, Verdict, verdicts
from .cases import WORKS
from .chart import chart
from .harness import Options, Result, run
from .report import as_json, environment, print_result, print_verdicts

__all__ = ("main",)

WIDE: Final = 120
CLOCKS: Final = {"wall": time.perf_counter, "cpu": time.process_time}


def main(arguments: Sequence[str] | None = None) -> int:
    """Measure, report, and return the exit status."""
    args = _parser().parse_args(arguments)
    options = Options(args.rounds, args.scale, CLOCKS[args.clock], not args.no_peers, args.full)
    console = Console()
    if not console.is_terminal:
        console.width = WIDE
    versions = ", ".join(f"{name} {value}" for name, value in environment(args.loop).items())
    console.print(f"{versions}; {options.rounds} rounds, {args.clock} clock", style="dim")
    works = args.only or (_budgeted() if args.check else WORKS)
    margin = args.margin if args.margin is not None else MARGIN if args.check else 0.0
    results = _measured(console, works, args.loop, options)
    reached = list(verdicts(results, margin))
    if args.check and (doubtful := _missed(reached, goals=args.goals)):
        # A neighbour on the machine may have been at work: nothing is slow that is not so twice.
        results |= _measured(console, doubtful, args.loop, options)
        reached = list(verdicts(results, margin))
    print_verdicts(console, reached)
    if args.json is not None or args.svg is not None:
        _write(as_json(results, reached, options, args.loop), args.json, args.svg)
    return int(bool(_missed(reached, goals=args.goals)) or any(r.errors for r in results.values()))


def _measured(
    console: Console, works: Iterable[str], loop: str, options: Options
) -> dict[str, Result]:
    """Run these works, and print what they come to."""
    results: dict[str, Result] = {}
    for name in works:
        results[name] = _run_on(loop, name, options)
        print_result(console, results[name])
    return results


def _budgeted() -> list[str]:
    """Return the works of which a figure is asked."""
    return [name for name in WORKS if any(limit.work == name for limit in budget.LIMITS)]


def _missed(reached: Iterable[Verdict], *, goals: bool) -> list[str]:
    """Return the works whose figures were not reached."""
    missed = (one.limit for one in reached if not one.holds)
    return list(dict.fromkeys(limit.work for limit in missed if goals or not limit.goal))


def _write(report: dict[str, Any], json_file: Path | None, svg_file: Path | None) -> None:
    if json_file is not None:
        json_file.write_text(json.dumps(report, indent=1, ensure_ascii=False) + "\n", "utf-8")
    if svg_file is not None:
        svg_file.write_text(chart(report), "utf-8")


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


def _parser() -> argparse.ArgumentParser:
    parser = argparse.ArgumentParser(prog="python -m benchmarks", description=__doc__)
    parser.add_argument("--only", nargs="+", choices=list(WORKS), metavar="WORK")
    parser.add_argument("--rounds", type=int, default=Options.rounds)
    parser.add_argument("--scale", type=float, default=Options.scale, help="calls in a sample")
    parser.add_argument("--clock", choices=list(CLOCKS), default="wall")
    parser.add_argument("--loop", choices=["asyncio", "uvloop"], default="asyncio")
    parser.add_argument("--full", action="store_true", help="100 MB, and a million requests")
    parser.add_argument("--check", action="store_true", help="hold budget.toml against the works")
    parser.add_argument("--goals", action="store_true", help="let the goals decide too")
    parser.add_argument("--margin", type=float, help="allowed beyond a figure, as a part of it")
    parser.add_argument("--no-peers", action="store_true", help="leave other libraries out")
    parser.add_argument("--json", type=Path, metavar="FILE", help="write everything measured")
    parser.add_argument("--svg", type=Path, metavar="FILE", help="draw a chart of it")
    return parser


if __name__ == "__main__":
    sys.exit(main())
