from __future__ import annotations

import asyncio
import re
from typing import Any
from unittest.mock import ANY

import pytest
from aiohttp import ClientSession, web
from aiohttp.test_utils import RawTestServer
from hypothesis import given, settings
from hypothesis import strategies as st
from yarl import URL

from aiointercept_connector.journal.request import AiointerceptRequest
from aiointercept_connector.routing.explain import Unmatched
from aiointercept_connector.routing.matchers import Match, Matcher
from aiointercept_connector.routing.registry import Registry
from aiointercept_connector.routing.route import Asked, Route
from aiointercept_connector.routing.target import parse_target
from aiointercept_connector.routing.urls import canonical_url, url_key
from aiointercept_connector.routing.values import (
    ABSENT,
    identical,
    json_differences,
    json_equal,
    paired,
    shortened,
)
from tests.support import asked, recorded, route

# Short alphabets, so that what is drawn for both sides often meets.
WORDS = st.sampled_from(["a", "b", "é", "a b", "", "1", "%2F", "+"])
SEGMENTS = st.text(st.sampled_from("ab1é /.%+~{}=&;:@*2fF"), max_size=6)
SCHEMES = st.sampled_from(["http", "https", "ws", "wss"])
HOSTS = st.sampled_from(["h", "H.example", "bücher.example", "127.0.0.1", "[::1]", "h."])
PORTS = st.sampled_from(["", ":80", ":443", ":8080"])
PAIRS = st.lists(st.tuples(st.text("ab+ é&=%;", max_size=3), st.text("ab+ é&=%;/?", max_size=4)))
JSON = st.recursive(
    st.none() | st.booleans() | st.integers(0, 2) | st.sampled_from(["", "a", "b", 1.0, 0.5]),
    lambda inner: st.lists(inner, max_size=3) | st.dictionaries(st.sampled_from("abc"), inner),
    max_leaves=6,
)


@st.composite
def urls(draw: st.DrawFn) -> URL:
    """Return a URL as a test or a client might write it."""
    path = "".join(f"/{segment}" for segment in draw(st.lists(SEGMENTS, max_size=4)))
    path = path.replace("?", "").replace("#", "")
    url = URL(f"{draw(SCHEMES)}://{draw(HOSTS)}{draw(PORTS)}{path or '/'}")
    return url.with_query(draw(PAIRS)) if draw(st.booleans()) else url


@st.composite
def raw_urls(draw: st.DrawFn, more: str = "") -> URL:
    """Return a URL that somebody encoded, well or badly."""
    path = draw(st.text(st.sampled_from("ab%2fF7eE./~+" + more), max_size=8))
    query = draw(st.text(st.sampled_from("ab%2fF&=+;" + more), max_size=8))
    return URL(f"http://h/{path}?{query}", encoded=True)


VALUES = st.sampled_from(["1", "2", 1, "", ANY, ABSENT, re.compile("1"), ["1", "1"], ["2", ANY]])
MAPPINGS = st.dictionaries(st.sampled_from(["a", "b"]), VALUES, max_size=2)
PARTS = st.fixed_dictionaries(
    {}, optional={"name": WORDS | st.just(ANY), "filename": st.none() | WORDS, "body": WORDS}
)
FIELDS: dict[str, st.SearchStrategy[Any]] = {
    "method": st.sampled_from(["GET", "post", ["GET", "PUT"]]),
    "query": MAPPINGS,
    "headers": MAPPINGS,
    "cookies": MAPPINGS,
    "json": JSON | st.just(ANY),
    "json_subset": JSON,
    "form": st.dictionaries(WORDS, WORDS | st.just(ANY) | st.lists(WORDS, max_size=2), max_size=2),
    "multipart": st.lists(PARTS, max_size=2),
    "body": st.sampled_from([b"", b"a", "a", "é", re.compile("a"), re.compile(b"\xff")]),
    "predicate": st.sampled_from([lambda r: r.method == "GET", lambda _: False]),
}


@st.composite
def matches(draw: st.DrawFn) -> Match:
    """Return a match on a few fields."""
    names = draw(st.lists(st.sampled_from(sorted(FIELDS)), max_size=3, unique=True))
    return Match(**{name: draw(FIELDS[name]) for name in names})


MATCHERS: st.SearchStrategy[Matcher] = st.recursive(
    matches(),
    lambda inner: (
        st.builds(lambda a, b: a & b, inner, inner)
        | st.builds(lambda a, b: a | b, inner, inner)
        | st.builds(lambda a: ~a, inner)
    ),
    max_leaves=4,
)


