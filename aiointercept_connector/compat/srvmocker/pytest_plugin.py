"""The pytest fixtures ``mock_routes``, ``mock_service`` and ``mock_proxy``, as asyncly has them.

They serve tests of pytest-asyncio, in its strict mode too, and of anyio's plugin. For a suite that
is not taken over: ``pytest_plugins = ["aiointercept_connector.compat.srvmocker.pytest_plugin"]``.
"""

from __future__ import annotations

from collections.abc import AsyncIterator, Callable, Iterable
from typing import TYPE_CHECKING, Any

import pytest

from .proxy import start_proxy
from .service import start_service

try:
    from pytest_asyncio import fixture as asyncio_fixture
except ImportError:
    asyncio_fixture: Any = pytest.fixture  # type: ignore[no-redef]  # one of the two

if TYPE_CHECKING:
    from .models import MockRoute, MockService
    from .proxy import MockProxyService

__all__ = ("mock_proxy", "mock_routes", "mock_service")


@pytest.fixture
def mock_routes() -> Iterable[MockRoute]:
    """Return the routes of ``mock_service``; tests are to override it."""
    return []


@pytest.fixture
def mock_service(request: pytest.FixtureRequest) -> MockService:
    """Run a server with ``mock_routes`` while the test runs."""
    service: MockService = _of_runner(request, "mock_service")
    return service


@pytest.fixture
def mock_proxy(request: pytest.FixtureRequest) -> MockProxyService:
    """Run a forward proxy while the test runs."""
    proxy: MockProxyService = _of_runner(request, "mock_proxy")
    return proxy


def _of_runner(request: pytest.FixtureRequest, name: str) -> Any:
    """Return the fixture's value as the plugin makes it that runs the test, on the test's loop."""
    runner = "anyio" if "anyio_backend" in request.fixturenames else "asyncio"
    return request.getfixturevalue(f"_{name}_by_{runner}")


def _made_by(runner: str, fixture: Callable[..., Any]) -> tuple[Any, Any]:
    """Return the two fixtures as *fixture*, a decorator of the plugin of *runner*, makes them."""

    async def service(mock_routes: Iterable[MockRoute]) -> AsyncIterator[MockService]:
        async with start_service(mock_routes) as running:
            yield running

    async def proxy() -> AsyncIterator[MockProxyService]:
        async with start_proxy() as running:
            yield running

    return (
        fixture(name=f"_mock_service_by_{runner}")(service),
        fixture(name=f"_mock_proxy_by_{runner}")(proxy),
    )


# pytest-asyncio marks the functions: each plugin has its own.
_anyio_service, _anyio_proxy = _made_by("anyio", pytest.fixture)
_asyncio_service, _asyncio_proxy = _made_by("asyncio", asyncio_fixture)
