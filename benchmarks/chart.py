"""A chart of a report, as SVG: how many times the time of ours each library takes.

It is drawn from the JSON that ``--json`` writes, and by itself with

    python -m benchmarks.chart bench.json bench.svg
"""

from __future__ import annotations

import json
import statistics
import sys
from collections.abc import Iterator, Mapping
from html import escape
from pathlib import Path
from typing import Any, Final

__all__ = ("chart",)

SHOWN: Final = {
    "get": "GET, one after the other",
    "post": "POST with JSON",
    "lifecycle": "a mock, a session and a request",
    "suite": "pytest, 1,000 tests",
}
"""The works that are drawn, in order, and what they are called."""

OURS: Final = {"suite": "intercept"}
"""Who is ours in a work, if not ``explicit``."""

NOT_DRAWN: Final = frozenset({"floor", "floor over tcp", "install()", "explicit"})

WIDTH: Final = 760
_LABEL, _ROW, _HEAD, _BAR, _END = 150, 18, 34, 12, 110
_MOST: Final = 10.0
_STYLE: Final = """
text { font: 12px system-ui, sans-serif; fill: #1f2328; }
.title { font-weight: 600; }
.note { fill: #59636e; }
.ours { fill: #0969da; }
.theirs { fill: #afb8c1; }
@media (prefers-color-scheme: dark) {
  text { fill: #f0f6fc; }
  .note { fill: #9198a1; }
  .ours { fill: #4493f8; }
  .theirs { fill: #59636e; }
}
"""


def chart(report: Mapping[str, Any]) -> str:
    """Return a chart of *report*; what was left out, or failed, has no bar."""
    drawn: list[str] = []
    height = 8
    for work, title in SHOWN.items():
        bars = list(_bars(report, work))
        if len(bars) > 1:
            drawn += _group(title, bars, height)
            height += _HEAD + _ROW * len(bars)
    drawn.append(_text(0, height + 20, _note(report), "note"))
    return (
        f'<svg xmlns="http://www.w3.org/2000/svg" viewBox="0 0 {WIDTH} {height + 32}" '
        f'width="{WIDTH}" role="img">\n<title>Time taken, in multiples of ours</title>\n'
        f"<style>{_STYLE}</style>\n" + "\n".join(drawn) + "\n</svg>\n"
    )


def _bars(report: Mapping[str, Any], work: str) -> Iterator[tuple[str, float]]:
    """Return who takes how many times what ours takes: ours, then the others, the fastest first."""
    subjects = report["works"].get(work, {}).get("subjects", {})
    samples: dict[str, list[float]] = {
        name: subject["samples"] for name, subject in subjects.items()
    }
    ours = samples.get(OURS.get(work, "explicit"))
    if not ours:
        return
    yield "ours", 1.0
    ratios = {
        name: statistics.median(one / our for one, our in zip(theirs, ours, strict=True))
        for name, theirs in samples.items()
        if name not in NOT_DRAWN and theirs and theirs is not ours
    }
    yield from sorted(ratios.items(), key=lambda one: one[1])


def _group(title: str, bars: list[tuple[str, float]], top: int) -> Iterator[str]:
    yield _text(0, top + 20, title, "title")
    scale = (WIDTH - _LABEL - _END) / min(_MOST, max(ratio for _, ratio in bars))
    for number, (name, ratio) in enumerate(bars):
        y = top + _HEAD + number * _ROW
        width = scale * min(ratio, _MOST)
        kind = "theirs" if number else "ours"
        yield _text(_LABEL - 8, y + 10, name, "label", "end")
        yield f'<rect x="{_LABEL}" y="{y}" width="{width:.1f}" height="{_BAR}" class="{kind}"/>'
        beyond = " \N{RIGHTWARDS ARROW}" if ratio > _MOST else ""
        yield _text(_LABEL + width + 6, y + 10, f"{ratio:.1f}\N{MULTIPLICATION SIGN}{beyond}")


def _note(report: Mapping[str, Any]) -> str:
    environment = report["environment"]
    return (
        f"Multiples of the time that ours takes; less is better. {environment['python']}, "
        f"aiohttp {environment['aiohttp']}; aioresponses on aiohttp 3.13.5."
    )


def _text(x: float, y: float, text: str, kind: str = "figure", anchor: str = "start") -> str:
    place = f'x="{x:.1f}" y="{y:.1f}" text-anchor="{anchor}"'
    return f'<text {place} class="{kind}">{escape(text)}</text>'


if __name__ == "__main__":
    source, target = map(Path, sys.argv[1:])
    target.write_text(chart(json.loads(source.read_text("utf-8"))), "utf-8")
