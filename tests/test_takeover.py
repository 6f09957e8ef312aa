"""``import aioresponses`` gives ours, in pytest and elsewhere."""

from __future__ import annotations

import os
import subprocess
import sys
from pathlib import Path

import pytest

from tests.plugin.running import ROOT, run_pytest, run_pytest_in

TAKEOVER = ("-p", "aiointercept_connector.takeover")
OURS = "aiointercept_connector.compat.aioresponses"

SUITE = """
import aioresponses
from aioresponses import CallbackResult, aioresponses as mock
from aioresponses.core import RequestCall, RequestMatch
from aioresponses.compat import normalize_url

def test_whose_it_is():
    assert aioresponses.__name__ == "aiointercept_connector.compat.aioresponses"
    assert aioresponses.__version__ == "0.7.9"
    assert mock is aioresponses.core.aioresponses

def test_that_it_does_what_the_original_does():
    assert mock().legacy

def test_that_it_answers():
    with mock() as m:
        m.get(URL, payload=[1])
        assert asyncio.run(ask()) == [1]
"""
# What stands for the original, installed: no attribute of it is ever to be seen.
ORIGINAL = "raise AssertionError('the original was imported')"


@pytest.fixture
def where(tmp_path: Path) -> Path:
    """Return a directory in which a library of the original's name can be imported."""
    (tmp_path / "aioresponses").mkdir()
    (tmp_path / "aioresponses" / "__init__.py").write_text(ORIGINAL, encoding="utf-8")
    return tmp_path


def test_by_an_option(where: Path) -> None:
    """The option makes the suite's imports ours, and the header says so."""
    run = run_pytest(where, SUITE, *TAKEOVER, "--takeover=aioresponses")
    assert run.outcomes == {"passed": 3}
    assert f"takeover: aioresponses is {OURS}" in run.text


def test_by_an_option_in_two_words(where: Path) -> None:
    """The option's value may stand apart."""
    run = run_pytest(where, SUITE, *TAKEOVER, "--takeover", "aioresponses")
    assert run.outcomes == {"passed": 3}


def test_by_the_ini_file(where: Path) -> None:
    """``addopts`` may have the plugin and its option."""
    addopts = " ".join((*TAKEOVER, "--takeover=aioresponses"))
    assert run_pytest(where, SUITE, addopts=addopts).outcomes == {"passed": 3}


def test_in_conftest_and_in_plugins(where: Path) -> None:
    """A conftest file, and a plugin that is loaded after ours, get ours too."""
    (where / "conftest.py").write_text("from aioresponses import aioresponses", encoding="utf-8")
    fixture = """
import pytest
from aioresponses import aioresponses

@pytest.fixture
def mocked():
    with aioresponses() as m:
        yield m
"""
    (where / "their_plugin.py").write_text(fixture, encoding="utf-8")
    source = """
def test_it(mocked):
    mocked.get(URL, payload=[1])
    assert asyncio.run(ask()) == [1]
"""
    options = (*TAKEOVER, "--takeover=aioresponses", "-p", "their_plugin")
    assert run_pytest(where, source, *options, pythonpath=".").outcomes == {"passed": 1}


def test_in_the_workers_of_xdist(where: Path) -> None:
    """The workers of pytest-xdist take over before their conftest files import anything."""
    pytest.importorskip("xdist")
    (where / "conftest.py").write_text("from aioresponses import aioresponses", encoding="utf-8")
    options = (*TAKEOVER, "--takeover=aioresponses", "-n1")
    assert run_pytest(where, SUITE, *options, plugins=("xdist",)).outcomes == {"passed": 3}


def test_without_the_option(tmp_path: Path) -> None:
    """The plugin alone changes nothing."""
    source = """
import sys

def test_it():
    assert "aioresponses" not in sys.modules
"""
    run = run_pytest(tmp_path, source, *TAKEOVER)
    assert run.outcomes == {"passed": 1}
    assert "takeover:" not in run.text


def test_an_unknown_name(tmp_path: Path) -> None:
    """A library that there is nothing of ours for is refused, with those that there is."""
    command = [sys.executable, "-m", "pytest", *TAKEOVER, "--takeover=requests"]
    environment = {**os.environ, "PYTHONPATH": str(ROOT)}
    result = subprocess.run(
        command, capture_output=True, text=True, cwd=tmp_path, env=environment, check=False
    )
    assert result.returncode == 4
    assert "ERROR: takeover: 'requests' is none of ai" in result.stderr


