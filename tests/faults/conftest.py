"""What tests of faults run on: both loops, for each has its own way to end a connection."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import pytest
from aiohttp import ClientSession, TCPConnector

from aiointercept_connector import aiointercept


@pytest.fixture(params=["asyncio", "uvloop"])
def anyio_backend(request: pytest.FixtureRequest) -> Any:
    """Run on both loops, on asyncio in debug mode."""
    return "asyncio", {"use_uvloop": True} if request.param == "uvloop" else {"debug": True}


@pytest.fixture(params=["connector", "install"])
def session_of(request: pytest.FixtureRequest) -> Callable[[aiointercept], ClientSession]:
    """Make sessions that come to a mock by its connector, or because it is installed."""
    if request.param == "connector":
        return aiointercept.session
    return lambda mock: ClientSession(connector=TCPConnector())
