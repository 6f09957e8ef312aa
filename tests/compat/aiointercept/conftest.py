"""The two libraries that the tests here are for: ours, and the one whose API it is."""

from __future__ import annotations

import functools
import warnings
from collections.abc import AsyncIterator
from importlib import import_module
from typing import Any

import aiohttp
import pytest

OURS = "aiointercept_connector.compat.aiointercept"


@pytest.fixture(params=["ours", "original"])
def library(request: pytest.FixtureRequest) -> Any:
    """Run the test on ours and, where it is installed, on the original."""
    if request.param == "ours":
        return import_module(OURS)
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")
        return pytest.importorskip("aiointercept", reason="aiointercept is not installed")


@pytest.fixture
def anyio_backend(request: pytest.FixtureRequest) -> Any:
    """Run in debug mode but for the original, whose own thread starts a slow loop in it."""
    return "asyncio", {"debug": "original" not in request.node.name}


@pytest.fixture
def legacy(library: Any) -> Any:
    """Return the class, such that ours does what the original does."""
    if library.__name__ == OURS:
        return functools.partial(library.aiointercept, legacy=True)
    return library.aiointercept


@pytest.fixture
def ours() -> Any:
    """Return ours, for what the original has not."""
    return import_module(OURS)


@pytest.fixture
async def session() -> AsyncIterator[aiohttp.ClientSession]:
    """Return a session of no special kind."""
    async with aiohttp.ClientSession() as session:
        yield session
