"""What a mock asserts, and what it complains of when it is left."""

from __future__ import annotations

import asyncio
import re
from contextlib import suppress
from typing import Any

import aiohttp
import pytest

from aiointercept_connector import UnmatchedRequestError, VerificationError, aiointercept

pytestmark = pytest.mark.anyio

URL = "https://api.example.com/orders"


async def ask(mock: aiointercept, *urls: str) -> None:
    """Ask each URL."""
    async with mock.session() as session:
        for url in urls:
            async with session.get(url):
                pass


class TestAllCalled:
    async def test_unused(self) -> None:
        """Each route that was never called is named with where it was registered."""
        with aiointercept() as mock:
            mock.get("/used")
            unused = mock.get(URL, name="orders", repeat=True)
            await ask(mock, "https://api.example.com/used")
            with pytest.raises(AssertionError) as raised:
                mock.assert_all_called()
            assert str(raised.value) == (
                f"'orders' (GET {URL}) was never called (registered at {unused.registered_at})."
            )
            assert re.search(r"test_verifying\.py:\d+$", str(unused.registered_at))
            await ask(mock, URL)
            mock.assert_all_called()

    async def test_requests(self) -> None:
        """Requests that met no route are explained."""
        with aiointercept() as mock:
            mock.assert_all_requests_matched()
            with suppress(UnmatchedRequestError):
                await ask(mock, URL)
            with pytest.raises(AssertionError, match="met no route") as raised:
                mock.assert_all_requests_matched()
            assert str(raised.value).splitlines()[-1] == f"To answer it: mock.get({URL!r})"


class TestOrder:
    async def test_order(self) -> None:
        """Routes are called in order if other calls only lie between theirs."""
        with aiointercept() as mock:
            one, two = mock.get("/1", repeat=True), mock.get("/2", repeat=True)
            await ask(mock, "https://a.test/1", "https://a.test/1", "https://a.test/2")
            mock.assert_called_in_order(one, two)
            mock.assert_called_in_order()
            mock.assert_called_in_order(one, one, two)
            with pytest.raises(AssertionError) as raised:
                mock.assert_called_in_order(two, one)
            assert str(raised.value) == (
                "Expected calls in this order:\n  1. GET /2\n  2. GET /1\n"
                "Number 2 was not called after those before it. The calls were:\n"
                "  1. GET https://a.test/1\n  2. GET https://a.test/1\n  3. GET https://a.test/2"
            )


class TestTimes:
    async def test_answers_as_often(self) -> None:
        """Where repeat is not given, a route answers as often as `times` allows."""
        with aiointercept() as mock:
            route = mock.get(URL, times=(1, 3))
            await ask(mock, URL, URL, URL)
            assert route.remaining == 0

    @pytest.mark.parametrize("calls", [0, 2])
    async def test_met(self, calls: int) -> None:
        """Leaving says nothing of a route that was called as often as it should be."""
        with aiointercept() as mock:
            mock.get(URL, times=calls, repeat=True)
            await ask(mock, *[URL] * calls)

    async def test_unmet(self) -> None:
        """Leaving fails if a route was not called as often as it should be."""
        mock = aiointercept()
        route = mock.get(URL, times=2)
        with pytest.raises(VerificationError) as raised:
            async with mock:
                await ask(mock, URL)
        assert str(raised.value) == (
            f"Expected exactly 2 calls of GET {URL} (registered at {route.registered_at}), "
            f"got 1 call.\n  1. GET {URL}"
        )
        assert not mock.active

    async def test_wait_called(self, wire: Any) -> None:
        """A test can wait for a call that is made in the background."""
        with aiointercept(wire=wire) as mock:
            route = mock.get(URL)
            task = asyncio.create_task(ask(mock, URL))
            await route.wait_called()
            assert route.called
            await task
            with pytest.raises(AssertionError, match="Expected at least 2 calls of GET"):
                await route.wait_called(times=2, timeout=0.01)


class TestStrict:
    async def test_swallowed(self) -> None:
        """A strict mock fails for what the code under test has swallowed, and for unused routes."""
        mock = aiointercept(mock_external_urls=True, strict=True)
        unused = mock.get(f"{URL}/1")

        async def swallow() -> None:
            with suppress(aiohttp.ClientError):
                async with aiohttp.request("GET", URL):
                    pass

        with pytest.raises(VerificationError) as raised:
            async with mock:
                await swallow()
        first, second, *_ = str(raised.value).splitlines()
        assert first == f"GET {URL}/1 was never called (registered at {unused.registered_at})."
        assert second.startswith(f"GET {URL} met no route of the mock")

    async def test_block_that_raises(self) -> None:
        """Where the block raises already, the findings become notes on its exception."""
        mock = aiointercept(strict=True)
        mock.get(URL)
        with pytest.raises(LookupError) as raised, mock:
            raise LookupError("the test's own")
        [note] = getattr(raised.value, "__notes__", [])
        assert note.startswith(f"GET {URL} was never called")

    async def test_content(self) -> None:
        """A strict mock says nothing if all that was registered was asked, and nothing else."""
        with aiointercept(strict=True) as mock:
            mock.get(URL)
            await ask(mock, URL)

    def test_decorator(self) -> None:
        """A decorated function fails for the same."""

        @aiointercept(strict=True)
        def careless(mock: aiointercept) -> None:
            mock.get(URL)

        with pytest.raises(VerificationError, match="was never called"):
            careless()