@st.composite
def requests(draw: st.DrawFn) -> AiointerceptRequest:
    """Return a request with a body of any kind, or with one that only says it is."""
    url = URL("http://h/").with_query(draw(st.lists(st.tuples(st.sampled_from("ab"), WORDS))))
    headers = draw(st.lists(st.tuples(st.sampled_from("ab"), st.sampled_from(["1", "2"]))))
    headers += draw(st.sampled_from([[], [("Cookie", "a=1; b=2")], [("Cookie", "a@b=1")]]))
    method = draw(st.sampled_from(["GET", "POST", "PUT"]))
    kind = draw(st.integers(0, 3))
    if kind == 0:
        return recorded(method, url, headers=headers, json=draw(JSON))
    if kind == 1:
        form = draw(st.lists(st.tuples(WORDS, WORDS), max_size=2))
        return recorded(method, url, headers=headers, form=form)
    if kind == 2:
        content_type = draw(
            st.sampled_from(
                [
                    "application/x-www-form-urlencoded; charset=nonsense",
                    "multipart/form-data; boundary=x",
                    "multipart/form-data",
                    "text/plain; charset=utf-16",
                    "",
                ]
            )
        )
        headers.append(("Content-Type", content_type))
    body = draw(st.binary(max_size=4) | st.sampled_from([b"a", b"--x\r\n\r\na\r\n--x--\r\n"]))
    return recorded(method, url, headers=headers, body=body)


class TestUrls:
    """URLs as values."""

    @given(url=urls() | raw_urls("é"))
    def test_normalisation_is_idempotent(self, url: URL) -> None:
        """The normal form of a URL is its own normal form, and has the URL's key."""
        normal = canonical_url(url)
        assert url_key(normal) == url_key(url)
        assert canonical_url(normal) == normal
        assert str(canonical_url(URL(str(normal)))) == str(normal)

    @given(url=urls(), data=st.data())
    def test_what_plays_no_part(self, url: URL, data: st.DataObject) -> None:
        """Order of the query, fragment and userinfo do not change the key."""
        shuffled = data.draw(st.permutations(list(url.query.items())))
        other = url.with_query(shuffled).with_fragment("top").with_user("me")
        assert url_key(other) == url_key(url)

    @given(url=urls())
    def test_is_found_by_its_text(self, url: URL) -> None:
        """A route for the text of a URL, or of its normal form, answers the URL."""
        wanted = Asked("GET", url)
        for text in (str(url), str(canonical_url(url))):
            assert parse_target(text).matches(wanted)
            assert parse_target(text).key == wanted.key

    @given(one=urls(), other=urls())
    def test_a_target_is_found_by_its_key_alone(self, one: URL, other: URL) -> None:
        """An exact target matches a URL just if it has its key."""
        assert parse_target(one).matches(Asked("GET", other)) is (url_key(one) == url_key(other))

    @given(value=st.text("aé/%+ ?#2Fß", min_size=1))
    def test_match_info_is_what_was_put_in(self, value: str) -> None:
        """What a client puts into a path as one segment is what the template's hole has."""
        requested = URL("http://h/x") / value.replace("/", "|")
        requested = URL(str(requested).replace("%7C", "%2F").replace("|", "%2F"))
        found = parse_target("http://h/x/{value}").match_info(Asked("GET", requested))
        assert found == {"value": value}


class TestWhatAiohttpSends:
    """URLs compared with what arrives at a real server."""

    @staticmethod
    async def arrivals(sent: list[URL]) -> list[str]:
        """Send requests over TCP, and return the targets that arrive."""
        arrived: list[str] = []

        async def keep(request: web.BaseRequest) -> web.Response:
            arrived.append(request.raw_path)
            return web.Response()

        server = RawTestServer(keep)
        async with server, ClientSession() as session:
            for url in sent:
                async with session.get(url.with_host("127.0.0.1").with_port(server.port)):
                    pass
        return arrived

    @settings(max_examples=10, deadline=None)  # a server each
    @given(sent=st.lists(urls() | raw_urls(), min_size=10, max_size=20))
    def test_key_is_that_of_what_arrives(self, sent: list[URL]) -> None:
        """The path and query that a real server receives have the key of what was asked."""
        plain = [url.with_scheme("http") for url in sent]
        arrived = asyncio.run(self.arrivals(plain))
        for url, target in zip(plain, arrived, strict=True):
            received = URL(f"http://h{target}", encoded=True)
            assert url_key(received)[1:] == url_key(url)[1:]


