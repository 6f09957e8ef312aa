"""What was asked, and the assertions on it, on ours and on the original."""

from __future__ import annotations

import math
from typing import Any

import pytest
from aiohttp import ClientSession, web

pytestmark = pytest.mark.anyio

A, B = "http://api.test/a", "http://api.test/b"


async def test_history(server: Any, session: ClientSession) -> None:
    """Each request is recorded with its route and the response to it."""
    server.add("api.test", "/a", "get", {"x": 1})
    await session.get(A)
    (entry,) = server.history
    assert (entry.request.method, entry.request.host, entry.request.path) == (
        "GET",
        "api.test",
        "/a",
    )
    assert entry.route.path_pattern == "/a"
    assert (entry.response.status, entry.response.text) == (200, '{"x": 1}')
    request, route, response = entry
    assert (request, route, response) == entry


async def test_bodies_can_be_read_later(server: Any, session: ClientSession) -> None:
    """The body of a recorded request can be read, though no handler has."""
    server.add(repeat=2)
    await session.post(A, json={"greeting": "hello"})
    await session.post(A, data=b"\xff\xad")
    first, second = (entry.request for entry in server.history)
    assert await first.json() == {"greeting": "hello"}
    assert await first.json() == {"greeting": "hello"}
    assert await second.read() == b"\xff\xad"


async def test_unmatched_requests_are_recorded(
    server: Any, session: ClientSession, caplog: pytest.LogCaptureFixture
) -> None:
    """A request that meets no route is recorded without one, and answered with a 500."""
    server.add("other.test")
    assert (await session.get(A)).status == 500
    (entry,) = server.history
    assert (entry.route, entry.response) == (None, None)


async def test_the_history_is_one_list(server: Any, session: ClientSession) -> None:
    """The history is one list, which grows by each answer, and which a test may empty."""
    history = server.history
    server.add("api.test", "/a", repeat=2)
    await session.get(A)
    await session.get(B)
    assert [entry.request.path for entry in history] == ["/a", "/b"]
    history.clear()
    await session.get(A)
    assert server.history is history
    assert len(history) == 1


@pytest.mark.parametrize("error", [LookupError, web.HTTPNotFound])
async def test_what_failed_is_not_in_the_history(
    server: Any, session: ClientSession, error: type[Exception]
) -> None:
    """A request whose function has raised is not in the history."""

    def fail(request: web.Request) -> web.Response:
        raise error

    server.add(response=fail)
    await session.get(A)
    assert server.history == []


@pytest.mark.filterwarnings("ignore:returning HTTPException object:DeprecationWarning")
@pytest.mark.parametrize("how", ["object", "function"])
async def test_an_http_exception_as_a_response(
    server: Any, session: ClientSession, how: str
) -> None:
    """An ``HTTPException`` that is given, or returned, is a response like others."""

    def gone(request: web.Request) -> web.Response:
        return web.HTTPGone()

    server.add(response=web.HTTPGone() if how == "object" else gone)
    assert (await session.get(A)).status == 410
    (entry,) = server.history
    assert entry.response.status == 410


async def test_a_call_that_aiohttp_sends_twice(
    main: Any, server: Any, session: ClientSession
) -> None:
    """What aiohttp sends again, because the connection broke, is another request of the plan."""
    route = main.Route(repeat=1)
    server.add(route=route, response=server.RawResponse(b""))
    server.add(response="next")
    assert await (await session.get(A)).text() == "next"
    assert route.repeat == 0
    assert [entry.route is route for entry in server.history] == [True, False]
    server.assert_plan_strictly_followed()


async def test_the_history_when_a_handler_runs(server: Any, session: ClientSession) -> None:
    """A request is in the history once its function has returned."""
    seen: list[int] = []

    def look(request: web.Request) -> web.Response:
        seen.append(len(server.history))
        return web.Response()

    server.add(response=look, repeat=2)
    await session.get(A)
    await session.get(A)
    assert seen == [0, 1]


