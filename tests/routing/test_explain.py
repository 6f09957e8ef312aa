from __future__ import annotations

import re
from typing import Any
from unittest.mock import ANY

import pytest
from yarl import URL

from aiointercept_connector.journal.request import AiointerceptRequest
from aiointercept_connector.routing.explain import Unmatched
from aiointercept_connector.routing.matchers import Match
from aiointercept_connector.routing.registry import Registry
from aiointercept_connector.routing.route import Asked, Route
from aiointercept_connector.routing.values import ABSENT
from tests.support import asked, recorded, route

MAX_BYTES = 4096
HUGE = "é" * 100_000


def unmatched(
    request: AiointerceptRequest, *routes: Route, state: dict[str, Any] | None = None
) -> Unmatched:
    """Return what is to be said of *request*."""
    return Unmatched(Asked(request.method, request.url), request, routes, state)


def used(one: Route, *requests: AiointerceptRequest) -> Route:
    """Return *one* after it has answered *requests*."""
    registry = Registry()
    registry.add(one)
    for request in requests:
        assert registry.use(one)
        one.record(request)
    return one


class TestMessage:
    """The message, word for word."""

    def test_no_routes(self) -> None:
        """Without routes there is only the request, and what would answer it."""
        assert str(unmatched(recorded(url="https://h/a"))) == (
            "GET https://h/a met no route of the mock, and is not allowed to reach the network.\n"
            "It had no body.\n"
            "No routes are registered.\n"
            "To answer it: mock.get('https://h/a')"
        )

    def test_wrong_path(self) -> None:
        """A path with a slip of the pen is shown beside the right one."""
        one = route("https://h/users?page=1", registered_at="tests/test_x.py:7")
        assert str(unmatched(recorded(url="https://h/user?page=1"), one)) == (
            "GET https://h/user?page=1 met no route of the mock, and is not allowed to reach the "
            "network.\n"
            "It had no body.\n"
            "Nearest routes:\n"
            "  1. GET https://h/users?page=1, registered at tests/test_x.py:7\n"
            "     ✓ method\n"
            "     ✓ host\n"
            "     ✗ path: expected /users, got /user\n"
            "     ✓ query\n"
            "To answer it: mock.get('https://h/user?page=1')"
        )

    def test_wrong_method_and_body(self) -> None:
        """Each field of the nearest routes has its line, nested places of JSON theirs."""
        request = recorded("PUT", "https://h/users", json={"name": "eve", "age": 7})
        routes = (
            route(
                "https://h/users",
                "POST",
                name="create",
                match=Match(json={"name": "bob", "age": True}, headers={"X": ABSENT}),
            ),
        )
        assert str(unmatched(request, *routes)) == (
            "PUT https://h/users met no route of the mock, and is not allowed to reach the "
            "network.\n"
            'It had a body of application/json, 25 bytes: b\'{"name": "eve", "age": 7}\'.\n'
            "Nearest routes:\n"
            "  1. 'create' (POST https://h/users)\n"
            "     ✗ method: expected POST, got PUT\n"
            "     ✓ host\n"
            "     ✓ path\n"
            "     ✓ query\n"
            "     ✓ headers\n"
            "     ✗ json: $.name: expected 'bob', got 'eve'\n"
            "         $.age: expected True, got 7\n"
            "To answer it: mock.put('https://h/users')"
        )

    def test_used_up(self) -> None:
        """A route that is used up is named as such, with its count."""
        request = recorded(url="https://h/a")
        once, twice = route("https://h/a"), route("https://h/a", repeat=2)
        explained = unmatched(request, used(once, request), used(twice, request, request))
        assert str(explained) == (
            "GET https://h/a met no route of the mock, and is not allowed to reach the network.\n"
            "It had no body.\n"
            "Nearest routes:\n"
            "  1. GET https://h/a\n"
            "     ✓ method\n"
            "     ✓ host\n"
            "     ✓ path\n"
            "     ✓ query\n"
            "     ✗ repeat: used up, it has answered once\n"
            "  2. GET https://h/a\n"
            "     ✓ method\n"
            "     ✓ host\n"
            "     ✓ path\n"
            "     ✓ query\n"
            "     ✗ repeat: used up, it has answered 2 times\n"
            "To answer it: mock.get('https://h/a')"
        )

    def test_kinds_of_urls(self) -> None:
        """Globs, templates, open queries and expressions are shown as they were given."""
        routes = (
            route("https://*.example.com:8080/v1/{id}"),
            route(re.compile(r"http://x/\d+"), "*"),
            route("/v1", params=ANY),
        )
        assert str(unmatched(recorded("PURGE", "http://h/v1/a/b?q=1"), *routes)) == (
            "PURGE http://h/v1/a/b?q=1 met no route of the mock, and is not allowed to reach the "
            "network.\n"
            "It had no body.\n"
            "Nearest routes:\n"
            "  1. * re.compile('http://x/\\\\d+')\n"
            "     ✗ url: expected a match of re.compile('http://x/\\\\d+'), got "
            "http://h/v1/a/b?q=1\n"
            "  2. GET /v1 (any query)\n"
            "     ✗ method: expected GET, got PURGE\n"
            "     ✗ path: expected /v1, got /v1/a/b\n"
            "  3. GET https://*.example.com:8080/v1/{id}\n"
            "     ✗ method: expected GET, got PURGE\n"
            "     ✗ host: expected https://*.example.com:8080, got http://h\n"
            "     ✗ path: expected /v1/{id}, got /v1/a/b\n"
            "     ✗ query: expected none, got q=1\n"
            "To answer it: mock.add('http://h/v1/a/b?q=1', 'PURGE')"
        )

    def test_scenario(self) -> None:
        """A route that waits for another state says which."""
        one = route("https://h/a", when=("cart", "full"))
        text = str(unmatched(recorded(url="https://h/a"), one, state={"cart": "empty"}))
        assert "     ✗ state: expected 'cart' to be 'full', it was 'empty'\n" in text
        assert "'cart' to be 'full', it was None" in str(unmatched(recorded(), one))

    def test_never_to_be_asked(self) -> None:
        """A route for ``times=0`` says that it was to answer nothing."""
        text = str(unmatched(recorded(url="https://h/a"), route("https://h/a", times=0)))
        assert "     ✗ repeat: used up, it was to answer no request\n" in text

    def test_awaited_conditions(self) -> None:
        """A condition that would have to be awaited is told as it is."""

        async def is_right(_: object) -> bool:
            return False

        text = str(unmatched(recorded(), route("/", match=Match(predicate=is_right))))
        assert re.search(r"✗ match: Match\(predicate=.*is_right\) did not hold\n", text)

    def test_predicate_that_raises(self) -> None:
        """An error of the test's own function is told, and does not spoil the message."""
        one = route("/", match=Match(method="GET", predicate=lambda _: 1 / 0))
        text = str(unmatched(recorded(), one))
        assert "     ✓ method\n     ✗ match: raised ZeroDivisionError('division by zero')" in text

    def test_long_urls(self) -> None:
        """Of long URLs the places are shown where they part."""
        request = recorded(url=f"https://h/{'a' * 300}/x")
        text = str(unmatched(request, route(f"https://h/{'a' * 300}/y")))
        assert (
            "     ✗ path: expected\n"
            "         …aaaaaaaaaaaaaaaaaaa/y\n"
            "         …aaaaaaaaaaaaaaaaaaa/x\n"
        ) in text


