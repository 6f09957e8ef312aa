"""The marker ``aiohttpretty``, for ``pytest_plugins``: its test runs with the mock active."""

import pytest

from .main import aiohttpretty


def pytest_configure(config: pytest.Config) -> None:
    """Declare the marker."""
    config.addinivalue_line("markers", "aiohttpretty: activate aiohttpretty while the test runs")


@pytest.hookimpl(tryfirst=True)
def pytest_runtest_setup(item: pytest.Item) -> None:
    """Begin with a mock that knows nothing."""
    if item.get_closest_marker("aiohttpretty"):
        aiohttpretty.clear()
        aiohttpretty.activate()


@pytest.hookimpl(trylast=True)
def pytest_runtest_teardown(item: pytest.Item) -> None:
    """Leave one that knows nothing."""
    if item.get_closest_marker("aiohttpretty"):
        aiohttpretty.deactivate()
        aiohttpretty.clear()
