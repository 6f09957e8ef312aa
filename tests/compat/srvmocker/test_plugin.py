"""The fixtures, in suites of every runner; and the takeover of ``asyncly.srvmocker``."""

from __future__ import annotations

import os
import subprocess
import sys
from pathlib import Path

import pytest

from tests.plugin.running import ROOT, run_pytest

LOOP = {"asyncio_default_fixture_loop_scope": "function"}
OURS = 'pytest_plugins = ["aiointercept_connector.compat.srvmocker.pytest_plugin"]'
TAKEOVER = ("-p", "aiointercept_connector.takeover", "--takeover=asyncly")

SUITE = """
import asyncio
import aiohttp
import pytest
from {library} import JsonResponse, MockRoute

pytestmark = {marks}

@pytest.fixture
def mock_routes():
    return [MockRoute("GET", "/x", "x")]

async def test_it(mock_service, mock_proxy):
    mock_service.register("x", JsonResponse([1]))
    async with aiohttp.ClientSession() as session:
        async with session.get(mock_service.url / "x", proxy=mock_proxy.url) as response:
            assert await response.json() == [1]
    mock_service.assert_called("x", times=1)
    mock_proxy.assert_called(target=mock_service.url / "x")

class TestOverridden:
    @pytest.fixture
    def mock_routes(self):
        return []

    async def test_it(self, mock_service):
        assert list(mock_service.handlers) == []
"""


def suite(library: str = "aiointercept_connector.compat.srvmocker", marks: str = "[]") -> str:
    """Return the tests as a suite of *library*."""
    return SUITE.format(library=library, marks=marks)


@pytest.mark.parametrize(
    ("plugins", "ini", "marks"),
    [
        pytest.param(("asyncio",), LOOP, "pytest.mark.asyncio", id="strict"),
        pytest.param(("asyncio",), {"asyncio_mode": "auto", **LOOP}, "[]", id="auto"),
        pytest.param(("anyio", "no:asyncio"), {}, "pytest.mark.anyio", id="anyio"),
        pytest.param(("anyio", "asyncio"), LOOP, "pytest.mark.anyio", id="anyio beside asyncio"),
    ],
)
def test_fixtures(
    tmp_path: Path, plugins: tuple[str, ...], ini: dict[str, str], marks: str
) -> None:
    """Service and proxy run on the loop of the test, under every runner."""
    backend = "@pytest.fixture\ndef anyio_backend():\n    return 'asyncio'"
    (tmp_path / "conftest.py").write_text(f"import pytest\n{OURS}\n{backend}", encoding="utf-8")
    run = run_pytest(tmp_path, suite(marks=marks), plugins=plugins, **ini)
    assert run.outcomes == {"passed": 2}


@pytest.mark.parametrize("installed", [True, False])
def test_taken_over(tmp_path: Path, installed: bool) -> None:
    """Imports of ``asyncly.srvmocker`` give ours, fixtures included; the rest of asyncly stays."""
    source = suite("asyncly.srvmocker", "pytest.mark.asyncio")
    source += """
import asyncly
import asyncly.srvmocker
from asyncly.srvmocker.responses.sequence import SequenceResponse
from asyncly.srvmocker.serialization.yaml import YamlSerializer

async def test_whose_it_is():
    ours = "aiointercept_connector.compat.srvmocker"
    assert asyncly.srvmocker.__name__ == ours
    assert SequenceResponse.__module__ == f"{ours}.responses.sequence"
    assert asyncly.BaseHttpClient == "asyncly's own" if INSTALLED else asyncly.__path__ == []
"""
    if installed:
        (tmp_path / "asyncly").mkdir()
        text = 'BaseHttpClient = "asyncly\'s own"'
        (tmp_path / "asyncly" / "__init__.py").write_text(text, encoding="utf-8")
    else:
        hidden = """
import sys

class Hide:
    def find_spec(self, name, *rest):
        if name == 'asyncly':
            raise ModuleNotFoundError(name=name)

sys.meta_path.insert(0, Hide())
"""
        (tmp_path / "hide.py").write_text(hidden, encoding="utf-8")
    source = f"INSTALLED = {installed}\n{source}"
    options = (*(() if installed else ("-p", "hide")), *TAKEOVER)
    run = run_pytest(tmp_path, source, *options, plugins=("asyncio",), pythonpath=".", **LOOP)
    assert run.outcomes == {"passed": 3}
    assert "takeover: asyncly.srvmocker is aiointercept_connector.compat.srvmocker" in run.text


def test_beside_the_original_s_plugin(tmp_path: Path) -> None:
    """Where asyncly's own plugin is loaded first, its fixtures give way to ours."""
    pytest.importorskip("asyncly.srvmocker", reason="asyncly is not installed")
    source = (
        suite("asyncly.srvmocker", "pytest.mark.asyncio")
        + """
async def test_whose_it_is(request):
    plugin = request.config.pluginmanager.get_plugin("asyncly")
    assert plugin.__name__ == "aiointercept_connector.compat.srvmocker.pytest_plugin"
"""
    )
    plugins = ("asyncly", "asyncio")
    run = run_pytest(tmp_path, source, *TAKEOVER, plugins=plugins, **LOOP)
    assert run.outcomes == {"passed": 3}


def test_outside_pytest() -> None:
    """``takeover`` serves programs, and imports no pytest."""
    source = """
import sys
from aiointercept_connector.takeover import takeover
takeover("asyncly")
from asyncly.srvmocker import start_service
assert start_service.__module__ == "aiointercept_connector.compat.srvmocker.service"
assert "pytest" not in sys.modules
"""
    environment = {**os.environ, "PYTHONPATH": str(ROOT)}
    subprocess.run([sys.executable, "-c", source], env=environment, check=True)
