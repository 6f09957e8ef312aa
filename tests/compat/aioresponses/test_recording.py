"""What is recorded and asserted, on ours and on the original."""

from __future__ import annotations

from collections.abc import AsyncIterator
from typing import Any

import aiohttp
import pytest
import yarl
from aiohttp import ClientSession

from tests.real import real_server

pytestmark = pytest.mark.anyio

URL = "http://example.com/a"
KEY = ("GET", yarl.URL(URL))


async def test_requests(library: Any, core: Any, session: ClientSession) -> None:
    """A call is recorded under its method and URL, with its keyword arguments."""
    with library.aioresponses() as m:
        m.get(f"{URL}?a=1&b=2")
        await session.get(f"{URL}?b=2", params={"a": 1}, ssl=False)
        key = ("GET", yarl.URL(f"{URL}?a=1&b=2"))
        kwargs = {"params": {"a": 1}, "ssl": False, "allow_redirects": True}
        assert m.requests == {key: [core.RequestCall((), kwargs)]}
        assert repr(m.requests[key][0]) == f"RequestCall(args=(), kwargs={m.requests[key][0][1]!r})"


async def test_arguments_are_copied(library: Any, session: ClientSession) -> None:
    """What the client changes after the call stays as it was in the record."""
    sent = [1]
    with library.aioresponses() as m:
        m.get(URL)
        await session.get(URL, json=sent)
        sent.append(2)
        assert m.requests[KEY][0].kwargs["json"] == [1]


async def test_the_sessions_headers_are_recorded(library: Any) -> None:
    """The headers of a session that has some are among those of its calls."""
    async with ClientSession(headers={"X-S": "1"}) as session:
        with library.aioresponses() as m:
            m.get(URL)
            await session.get(URL, headers={"X-C": "2"})
            assert m.requests[KEY][0].kwargs["headers"] == {"X-S": "1", "X-C": "2"}


async def test_post_has_data(library: Any, session: ClientSession) -> None:
    """A POST has ``data`` among its arguments, as None where it was given none."""
    with library.aioresponses() as m:
        m.post(URL)
        await session.request("POST", URL)
        assert m.requests["POST", yarl.URL(URL)][0].kwargs == {
            "allow_redirects": True,
            "data": None,
        }


async def test_the_method_is_as_it_was_written(library: Any, session: ClientSession) -> None:
    """A method in lower case is recorded so, and answered as any other."""
    with library.aioresponses() as m:
        m.get(URL)
        await session.request("get", URL)
        assert list(m.requests) == [("get", yarl.URL(URL))]


async def test_a_stream_is_recorded_whole(library: Any, session: ClientSession) -> None:
    """The pieces of an asynchronous iterable are recorded as one."""

    async def stream() -> AsyncIterator[bytes]:
        yield b"a"
        yield b"b"

    with library.aioresponses() as m:
        m.post(URL)
        await session.post(URL, data=stream())
        assert m.requests["POST", yarl.URL(URL)][0].kwargs["data"] == b"ab"


async def test_what_fails_is_recorded(library: Any, session: ClientSession) -> None:
    """Calls that end in an exception, and those that nothing answers, are recorded once."""
    with library.aioresponses() as m:
        m.get(URL, exception=aiohttp.ServerDisconnectedError())
        for _ in range(2):
            with pytest.raises(aiohttp.ClientError):
                await session.get(URL)
        assert len(m.requests[KEY]) == 2


async def test_a_closed_session_is_not_recorded(library: Any) -> None:
    """A closed session refuses the call itself."""
    session = ClientSession()
    await session.close()
    with library.aioresponses() as m:
        with pytest.raises(RuntimeError, match="Session is closed"):
            await session.get(URL)
        m.assert_not_called()


async def test_records_outlive_their_mock(library: Any, session: ClientSession) -> None:
    """Neither ``clear`` nor leaving nor another start empties ``requests``."""
    m = library.aioresponses()
    with m:
        m.get(URL)
        await session.get(URL)
        m.clear()
        assert len(m.requests) == 1
        with pytest.raises(aiohttp.ClientConnectionError):
            await session.get(URL)
    with m:
        assert len(m.requests[KEY]) == 2


