"""Errors that are put at the first line of a test."""

from __future__ import annotations

import functools
import traceback
from collections.abc import Callable
from typing import Any

import pytest

from aiointercept_connector.placing import placed_at


def plain() -> None:
    """Stand for a test."""


async def asynchronous() -> None:
    """Stand for an async test."""


@functools.wraps(plain)
def wrapper() -> None:
    """Stand in front of a test."""


class Tests:
    def method(self) -> None:
        """Stand for a test of a class."""

    @pytest.mark.parametrize(
        "text",
        ["what is said to a decorator"],
    )
    @pytest.mark.anyio
    async def decorated(self, text: str) -> None:
        """Stand for a test with decorators."""


DECORATORS = 5


@pytest.mark.parametrize(
    ("test", "function"),
    [
        pytest.param(plain, plain, id="function"),
        pytest.param(asynchronous, asynchronous, id="coroutine function"),
        pytest.param(wrapper, plain, id="wrapped function"),
        pytest.param(Tests().method, Tests.method, id="method"),
    ],
)
def test_an_error_has_the_place_of_its_test(
    test: Callable[..., Any], function: Callable[..., Any]
) -> None:
    """Its traceback is one frame, of the test's file, line and name, and marks no columns."""
    error = ValueError("found")
    assert placed_at(test, error) is error
    (frame,) = traceback.extract_tb(error.__traceback__)
    code = function.__code__
    assert (frame.filename, frame.lineno, frame.name) == (
        code.co_filename,
        code.co_firstlineno,
        code.co_name,
    )
    assert "^" not in "".join(traceback.format_tb(error.__traceback__))


def test_the_place_of_a_decorated_test_is_below_its_decorators() -> None:
    """The line is the one that names the test, where a reader looks for it."""
    error = placed_at(Tests().decorated, ValueError("found"))
    (frame,) = traceback.extract_tb(error.__traceback__)
    assert frame.lineno == Tests.decorated.__code__.co_firstlineno + DECORATORS
    assert frame.line == "async def decorated(self, text: str) -> None:"


def test_without_its_source_a_test_s_place_is_where_its_code_begins() -> None:
    """Made by `exec`, or read from bytecode, a test has no lines to look at."""
    made: dict[str, Any] = {}
    exec("\n\ndef test(): pass", made)
    error = placed_at(made["test"], ValueError("found"))
    (frame,) = traceback.extract_tb(error.__traceback__)
    assert (frame.filename, frame.lineno) == ("<string>", 3)


def test_a_test_without_code_has_no_place() -> None:
    """For what is no function of Python's the error stays as it is."""
    error = placed_at(functools.partial(plain), ValueError())
    assert error.__traceback__ is None
