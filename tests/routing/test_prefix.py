from __future__ import annotations

import re
from typing import Any

import pytest
from yarl import URL

from aiointercept_connector.routing.registry import Registry
from aiointercept_connector.routing.route import Route
from aiointercept_connector.routing.target import parse_prefix
from aiointercept_connector.routing.urls import Origin
from tests.support import asked, no_reply, recorded, route

API = "https://api.example.com"


def mount(url: Any, name: str | None = None) -> Route:
    """Return a route for all that begins with *url*."""
    return Route("*", parse_prefix(url), no_reply, repeat=True, name=name)


def names(url: str, *routes: Route, method: str = "GET") -> list[str | None]:
    """Return the names of those of *routes* that could answer a request, in their order."""
    registry = Registry()
    for one in routes:
        registry.add(one)
    return [one.name for one in registry.candidates(asked(url, method))]


class TestCovers:
    @pytest.mark.parametrize(
        "url",
        [API, f"{API}/", f"{API}/users", f"{API}/a/b?c=d", "https://API.example.com:443/x"],
    )
    def test_a_host_covers_all_its_urls(self, url: str) -> None:
        """Without a path, every path and query of the origin is meant."""
        assert parse_prefix(API).matches(asked(url))

    @pytest.mark.parametrize(
        "url", ["http://api.example.com/", "https://example.com/", "https://api.example.com:444/"]
    )
    def test_another_origin_is_not_covered(self, url: str) -> None:
        """Scheme, host and port are the prefix's own."""
        assert not parse_prefix(API).matches(asked(url))

    @pytest.mark.parametrize("prefix", [f"{API}/v2", f"{API}/v2/", URL(f"{API}/v2")])
    @pytest.mark.parametrize(
        ("path", "covered"),
        [("/v2", True), ("/v2/", True), ("/v2/users/1?a=b", True), ("/v20", False), ("/", False)],
    )
    def test_a_path_covers_whole_segments(
        self, prefix: str | URL, path: str, *, covered: bool
    ) -> None:
        """A path is below the prefix only where a segment ends; a last slash adds nothing."""
        assert parse_prefix(prefix).matches(asked(f"{API}{path}")) is covered

    def test_a_prefix_is_compared_in_its_normal_form(self) -> None:
        """Percent-encoding is the prefix's as it is a route's."""
        assert parse_prefix(f"{API}/caf\u00e9").matches(asked(f"{API}/caf%C3%A9/x"))

    def test_an_encoded_slash_is_no_end_of_a_segment(self) -> None:
        """`%2F` is not `/`."""
        assert not parse_prefix(f"{API}/v2").matches(asked(f"{API}/v2%2Fusers"))

    def test_a_glob_in_the_host(self) -> None:
        """The host may be of a shape."""
        target = parse_prefix("https://*.example.com/v2")
        assert target.matches(asked(f"{API}/v2/x"))
        assert not target.matches(asked("https://example.org/v2/x"))

    def test_a_path_on_any_host(self) -> None:
        """The host may be left out."""
        assert parse_prefix("/v2").matches(asked("http://anywhere:8080/v2/x"))

    def test_messages_mark_it(self) -> None:
        """Two asterisks stand for what may follow."""
        assert str(parse_prefix(f"{API}/v2/")) == f"{API}/v2/**"
        assert str(parse_prefix("/")) == "/**"

    def test_its_match_info_is_empty(self) -> None:
        """There are no holes."""
        assert parse_prefix(API).match_info(asked(API)) == {}


class TestRefused:
    def test_a_query(self) -> None:
        """Nothing can be below one."""
        with pytest.raises(ValueError, match=r"has a query, behind which no path can follow"):
            parse_prefix(f"{API}/x?a=b")

    def test_a_hole(self) -> None:
        """A template is no beginning."""
        with pytest.raises(ValueError, match=r"has a hole in its path"):
            parse_prefix(f"{API}/{{version}}")

    def test_an_expression(self) -> None:
        """An expression says itself how much of a URL it is for."""
        with pytest.raises(TypeError, match=r"must be a str or a yarl\.URL, not Pattern"):
            parse_prefix(re.compile("x"))  # type: ignore[arg-type]

    def test_no_host(self) -> None:
        """What is refused of a route is refused here."""
        with pytest.raises(ValueError, match="has no host"):
            parse_prefix("api.example.com")


class TestPrecedence:
    @pytest.mark.parametrize(
        "url", [f"{API}/users/1", "/users/1", f"{API}/users/{{id}}", re.compile(r".*/users/1")]
    )
    def test_every_route_beside_a_prefix_wins_over_it(self, url: Any) -> None:
        """However a route's URL is given, and whichever was registered first."""
        beside = route(url, name="beside", repeat=True)
        asked_url = f"{API}/users/1"
        assert names(asked_url, mount(API, "mount"), beside) == ["beside", "mount"]
        assert names(asked_url, beside, mount(API, "mount")) == ["beside", "mount"]

    def test_the_longer_prefix_wins(self) -> None:
        """Of one origin's prefixes the longest that covers the path is first."""
        mounts = [mount(f"{API}/a", "a"), mount(API, "all"), mount(f"{API}/a/b", "a/b")]
        assert names(f"{API}/a/b/c", *mounts) == ["a/b", "a", "all"]

    def test_the_more_exact_host_wins(self) -> None:
        """An origin is before a glob, and a glob before a path on any host."""
        mounts = [mount("/a/b", "any"), mount("https://*.example.com/a", "glob"), mount(API, "own")]
        assert names(f"{API}/a/b", *mounts) == ["own", "glob", "any"]

    def test_a_route_that_is_used_up_gives_way(self) -> None:
        """Behind a finite route the prefix answers."""
        registry = Registry()
        registry.add(mount(API, "mount"))
        registry.add(route(f"{API}/x", name="once"))
        request = recorded(url=f"{API}/x")
        taken = [registry.take(asked(f"{API}/x"), request) for _ in range(3)]
        assert [one and one.name for one in taken] == ["once", "mount", "mount"]

    def test_every_method_is_meant(self) -> None:
        """A prefix says nothing of methods."""
        assert names(f"{API}/x", mount(API, "mount"), method="PURGE") == ["mount"]

    def test_the_same_prefix_again_replaces(self) -> None:
        """As an endless route of the same URL does."""
        assert names(f"{API}/x", mount(API, "old"), mount(f"{API}/", "new")) == ["new"]

    def test_it_names_its_origin(self) -> None:
        """So that a server of this machine is not passed to."""
        registry = Registry()
        registry.add(mount("http://localhost:8080/v2"))
        assert registry.names(Origin(secure=False, host="localhost", port=8080))