class TestNearMisses:
    """The routes nearest to the request."""

    def test_are_ranked(self) -> None:
        """The fewer fields are wrong the nearer; the likest paths come first among the others."""
        request = recorded(url="https://h/users/7")
        routes = [
            route("https://other/x", name="nothing"),
            route("https://h/posts", name="path"),
            route("https://h/users/8", name="almost"),
            route("https://h/users/7", "POST", name="method"),
            route("https://h/users/7", name="body", match=Match(json=1, body="1")),
        ]
        misses = unmatched(request, *routes).near_misses
        assert [miss.route.name for miss in misses] == [
            "method",
            "almost",
            "path",
            "body",
            "nothing",
        ]
        assert [miss.failed for miss in misses] == [1, 1, 1, 2, 2]

    def test_order_of_registration_decides_ties(self) -> None:
        """Routes that are equally near stand in their order."""
        routes = [route("https://h/a", "POST", name=str(n)) for n in range(5)]
        misses = unmatched(recorded(url="https://h/a"), *routes).near_misses
        assert [miss.route.name for miss in misses] == list("01234")

    def test_three_are_shown(self) -> None:
        """The message shows three, and says of how many."""
        text = str(unmatched(recorded(), *(route(f"/{n}") for n in range(5))))
        assert "\nNearest routes (of 5):\n" in text
        assert text.count("✗ path") == 3

    def test_are_told_in_a_line_each(self) -> None:
        """A near miss prints as in the message."""
        (miss,) = unmatched(recorded(url="https://h/a"), route("/b")).near_misses
        assert str(miss) == "GET /b\n   ✓ method\n   ✗ path: expected /b, got /a\n   ✓ query"