async def test_passthrough(library: Any, session: ClientSession) -> None:
    """A URL that begins as one that passes is asked for real, and not recorded."""
    async with real_server() as real:
        with library.aioresponses(passthrough=[real.url]) as m:
            m.get(f"{real.url}/a", body="mocked")
            assert await (await session.get(f"{real.url}/a")).text() == "real"
            assert m.requests == {}


async def test_passthrough_unmatched(library: Any, session: ClientSession) -> None:
    """With ``passthrough_unmatched`` what nothing answers is asked for real, and recorded."""
    async with real_server() as real:
        with library.aioresponses(passthrough_unmatched=True) as m:
            m.get(f"{real.url}/a", body="mocked")
            texts = [await (await session.get(f"{real.url}/{path}")).text() for path in "ab"]
            assert texts == ["mocked", "real"]
            assert len(m.requests) == 2


async def test_what_passed_is_not_closed(library: Any, session: ClientSession) -> None:
    """Leaving closes the responses of the mock, and none of a real server."""
    async with real_server() as real:
        for options in ({"passthrough": [real.url]}, {"passthrough_unmatched": True}):
            with library.aioresponses(**options):
                response = await session.get(f"{real.url}/a")
            assert await response.text() == "real"


def failure(assertion: Any, *args: Any, **kwargs: Any) -> str:
    """Return what *assertion* says when it fails."""
    with pytest.raises(AssertionError) as caught:
        assertion(*args, **kwargs)
    return str(caught.value)


async def test_how_often(library: Any, session: ClientSession) -> None:
    """``assert_called`` and its like count, and say what they counted."""
    with library.aioresponses() as m:
        m.get(URL, repeat=True)
        m.assert_not_called()
        assert failure(m.assert_called) == "Expected 'aioresponses' to have been called."
        once = "Expected 'aioresponses' to have been called once. Called {} times."
        assert failure(m.assert_called_once) == once.format(0)
        await session.get(URL)
        m.assert_called()
        m.assert_called_once()
        assert failure(m.assert_not_called) == (
            "Expected 'aioresponses' to not have been called. Called 1 times."
        )
        await session.get(URL)
        assert failure(m.assert_called_once) == once.format(2)


async def test_with_which_arguments(library: Any, session: ClientSession) -> None:
    """``assert_called_with`` compares all the arguments of the last call, or those it is told."""
    with library.aioresponses() as m:
        m.post(f"{URL}?a=1", repeat=True)
        await session.post(URL, params={"a": 1}, json=1)
        m.assert_called_with(URL, "POST", params={"a": 1}, json=1)
        m.assert_called_once_with(URL, method="post", params={"a": 1}, json=1)
        m.assert_called_with(f"{URL}?a=1", "POST", ["json"], json=1)
        said = failure(m.assert_called_with, URL, "POST", params={"a": 1}, json=2)
        actual = m.requests["POST", yarl.URL(f"{URL}?a=1")][-1]
        expected = {"params": {"a": 1}, "json": 2, "allow_redirects": True, "data": None}
        assert said == (
            f"aioresponses({actual!r}) != aioresponses(RequestCall(args=(), kwargs={expected!r}))"
        )
        assert failure(m.assert_called_with, f"{URL}?a=1", "POST", ["data", "ssl"], ssl=1)


async def test_a_call_that_was_not_made(library: Any, session: ClientSession) -> None:
    """The assertions on a URL say that there was no such call."""
    with library.aioresponses() as m:
        m.get(URL)
        await session.get(URL)
        m.assert_any_call(URL)
        said = failure(m.assert_any_call, "http://other/", "put", params={"a": 1})
        assert said == (
            "aioresponses(URL('http://other/?a=1'), method='PUT', params={'a': 1}) call not found"
        )
        assert failure(m.assert_called_with, "http://other/") == (
            "aioresponses(URL('http://other/'), method='GET') call not found"
        )
