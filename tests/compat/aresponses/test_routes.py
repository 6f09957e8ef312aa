"""Which requests a route is for, on ours and on the original."""

from __future__ import annotations

import math
import re
from importlib import import_module
from typing import Any

import pytest
from aiohttp import ClientSession

pytestmark = pytest.mark.anyio


async def statuses(session: ClientSession, *urls: str, **kwargs: Any) -> list[int]:
    """Ask each of *urls*, and return the statuses."""
    return [(await session.get(url, **kwargs)).status for url in urls]


async def test_the_defaults_fit_anything(server: Any, session: ClientSession) -> None:
    """A route without patterns answers any request, once, with an empty text."""
    server.add()
    response = await session.put("https://any.test/path?q=1", data=b"body")
    assert (response.status, await response.read()) == (200, b"")
    assert response.headers["Content-Type"] == "text/plain; charset=utf-8"
    assert await statuses(session, "http://any.test/") == [500]


async def test_the_host(server: Any, session: ClientSession) -> None:
    """A host is compared in lower case and whole, with its port unless that is the usual one."""
    server.add("API.test", repeat=math.inf)
    urls = "http://api.test/", "https://Api.Test/", "http://api.test:80/", "http://api.test:8080/"
    assert await statuses(session, *urls) == [200, 200, 200, 500]
    server.add("api.test:8080")
    assert await statuses(session, "http://api.test:8080/") == [200]


async def test_a_host_header_of_the_callers(server: Any, session: ClientSession) -> None:
    """The host is what the ``Host`` header says."""
    server.add("device.test", repeat=math.inf)
    headers = {"Host": "device.test"}
    assert await statuses(session, "http://10.1.2.3/", headers=headers) == [200]
    headers = {"Host": "other.test"}
    assert await statuses(session, "http://device.test/", headers=headers) == [500]


async def test_an_address_for_the_host(server: Any, session: ClientSession) -> None:
    """An address is a host as any other, and one of IPv6 has its brackets."""
    server.add("10.1.2.3")
    server.add("[2001:db8::1]:81")
    assert await statuses(session, "http://10.1.2.3/", "http://[2001:db8::1]:81/") == [200, 200]


async def test_http_and_https_are_one_route(server: Any, session: ClientSession) -> None:
    """A route is for both schemes."""
    server.add("api.test", repeat=2)
    assert await statuses(session, "http://api.test/", "https://api.test/") == [200, 200]


async def test_expressions_are_searched_for(server: Any, session: ClientSession) -> None:
    """An expression fits if it is found anywhere; that of a method sees it in lower case."""
    server.add(re.compile("pi"), re.compile("ser"), re.compile("^(get|head)$"), repeat=math.inf)
    assert await statuses(session, "http://api.test/users") == [200]
    assert (await session.head("http://api.test/users")).status == 200
    assert (await session.post("http://api.test/users")).status == 500
    assert await statuses(session, "http://x.test/users", "http://api.test/") == [500, 500]


@pytest.mark.parametrize("method", ["get", "GET", "Get"])
async def test_the_method_in_any_case(server: Any, session: ClientSession, method: str) -> None:
    """A method given as text is compared in any case."""
    server.add(method_pattern=method, repeat=math.inf)
    assert await statuses(session, "http://api.test/") == [200]
    assert (await session.post("http://api.test/")).status == 500


async def test_the_path_is_decoded(server: Any, session: ClientSession) -> None:
    """A path is compared decoded, without its query."""
    server.add(path_pattern="/a b/ä", repeat=math.inf)
    assert await statuses(session, "http://api.test/a%20b/%C3%A4?q=1") == [200]


async def test_the_path_with_its_query(server: Any, session: ClientSession) -> None:
    """With ``match_querystring`` path and query are compared as they are sent, in that order."""
    server.add(path_pattern="/a?x=1&y=2", match_querystring=True, repeat=math.inf)
    urls = "http://api.test/a?x=1&y=2", "http://api.test/a?y=2&x=1", "http://api.test/a"
    assert await statuses(session, *urls) == [200, 500, 500]


async def test_the_body(server: Any, session: ClientSession) -> None:
    """A body is compared as text, or searched."""
    server.add(body_pattern="whole", response="text", repeat=math.inf)
    server.add(body_pattern=re.compile("apple"), response="expression", repeat=math.inf)
    answers = [
        await (await session.post("http://api.test/", data=data)).text()
        for data in ("whole", {"fruit": "pineapple"})
    ]
    assert answers == ["text", "expression"]
    assert (await session.post("http://api.test/", data=b"neither")).status == 500


