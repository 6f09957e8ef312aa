"""The figures to reach, which ``budget.toml`` has, and what a run comes to beside them."""

from __future__ import annotations

import sys
from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from importlib import import_module
from pathlib import Path
from typing import TYPE_CHECKING, Any, Final, Literal, TypeAlias

from .peers import PEERS

if TYPE_CHECKING:
    from .harness import Result, Spread

__all__ = ("LIMITS", "MARGIN", "TIMES", "Limit", "Verdict", "read", "verdicts")

TIMES: Final = "\N{MULTIPLICATION SIGN}"
# pytest itself brings tomli, where Python has no tomllib.
tomllib: Any = import_module("tomllib" if sys.version_info >= (3, 11) else "tomli")

Sense: TypeAlias = Literal["≤", "≥"]
Measure: TypeAlias = Literal["ratio", "excess", "value"]


@dataclass(frozen=True)
class Limit:
    """One figure to reach.

    Attributes:
        work: the name of the work.
        subject: who is to reach it.
        sense: whether to stay below the bound or above it.
        bound: the figure.
        measure: what is compared with it: the ratio to *to*, the excess over it, or what was
            measured itself.
        to: the subject that is compared with.
        goal: whether it is a goal, and not a requirement.
    """

    work: str
    subject: str
    sense: Sense
    bound: float
    measure: Measure = "ratio"
    to: str = ""
    goal: bool = False

    def of(self, result: Result) -> Spread | None:
        """Return what is compared with the bound; None if it could not be measured."""
        if self.measure == "ratio":
            return result.ratio(self.subject, self.to)
        if self.measure == "excess":
            return result.excess(self.subject, self.to)
        return result.spread(self.subject)

    def holds(self, value: float, margin: float = 0.0) -> bool:
        """Tell whether *value* is within the bound, or beyond it by *margin* of it at most."""
        if self.sense == "≤":
            return value <= self.bound * (1 + margin)
        return value >= self.bound * (1 - margin)

    def __str__(self) -> str:
        if self.measure == "ratio":
            return f"{self.sense} {self.bound:.2f} {TIMES} {self.to}"
        over = f" over {self.to}" if self.to else ""
        return f"{self.sense} {self.bound:g}{over}"


@dataclass(frozen=True)
class Verdict:
    """What a limit came to; *measured* is None if a subject failed."""

    limit: Limit
    measured: Spread | None
    holds: bool


def verdicts(results: Mapping[str, Result], margin: float = 0.0) -> Iterator[Verdict]:
    """Hold every limit against the works that were run, and the peers that are there."""
    for limit in LIMITS:
        result = results.get(limit.work)
        if result is not None and (limit.to not in PEERS or result.has(limit.to)):
            measured = limit.of(result)
            holds = measured is not None and limit.holds(measured.median, margin)
            yield Verdict(limit, measured, holds)


def read(text: str) -> tuple[float, tuple[Limit, ...]]:
    """Return the margin and the limits of a budget in TOML.

    Raises:
        ValueError: it has a key that there is not.
    """
    budget: dict[str, Any] = tomllib.loads(text)
    margin = float(budget.pop("margin"))
    limits = [
        limit
        for kind in ("requirement", "goal")
        for entry in budget.pop(kind, [])
        for limit in _limits(dict(entry), goal=kind == "goal")
    ]
    if budget:
        raise ValueError(f"budget.toml: nobody reads {', '.join(budget)}")
    return margin, tuple(limits)


def _limits(entry: dict[str, Any], *, goal: bool) -> Iterator[Limit]:
    """Return the limits of one entry: one for each of whom it is asked, and to whom it compares."""
    work, subjects = entry.pop("work"), entry.pop("of")
    sense: Sense = "≤" if "at_most" in entry else "≥"
    bound = float(entry.pop("at_most" if "at_most" in entry else "at_least"))
    measure, others = _compared(entry)
    if entry:
        raise ValueError(f"budget.toml: nobody reads {', '.join(entry)} of {work}")
    for subject in subjects:
        for other in others:
            yield Limit(work, subject, sense, bound, measure, other, goal)


def _compared(entry: dict[str, Any]) -> tuple[Measure, list[str]]:
    if "times" in entry:
        names = [PEERS if name == "peers" else [name] for name in entry.pop("times")]
        return "ratio", [name for some in names for name in some]
    if "over" in entry:
        return "excess", [entry.pop("over")]
    return "value", [""]


MARGIN, LIMITS = read(Path(__file__).with_suffix(".toml").read_text("utf-8"))
