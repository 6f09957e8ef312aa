"""What ``legacy=True`` takes for one URL, on ours and on the original."""

from __future__ import annotations

import re
from typing import Any

import aiohttp
import pytest
from yarl import URL

pytestmark = pytest.mark.anyio


async def get(session: aiohttp.ClientSession, url: str | URL) -> int:
    """Return the status of an answer."""
    async with session.get(url) as response:
        await response.read()
        return response.status


class TestSchemes:
    async def test_http_of_a_host_registered_by_https(
        self, legacy: Any, session: aiohttp.ClientSession
    ) -> None:
        """A host that was registered by https is asked by it, though the client said http."""
        async with legacy(True) as mock:
            mock.get("https://h.test/x", status=201)
            assert await get(session, "http://h.test/x") == 201
            mock.assert_called_once_with("https://h.test/x")
            assert list(mock.requests) == [("GET", URL("https://h.test/x"))]
            assert mock.ordered_requests[0][0] == ("GET", URL("https://h.test/x"))
            with pytest.raises(AssertionError, match=r"^No calls to GET http://h\.test/x"):
                mock.assert_called_with("http://h.test/x")

    async def test_http_of_a_host_asked_by_https(
        self, legacy: Any, session: aiohttp.ClientSession
    ) -> None:
        """So is one that was asked by https before."""
        async with legacy(True) as mock:
            mock.get(re.compile("https?://h"), repeat=2)
            assert await get(session, "https://h.test/x") == 200
            assert await get(session, "http://h.test/x") == 200
            assert len(mock.requests["GET", URL("https://h.test/x")]) == 2

    async def test_https_of_a_host_registered_by_http(
        self, legacy: Any, session: aiohttp.ClientSession
    ) -> None:
        """Who asks by https is not answered by what was registered by http."""
        async with legacy(True) as mock:
            mock.get("http://h.test/x")
            with pytest.raises(aiohttp.ServerDisconnectedError):
                await get(session, "https://h.test/x")

    async def test_both_are_registered(self, legacy: Any, session: aiohttp.ClientSession) -> None:
        """Where both are registered, that of https answers both."""
        async with legacy(True) as mock:
            mock.get("http://h.test/x", status=201)
            mock.get("https://h.test/x", status=202, repeat=True)
            assert await get(session, "http://h.test/x") == 202
            assert await get(session, "https://h.test/x") == 202

    async def test_another_port(self, legacy: Any, session: aiohttp.ClientSession) -> None:
        """On a port of its own, http of such a host is http."""
        async with legacy(True) as mock:
            mock.get("https://h.test/x", status=201)
            mock.get("http://h.test:8080/x", status=202)
            assert await get(session, "http://h.test:8080/x") == 202

    async def test_it_is_forgotten(self, legacy: Any, session: aiohttp.ClientSession) -> None:
        """``clear`` forgets by what a host is known."""
        async with legacy(True) as mock:
            mock.get("https://h.test/x")
            mock.clear()
            mock.get("http://h.test/x", status=201)
            assert await get(session, "http://h.test/x") == 201

    @pytest.mark.parametrize("scheme", ["http", "https"])
    async def test_an_expression_is_tried_with_both(
        self, library: Any, legacy: Any, session: aiohttp.ClientSession, scheme: str
    ) -> None:
        """An expression of https answers http, too; its callback is told what was asked."""
        asked: list[str] = []

        def callback(url: URL, **kwargs: Any) -> Any:
            asked.append(str(url))
            return library.CallbackResult(status=201)

        async with legacy(True) as mock:
            mock.get(re.compile(r"^https://h\.test/\?b=1&a=2$"), callback=callback)
            assert await get(session, f"{scheme}://h.test/?b=1&a=2") == 201
        assert asked == [f"{scheme}://h.test/?a=2&b=1"]

    async def test_expressions_keep_their_order(
        self, legacy: Any, session: aiohttp.ClientSession
    ) -> None:
        """Of several expressions the first answers, by whichever scheme it fits."""
        async with legacy(True) as mock:
            mock.get(re.compile("http://h"), status=201)
            mock.get(re.compile("https?://h"), status=202)
            assert await get(session, "https://h.test/") == 201
            assert await get(session, "https://h.test/") == 202


class TestPaths:
    @pytest.mark.parametrize(
        ("registered", "asked"),
        [("/a%2Fb", "/a/b"), ("/a/b", "/a%2Fb"), ("/a%2Bb", "/a+b"), ("/%25", "/%25")],
    )
    async def test_they_are_compared_decoded(
        self,
        library: Any,
        legacy: Any,
        session: aiohttp.ClientSession,
        registered: str,
        asked: str,
    ) -> None:
        """Two spellings of a path are one, in answers, in assertions, and for callbacks."""
        urls: list[str] = []

        def callback(url: URL, **kwargs: Any) -> Any:
            urls.append(str(url))
            return library.CallbackResult()

        host = "https://h.test"
        async with legacy(True) as mock:
            mock.get(f"{host}{registered}", callback=callback)
            assert await get(session, URL(f"{host}{asked}")) == 200
            mock.assert_any_call(f"{host}{registered}")
            mock.assert_called_once_with(f"{host}{asked}")
            (key,) = mock.requests
        assert [str(key[1])] == urls
        assert "%2" not in urls[0].removesuffix("%25")


class TestNotLegacy:
    async def test_urls_are_what_they_are(self, ours: Any, session: aiohttp.ClientSession) -> None:
        """If that was not asked for, two schemes are two, and so are two paths."""
        async with ours.aiointercept(True) as mock:
            mock.get("https://h.test/a%2Fb")
            for url in ("http://h.test/a%2Fb", "https://h.test/a/b"):
                with pytest.raises(aiohttp.ClientConnectionError):
                    await get(session, URL(url, encoded=True))