class TestMatchers:
    """Matching and explaining."""

    @settings(max_examples=400)
    @given(matcher=MATCHERS, request=requests())
    def test_match_and_explain_agree(self, matcher: Matcher, request: AiointerceptRequest) -> None:
        """What matches has no failed finding; what does not has one, and says why."""
        explanation = matcher.explain(request)
        failed = [finding for finding in explanation.findings if not finding.holds]
        assert matcher.matches(request) is (not failed)
        assert explanation.matches is (not failed)
        assert all(finding.details for finding in failed)
        assert (~matcher).matches(request) is bool(failed)

    @given(matcher=MATCHERS, request=requests())
    def test_awaited_is_the_same(self, matcher: Matcher, request: AiointerceptRequest) -> None:
        """Awaiting plain conditions gives the same answer."""
        awaiting = matcher.matches_async(request)
        with pytest.raises(StopIteration) as done:
            awaiting.send(None)
        assert done.value.value is matcher.matches(request)

    @given(one=MATCHERS, other=MATCHERS, request=requests())
    def test_equal_matchers_answer_alike(
        self, one: Matcher, other: Matcher, request: AiointerceptRequest
    ) -> None:
        """Of equal matchers one may take the other's place."""
        assert one == one  # noqa: PLR0124 - by value, not by identity
        if one == other:
            assert hash(one) == hash(other)
            assert one.matches(request) is other.matches(request)

    @given(expected=JSON, actual=JSON, subset=st.booleans())
    def test_json_differences(self, expected: Any, actual: Any, subset: bool) -> None:
        """Values are equal just if no difference can be named."""
        differences = list(json_differences(expected, actual, subset=subset))
        assert json_equal(expected, actual, subset=subset) is (not differences)

    @given(one=JSON, other=JSON, actual=JSON)
    def test_identical_is_stricter(self, one: Any, other: Any, actual: Any) -> None:
        """Expectations that are identical are met by the same values."""
        if identical(one, other):
            assert json_equal(one, actual) is json_equal(other, actual)

    @given(value=JSON)
    def test_shortened_is_the_repr(self, value: Any) -> None:
        """A value is shown as its ``repr``, or as the start of it."""
        shown, whole = shortened(value), repr(value)
        assert len(shown) <= 120
        assert shown == whole or (shown[-1] == "…" and whole.startswith(shown[:-1]))

    @given(
        fitting=st.lists(st.frozensets(st.integers(0, 4)), max_size=5),
        came=st.integers(0, 5),
    )
    def test_paired_is_the_most(self, fitting: list[frozenset[int]], came: int) -> None:
        """As many as can be get a place of their own that fits them."""
        places = paired(fitting, range(came), lambda wanted, place: place in wanted)
        taken = [place for place in places if place is not None]
        assert len(taken) == len(set(taken))
        assert all(p is None or p in fits for p, fits in zip(places, fitting, strict=True))
        assert len(taken) == _most(fitting, frozenset(range(came)))


def _most(fitting: list[frozenset[int]], free: frozenset[int]) -> int:
    """Return how many can have a place, by trying everything."""
    if not fitting:
        return 0
    first, *rest = fitting
    return max(_most(rest, free), *(1 + _most(rest, free - {p}) for p in first & free), 0)


URLS = st.sampled_from(
    [
        "http://h/a",
        "http://h/a?q=1",
        "/a",
        "http://h/{x}",
        "http://h/{x:a+}",
        "/{x}",
        "http://*/a",
        "http://*/{x:.+}",
        re.compile("http://h"),
        re.compile("https"),
    ]
)


@st.composite
def routes(draw: st.DrawFn) -> Route:
    """Return a route with anything a route can have."""
    return route(
        draw(URLS),
        draw(st.sampled_from(["GET", "POST", "*"])),
        match=draw(st.none() | matches()),
        repeat=draw(st.sampled_from([1, 1, 2])),
        when=draw(st.none() | st.just(("s", 1))),
        then=draw(st.none() | st.just(("s", 1))),
    )


class TestRegistry:
    """Routes and requests."""

    REQUESTS = st.builds(
        recorded,
        st.sampled_from(["GET", "POST"]),
        st.sampled_from(["http://h/a", "http://h/a?q=1", "http://i/a", "https://h/b", "http://h/"]),
    )

    @settings(max_examples=400)
    @given(made=st.lists(routes(), max_size=4), sent=st.lists(REQUESTS, max_size=4))
    def test_explanation_agrees_with_the_registry(
        self, made: list[Route], sent: list[AiointerceptRequest]
    ) -> None:
        """A request is answered just if some route, laid beside it, has no failed field."""
        registry = Registry()
        for one in made:
            registry.add(one)
        for request in sent:
            wanted = asked(request.url, request.method)
            misses = Unmatched(wanted, request, registry, registry.state).near_misses
            fitting = {id(miss.route) for miss in misses if not miss.failed}
            taken = registry.take(wanted, request)
            if taken is None:
                assert not fitting
            else:
                assert id(taken) in fitting
                taken.record(request)

    @given(made=st.lists(routes(), max_size=6), request=REQUESTS)
    def test_candidates_are_those_that_fit(
        self, made: list[Route], request: AiointerceptRequest
    ) -> None:
        """The index finds the routes whose method and URL fit, and no others."""
        registry = Registry()
        for one in made:
            registry.add(one)
        wanted = asked(request.url, request.method)
        expected = {
            id(one)
            for one in made
            if one.method in {request.method, "*"} and one.target.matches(wanted)
        }
        assert {id(one) for one in registry.candidates(wanted)} == expected

    @given(url=URLS, number=st.integers(2, 5))
    def test_order_of_registration_decides_ties(self, url: Any, number: int) -> None:
        """Routes that are alike answer in their order."""
        registry = Registry()
        made = [route(url) for _ in range(number)]
        for one in made:
            registry.add(one)
        for requested in ("http://h/a", "http://h/a?q=1", "https://h/a"):
            found = list(registry.candidates(asked(requested)))
            assert found in ([], made)
