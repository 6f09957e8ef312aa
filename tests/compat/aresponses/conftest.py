"""The two libraries that the tests here are for: ours, and the one whose API it is."""

from __future__ import annotations

from collections.abc import AsyncIterator
from importlib import import_module
from typing import Any

import aiohttp
import pytest

OURS = "aiointercept_connector.compat.aresponses"


@pytest.fixture(params=["ours", "original"])
def library(request: pytest.FixtureRequest) -> Any:
    """Run the test on ours and, where it is installed, on the original."""
    if request.param == "ours":
        return import_module(OURS)
    return pytest.importorskip("aresponses", reason="aresponses is not installed")


@pytest.fixture
def errors(library: Any) -> Any:
    """Return the library's module ``errors``."""
    return import_module(f"{library.__name__}.errors")


@pytest.fixture
def main(library: Any) -> Any:
    """Return the library's module ``main``."""
    return import_module(f"{library.__name__}.main")


@pytest.fixture
async def server(library: Any) -> AsyncIterator[Any]:
    """Return a server that is active."""
    async with library.ResponsesMockServer() as server:
        yield server


@pytest.fixture
async def session() -> AsyncIterator[aiohttp.ClientSession]:
    """Return a session of no special kind."""
    async with aiohttp.ClientSession() as session:
        yield session
