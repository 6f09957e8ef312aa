from __future__ import annotations

import asyncio
import functools
import inspect
import os
import subprocess
import sys
import unittest
from collections.abc import AsyncIterator, Iterator
from pathlib import Path
from typing import Any
from unittest.mock import patch

import pytest
from aiohttp import ClientSession

import aiointercept_connector
from aiointercept_connector import UnmatchedRequestError, aiointercept

pytestmark = pytest.mark.anyio

API = "https://api.example.com"


async def text(url: str = f"{API}/x") -> str:
    """Return the body of a response to an ordinary session."""
    async with ClientSession() as session, session.get(url) as response:
        return await response.text()


def names(function: Any) -> list[str]:
    """Return the parameters of a function as pytest sees them."""
    return list(inspect.signature(function).parameters)


class TestFunctions:
    """Functions and coroutine functions."""

    async def test_coroutine_function(self) -> None:
        """A coroutine function runs inside a mock that it is given."""

        @aiointercept(True)
        async def test(mock: aiointercept) -> str:
            assert mock.active
            mock.get(f"{API}/x", body="mocked")
            return await text()

        assert inspect.iscoroutinefunction(test)
        assert await test() == "mocked"

    def test_function(self) -> None:
        """A plain function does too, and may run a loop of its own."""

        @aiointercept(True)
        def test(mock: aiointercept) -> str:
            mock.get(f"{API}/x", body="mocked")
            return asyncio.run(text())

        assert not inspect.iscoroutinefunction(test)
        assert test() == "mocked"

    async def test_stopped_afterwards(self) -> None:
        """The mock is stopped when the function returns or raises."""
        mocks = []

        @aiointercept(True)
        async def test(mock: aiointercept, *, fail: bool) -> None:
            mocks.append(mock)
            if fail:
                raise ZeroDivisionError

        await test(fail=False)
        with pytest.raises(ZeroDivisionError):
            await test(fail=True)
        assert [mock.active for mock in mocks] == [False, False]

    async def test_without_parameters(self) -> None:
        """A function that takes nothing runs inside the mock all the same."""

        @aiointercept(True)
        async def test() -> None:
            with pytest.raises(UnmatchedRequestError):
                await text()

        await test()

    def test_looks_as_before(self) -> None:
        """Name, docstring and attributes are kept."""

        @aiointercept()
        def test(mock: aiointercept) -> None:
            """A docstring."""

        assert (test.__name__, test.__doc__) == ("test", "A docstring.")
        assert test.__wrapped__  # type: ignore[attr-defined] # `functools.wraps` sets it


def required(one: Any, mock: Any) -> Any:
    """The last of two."""
    return one, mock


def with_default(one: Any, mock: Any, more: Any = 3) -> Any:
    """The last without a default."""
    return one, mock, more


def lone_default(mock: Any = None) -> Any:
    """The only one, with a default."""
    return (mock,)


def positional_only(one: Any, mock: Any, /) -> Any:
    """The last of two that have no name to callers."""
    return one, mock


def variadic(*args: Any) -> Any:
    """Any number."""
    return args


def keyword_only(one: Any, mock: Any, *, key: Any) -> Any:
    """One that is by keyword only does not count."""
    return one, mock, key


