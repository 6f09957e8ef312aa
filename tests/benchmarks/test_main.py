from __future__ import annotations

import json
import time
from collections.abc import AsyncGenerator, Mapping
from contextlib import asynccontextmanager
from pathlib import Path
from typing import Any

import pytest

from aiointercept_connector.routing.registry import Registry
from benchmarks.__main__ import _run_on, main
from benchmarks.cases import WORKS
from benchmarks.harness import LeftOutError, Options, Result, Sample, Work, WrongAnswerError


@pytest.fixture
def get_takes(monkeypatch: pytest.MonkeyPatch) -> dict[str, float]:
    """Let the work ``get`` take these times; a negative one is a wrong answer, 0 is none."""
    times = {"floor": 100.0, "explicit": 110.0, "install()": 110.0, "TestServer": 300.0}

    def taking(name: str) -> Sample:
        async def sample() -> float:
            if times[name] == 0:
                raise LeftOutError("not installed")
            if times[name] < 0:
                raise WrongAnswerError("status [500], not 200")
            return times[name]

        return sample

    @asynccontextmanager
    async def subjects(options: Options) -> AsyncGenerator[Mapping[str, Sample]]:
        yield {name: taking(name) for name in times}

    monkeypatch.setitem(WORKS, "get", Work("get", "GET", "µs", subjects))
    return times


def test_figures_that_are_reached_end_with_status_0(
    get_takes: dict[str, float], capsys: pytest.CaptureFixture[str]
) -> None:
    """If all is fast enough the command succeeds, and says so."""
    assert main(["--only", "get", "--rounds", "2"]) == 0
    output = capsys.readouterr().out
    assert "FAIL" not in output
    assert "1.10" in output


def test_a_requirement_that_is_missed_ends_with_status_1(
    get_takes: dict[str, float], capsys: pytest.CaptureFixture[str]
) -> None:
    """A slowed-down ours is told in the table and in the exit status."""
    get_takes["explicit"] = 145.0
    assert main(["--only", "get", "--rounds", "2"]) == 1
    assert "FAIL" in capsys.readouterr().out


def test_a_margin_may_be_given(get_takes: dict[str, float]) -> None:
    """Within the margin a figure counts as reached."""
    get_takes["explicit"] = 145.0
    assert main(["--only", "get", "--rounds", "2", "--margin", "0.05"]) == 0


def test_a_goal_that_is_missed_is_no_failure(
    get_takes: dict[str, float], capsys: pytest.CaptureFixture[str]
) -> None:
    """Goals are reported, and do not decide."""
    get_takes["explicit"] = 130.0
    assert main(["--only", "get", "--rounds", "2"]) == 0
    assert "not yet" in capsys.readouterr().out


def test_a_wrong_answer_ends_with_status_1(
    get_takes: dict[str, float], capsys: pytest.CaptureFixture[str]
) -> None:
    """Whoever answers wrongly is shown with the error in place of a time, also without a figure."""
    get_takes["a peer"] = -1
    assert main(["--only", "get", "--rounds", "2"]) == 1
    assert "a peer: WrongAnswerError: status [500], not 200" in capsys.readouterr().out


@pytest.mark.parametrize(("then", "status"), [(110.0, 0), (200.0, 1)])
def test_a_check_looks_twice(
    get_takes: dict[str, float], monkeypatch: pytest.MonkeyPatch, then: float, status: int
) -> None:
    """A figure that is missed once, with a neighbour at work, is measured again; twice is slow."""
    runs: list[str] = []

    def noted(loop: str, name: str, options: Options) -> Result:
        get_takes["explicit"] = then if runs else 200.0
        runs.append(name)
        return _run_on(loop, name, options)

    monkeypatch.setattr("benchmarks.__main__._run_on", noted)
    assert main(["--check", "--only", "get", "--rounds", "2"]) == status
    assert runs == ["get", "get"]


def test_a_check_allows_for_noise(get_takes: dict[str, float]) -> None:
    """A check has the budget's margin, if it is given no other."""
    get_takes["explicit"] = 145.0
    assert main(["--check", "--only", "get", "--rounds", "2"]) == 0
    assert main(["--check", "--only", "get", "--rounds", "2", "--margin", "0"]) == 1


def test_goals_may_decide(get_takes: dict[str, float]) -> None:
    """Who wants to keep to the goals can ask for that."""
    get_takes["explicit"] = 130.0
    options = ["--only", "get", "--rounds", "2"]
    assert main(options) == 0
    assert main([*options, "--goals"]) == 1


def test_a_slowed_down_ours_does_not_pass(monkeypatch: pytest.MonkeyPatch) -> None:
    """A delay in the real thing is found by a real run of the check."""
    take = Registry.take

    def slow(*args: Any) -> Any:
        time.sleep(0.005)
        return take(*args)

    monkeypatch.setattr(Registry, "take", slow)
    options = ["--rounds", "2", "--scale", "0.02", "--no-peers"]
    assert main(["--check", "--only", "get", *options]) == 1


def test_a_left_out_peer_is_named(
    get_takes: dict[str, float], capsys: pytest.CaptureFixture[str]
) -> None:
    """Who is left out is not left out silently, and is no failure."""
    get_takes["a peer"] = 0
    assert main(["--only", "get", "--rounds", "2"]) == 0
    assert "a peer is left out: not installed" in capsys.readouterr().out


def test_a_chart_is_drawn(get_takes: dict[str, float], tmp_path: Path) -> None:
    """The chart of a run is an SVG file."""
    main(["--only", "get", "--rounds", "2", "--svg", str(tmp_path / "bench.svg")])
    assert ">2.7\N{MULTIPLICATION SIGN}</text>" in (tmp_path / "bench.svg").read_text("utf-8")


def test_everything_measured_is_written_as_json(tmp_path: Path) -> None:
    """The JSON has medians, quartiles, ratios and samples of a real run, and its environment."""
    path = tmp_path / "bench.json"
    options = ["--rounds", "2", "--scale", "0.01", "--no-peers"]
    main(["--only", "get", *options, "--json", str(path)])
    report = json.loads(path.read_text("utf-8"))
    ours = report["works"]["get"]["subjects"]["explicit"]
    assert report["works"]["get"]["errors"] == {}
    assert len(ours["samples"]) == 2
    assert ours["lower"] <= ours["median"] <= ours["upper"]
    assert ours["ratio_to_ours"] == {"median": 1, "lower": 1, "upper": 1}
    assert ours["ratio_to_floor"]["median"] > 0
    assert report["environment"]["loop"] == "asyncio"
    assert {figure["kind"] for figure in report["figures"]} == {"requirement", "goal"}
    assert report["works"]["get"]["left_out"] == {}


@pytest.mark.filterwarnings("ignore::DeprecationWarning")  # the peers' own
@pytest.mark.parametrize("work", sorted(set(WORKS) - {"routes", "templates", "get-1000"}))
def test_every_work_runs(work: str, tmp_path: Path) -> None:
    """Each work measures all of its subjects without an error."""
    path = tmp_path / "bench.json"
    main(["--only", work, "--rounds", "1", "--scale", "0.01", "--json", str(path)])
    measured = json.loads(path.read_text("utf-8"))["works"][work]
    assert measured["errors"] == {}
    assert measured["subjects"]
    assert all(subject["samples"] for subject in measured["subjects"].values())