def test_outside_pytest(where: Path) -> None:
    """``takeover`` serves unittest and programs; what was imported before is replaced."""
    source = f"""
import sys, types
sys.modules["aioresponses"] = types.ModuleType("aioresponses")
sys.modules["aioresponses.old"] = types.ModuleType("aioresponses.old")
from aiointercept_connector.takeover import takeover
takeover("aioresponses")
takeover("aioresponses")
import aioresponses.core
from aioresponses import aioresponses as mock
assert aioresponses.__name__ == "{OURS}"
assert mock is aioresponses.core.aioresponses
assert "aioresponses.old" not in sys.modules
assert "pytest" not in sys.modules
"""
    environment = {**os.environ, "PYTHONPATH": str(ROOT)}
    subprocess.run([sys.executable, "-c", source], cwd=where, env=environment, check=True)


@pytest.mark.parametrize("installed", [True, False])
def test_a_part_of_a_larger_package(tmp_path: Path, installed: bool) -> None:
    """A library may be a part of a package whose other parts stay, if it is installed at all."""
    if installed:
        (tmp_path / "larger" / "part").mkdir(parents=True)
        (tmp_path / "larger" / "__init__.py").write_text("REST = 1", encoding="utf-8")
        (tmp_path / "larger" / "part" / "__init__.py").write_text(ORIGINAL, encoding="utf-8")
    source = f"""
from aiointercept_connector.takeover import LIBRARIES, Library, takeover
LIBRARIES["aioresponses"] = Library("larger.part")
takeover("aioresponses")
import larger.part.core
from larger import part
assert part.__name__ == "{OURS}"
assert larger.part.core.aioresponses is part.aioresponses
assert hasattr(larger, "REST") is {installed}
"""
    environment = {**os.environ, "PYTHONPATH": str(ROOT)}
    subprocess.run([sys.executable, "-c", source], cwd=tmp_path, env=environment, check=True)


PLUGIN = """
import pytest

@pytest.fixture
def whose():
    return {whose!r}
"""


@pytest.mark.parametrize("order", ["before", "after"])
def test_beside_the_plugin_of_the_original(tmp_path: Path, order: str) -> None:
    """The fixtures of a library with a plugin are ours, whichever plugin is loaded first."""
    for whose in ("theirs", "ours"):
        plugin = PLUGIN.format(whose=whose)
        (tmp_path / f"{whose}_plugin.py").write_text(plugin, encoding="utf-8")
    setting = """
from aiointercept_connector.takeover import LIBRARIES, Library
LIBRARIES["aioresponses"] = Library("aioresponses", "ours_plugin", "theirs_plugin")
"""
    (tmp_path / "setting.py").write_text(setting, encoding="utf-8")
    theirs, ours = ("-p", "theirs_plugin"), ("-p", "setting", *TAKEOVER, "--takeover=aioresponses")
    options = (*theirs, *ours) if order == "before" else (*ours, *theirs)
    source = """
def test_it(whose):
    assert whose == "ours"
"""
    run = run_pytest(tmp_path, source, *options, pythonpath=".")
    assert run.outcomes == {"passed": 1}


def test_a_suite_of_unittest_runs_under_pytest(where: Path) -> None:
    """A ``conftest.py`` that takes over is early enough for the tests beside it."""
    conftest = "from aiointercept_connector.takeover import takeover\ntakeover('aioresponses')"
    (where / "conftest.py").write_text(conftest, encoding="utf-8")
    source = """
import unittest
from aioresponses import aioresponses

class Test(unittest.IsolatedAsyncioTestCase):
    @aioresponses()
    async def test_it(self, m):
        import aiohttp
        m.get("http://h/", status=201)
        async with aiohttp.ClientSession() as session, session.get("http://h/") as response:
            self.assertEqual(response.status, 201)
"""
    (where / "test_unit.py").write_text(source, encoding="utf-8")
    assert run_pytest_in(where).outcomes == {"passed": 1}


FIXTURE = """
def test_whose(aresponses):
    assert type(aresponses).__module__.startswith("aiointercept_connector.compat.aresponses")
"""


def test_fixtures_of_a_conftest_that_calls_it(tmp_path: Path) -> None:
    """A conftest that calls the function gets our fixtures, too, original installed or not."""
    call = "from aiointercept_connector.takeover import takeover\n\ntakeover('aresponses')\n"
    (tmp_path / "conftest.py").write_text(call, encoding="utf-8")
    assert run_pytest(tmp_path, FIXTURE).outcomes == {"passed": 1}


@pytest.mark.parametrize(
    "plugin", ["aresponses.main", "aiointercept_connector.compat.aresponses.main"]
)
def test_a_plugin_that_is_named_again(tmp_path: Path, plugin: str) -> None:
    """A suite that names the original's plugin, or ours, in ``pytest_plugins`` runs as well."""
    (tmp_path / "conftest.py").write_text(f"pytest_plugins = ['{plugin}']\n", encoding="utf-8")
    run = run_pytest(tmp_path, FIXTURE, *TAKEOVER, "--takeover=aresponses")
    assert run.outcomes == {"passed": 1}