class TestWhichArgument:
    """The mock is the last positional argument, or has the name `param`."""

    @pytest.mark.parametrize(
        ("function", "args", "kwargs", "seen", "result"),
        [
            (required, (1,), {}, ["one"], (1, ...)),
            (required, (), {"one": 1}, ["one"], (1, ...)),
            (with_default, (1,), {}, ["one", "more"], (1, ..., 3)),
            (with_default, (1,), {"more": 4}, ["one", "more"], (1, ..., 4)),
            (lone_default, (), {}, [], (...,)),
            (positional_only, (1,), {}, ["one"], (1, ...)),
            (variadic, (1, 2), {}, ["args"], (1, 2, ...)),
            (keyword_only, (1,), {"key": 2}, ["one", "key"], (1, ..., 2)),
        ],
    )
    def test_last_positional(
        self, function: Any, args: Any, kwargs: Any, seen: list[str], result: tuple[Any, ...]
    ) -> None:
        """Whatever the rest of the signature is; pytest does not see that argument."""
        mock = aiointercept()
        decorated = mock(function)
        assert names(decorated) == seen
        assert decorated(*args, **kwargs) == tuple(mock if one is ... else one for one in result)

    @pytest.mark.parametrize("async_", [True, False])
    async def test_param(self, async_: bool) -> None:
        """Under `param` it may stand anywhere."""

        async def coroutine(web: Any, one: Any) -> Any:
            return web, one

        def plain(web: Any, one: Any) -> Any:
            return web, one

        mock = aiointercept(param="web")
        decorated: Any = mock(coroutine if async_ else plain)
        assert names(decorated) == ["one"]
        result = decorated(one=1)
        assert (await result if async_ else result) == (mock, 1)

    def test_param_by_keyword(self) -> None:
        """`param` may be by keyword only, have a default, or be among `**kwargs`."""
        mock = aiointercept(param="web")
        assert mock(lambda *, web: web)() is mock
        assert mock(lambda web=None: web)() is mock
        assert mock(lambda **kwargs: kwargs)() == {"web": mock}

    def test_no_such_param(self) -> None:
        """A function without that parameter is refused, when it is decorated."""
        with pytest.raises(TypeError) as raised:
            aiointercept(param="web")(required)
        assert str(raised.value) == "param='web': required has no such parameter"


class TestMethods:
    """Methods and classes."""

    async def test_method(self) -> None:
        """A method gets the mock after `self` and the rest."""
        own = aiointercept()

        class Case:
            @own
            async def test(self, one: int, mock: Any) -> Any:
                return self, one, mock

        case = Case()
        assert await case.test(1) == (case, 1, own)
        assert names(case.test) == ["one"]

    async def test_method_without_parameters(self) -> None:
        """`self` is never mistaken for the mock's place."""

        class Case:
            @aiointercept()
            async def test(self) -> Any:
                return self

        case = Case()
        assert await case.test() is case

    @pytest.mark.parametrize("kind", [staticmethod, classmethod])
    @pytest.mark.parametrize("outer", [True, False])
    def test_static_and_class_methods(self, kind: Any, outer: bool) -> None:
        """Static and class methods are decorated from either side."""
        own = aiointercept()

        def function(*args: Any) -> Any:
            return args[-1]

        method = own(kind(function)) if outer else kind(own(function))
        case: Any = type("Case", (), {"test": method})
        assert case.test() is own
        assert case().test() is own

    async def test_class(self) -> None:
        """Of a class, every test method is decorated, and nothing else."""

        @aiointercept(True)
        class Case:
            async def test_one(self, mock: Any) -> Any:
                mock.get(f"{API}/x", body="mocked")
                return await text()

            def test_two(self, mock: Any) -> Any:
                return mock

            @staticmethod
            def test_three(mock: Any) -> Any:
                return mock

            def helper(self, mock: Any) -> Any:
                return mock

            test_data = ("not", "a", "method")

        case: Any = Case()
        assert isinstance(Case, type)
        assert await case.test_one() == "mocked"
        assert isinstance(case.test_two(), aiointercept)
        assert isinstance(case.test_three(), aiointercept)
        assert case.helper(1) == 1
        assert Case.test_data == ("not", "a", "method")

    def test_inherited_tests(self) -> None:
        """Inherited tests run in the mock too; the base class is left as it is."""

        class Base:
            def test(self, mock: Any) -> Any:
                return mock

        @aiointercept()
        class Case(Base):
            pass

        case: Any = Case()
        assert isinstance(case.test(), aiointercept)
        assert Base().test(1) == 1

    def test_decorated_already(self) -> None:
        """A method, or base class, that is decorated already keeps its own mock."""
        own = aiointercept()

        @aiointercept()
        class Base:
            @own
            def test(self, tmp_path: Any, mock: Any) -> Any:
                return tmp_path, mock

        @aiointercept()
        class Case(Base):
            pass

        case: Any = Case()
        assert names(case.test) == ["tmp_path"]
        assert case.test(1) == (1, own)

    def test_class_with_param(self) -> None:
        """With `param`, those tests of a class get the mock that have the parameter."""
        own = aiointercept(param="mock")

        @own
        class Case:
            def test_one(self, mock: Any, fixture: Any) -> Any:
                return mock, fixture

            def test_two(self, fixture: Any) -> Any:
                return own.active, fixture

        case: Any = Case()
        assert case.test_one(fixture=1) == (own, 1)
        assert case.test_two(2) == (True, 2)

    def test_class_without_the_param(self) -> None:
        """A class where no test has the parameter is refused: it is a slip."""

        class Case:
            def test(self, mock: Any) -> None: ...

        with pytest.raises(TypeError) as raised:
            aiointercept(param="web")(Case)
        assert str(raised.value) == (
            "param='web': no test of "
            "TestMethods.test_class_without_the_param.<locals>.Case has such a parameter"
        )

    def test_unittest(self) -> None:
        """Test cases of unittest are decorated by method or as a class."""

        class Decorated(unittest.IsolatedAsyncioTestCase):
            @aiointercept(True)
            async def test_async(self, mock: Any) -> None:
                mock.get(f"{API}/x", body="mocked")
                self.assertEqual(await text(), "mocked")  # noqa: PT009 - unittest is under test

        @aiointercept(True)
        class Whole(unittest.TestCase):
            def test_plain(self, mock: Any) -> None:
                mock.get(f"{API}/x", body="mocked")
                self.assertEqual(asyncio.run(text()), "mocked")  # noqa: PT009 - as above

        class InSetUp(unittest.IsolatedAsyncioTestCase):
            async def asyncSetUp(self) -> None:
                self.mock = aiointercept(True)
                await self.mock.start()
                self.addAsyncCleanup(self.mock.stop)

            async def test_async(self) -> None:
                self.mock.get(f"{API}/x", body="mocked")
                self.assertEqual(await text(), "mocked")  # noqa: PT009 - as above

        result = unittest.TestResult()
        for case in (Decorated("test_async"), Whole("test_plain"), InSetUp("test_async")):
            case.run(result)
        assert (result.testsRun, result.failures, result.errors) == (3, [], [])


