"""What was measured, for a reader at a terminal and for a program."""

from __future__ import annotations

import importlib.metadata
import platform
import sys
from collections.abc import Mapping, Sequence
from typing import TYPE_CHECKING, Any

from rich import box
from rich.console import Console
from rich.markup import escape
from rich.table import Table

from .budget import TIMES

if TYPE_CHECKING:
    from .budget import Verdict
    from .harness import Options, Result, Spread

__all__ = ("as_json", "print_result", "print_verdicts")

FLOOR, OURS = "floor", "explicit"


def print_result(console: Console, result: Result) -> None:
    """Print a table of one work."""
    against = [name for name in (FLOOR, OURS) if result.spread(name)]
    table = _table(f"{result.work.title} [dim]({result.work.name})[/]")
    table.add_column("", min_width=24)
    for heading in (result.work.unit, "quartiles", *(f"{TIMES} {name}" for name in against)):
        table.add_column(heading, justify="right", min_width=9)
    for name in result.samples:
        if spread := result.spread(name):
            ratios = (_ratio(result.ratio(name, other)) for other in against)
            table.add_row(name, _figure(spread.median), _quartiles(spread), *ratios)
    console.print(table)
    for name, error in result.errors.items():
        console.print(f"[bold red]{name}[/]: {escape(error)}")
    for name, reason in result.left_out.items():
        console.print(f"[dim]{name} is left out: {escape(reason)}[/]")


def print_verdicts(console: Console, verdicts: Sequence[Verdict]) -> None:
    """Print the figures to reach, and whether they were."""
    table = _table("Figures to reach")
    for heading in ("work", "who", "figure"):
        table.add_column(heading, no_wrap=True)
    table.add_column("measured", justify="right", no_wrap=True)
    table.add_column("", no_wrap=True)
    for verdict in verdicts:
        limit, measured = verdict.limit, verdict.measured
        table.add_row(
            limit.work,
            limit.subject,
            str(limit),
            _ratio(measured),
            _word(verdict),
        )
    console.print(table)


def _table(title: str) -> Table:
    return Table(title=title, title_justify="left", title_style="bold", box=box.SIMPLE_HEAD)


def _word(verdict: Verdict) -> str:
    if verdict.holds:
        return "[green]goal met[/]" if verdict.limit.goal else "[green]pass[/]"
    return "[yellow]not yet[/]" if verdict.limit.goal else "[bold red]FAIL[/]"


def _figure(value: float) -> str:
    return f"{value:,.1f}" if value < 1000 else f"{value:,.0f}"


def _ratio(spread: Spread | None) -> str:
    return "-" if spread is None else f"{spread.median:,.2f}"


def _quartiles(spread: Spread) -> str:
    form = "{:,.2f} … {:,.2f}" if spread.upper < 10 else "{:,.0f} … {:,.0f}"
    return form.format(spread.lower, spread.upper)


def as_json(
    results: Mapping[str, Result], verdicts: Sequence[Verdict], options: Options, loop: str
) -> dict[str, Any]:
    """Return everything that was measured, as values that JSON has."""
    return {
        "environment": environment(loop),
        "options": {
            "rounds": options.rounds,
            "scale": options.scale,
            "clock": options.clock.__name__,
        },
        "works": {name: _work_as_json(result) for name, result in results.items()},
        "figures": [_verdict_as_json(verdict) for verdict in verdicts],
    }


def environment(loop: str) -> dict[str, str]:
    """Return what a figure depends on."""
    versions = {
        name: importlib.metadata.version(name) for name in ("aiohttp", "yarl", "multidict", "wrapt")
    }
    return {
        "python": f"{platform.python_implementation()} {platform.python_version()}",
        "platform": f"{sys.platform} {platform.machine()}",
        "loop": loop,
        **versions,
    }


def _work_as_json(result: Result) -> dict[str, Any]:
    return {
        "title": result.work.title,
        "unit": result.work.unit,
        "errors": result.errors,
        "left_out": result.left_out,
        "subjects": {
            name: {
                **_spread_as_json(result.spread(name)),
                "ratio_to_floor": _spread_as_json(result.ratio(name, FLOOR)),
                "ratio_to_ours": _spread_as_json(result.ratio(name, OURS)),
                "samples": samples,
            }
            for name, samples in result.samples.items()
        },
    }


def _spread_as_json(spread: Spread | None) -> dict[str, float]:
    if spread is None:
        return {}
    return {"median": spread.median, "lower": spread.lower, "upper": spread.upper}


def _verdict_as_json(verdict: Verdict) -> dict[str, Any]:
    limit = verdict.limit
    return {
        "work": limit.work,
        "subject": limit.subject,
        "limit": str(limit),
        "kind": "goal" if limit.goal else "requirement",
        "measured": _spread_as_json(verdict.measured),
        "holds": verdict.holds,
    }
