"""The tests that the documents show, run by the runner that they are for."""

from __future__ import annotations

import os
import subprocess
import sys
from pathlib import Path

import pytest

from tests.plugin.running import ROOT, Run, run_pytest_in
from tests.test_readme import BLOCK

UNITTEST = [sys.executable, "-X", "dev", "-W", "error", "-m", "unittest"]
LOOP = {"asyncio_default_fixture_loop_scope": "function"}
AUTO = {"asyncio_mode": "auto", **LOOP}
NOT_OF_STRICT = "--ignore=test_auto.py"


def write_files(document: str, where: Path) -> str:
    """Write each block of *document* under the name that it begins with; return the text."""
    text = (ROOT / "docs" / document).read_text(encoding="utf-8")
    for block in BLOCK.findall(text):
        name = block.splitlines()[0].removeprefix("# ")
        (where / name).write_text(block, encoding="utf-8")
    return text


@pytest.fixture(scope="module")
def run(tmp_path_factory: pytest.TempPathFactory) -> Run:
    """Run the tests of docs/pytest.md."""
    where = tmp_path_factory.mktemp("documents")
    write_files("pytest.md", where)
    return run_pytest_in(where, plugins=("asyncio",), **LOOP)


def test_the_pytest_page_s_tests_pass(run: Run) -> None:
    """All but the one that is to fail."""
    assert run.outcomes == {"passed": 3, "failed": 1}


def test_the_failure_looks_as_shown(run: Run) -> None:
    """What the page shows of the failing test is what pytest prints of it."""
    shown = (ROOT / "docs" / "pytest.md").read_text(encoding="utf-8").split("```text\n")[1]
    assert run.report("test_report").strip() == shown.split("```")[0].strip()


@pytest.mark.parametrize(
    ("page", "plugins", "arguments", "ini", "passed"),
    [
        pytest.param("pytest-asyncio.md", ("asyncio",), (NOT_OF_STRICT,), LOOP, 3, id="strict"),
        pytest.param("pytest-asyncio.md", ("asyncio",), (), AUTO, 4, id="auto"),
        pytest.param("anyio.md", ("anyio", "no:asyncio"), (), {}, 2, id="anyio"),
        pytest.param("anyio.md", ("anyio", "asyncio"), (), LOOP, 2, id="anyio beside asyncio"),
        pytest.param("pytest-aiohttp.md", ("asyncio", "aiohttp"), (), AUTO, 2, id="aiohttp"),
        pytest.param("xdist.md", ("xdist", "xdist.looponfail"), ("-n2",), {}, 4, id="xdist"),
        pytest.param("xdist.md", (), (), {}, 4, id="no xdist"),
    ],
)
def test_a_runner_s_page_s_tests_pass(
    tmp_path: Path,
    page: str,
    plugins: tuple[str, ...],
    arguments: tuple[str, ...],
    ini: dict[str, str],
    passed: int,
) -> None:
    """The tests of each page pass with the runner that it is about, set up as it says."""
    for plugin in {"aiohttp", "xdist"}.intersection(plugins):
        pytest.importorskip(plugin.replace("aiohttp", "pytest_aiohttp"))
    write_files(page, tmp_path)
    run = run_pytest_in(tmp_path, *arguments, plugins=plugins, **ini)
    assert run.outcomes == {"passed": passed}


def test_the_unittest_page_s_tests_pass(tmp_path: Path) -> None:
    """All of them, as unittest finds them."""
    write_files("unittest.md", tmp_path)
    environment = {**os.environ, "PYTHONPATH": str(ROOT)}
    result = subprocess.run(
        UNITTEST, capture_output=True, text=True, cwd=tmp_path, env=environment, check=False
    )
    assert result.stderr.splitlines()[-3].startswith("Ran 6 tests in ")
    assert result.stderr.splitlines()[-1] == "OK"
