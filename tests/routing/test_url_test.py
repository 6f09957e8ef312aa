"""Targets that are a function of the URL, and uses that are given back."""

from __future__ import annotations

from typing import Any

from yarl import URL

from aiointercept_connector.routing.registry import Registry
from aiointercept_connector.routing.route import Route
from aiointercept_connector.routing.target import UrlTest
from tests.support import asked, no_reply


def route(accepts: Any, **kwargs: Any) -> Route:
    """Return a route for the URLs that *accepts* does."""
    return Route("GET", UrlTest(accepts, "some"), no_reply, **kwargs)


def take(registry: Registry) -> Route | None:
    """Take the route that answers a request."""
    request: Any = None
    return registry.take(asked("http://h/a"), request)


def test_the_function_says() -> None:
    """A target is for the URLs that its function accepts, as they were asked."""
    target = UrlTest(lambda url: url == URL("http://h/a"), "some")
    assert target.matches(asked("http://h/a"))
    assert not target.matches(asked("http://h/b"))
    assert (str(target), target.match_info(asked("http://h/a"))) == ("some", {})


def test_each_is_tried_in_its_turn() -> None:
    """Such routes answer in order of registration, behind endless ones of the same function too."""
    registry = Registry()
    routes = [route(bool), route(bool, repeat=True), route(bool)]
    for one in routes:
        registry.add(one)
    assert [take(registry) for _ in range(3)] == [routes[0], routes[1], routes[1]]


def test_a_use_is_given_back() -> None:
    """A route whose use is given back answers again, in its old place."""
    registry = Registry()
    first, second = route(bool), route(bool)
    registry.add(first)
    registry.add(second)
    assert take(registry) is first
    registry.give_back(first)
    assert [take(registry) for _ in range(3)] == [first, second, None]


def test_giving_back_what_is_not_used_up() -> None:
    """One with answers left has one more; an endless or forgotten one is as it was."""
    registry = Registry()
    twice, endless = route(bool, repeat=2), route(bool, repeat=True)
    registry.add(twice)
    registry.add(endless)
    assert take(registry) is twice
    registry.give_back(twice)
    registry.give_back(endless)
    assert (twice.remaining, endless.remaining) == (2, None)
    registry.clear()
    registry.give_back(twice)
    assert twice.remaining == 2
