"""Runs pytest as a user has it: a program of its own, our plugin found by its entry point."""

from __future__ import annotations

import importlib
import os
import re
import subprocess
import sys
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import pytest

# pytest itself brings tomli, where Python has no tomllib.
tomllib: Any = importlib.import_module("tomllib" if sys.version_info >= (3, 11) else "tomli")

ROOT = Path(__file__).parents[2]
OURS = "aiointercept_connector"
HEADING = re.compile(r"^_{2,} (.+?) _{2,}$", re.MULTILINE)

PRELUDE = """
import asyncio
import aiohttp
import pytest

URL = "https://api.test/users"

async def ask(url=URL, method="GET", **kwargs):
    async with aiohttp.ClientSession() as session:
        async with session.request(method, url, **kwargs) as response:
            return await response.json()

async def ask_carelessly(url=URL):
    try:
        await ask(url)
    except aiohttp.ClientError:
        pass
"""


@dataclass(frozen=True)
class Run:
    """What pytest printed."""

    text: str

    @property
    def outcomes(self) -> dict[str, int]:
        """How many tests passed, failed and so on, as the last line tells."""
        return pytest.RunResult.parse_summary_nouns(self.text.splitlines())

    def report(self, heading: str) -> str:
        """Return what stands below *heading* in the report of failures."""
        after = HEADING.split(self.text)
        return dict(zip(after[1::2], after[2::2], strict=True))[heading].split("\n====")[0]

    def errors(self, heading: str) -> str:
        """Return the lines of an error in the report below *heading*, without their marks."""
        lines = self.report(heading).splitlines()
        return "\n".join(line[1:].strip() for line in lines if line.startswith("E "))


def run_pytest(
    where: Path, source: str, *args: str, plugins: tuple[str, ...] = (), **ini: Any
) -> Run:
    """Run the tests of *source*, with the *plugins* of these names and no others."""
    (where / "test_it.py").write_text(PRELUDE + source, encoding="utf-8")
    return run_pytest_in(where, *args, plugins=plugins, **ini)


def run_pytest_in(where: Path, *args: str, plugins: tuple[str, ...] = (), **ini: Any) -> Run:
    """Run the tests of a directory, with the *plugins* of these names and no others."""
    entry_points = _entry_points(where / "installed")
    lines = ["[pytest]", *(f"{name} = {value}" for name, value in ini.items())]
    (where / "pytest.ini").write_text("\n".join(lines), encoding="utf-8")
    environment = {k: v for k, v in os.environ.items() if not k.startswith("PYTEST")}
    environment |= {
        "PYTHONPATH": f"{entry_points}{os.pathsep}{ROOT}",
        "PYTHONIOENCODING": "utf-8",
        "PYTEST_DISABLE_PLUGIN_AUTOLOAD": "1",
    }
    loaded = [argument for name in (OURS, *plugins) for argument in ("-p", name)]
    # pytest takes the plugin `asyncio` for the module of that name, which it cannot rewrite.
    warnings = ("-W", "error", "-W", "ignore::pytest.PytestAssertRewriteWarning")
    fixed = ("-p", "no:cacheprovider", *warnings, "--strict-config", "--strict-markers")
    result = subprocess.run(
        [sys.executable, "-X", "dev", "-m", "pytest", *fixed, *loaded, *args],
        capture_output=True,
        text=True,
        encoding="utf-8",
        cwd=where,
        env=environment,
        check=False,
        timeout=60,
    )
    assert result.stdout, result.stderr
    assert result.returncode in {0, 1}, result.stdout
    return Run(result.stdout)


def _entry_points(where: Path) -> Path:
    """Make what an installer leaves of our project's entry points, for suites run uninstalled."""
    project = tomllib.loads((ROOT / "pyproject.toml").read_text(encoding="utf-8"))["project"]
    info = where / f"{OURS}-{project['version']}.dist-info"
    info.mkdir(parents=True)
    metadata = f"Metadata-Version: 2.1\nName: {project['name']}\nVersion: {project['version']}\n"
    (info / "METADATA").write_text(metadata, encoding="utf-8")
    lines: list[str] = []
    for group, points in project["entry-points"].items():
        lines += [f"[{group}]", *(f"{name} = {value}" for name, value in points.items())]
    (info / "entry_points.txt").write_text("\n".join(lines), encoding="utf-8")
    return where
