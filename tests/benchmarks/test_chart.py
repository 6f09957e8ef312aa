from __future__ import annotations

import re
from typing import Any
from xml.etree import ElementTree as ET

from benchmarks.budget import TIMES
from benchmarks.cases import WORKS
from benchmarks.chart import SHOWN, chart

ENVIRONMENT = {"python": "CPython 3.11.7", "aiohttp": "3.14.5"}


def report(**medians: float) -> dict[str, Any]:
    """Return a report in which ``get`` took these times."""
    subjects = {name: {"samples": [median, 2 * median]} for name, median in medians.items()}
    return {"environment": ENVIRONMENT, "works": {"get": {"subjects": subjects}}}


def texts(svg: str, kind: str) -> list[str | None]:
    """Return the texts of a kind in a chart, which must be well-formed."""
    return [one.text for one in ET.fromstring(svg).iter() if one.get("class") == kind]


def test_bars_are_multiples_of_ours() -> None:
    """Ours comes first, then the others, the fastest first; floors are not libraries."""
    svg = chart(report(floor=50, explicit=100, slow=400, quick=150))
    assert texts(svg, "label") == ["ours", "quick", "slow"]
    assert texts(svg, "figure") == [f"{ratio}{TIMES}" for ratio in (1.0, 1.5, 4.0)]
    widths = [float(width) for width in re.findall(r'width="([\d.]+)" height="12"', svg)]
    assert [round(width / widths[0], 1) for width in widths] == [1, 1.5, 4]


def test_a_bar_too_long_is_cut_and_says_so() -> None:
    """One library that is very slow does not make the others' bars too small to see."""
    svg = chart(report(explicit=1, slow=400))
    assert texts(svg, "figure")[-1] == f"400.0{TIMES} →"


def test_what_failed_has_no_bar() -> None:
    """Without samples there is nothing to draw; without ours there is nothing to compare."""
    failed = report(explicit=1, other=2)
    failed["works"]["get"]["subjects"]["failed"] = {"samples": []}
    assert texts(chart(failed), "label") == ["ours", "other"]
    assert texts(chart(report(other=2)), "label") == []


def test_it_can_be_read_in_the_dark() -> None:
    """Colours follow the reader's scheme."""
    assert "@media (prefers-color-scheme: dark)" in chart(report(explicit=1))


def test_names_are_escaped() -> None:
    """A name is text, whatever it contains."""
    assert "a<b&c" in texts(chart(report(**{"explicit": 1, "a<b&c": 2})), "label")


def test_works_that_are_drawn_exist() -> None:
    """No part of the chart is lost to a misspelt name."""
    assert set(SHOWN) <= set(WORKS)