class TestOneInstance:
    """One instance may decorate several functions, which may run side by side."""

    async def test_one_after_the_other(self) -> None:
        """Each call begins with nothing registered and nothing recorded."""
        own = aiointercept(True)

        @own
        async def test(mock: aiointercept) -> int:
            assert mock is own
            mock.get(f"{API}/x")
            await text()
            return mock.call_count

        assert [await test(), await test()] == [1, 1]

    async def test_side_by_side(self) -> None:
        """Calls that overlap have a mock each, alike, and do not see each other's routes."""
        own = aiointercept(True, ["pass.example.com"], param="mock", scope="task", wire="tcp")
        mocks = []
        all_inside = asyncio.Event()

        @own
        async def test(number: int, mock: Any) -> str:
            mocks.append(mock)
            if len(mocks) == 3:
                all_inside.set()
            mock.get(f"{API}/x", body=str(number))
            await all_inside.wait()
            return await text()

        assert await asyncio.gather(*map(test, range(3))) == ["0", "1", "2"]
        assert len(set(map(id, mocks))) == 3
        assert {(m.wire, m.scope, m.passthrough, m.param) for m in mocks} == {
            ("tcp", "task", ("pass.example.com",), "mock")
        }
        assert not any(mock.active for mock in mocks)

    async def test_recursive(self) -> None:
        """A decorated function may call itself."""

        @aiointercept(True)
        async def test(depth: int, mock: Any) -> list[Any]:
            return [mock, *(await test(depth - 1) if depth else [])]

        first, second = await test(1)
        assert first is not second

    async def test_of_a_subclass(self) -> None:
        """A subclass with arguments of its own is copied as it is."""

        class Mock(aiointercept):
            def __init__(self, base: str) -> None:
                super().__init__(True)
                self.base = base

        own = Mock(API)
        with own:
            seen: Any = own(lambda mock: mock)()
        assert type(seen) is Mock
        assert seen is not own
        assert seen.base == API


class TestOtherDecorators:
    """Above and below other decorators."""

    async def test_patch_below(self) -> None:
        """Below stands `mock.patch`: its argument comes first."""

        @aiointercept(True)
        @patch("os.getpid", return_value=7)
        async def test(getpid: Any, mock: Any) -> Any:
            return getpid(), type(mock)

        assert await test() == (7, aiointercept)

    async def test_patch_above(self) -> None:
        """Above stands `mock.patch`: its argument comes first too."""

        @patch("os.getpid", return_value=7)
        @aiointercept(True)
        async def test(getpid: Any, mock: Any) -> Any:
            return getpid(), type(mock)

        assert await test() == (7, aiointercept)

    async def test_partial(self) -> None:
        """A partial of a coroutine function is one too."""

        async def test(one: int, mock: Any) -> Any:
            return one, mock.active

        assert await aiointercept()(functools.partial(test, 1))() == (1, True)


