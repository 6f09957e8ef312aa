"""What every test here runs under."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any

import pytest

from tests.leaks import watching


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
    """Fail a test that leaves something of ours behind, or any socket."""
    with watching() as left:
        yield
        found = left()
    assert not found, "\n".join(["left behind:", *found])