class TestRegistration:
    """The line that would answer the request."""

    class Mock:
        """Takes what a mock takes, and keeps the route."""

        def add(self, url: str, method: str) -> Route:
            """Register a route."""
            return route(url, method)

        def __getattr__(self, verb: str) -> Any:
            return lambda url: route(url, verb)

    @pytest.mark.parametrize("method", ["GET", "POST", "OPTIONS", "PROPFIND", "TRACE", "ADD"])
    @pytest.mark.parametrize(
        "url",
        [
            "https://h/a?b=1&a=2",
            "http://[::1]:8080/",
            "https://h/it's/%7Bid%7D?q={x}*",
            "wss://bücher.example/é",
        ],
    )
    def test_is_right(self, method: str, url: str) -> None:
        """Run as it stands, it registers a route that answers the request."""
        request = recorded(method, url)
        line = str(unmatched(request)).splitlines()[-1].removeprefix("To answer it: ")
        one: Route = eval(line, {"mock": self.Mock()})
        registry = Registry()
        registry.add(one)
        assert registry.take(asked(URL(url), method), request) is one


class TestBounds:
    """The message stays short, and costs nothing before it is read."""

    @pytest.mark.parametrize(
        "request_",
        [
            recorded("POST", "https://h/a", json={"data": "x" * 10_000_000}),
            recorded("POST", "https://h/a", json=[HUGE] * 3),
            recorded("POST", f"https://h/{HUGE}?{HUGE}={HUGE}"),
            recorded("POST", "https://h/a", headers={"X-A": HUGE, "Content-Type": HUGE}),
            recorded("M" * 10_000, "https://h/a"),
            recorded("POST", "https://h/a", form=[(f"{HUGE}{n}", HUGE) for n in range(9)]),
        ],
        ids=["10 MB", "list", "url", "header", "method", "form"],
    )
    def test_size(self, request_: AiointerceptRequest) -> None:
        """Whatever the request and the routes are, the message is under 4 kB."""
        match = Match(
            json={HUGE: HUGE},
            form={f"{HUGE}{n}": HUGE for n in range(20)},
            headers={"X-A": HUGE, **{f"X-{n}": HUGE for n in range(20)}},
            query={HUGE: HUGE},
            body=HUGE,
        )
        routes = (
            route("https://h/a", "POST", match=match, name=HUGE),
            route(f"https://h/{HUGE}?{HUGE}", match=match, registered_at=HUGE),
            route(f"https://*.h/{{x}}/{HUGE}", match=match),
            route(re.compile(HUGE), match=match),
        )
        text = str(unmatched(request_, *routes))
        assert len(text.encode()) < MAX_BYTES
        assert "\nTo answer it: mock." in text

    def test_size_with_many_routes(self) -> None:
        """Ten thousand routes make it no longer."""
        routes = (route(f"https://h/{n}") for n in range(10_000))
        text = str(unmatched(recorded(url="https://h/7777x"), *routes))
        assert len(text.encode()) < MAX_BYTES
        assert "\nNearest routes (of 10000):\n  1. GET https://h/7777\n" in text

    def test_large_bodies_are_not_asked_for_other_urls(
        self, monkeypatch: pytest.MonkeyPatch
    ) -> None:
        """What a route of another URL wants of a large body is not worked out."""
        match = Match(json=1)
        monkeypatch.setattr(Match, "findings", pytest.fail)
        request = recorded("POST", "https://h/a", json="x" * 1_000_000)
        text = str(unmatched(request, route("https://h/b", "POST", match=match)))
        assert "     ✗ match: not compared, for the body's size\n" in text

    def test_is_computed_when_read(self) -> None:
        """Nothing is compared before the message or the near misses are read, and once then."""
        asked_: list[Any] = []
        one = route("/", match=Match(predicate=asked_.append))
        explained = unmatched(recorded(), one)
        assert asked_ == []
        first = str(explained)
        assert str(explained) is first
        assert len(asked_) == 1

    def test_tells_of_the_routes_that_there_were(self) -> None:
        """Routes that come or go later play no part."""
        registry = Registry()
        registry.add(route("https://h/b"))
        request = recorded(url="https://h/a")
        explained = Unmatched(asked("https://h/a"), request, registry)
        registry.clear()
        assert [str(miss.route) for miss in explained.near_misses] == ["GET https://h/b"]