async def test_a_followed_plan(server: Any, session: ClientSession) -> None:
    """Nothing is raised where all routes were used, in order, by requests that all met one."""
    server.add("api.test", "/a", repeat=2)
    server.add("api.test", "/b")
    for url in (A, A, B):
        await session.get(url)
    assert server.assert_plan_strictly_followed() is None


async def test_an_unused_route(errors: Any, server: Any, session: ClientSession) -> None:
    """A route that has answers left is named."""
    server.add("api.test", "/a", repeat=2)
    await session.get(A)
    text = "Unused Route: method=re.compile('.*') host_pattern=api.test path=/a body="
    for check in (server.assert_no_unused_routes, server.assert_plan_strictly_followed):
        with pytest.raises(errors.UnusedRouteError) as caught:
            check()
        assert str(caught.value).startswith(text)
        assert isinstance(caught.value, errors.AresponsesAssertionError)
        assert isinstance(caught.value, AssertionError)


async def test_an_endless_route(errors: Any, server: Any, session: ClientSession) -> None:
    """A route for ever counts as unused, however often it was; unless it is to be ignored."""
    server.add("api.test", repeat=math.inf)
    await session.get(A)
    with pytest.raises(errors.UnusedRouteError):
        server.assert_no_unused_routes()
    assert server.assert_no_unused_routes(ignore_infinite_repeats=True) is None
    server.add("api.test", "/b")
    with pytest.raises(errors.UnusedRouteError):
        server.assert_no_unused_routes(True)


async def test_the_wrong_order(errors: Any, server: Any, session: ClientSession) -> None:
    """The first route that was used before an earlier one was used up is named."""
    server.add("api.test", "/a")
    server.add("api.test", "/b", "get")
    await session.get(B)
    await session.get(A)
    text = "Route used out of order: method=get host_pattern=api.test path=/b body="
    for check in (server.assert_called_in_order, server.assert_plan_strictly_followed):
        with pytest.raises(errors.UnorderedRouteCallError) as caught:
            check()
        assert str(caught.value).startswith(text)


@pytest.mark.parametrize("repeat", [2, math.inf])
async def test_answers_left_in_front(
    errors: Any, server: Any, session: ClientSession, repeat: float
) -> None:
    """A route with answers left makes the use of the next one out of order."""
    server.add("api.test", "/a", repeat=repeat)
    server.add("api.test", "/b")
    await session.get(A)
    server.assert_called_in_order()
    await session.get(B)
    with pytest.raises(errors.UnorderedRouteCallError):
        server.assert_called_in_order()


async def test_routes_that_come_later(server: Any, session: ClientSession) -> None:
    """A route that is added once the earlier ones are used up is in order."""
    server.add("api.test", "/b")
    await session.get(B)
    server.add("api.test", "/a")
    await session.get(A)
    server.assert_plan_strictly_followed()


async def test_an_unmatched_request(errors: Any, server: Any, session: ClientSession) -> None:
    """The first request without a route is named."""
    await session.post("http://api.test:81/a?q=1")
    await session.get(B)
    for check in (server.assert_all_requests_matched, server.assert_plan_strictly_followed):
        with pytest.raises(errors.NoRouteFoundError) as caught:
            check()
        assert str(caught.value) == "No match found for request: POST api.test:81 /a"


async def test_assertions_behind_the_block(library: Any, session: ClientSession) -> None:
    """Routes and requests are there after the server was left."""
    async with library.ResponsesMockServer() as server:
        server.add("api.test", "/a")
        server.add("api.test", "/b")
        await session.get(A)
    assert len(server.history) == 1
    with pytest.raises(AssertionError, match=r"Unused Route: .* path=/b "):
        server.assert_plan_strictly_followed()


async def test_what_failed_is_recorded(server: Any, session: ClientSession) -> None:
    """A request whose function failed is in the plan all the same."""

    def fail(request: web.Request) -> web.Response:
        raise LookupError

    server.add(response=fail)
    await session.get(A)
    server.assert_plan_strictly_followed()
