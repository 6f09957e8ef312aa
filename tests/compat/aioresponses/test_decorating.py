"""The decorator, on ours and on the original."""

from __future__ import annotations

import asyncio
import inspect
from collections.abc import Callable
from typing import Any
from unittest.mock import patch

import pytest
from aiohttp import ClientSession

from aiointercept_connector.compat.aioresponses import aioresponses

Decorated = Callable[..., Any]

pytestmark = pytest.mark.anyio

URL = "http://example.com/a"


def decorator(library: Any, **options: Any) -> Callable[[Decorated], Decorated]:
    """Return the library's decorator."""
    made: Callable[[Decorated], Decorated] = library.aioresponses(**options)
    return made


async def ask() -> int:
    """Return the status of a call."""
    async with ClientSession() as session, session.get(URL) as response:
        return response.status


async def test_a_coroutine_function(library: Any) -> None:
    """The mock is appended to the arguments of a call."""

    @decorator(library)
    async def asks(status: int, m: Any) -> int:
        m.get(URL, status=status)
        return await ask()

    assert await asks(201) == 201


def test_a_plain_function(library: Any) -> None:
    """A plain function is decorated as well; it may run a loop of its own."""

    @decorator(library)
    def asks(m: Any) -> int:
        m.get(URL, status=201)
        return asyncio.run(ask())

    assert asks() == 201


async def test_a_method(library: Any) -> None:
    """A method gets the mock after itself."""

    class Test:
        @decorator(library)
        async def test(self, m: Any) -> int:
            m.get(URL, status=201)
            return await ask()

    assert await Test().test() == 201


async def test_under_a_name(library: Any) -> None:
    """With ``param`` the mock is that keyword argument, whatever else is passed."""

    @decorator(library, param="m")
    async def asks(m: Any = None, status: int = 201) -> int:
        m.get(URL, status=status)
        return await ask()

    assert await asks(status=202) == 202


async def test_a_name_that_the_function_does_not_have(library: Any) -> None:
    """A wrong ``param`` is told when the function is called."""

    @decorator(library, param="other")
    def asks(m: Any) -> None:
        raise AssertionError(m)

    with pytest.raises(TypeError, match="unexpected keyword argument 'other'"):
        asks()


async def test_above_a_patch(library: Any) -> None:
    """Above ``mock.patch`` the mock comes before what is patched."""

    @decorator(library)
    @patch("os.getpid")
    async def asks(m: Any, patched: Any) -> Any:
        return type(m).__name__, patched._mock_name

    assert await asks() == ("aioresponses", "getpid")


async def test_below_a_patch(library: Any) -> None:
    """Below ``mock.patch`` the mock comes after what is patched."""

    @patch("os.getpid")
    @decorator(library)
    async def asks(patched: Any, m: Any) -> Any:
        return patched._mock_name, type(m).__name__

    assert await asks() == ("getpid", "aioresponses")


def test_pytest_looks_for_no_fixture() -> None:
    """What the mock is passed as is no parameter to a caller, nor to pytest."""

    def test(self: Any, fixture: Any, m: Any) -> Any:
        return fixture, m

    decorated = aioresponses()(test)
    assert list(inspect.signature(decorated).parameters) == ["self", "fixture"]
    fixture, mock = decorated(None, fixture=1)
    assert (fixture, type(mock)) == (1, aioresponses)
    named = aioresponses(param="fixture")(test)
    assert list(inspect.signature(named).parameters) == ["self", "m"]


async def test_calls_side_by_side() -> None:
    """Two calls of a decorated function that overlap have a mock each."""
    mocks: list[Any] = []

    @aioresponses()
    async def asks(m: Any) -> None:
        mocks.append(m)
        m.get(URL)
        await asyncio.sleep(0)
        await ask()

    await asyncio.gather(asks(), asks())
    assert mocks[0] is not mocks[1]


async def test_a_class() -> None:
    """The test methods of a decorated class have a mock each."""

    @aioresponses(param="m")
    class Test:
        async def test_it(self, m: Any) -> int:
            m.get(URL, status=201)
            return await ask()

    test: Any = Test()
    assert await test.test_it() == 201
