from __future__ import annotations

import json
from collections.abc import AsyncGenerator, Mapping
from contextlib import asynccontextmanager
from pathlib import Path

import pytest

from benchmarks.__main__ import main
from benchmarks.cases import WORKS
from benchmarks.harness import Options, Sample, Work, WrongAnswerError


@pytest.fixture
def get_takes(monkeypatch: pytest.MonkeyPatch) -> dict[str, float]:
    """Let the work ``get`` take these times; a negative one is a wrong answer."""
    times = {"floor": 100.0, "explicit": 110.0, "install()": 110.0, "TestServer": 300.0}

    def taking(name: str) -> Sample:
        async def sample() -> float:
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


@pytest.mark.filterwarnings("ignore::DeprecationWarning")  # the peers' own
@pytest.mark.parametrize("work", sorted(set(WORKS) - {"routes", "templates", "get-1000"}))
def test_every_work_runs(work: str, tmp_path: Path) -> None:
    """Each work measures all of its subjects without an error."""
    path = tmp_path / "bench.json"
    main(["--only", work, "--rounds", "1", "--scale", "0.01", "--json", str(path)])
    measured = json.loads(path.read_text("utf-8"))["works"][work]
    assert measured["errors"] == {}
    assert all(subject["samples"] for subject in measured["subjects"].values())
