"""What every test here runs under."""

from __future__ import annotations

import threading
from collections.abc import Iterator
from typing import Any

import pytest
from aiohttp import ClientSession
from aiohttp.connector import BaseConnector

from aiointercept_connector import scope


def patchable() -> list[int]:
    """Return the identity of what may be patched: a wrapper equals what it wraps."""
    return [id(ClientSession.__dict__["__init__"]), id(BaseConnector.__dict__["connect"])]


UNPATCHED = patchable()


@pytest.fixture
def anyio_backend() -> Any:
    """Run async tests on asyncio, in debug mode."""
    return "asyncio", {"debug": True}


@pytest.fixture(params=["memory", "tcp"])
def wire(request: pytest.FixtureRequest) -> str:
    """Run the test on every wire."""
    return str(request.param)


@pytest.fixture(autouse=True)
def nothing_left() -> Iterator[None]:
    """Fail a test that leaves a patch, an active mock or a thread behind."""
    yield
    assert scope.active() == ()
    assert patchable() == UNPATCHED
    assert not [t for t in threading.enumerate() if t.name == "aiointercept-server"]
