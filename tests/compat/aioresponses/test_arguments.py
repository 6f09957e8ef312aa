"""Calls with arguments that a client could not send, on ours and on the original."""

from __future__ import annotations

from typing import Any
from unittest.mock import MagicMock

import aiohttp
import pytest
import yarl
from aiohttp import ClientSession, ClientTimeout

from tests.real import real_server

pytestmark = pytest.mark.anyio

URL = "http://example.com/a"
KEY = "POST", yarl.URL(URL)

REFUSED: list[dict[str, Any]] = [
    {"headers": {"X-A": None}},
    {"headers": {"X-A": 1}},
    {"headers": {"X-A": "a\nb"}},
    {"data": object()},
    {"data": iter([b"a"])},
    {"json": object()},
    {"json": {"a": 1}, "data": b"b"},
    {"timeout": "5"},
    {"timeout": MagicMock()},
    {"ssl": MagicMock()},
    {"proxy": {"http": "http://proxy"}},
    {"cookies": {"a b": "1"}},
]


def named(kwargs: dict[str, Any]) -> str:
    """Return a name that is the same in every process: what mocks print has their address."""
    return ", ".join(f"{name}: {type(value).__name__}" for name, value in kwargs.items())


@pytest.mark.parametrize("kwargs", REFUSED, ids=named)
async def test_arguments_that_a_client_refuses(
    library: Any, session: ClientSession, kwargs: dict[str, Any]
) -> None:
    """A call is answered and recorded once, and its callback gets its arguments, as they are."""
    got: list[dict[str, Any]] = []

    def callback(url: yarl.URL, **kwargs: Any) -> None:
        got.append(kwargs)

    with library.aioresponses() as m:
        m.post(URL, payload=[1], callback=callback)
        async with session.post(URL, **kwargs) as response:
            assert await response.json() == [1]
        assert len(m.requests[KEY]) == 1
        (got_kwargs,) = got
        assert {name: got_kwargs[name] for name in kwargs} == kwargs


@pytest.mark.parametrize(
    "kwargs",
    [{"headers": {"X-A": None}}, {"headers": {"X-A": 1}}, {"timeout": ClientTimeout(total="5")}],  # type: ignore[arg-type]
    ids=named,
)
async def test_a_session_that_refuses_itself(library: Any, kwargs: dict[str, Any]) -> None:
    """The headers and the timeout of a session may be what no client could send, too."""
    async with ClientSession(**kwargs) as session:
        with library.aioresponses() as m:
            m.get(URL, payload=[1])
            assert await (await session.get(URL)).json() == [1]


@pytest.mark.parametrize("method", ["GET", "POST"])
@pytest.mark.parametrize(
    "headers",
    [{"Content-Length": "99"}, {"content-length": "1"}, {"Transfer-Encoding": "chunked"}],
    ids=str,
)
async def test_a_length_that_is_not_true(
    library: Any, session: ClientSession, method: str, headers: dict[str, str]
) -> None:
    """A call that promises more than it sends is answered all the same."""
    with library.aioresponses() as m:
        m.add(URL, method, payload=[1], repeat=True)
        for _ in range(2):
            async with session.request(method, URL, headers=headers, data=b"body") as response:
                assert await response.json() == [1]
        assert m.requests[method, yarl.URL(URL)][0].kwargs["headers"] == headers


async def test_what_nothing_answers(library: Any, session: ClientSession) -> None:
    """Nothing is said of the arguments of a call that nothing is registered for."""
    with library.aioresponses(), pytest.raises(aiohttp.ClientConnectionError, match="refused: GET"):
        await session.get(URL, headers={"X-A": None})


async def test_a_call_that_passes(library: Any, session: ClientSession) -> None:
    """The arguments of a call that is asked for real are aiohttp's own business."""
    async with real_server() as server:
        url = f"http://127.0.0.1:{server.port}/"
        with library.aioresponses(passthrough=[url]), pytest.raises(TypeError):
            await session.get(url, headers={"X-A": None})
        with library.aioresponses(passthrough_unmatched=True), pytest.raises(TypeError):
            await session.get(url, headers={"X-A": None})


async def test_an_error_of_the_answer(library: Any, session: ClientSession) -> None:
    """What is registered to be raised is raised, if it is what aiohttp raises of arguments, too."""
    calls: list[object] = []

    def callback(url: yarl.URL, **kwargs: Any) -> None:
        calls.append(url)
        raise ValueError("of the callback")

    with library.aioresponses() as m:
        m.get(URL, exception=TypeError("registered"))
        m.get(URL, callback=callback, repeat=True)
        with pytest.raises(TypeError, match=r"^registered$"):
            await session.get(URL)
        with pytest.raises(ValueError, match=r"^of the callback$"):
            await session.get(URL)
    assert len(calls) == 1


async def test_an_error_of_the_check(library: Any, session: ClientSession) -> None:
    """A response that the caller's own check refuses is asked for once."""

    async def check(response: aiohttp.ClientResponse) -> None:
        raise ValueError(response.status)

    with library.aioresponses() as m:
        m.get(URL)
        m.get(URL, status=202)
        with pytest.raises(ValueError, match="200"):
            await session.get(URL, raise_for_status=check)
        assert (await session.get(URL)).status == 202


@pytest.mark.parametrize("headers", [None, {}, {"X-A": "1"}], ids=str)
async def test_the_headers_that_a_response_tells(
    library: Any, session: ClientSession, headers: dict[str, str] | None
) -> None:
    """A response tells the headers of the call that it answers, and none of the client's own."""
    with library.aioresponses() as m:
        m.get(URL)
        response = await session.get(URL, headers=headers)
    assert response.request_info.headers == (headers or {})


async def test_the_headers_of_a_session(library: Any) -> None:
    """The headers that a response tells have those of the session."""
    async with ClientSession(headers={"X-S": "1", "X-A": "1"}) as session:
        with library.aioresponses() as m:
            m.get(URL)
            response = await session.get(URL, headers={"X-A": "2"})
    assert response.request_info.headers == {"X-S": "1", "X-A": "2"}


@pytest.mark.parametrize("kwargs", [{"chunked": True}, {"expect100": True}], ids=named)
async def test_bodies_that_never_come(
    library: Any, session: ClientSession, kwargs: dict[str, Any]
) -> None:
    """A call that promises a body, and has none, is answered at once, with the body it gets."""
    with library.aioresponses() as m:
        m.get(URL, status=201, payload=[1], repeat=True)
        for data in (None, b"x"):
            async with session.get(URL, data=data, **kwargs) as response:
                assert (response.status, await response.json()) == (201, [1])