def generator(mock: Any) -> Iterator[Any]:
    """Yield the mock."""
    yield mock


async def async_generator(mock: Any) -> AsyncIterator[Any]:
    """Yield the mock."""
    yield mock


class TestRefused:
    """What can be no test."""

    @pytest.mark.parametrize("decorated", [5, None, "test", object()])
    def test_not_callable(self, decorated: Any) -> None:
        """What cannot be called cannot be decorated."""
        with pytest.raises(TypeError) as raised:
            aiointercept()(decorated)
        assert str(raised.value) == (
            f"aiointercept decorates functions and classes, not {decorated!r}"
        )

    @pytest.mark.parametrize("decorated", [generator, async_generator])
    def test_generators(self, decorated: Any) -> None:
        """A generator, such as a fixture that yields, would run outside the mock."""
        with pytest.raises(TypeError) as raised:
            aiointercept()(decorated)
        assert str(raised.value) == (
            f"{decorated.__qualname__} is a generator, which a decorator cannot hold open: "
            f"use `with aiointercept(...) as mock:` inside it."
        )


SUITE = """
import asyncio
import unittest
import aiohttp
import pytest
from aiointercept_connector import aiointercept

API = "https://api.example.com"
shared = aiointercept(True)

async def text(url=f"{API}/x"):
    async with aiohttp.ClientSession() as session, session.get(url) as response:
        return await response.text()

@pytest.fixture
def word():
    return "mocked"

@pytest.mark.anyio
@aiointercept(True)
async def test_async(mock):
    mock.get(f"{API}/x", body="mocked")
    assert await text() == "mocked"

@aiointercept(True)
def test_plain(mock):
    mock.get(f"{API}/x", body="mocked")
    assert asyncio.run(text()) == "mocked"

@pytest.mark.anyio
@pytest.mark.parametrize("number", [1, 2])
@shared
async def test_fixture_and_parameter(word, number, mock):
    mock.get(f"{API}/x", body=word, repeat=number)
    assert [await text() for _ in range(number)] == [word] * number

@pytest.mark.anyio
@aiointercept(True, param="mock")
async def test_param(mock, word, tmp_path):
    mock.get(f"{API}/x", body=word)
    assert await text() == word
    assert tmp_path.exists()

@pytest.mark.anyio
class TestMethod:
    @shared
    async def test_async(self, word, mock):
        mock.get(f"{API}/x", body=word)
        assert await text() == word

@pytest.mark.anyio
@aiointercept(True, param="mock")
class TestClass:
    async def test_with_fixture(self, mock, word):
        mock.get(f"{API}/x", body=word)
        assert await text() == word

    def test_without_mock(self, word):
        assert word == "mocked"

    @pytest.mark.parametrize("number", [1, 2])
    def test_parameter(self, number, mock):
        assert mock.active

@aiointercept(True)
class TestCase(unittest.IsolatedAsyncioTestCase):
    async def test_async(self, mock):
        mock.get(f"{API}/x", body="mocked")
        assert await text() == "mocked"

@pytest.fixture
@aiointercept()
def server(mock):
    return mock.server_port

def test_decorated_fixture(server):
    assert server > 0
"""


def test_real_pytest(tmp_path: Path) -> None:
    """Pytest collects decorated tests of every kind, and finds their fixtures and parameters."""
    (tmp_path / "test_suite.py").write_text(SUITE)
    (tmp_path / "conftest.py").write_text(
        "import pytest\n@pytest.fixture\ndef anyio_backend():\n    return 'asyncio'\n"
    )
    package = Path(aiointercept_connector.__file__).parent.parent
    result = subprocess.run(
        [sys.executable, "-m", "pytest", "-q", "-W", "error", "-p", "anyio"],
        cwd=tmp_path,
        env={
            **os.environ,
            "PYTHONPATH": str(package),
            "PYTEST_DISABLE_PLUGIN_AUTOLOAD": "1",
        },
        capture_output=True,
        text=True,
        check=False,
    )
    assert result.stdout.splitlines()[-1].startswith("12 passed in"), result.stdout
