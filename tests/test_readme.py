"""The documents' code blocks, run as they stand."""

from __future__ import annotations

import importlib.util
import os
import re
import subprocess
import sys
from pathlib import Path

import pytest
from _pytest.mark import ParameterSet

ROOT = Path(__file__).parent.parent
ENVIRONMENT = {**os.environ, "PYTHONPATH": str(ROOT), "PYTHONIOENCODING": "utf-8"}
# What asyncio's debug mode says of a step that took long, on a machine that has other things to do.
SLOW = re.compile(r"^Executing .* took [\d.]+ seconds\n", re.MULTILINE)
BLOCK = re.compile(r"^```python\n(.*?)^```$", re.MULTILINE | re.DOTALL)
# What a document's reader has, and not every environment that the tests run in.
OPTIONAL = ("fastapi",)


def blocks() -> list[ParameterSet]:
    """Return every Python block of every document, named after its place."""
    found = []
    for path in [ROOT / "README.md", *sorted((ROOT / "docs").glob("**/*.md"))]:
        text = path.read_text(encoding="utf-8")
        for block in BLOCK.finditer(text):
            wanted = {name for name in OPTIONAL if f"from {name} " in block[1]}
            missing = [name for name in wanted if importlib.util.find_spec(name) is None]
            marks = [pytest.mark.skip(f"{missing[0]} is not installed")] if missing else []
            line = text.count("\n", 0, block.start()) + 1
            place = f"{path.relative_to(ROOT)}:{line}"
            found.append(pytest.param(block[1], id=place, marks=marks))
    return found


def run(source: str) -> str:
    """Run *source* as a program of its own, with warnings as errors, and return what it prints."""
    result = subprocess.run(
        [sys.executable, "-X", "dev", "-W", "error", "-c", source],
        capture_output=True,
        text=True,
        cwd=ROOT,
        env=ENVIRONMENT,
        check=False,
        timeout=60,
    )
    assert result.returncode == 0, result.stderr
    assert SLOW.sub("", result.stderr) == ""
    return result.stdout


@pytest.mark.parametrize("source", blocks())
def test_a_documents_code_block_runs(source: str) -> None:
    """A reader who copies a block gets what the text around it promises."""
    run(source)


def test_the_failing_test_fails_as_shown(tmp_path: Path) -> None:
    """What the README shows of a failing test is what pytest prints of it."""
    readme = (ROOT / "README.md").read_text(encoding="utf-8")
    source = next(block for block in BLOCK.findall(readme) if block.startswith("# test_orders.py"))
    (tmp_path / "test_orders.py").write_text(source, encoding="utf-8")
    shown = readme.split("fails under pytest with\n\n```text\n")[1].split("```")[0]
    command = [sys.executable, "-m", "pytest", "-p", "no:cacheprovider", "test_orders.py"]
    result = subprocess.run(
        command, capture_output=True, text=True, cwd=tmp_path, env=ENVIRONMENT, check=False
    )
    printed = [line.removeprefix("E").strip() for line in result.stdout.splitlines()]
    wanted = [line.strip() for line in shown.splitlines()]
    start = printed.index(wanted[0])
    assert printed[start : start + len(wanted)] == wanted


def test_the_demo_shows_what_was_asked() -> None:
    """`make demo` prints every request of its program, and what answered."""
    shown = run((ROOT / "examples" / "quickstart.py").read_text(encoding="utf-8"))
    assert shown.count("https://") == 4
    assert "Ada: order 1001 (201)" in shown
    assert "42 orders today" in shown
