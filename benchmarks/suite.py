"""Suites of small async tests, run by pytest, each in a process of its own, as a user runs them.

Every test asks for one answer, of a mock of its own. The suites differ in where that is from.
"""

from __future__ import annotations

import sys
from pathlib import Path
from typing import Final

from .child import measured
from .environments import python_of
from .exchange import ANSWER, URL
from .harness import Options, Sample
from .peers import PEERS

__all__ = ("SUITES", "running")

TESTS: Final = 1000

_IMPORTS: Final = f"""
import pytest
import pytest_asyncio
from aiohttp import ClientSession

URL, ANSWER = {URL!r}, {ANSWER!r}

async def asked(**options):
    async with ClientSession(**options) as session:
        async with session.get(URL) as response:
            return await response.json()
"""

# What pytest, its plugin for async tests and a loop for each test take: nobody can be faster.
_EMPTY: Final = """
@pytest.fixture
def intercept():
    yield

async def check(intercept):
    pass
"""

# That, and the requests themselves: one mock that was made beforehand, no patch.
_EXPLICIT: Final = """
from aiointercept_connector import aiointercept

@pytest.fixture
def intercept():
    yield

lasting = aiointercept()
lasting.start()

async def check(intercept):
    lasting.get(URL, json=ANSWER)
    assert await asked(connector=lasting.connector()) == ANSWER
"""

_OURS: Final = """
async def check(intercept):
    intercept.get(URL, json=ANSWER)
    assert await asked() == ANSWER
"""

_AIOINTERCEPT: Final = """
from aiointercept import aiointercept

@pytest_asyncio.fixture
async def intercept():
    async with aiointercept(mock_external_urls=True) as mock:
        yield mock

async def check(intercept):
    intercept.get(URL, payload=ANSWER)
    assert await asked() == ANSWER
"""

_AIORESPONSES: Final = """
from aioresponses import aioresponses

@pytest.fixture
def intercept():
    with aioresponses() as mock:
        yield mock

async def check(intercept):
    intercept.get(URL, payload=ANSWER)
    assert await asked() == ANSWER
"""

_ARESPONSES: Final = """
from aresponses import ResponsesMockServer

@pytest_asyncio.fixture
async def intercept():
    async with ResponsesMockServer() as server:
        yield server

async def check(intercept):
    intercept.add("api.example.com", "/users/1", "GET", ANSWER)
    assert await asked() == ANSWER
"""

SUITES: Final = {
    "floor": _EMPTY,
    "explicit": _EXPLICIT,
    "intercept": _OURS,
    "aiointercept": _AIOINTERCEPT,
    "aioresponses": _AIORESPONSES,
    "aioresponses-ng": _AIORESPONSES,
    "aresponses": _ARESPONSES,
}
"""What each suite has beside its tests. That of ours alone is run with our plugin."""

_TEST: Final = """
@pytest.mark.asyncio
async def test_{}(intercept):
    await check(intercept)
"""

_RUN: Final = """
import sys, time
clock, *arguments = sys.argv[1:]
clock = getattr(time, clock)
began = clock()
import pytest
status = pytest.main(arguments)
ended = clock()
sys.exit(status) if status else print(1000 * (ended - began))
"""
_ARGUMENTS: Final = ("-q", "-p", "no:cacheprovider", "-p", "pytest_asyncio.plugin")
_OUR_PLUGIN: Final = ("-p", "aiointercept_connector.pytest_plugin")
_ENVIRONMENT: Final = {
    "PYTEST_ADDOPTS": "",
    "PYTEST_DISABLE_PLUGIN_AUTOLOAD": "1",
    "PYTHONDONTWRITEBYTECODE": "",
    "PYTHONPATH": str(Path(__file__).parents[1]),
}


def running(name: str, where: Path, options: Options) -> Sample:
    """Return the sample that is the time of pytest's run of a suite, in milliseconds.

    Args:
        name: the suite's name among ``SUITES``.
        where: an empty directory.
        options: the clock, and the number of tests.
    """
    tests = "".join(_TEST.format(number) for number in range(options.calls(TESTS)))
    (where / "test_it.py").write_text(_IMPORTS + SUITES[name] + tests, "utf-8")
    ini = "[pytest]\nasyncio_default_fixture_loop_scope = function\n"
    (where / "pytest.ini").write_text(ini, "utf-8")
    arguments = [*_ARGUMENTS, *(_OUR_PLUGIN if name == "intercept" else ())]

    async def sample() -> float:
        clock = options.clock.__name__
        python = python_of(name) if name in PEERS else sys.executable
        return await measured(
            _RUN, clock, *arguments, environment=_ENVIRONMENT, where=where, python=python
        )

    return sample