async def test_first_added_first_served(server: Any, session: ClientSession) -> None:
    """Of several routes the first that fits answers, until it is used up."""
    server.add("api.test", response="1", repeat=2)
    server.add(response="2")
    answers = [await (await session.get("http://api.test/")).text() for _ in range(3)]
    assert answers == ["1", "1", "2"]


@pytest.mark.parametrize("repeat", [-1, 0, 0.5, 1])
async def test_a_repeat_of_one_or_less(server: Any, session: ClientSession, repeat: float) -> None:
    """A route answers at least once."""
    server.add(repeat=repeat)
    assert await statuses(session, "http://api.test/", "http://api.test/") == [200, 500]


async def test_constants(library: Any) -> None:
    """The server has the patterns and the number that a suite needs at hand."""
    server = library.ResponsesMockServer
    assert server.ANY.search("")
    assert math.isinf(server.INFINITY)
    assert server.LOCALHOST.search("127.0.0.1:8080")
    assert not server.LOCALHOST.search("localhost")
    assert server.Response is library.Response


async def test_a_route_of_the_tests_own(main: Any, server: Any, session: ClientSession) -> None:
    """A subclass of ``Route`` says itself what it is for, and may await the body."""

    class JsonRoute(main.Route):  # type: ignore[misc]
        async def matches(self, request: Any) -> bool:
            fits: bool = await super().matches(request)
            return fits and (await request.json())["id"] == 7

    server.add("other.test", response="custom", route=JsonRoute("post", "api.test", repeat=2))
    server.add("api.test", response="plain")
    answers = [
        await (await session.post("http://api.test/", json={"id": number})).text()
        for number in (7, 8, 7)
    ]
    assert answers == ["custom", "plain", "custom"]


async def test_a_route_that_looks_at_the_query(
    main: Any, server: Any, session: ClientSession
) -> None:
    """A custom ``matches`` is given the request as aiohttp's server has it."""

    class QueryRoute(main.Route):  # type: ignore[misc]
        async def matches(self, request: Any) -> bool:
            assert (request.host, request.path) == ("api.test:8080", "/a")
            return bool(request.query["page"] == "2")

    server.add(route=QueryRoute(), response="second")
    assert await statuses(session, "http://api.test:8080/a?page=1") == [500]
    assert await statuses(session, "http://api.test:8080/a?page=2") == [200]


async def test_a_route_of_fewer_attributes(main: Any, server: Any, session: ClientSession) -> None:
    """A subclass need not call ``__init__``, if it says itself how often it answers."""

    class Bare(main.Route):  # type: ignore[misc]
        def __init__(self) -> None:
            self.repeat = 2

        async def matches(self, request: Any) -> bool:
            return bool(request.path == "/a")

    server.add(route=Bare(), response="bare")
    urls = ["http://api.test/a"] * 3
    assert await statuses(session, "http://api.test/b", *urls) == [500, 200, 200, 500]


async def test_a_route_of_another_kind(server: Any, session: ClientSession) -> None:
    """Anything with ``matches`` and ``repeat`` is a route."""

    class Other:
        repeat = 1

        async def matches(self, request: Any) -> bool:
            return bool(request.path == "/a")

    other = Other()
    server.add("none.test", response="never", repeat=math.inf)
    server.add(route=other, response="other")
    assert await (await session.get("http://api.test/a")).text() == "other"
    assert server.history[0].route is other
    assert await statuses(session, "http://api.test/a") == [500]


async def test_a_route_counts_down(main: Any, server: Any, session: ClientSession) -> None:
    """``repeat`` of a route is how often it is still to answer."""
    route, endless = main.Route(host_pattern="api.test", repeat=2), main.Route(repeat=math.inf)
    server.add(route=route)
    server.add(route=endless)
    left = []
    for _ in range(3):
        await session.get("http://api.test/")
        left.append(route.repeat)
    assert left == [1, 0, 0]
    assert endless.repeat == math.inf


async def test_what_a_route_is_called(main: Any) -> None:
    """The texts of a route are those of the original, as messages show them."""
    route = main.Route("get", "api.test", "/a")
    body = "re.compile('.*')"
    assert str(route) == (
        f"method=get host_pattern=api.test path=/a body={body} match_querystring=False"
    )
    assert repr(route) == (
        f"Route(method='get', host_pattern='api.test', path='/a', body={body}, "
        f"match_querystring=False)"
    )


async def test_the_helper_that_custom_routes_use(library: Any) -> None:
    """``utils`` has what custom routes import from there."""
    utils = import_module(f"{library.__name__}.utils")
    assert utils._text_matches_pattern("a", "a")
    assert utils._text_matches_pattern(re.compile("b"), "abc")
    assert not utils._text_matches_pattern("a", "ab")
    assert not utils._text_matches_pattern(None, "a")
    assert utils.ANY.pattern == ".*"
