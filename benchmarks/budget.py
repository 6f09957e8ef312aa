"""The figures to reach, as data.

A *requirement* holds or the benchmark fails; a *goal* is where the work on speed is headed. Every
figure compares subjects within one run, so that it means the same on any machine.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from typing import TYPE_CHECKING, Final, Literal

from .peers import PEERS

if TYPE_CHECKING:
    from .harness import Result, Spread

__all__ = ("LIMITS", "TIMES", "Limit", "Verdict", "verdicts")

TIMES: Final = "\N{MULTIPLICATION SIGN}"
OURS: Final = ("explicit", "install()")


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
    sense: Literal["≤", "≥"]
    bound: float
    measure: Literal["ratio", "excess", "value"] = "ratio"
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


def _requirements() -> Iterator[Limit]:
    for ours in OURS:
        for requests in ("get", "get-50"):
            yield Limit(requests, ours, "≤", 1.40, to="floor")
            yield Limit(requests, ours, "≤", 0.50, to="TestServer")
        yield Limit("lifecycle", ours, "≤", 0.30, to="TestServer")
        yield Limit("download", ours, "≥", 2.0, to="TestServer")
        yield Limit("stream", ours, "≥", 2.0, to="TestServer")
        yield Limit("upload", ours, "≥", 2.0, to="TestServer")
    yield Limit("messages", "explicit", "≥", 1.30, to="TestServer")
    yield Limit("mount", "mounted", "≤", 0.80, to="TestServer")
    yield Limit("passthrough", "install()", "≤", 1.03, to="no install")
    yield Limit("routes", "100000 routes", "≤", 1.10, to="1 route")
    for many in ("10000 templates", "10000 globs"):
        yield Limit("templates", many, "≤", 3.0, to="1 template")
    yield Limit("match", "Match(json=...)", "≤", 1.05, to="no condition")
    yield Limit("tls", "verify", "≤", 1.05, to="assume")
    yield Limit("tls-handshake", "verify", "≤", 1500, "excess", to="assume")
    yield Limit("suite", "intercept", "≤", 1.15, to="explicit")
    yield Limit("suite", "intercept", "≤", 0.50, to="aiointercept")
    yield Limit("imports", "ours", "≤", 15, "excess", to="aiohttp")


def _goals() -> Iterator[Limit]:
    for ours in OURS:
        yield Limit("get", ours, "≤", 1.20, to="floor", goal=True)
        yield Limit("post", ours, "≤", 1.20, to="floor", goal=True)
        yield Limit("get-1000", ours, "≤", 1.25, to="floor", goal=True)
        yield Limit("lifecycle", ours, "≤", 0.25, to="TestServer", goal=True)
        yield Limit("callback", ours, "≤", 0.80, to="TestServer", goal=True)
        yield Limit("async-callback", ours, "≤", 0.80, to="TestServer", goal=True)
        yield Limit("download", ours, "≥", 2.5, to="TestServer", goal=True)
        yield Limit("upload", ours, "≥", 2.5, to="TestServer", goal=True)
        yield Limit("record-size", ours, "≤", 2048, "value", goal=True)


LIMITS: Final = (*_requirements(), *_goals())
