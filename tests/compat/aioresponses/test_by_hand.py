"""Responses as a library makes them by hand, and those that are asked for by hand."""

from __future__ import annotations

import pickle
import re
from http import HTTPStatus
from typing import Any

import aiohttp
import pytest
import yarl
from aiohttp import ClientResponse, ClientSession

pytestmark = pytest.mark.anyio

URL = "http://example.com/a"


class TestResponses:
    @pytest.mark.parametrize("location", [None, "/b"])
    async def test_a_redirect_to_nowhere(
        self, library: Any, session: ClientSession, location: str | None
    ) -> None:
        """A redirect that does not say where to is the response, and not part of its history."""
        headers = {} if location is None else {"Location": location}
        with library.aioresponses() as m:
            m.get(URL, status=302, headers=headers)
            m.get("http://example.com/b", status=302)
            async with session.get(URL) as response:
                assert response.status == 302
                history = [str(one.url) for one in response.history]
        assert history == ([] if location is None else [URL])

    async def test_headers_may_be_changed(self, library: Any, session: ClientSession) -> None:
        """The headers of a response, and of an error, may be changed and pickled."""
        with library.aioresponses() as m:
            m.get(URL, status=404, headers={"X-A": "1"}, repeat=True)
            response: Any = await session.get(URL)
            with pytest.raises(aiohttp.ClientResponseError) as raised:
                await session.get(URL, raise_for_status=True)
        error: Any = raised.value
        for headers in (response.headers, error.headers):
            headers["x-a"] = "2"
            assert pickle.loads(pickle.dumps(headers))["X-A"] == "2"
        assert response.headers["X-A"] == "2"

    async def test_the_request_of_an_error(self, library: Any) -> None:
        """The error of ``raise_for_status`` tells the headers that call and session gave."""
        with library.aioresponses() as m:
            m.get(URL, status=404)
            async with ClientSession(headers={"X-A": "1"}, raise_for_status=True) as session:
                with pytest.raises(aiohttp.ClientResponseError) as raised:
                    await session.get(URL, headers={"X-B": "2"})
        assert dict(raised.value.request_info.headers) == {"X-A": "1", "X-B": "2"}

    @pytest.mark.parametrize("status", [0, 100, 103, 999, "200", HTTPStatus.CREATED])
    async def test_any_status(self, library: Any, session: ClientSession, status: Any) -> None:
        """A status is not looked at, and comes as it was registered."""
        with library.aioresponses() as m:
            m.get(URL, status=status, body="x")
            async with session.get(URL) as response:
                assert (response.status, await response.text()) == (status, "x")

    async def test_a_function_for_a_response_class(
        self, library: Any, session: ClientSession
    ) -> None:
        """What makes responses need not be a class."""

        def response_class(*args: Any, **kwargs: Any) -> ClientResponse:
            return ClientResponse(*args, **kwargs)

        with library.aioresponses() as m:
            m.get(URL, payload=[1], response_class=response_class)
            async with session.get(URL) as response:
                assert await response.json() == [1]

    async def test_a_cookie_from_what_is_no_url(self, library: Any, session: ClientSession) -> None:
        """The URL of a response that sets a cookie is the one that was asked, whatever that is."""
        with library.aioresponses() as m:
            m.get("/a", headers={"Set-Cookie": "a=1"})
            async with session.get("/a") as response:
                assert response.url == yarl.URL("/a")

    @pytest.mark.parametrize("method", ["GET", "HEAD", "POST", "PUT", "DELETE"])
    @pytest.mark.parametrize("status", [301, 302, 303, 307, 308])
    async def test_a_redirect_to_what_get_is_registered_for(
        self, library: Any, session: ClientSession, method: str, status: int
    ) -> None:
        """What is registered for GET answers a redirected request, whatever its method."""
        with library.aioresponses() as m:
            m.add(URL, method, status=status, headers={"Location": "/b"})
            m.get("http://example.com/b", status=201)
            async with session.request(method, URL, allow_redirects=True) as response:
                assert (response.status, len(response.history)) == (201, 1)


