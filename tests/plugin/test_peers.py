"""Other libraries' plugins beside ours, and the fixtures whose names are aiointercept's."""

from __future__ import annotations

from pathlib import Path

import pytest

from tests.plugin.running import run_pytest

SEED = """
import urllib.request

def get(url):
    with urllib.request.urlopen(url) as response:
        return response.read()

def test_first(aiointercept_mock, aiointercept_server):
    assert aiointercept_mock is aiointercept_server
    assert type(aiointercept_mock).__module__ == "aiointercept_connector.mock"
    assert not aiointercept_mock.mock_external_urls
    aiointercept_mock.get("/users", json=[])
    assert get(aiointercept_mock.server_url + "/users") == b"[]"

def test_second(aiointercept_mock, aiointercept_server):
    assert not aiointercept_mock.called
    assert aiointercept_mock.active
    aiointercept_mock.get("/users", json=[])
    aiointercept_mock.get("/never", json=[])
    assert get(aiointercept_mock.server_url + "/users") == b"[]"

def test_times(aiointercept_mock):
    aiointercept_mock.get("/users", times=1)
"""


def test_the_fixtures_of_the_seed(tmp_path: Path) -> None:
    """One mock with a server for the session, cleared after each test, that patches nothing."""
    run = run_pytest(tmp_path, SEED)
    assert run.outcomes == {"passed": 2, "failed": 1}
    assert "Expected exactly 1 call of GET /users" in run.errors("test_times")


def test_aiointercept_keeps_its_fixtures(tmp_path: Path) -> None:
    """Where aiointercept is installed, its fixtures are its own, and ours is beside them."""
    pytest.importorskip("aiointercept")
    source = """
@pytest.mark.asyncio
async def test_theirs(aiointercept_mock):
    assert type(aiointercept_mock).__module__ == "aiointercept.core"
    aiointercept_mock.get(aiointercept_mock.server_url + "/users", payload=[])
    assert await ask(aiointercept_mock.server_url + "/users") == []

@pytest.mark.asyncio
async def test_ours(intercept):
    assert type(intercept).__module__ == "aiointercept_connector.mock"
    intercept.get(URL, payload=[])
    assert await ask() == []
"""
    ini = {"asyncio_default_fixture_loop_scope": "function"}
    # Its server trips over a deprecation of aiohttp's that is made an error.
    lenient = "-Wignore::DeprecationWarning"
    run = run_pytest(tmp_path, source, lenient, plugins=("aiointercept", "asyncio"), **ini)
    assert run.outcomes == {"passed": 2}


def test_aiointercept_can_be_told_to_stay_away(tmp_path: Path) -> None:
    """With ``-p no:aiointercept`` the fixtures of its names are ours."""
    run = run_pytest(tmp_path, SEED, plugins=("no:aiointercept",))
    assert run.outcomes == {"passed": 2, "failed": 1}


def test_aresponses_and_asyncly(tmp_path: Path) -> None:
    """Their fixtures and ours serve one test."""
    for module in ("aresponses", "asyncly"):
        pytest.importorskip(module)
    source = """
async def test_all(intercept, aresponses, mock_service):
    intercept.get(URL, json=[])
    assert await ask() == []
    assert mock_service.url.host == "127.0.0.1"
"""
    ini = {"asyncio_mode": "auto", "asyncio_default_fixture_loop_scope": "function"}
    run = run_pytest(tmp_path, source, plugins=("aresponses", "asyncly", "asyncio"), **ini)
    assert run.outcomes == {"passed": 1}
