from __future__ import annotations

import pytest

from benchmarks import budget
from benchmarks.budget import LIMITS, Limit, read, verdicts
from benchmarks.cases import WORKS
from benchmarks.harness import Options, Result, Work, same
from benchmarks.peers import PEERS

WORK = Work("get", "GET", "µs", lambda options: same({}))
REQUIRED = Limit("get", "explicit", "≤", 1.40, to="floor")


def result_of(**samples: float) -> dict[str, Result]:
    """Return results in which ``get`` took these times."""
    return {"get": Result(WORK, {name: [value] for name, value in samples.items()})}


@pytest.fixture(autouse=True)
def one_limit(monkeypatch: pytest.MonkeyPatch) -> None:
    """Let there be one figure to reach."""
    monkeypatch.setattr(budget, "LIMITS", (REQUIRED,))


@pytest.mark.parametrize(("ours", "holds"), [(140.0, True), (141.0, False)])
def test_a_slowed_down_ours_is_found_out(ours: float, holds: bool) -> None:
    """A ratio beyond its bound does not hold."""
    (verdict,) = verdicts(result_of(explicit=ours, floor=100.0))
    assert verdict.holds is holds


@pytest.mark.parametrize(("ours", "holds"), [(147.0, True), (148.0, False)])
def test_a_margin_allows_for_noise(ours: float, holds: bool) -> None:
    """A margin is a part of the bound, and beyond it nothing holds."""
    (verdict,) = verdicts(result_of(explicit=ours, floor=100.0), margin=0.05)
    assert verdict.holds is holds


def test_a_figure_that_is_missing_does_not_hold() -> None:
    """If a subject of a figure failed, the figure was not reached."""
    (verdict,) = verdicts(result_of(explicit=100.0))
    assert verdict.measured is None
    assert not verdict.holds


def test_work_that_was_not_run_has_no_verdict() -> None:
    """Only the figures of the works that were run are held against them."""
    assert not list(verdicts({}))


@pytest.fixture
def against_a_peer(monkeypatch: pytest.MonkeyPatch) -> None:
    """Let the figure be one against another library."""
    limit = Limit("get", "explicit", "≤", 0.50, to="aiointercept")
    monkeypatch.setattr(budget, "LIMITS", (limit,))


def test_a_peer_that_is_not_there_has_no_verdict(against_a_peer: None) -> None:
    """A figure against a library that is not installed, or was left out, is not held against us."""
    assert not list(verdicts(result_of(explicit=100.0)))


def test_a_peer_that_is_left_out_has_no_verdict(against_a_peer: None) -> None:
    """Nor is one against a library that does not do this work."""
    results = result_of(explicit=100.0)
    results["get"].left_out["aiointercept"] = "not installed"
    assert not list(verdicts(results))


def test_a_peer_that_fails_is_no_figure_reached(against_a_peer: None) -> None:
    """A figure against a library that answers wrongly does not hold."""
    results = result_of(explicit=100.0)
    results["get"].errors["aiointercept"] = "WrongAnswerError: status 500, not 200"
    (verdict,) = verdicts(results)
    assert not verdict.holds


@pytest.mark.parametrize(("value", "holds"), [(2.0, True), (1.9, False)])
def test_a_figure_may_be_a_lower_bound(value: float, holds: bool) -> None:
    """Throughput is to stay above its bound."""
    assert Limit("upload", "explicit", "≥", 2.0, to="TestServer").holds(value) is holds


@pytest.mark.parametrize(
    ("limit", "text"),
    [
        (REQUIRED, "≤ 1.40 \N{MULTIPLICATION SIGN} floor"),
        (Limit("imports", "us", "≤", 15, "excess", to="aiohttp"), "≤ 15 over aiohttp"),
        (Limit("record-size", "explicit", "≤", 2048, "value"), "≤ 2048"),
    ],
)
def test_a_figure_reads_as_it_was_asked_for(limit: Limit, text: str) -> None:
    """A limit's text is its sense, its bound, and what is compared with."""
    assert str(limit) == text


async def _subjects(work: str, peers: bool = False) -> set[str]:
    async with WORKS[work].subjects(Options(scale=0.001, peers=peers)) as subjects:
        return set(subjects)


@pytest.mark.anyio
@pytest.mark.parametrize("work", sorted({limit.work for limit in LIMITS} - {"routes", "templates"}))
async def test_every_figure_names_subjects_that_there_are(work: str) -> None:
    """No figure is lost to a misspelt name."""
    named = {name for limit in LIMITS if limit.work == work for name in (limit.subject, limit.to)}
    assert named - {"", *PEERS} <= await _subjects(work)
    assert named & set(PEERS) <= await _subjects(work, peers=True)


ENTRY = """
margin = 0.1
[[requirement]]
work = "get"
of = ["explicit", "install()"]
at_most = 1.4
times = ["floor"]
[[goal]]
work = "imports"
of = ["ours"]
at_most = 15
over = "aiohttp"
[[goal]]
work = "stream"
of = ["explicit"]
at_least = 2
"""


def test_a_budget_is_read() -> None:
    """An entry is a limit for everybody who is to reach it."""
    margin, limits = read(ENTRY)
    assert margin == 0.1
    assert limits == (
        Limit("get", "explicit", "≤", 1.4, to="floor"),
        Limit("get", "install()", "≤", 1.4, to="floor"),
        Limit("imports", "ours", "≤", 15, "excess", "aiohttp", goal=True),
        Limit("stream", "explicit", "≥", 2, "value", goal=True),
    )


def test_a_figure_against_all_peers() -> None:
    """``peers`` is every other library, whichever there are."""
    entry = 'work = "get"\nof = ["explicit"]\nat_most = 0.5\ntimes = ["TestServer", "peers"]'
    _, limits = read(f"margin = 0\n[[goal]]\n{entry}")
    assert [limit.to for limit in limits] == ["TestServer", *PEERS]


@pytest.mark.parametrize(
    ("text", "message"),
    [
        ("margin = 0\n[[wish]]", "budget.toml: nobody reads wish"),
        (ENTRY.replace("at_least", "atleast"), "'at_least'"),
        (ENTRY + "by = 1", "budget.toml: nobody reads by of stream"),
    ],
)
def test_a_misspelt_budget_is_refused(text: str, message: str) -> None:
    """No figure is lost to a key that nobody reads."""
    with pytest.raises((ValueError, KeyError)) as refused:
        read(text)
    assert str(refused.value) == message