class TestRequestMatch:
    async def test_a_response(self, core: Any) -> None:
        """``build_response`` gives the response of a registration, whatever that is for."""
        match = core.RequestMatch(
            "", status=400, payload={"a": 1}, headers={"Set-Cookie": "b=2"}, reason="Bad"
        )
        response = await match.build_response(yarl.URL(), headers={"X-A": "1"})
        assert isinstance(response, ClientResponse)
        assert (response.status, response.reason) == (400, "Bad")
        assert response.url == yarl.URL()
        assert response.cookies["b"].value == "2"
        assert dict(response.request_info.headers) == {"X-A": "1"}
        assert await response.json() == {"a": 1}

    async def test_a_body_is_read_as_any(self, core: Any) -> None:
        """The body of such a response, however long, is read piece by piece, or whole."""
        match = core.RequestMatch(URL, body=b"x" * 300_000)
        pieces = await match.build_response(yarl.URL(URL))
        assert sum([len(piece) async for piece in pieces.content.iter_chunked(1000)]) == 300_000
        assert len(await (await match.build_response(yarl.URL(URL))).read()) == 300_000

    @pytest.mark.parametrize("exception", [ValueError("x"), ValueError, KeyboardInterrupt()])
    async def test_an_exception(self, core: Any, exception: Any) -> None:
        """``build_response`` returns the exception of a registration."""
        match = core.RequestMatch(URL, exception=exception)
        assert await match.build_response(yarl.URL(URL)) is exception

    async def test_a_callback(self, core: Any, library: Any) -> None:
        """Its callback is called with these arguments."""
        got: list[Any] = []

        async def callback(url: Any, **kwargs: Any) -> Any:
            got.append((url, kwargs))
            return library.CallbackResult(status=201)

        match = core.RequestMatch(URL, callback=callback)
        response = await match.build_response(yarl.URL(URL), json=1)
        assert response.status == 201
        assert got == [(yarl.URL(URL), {"json": 1})]

    async def test_a_redirect_is_not_followed(self, core: Any) -> None:
        """A redirect is the response."""
        match = core.RequestMatch(URL, status=302, headers={"Location": "/b"})
        response = await match.build_response(yarl.URL(URL))
        assert (response.status, response.history) == (302, ())

    async def test_beside_an_active_mock(self, core: Any, library: Any) -> None:
        """An active mock hears nothing of it."""
        with library.aioresponses() as m:
            response = await core.RequestMatch(URL, status=201).build_response(yarl.URL(URL))
            m.assert_not_called()
        assert response.status == 201

    async def test_what_a_url_is_matched_by(self, core: Any) -> None:
        """A URL is compared by ``match_str`` or ``match_regexp``, which is its ``match_func``."""
        url, pattern = core.RequestMatch(f"{URL}?b=1&a=2"), core.RequestMatch(re.compile("http:"))
        assert url.match_func == url.match_str
        assert pattern.match_func == pattern.match_regexp
        assert url.match_str(yarl.URL(f"{URL}?a=2&b=1")) is True
        assert url.match_str(yarl.URL(URL)) is False
        assert pattern.match_regexp(yarl.URL(URL)) is True
        assert pattern.match("POST", yarl.URL(URL)) is False

    async def test_a_match_of_the_suite_s_own(
        self, core: Any, library: Any, session: ClientSession, monkeypatch: pytest.MonkeyPatch
    ) -> None:
        """A suite may put its own ``match`` in the place of the class's."""
        original = core.RequestMatch.match

        def match(self: Any, method: str, url: yarl.URL) -> bool:
            result: bool = original(self, method, url.with_query(None))
            return result

        monkeypatch.setattr(core.RequestMatch, "match", match)
        with library.aioresponses() as m:
            m.get(URL, status=201)
            assert (await session.get(f"{URL}?a=1")).status == 201


class TestMatch:
    async def test_what_is_registered(self, library: Any) -> None:
        """``match`` gives the response that a call would get, and None if there is none."""
        with library.aioresponses() as m:
            m.get(URL, payload=[1])
            response = await m.match("get", yarl.URL(URL))
            assert await response.json() == [1]
            assert await m.match("get", yarl.URL(URL)) is None
            m.assert_not_called()

    async def test_what_is_raised(self, library: Any) -> None:
        """``match`` raises what a call would raise."""
        error = OSError("x")
        with library.aioresponses() as m:
            m.get(URL, exception=error)
            with pytest.raises(OSError, match="x") as raised:
                await m.match("get", yarl.URL(URL))
        assert raised.value is error

    async def test_redirects(self, library: Any) -> None:
        """Redirects are followed, unless that is not asked for."""
        with library.aioresponses() as m:
            m.get(URL, status=302, headers={"Location": "/b"}, repeat=2)
            m.get("http://example.com/b", status=201)
            followed = await m.match("get", yarl.URL(URL))
            first = await m.match("get", yarl.URL(URL), allow_redirects=False)
        assert (followed.status, len(followed.history), first.status) == (201, 1, 302)

    async def test_nothing_passes(self, library: Any) -> None:
        """What would pass is not asked for real: there is no response for it."""
        with library.aioresponses(passthrough_unmatched=True) as m:
            assert await m.match("get", yarl.URL("http://127.0.0.1:1/")) is None

    async def test_a_subclass_has_its_own_request_mock(
        self, library: Any, session: ClientSession
    ) -> None:
        """A subclass may replace ``_request_mock`` whole, with what aioresponses has for it."""

        class Own(library.aioresponses):  # type: ignore[misc]
            async def _request_mock(
                self, orig_self: Any, method: str, url: Any, *args: Any, **kwargs: Any
            ) -> Any:
                url = yarl.URL(url)
                call = self._build_request_call(method, *args, **kwargs)
                self.requests.setdefault((method, url), []).append(call)
                response = await self.match(method, url, **kwargs)
                self._responses.append(response)
                return response

        with Own() as m:
            m.post(URL, callback=lambda url, **kwargs: library.CallbackResult(body=kwargs["json"]))
            async with session.post(URL, json="x") as response:
                assert await response.text() == "x"
            m.assert_called_once_with(URL, "POST", json="x")

    def test_what_is_an_exception(self, library: Any) -> None:
        """``is_exception`` knows exceptions and their classes."""
        known = [ValueError, KeyboardInterrupt(), 1, int]
        is_exception = library.aioresponses.is_exception
        assert [is_exception(one) for one in known] == [True, True, False, False]


async def test_urls_compared_as_the_suite_does(
    library: Any, core: Any, session: ClientSession, monkeypatch: pytest.MonkeyPatch
) -> None:
    """A suite may put its own ``normalize_url`` into ``core``."""

    def normalize_url(url: Any) -> yarl.URL:
        return yarl.URL(url).with_query(None)

    monkeypatch.setattr(core, "normalize_url", normalize_url)
    with library.aioresponses() as m:
        m.get(f"{URL}?a=1", status=201, callback=lambda url, **kwargs: urls.append(url))
        urls: list[yarl.URL] = []
        assert (await session.get(f"{URL}?b=2", params={"c": "3"})).status == 201
        m.assert_called_with(f"{URL}?d=4", params={"c": "3"})
    assert urls == [yarl.URL(URL)]
    assert list(m.requests) == [("GET", yarl.URL(URL))]
