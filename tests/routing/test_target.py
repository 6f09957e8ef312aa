from __future__ import annotations

import re
from typing import Any
from unittest.mock import ANY

import pytest
from multidict import MultiDict
from yarl import URL

from aiointercept_connector.routing.target import parse_target
from tests.support import asked


def matches(url: Any, requested: str | URL, params: Any = None) -> bool:
    """Tell whether a route for *url* is for a request to *requested*."""
    return parse_target(url, params).matches(asked(requested))


def info(url: Any, requested: str | URL) -> dict[str, str]:
    """Return what a route for *url* finds in *requested*."""
    return parse_target(url).match_info(asked(requested))


class TestExact:
    """Absolute URLs without holes and globs."""

    @pytest.mark.parametrize("url", ["https://h/a?b=1", URL("https://h/a?b=1")])
    def test_is_one_url(self, url: Any) -> None:
        """An exact URL is for itself and its other spellings."""
        assert matches(url, "https://H:443/a?b=1#top")
        assert not matches(url, "https://h/a")
        assert not matches(url, "https://h/a?b=1&c=2")
        assert not matches(url, "http://h/a?b=1")

    def test_websocket_scheme(self) -> None:
        """A websocket's URL is the http one, on either side."""
        assert matches("ws://h/a", "http://h/a")
        assert matches("https://h/a", "wss://h/a")
        assert not matches("ws://h/a", "wss://h/a")

    def test_yarl_url_is_literal(self) -> None:
        """Braces of a ``yarl.URL`` are braces, no hole."""
        assert matches(URL("https://h/{a}"), URL("https://h/{a}"))
        assert not matches(URL("https://h/{a}"), "https://h/x")

    def test_braces_in_query_are_literal(self) -> None:
        """Only a path has holes."""
        assert matches("https://h/?q={a}", URL("https://h/?q={a}"))
        assert not matches("https://h/?q={a}", "https://h/?q=x")

    def test_asterisk_in_path_is_literal(self) -> None:
        """Only a host has globs."""
        assert matches("https://h/*", "https://h/*")
        assert not matches("https://h/*", "https://h/a")

    def test_asterisk_in_userinfo_is_no_glob(self) -> None:
        """What stands before an ``@`` plays no part."""
        assert parse_target("https://us*r@h/") == parse_target("https://h/")


class TestParams:
    """``params=``."""

    @pytest.mark.parametrize(
        "params",
        [{"c": 2}, {"c": "2"}, "c=2", [("c", "2")], MultiDict(c="2")],
    )
    @pytest.mark.parametrize("url", ["https://h/a?b=1", "https://*/a?b=1", "https://h/{x}?b=1"])
    def test_are_appended(self, url: str, params: Any) -> None:
        """Parameters come on top of the query that the URL has."""
        assert matches(url, "https://h/a?c=2&b=1", params)
        assert not matches(url, "https://h/a?b=1", params)

    def test_repeat_a_name(self) -> None:
        """A parameter may be given again."""
        assert matches("/a?b=1", "https://h/a?b=2&b=1", {"b": "2"})
        assert not matches("/a?b=1", "https://h/a?b=2", {"b": "2"})

    @pytest.mark.parametrize("url", ["https://h/a", "/a", "https://h/{x}"])
    def test_any_leaves_the_query_open(self, url: str) -> None:
        """With ``params=ANY`` a request may have any query, or none."""
        for query in ("", "?b=1", "?b=1&c=2"):
            assert matches(url, f"https://h/a{query}", ANY)

    def test_any_is_shown(self) -> None:
        """A message says that the query is open."""
        assert str(parse_target("https://h/a", ANY)) == "https://h/a (any query)"

    @pytest.mark.parametrize("url", ["https://h/a?b=1", "https://h/{x}?b=1"])
    def test_any_beside_a_query_is_refused(self, url: str) -> None:
        """A query that is given is not left open."""
        with pytest.raises(ValueError, match="params=ANY leaves the query open, but the URL has"):
            parse_target(url, ANY)

    def test_beside_a_pattern_are_refused(self) -> None:
        """A regular expression is for the whole URL."""
        with pytest.raises(
            ValueError,
            match=re.escape("params: re.compile('x') is matched on the whole URL, query included"),
        ):
            parse_target(re.compile("x"), {"a": "1"})


class TestPathOnly:
    """URLs without a host."""

    def test_is_for_any_host(self) -> None:
        """A path is for every host, port and scheme."""
        for host in ("https://h", "http://i:8080", "ws://j"):
            assert matches("/users", f"{host}/users")
        assert not matches("/users", "https://h/users/7")

    def test_query_is_exact(self) -> None:
        """Its query is compared whole, as that of every URL."""
        assert matches("/users?a=1", "https://h/users?a=1")
        assert not matches("/users", "https://h/users?a=1")


class TestTemplates:
    """Paths with holes."""

    @pytest.mark.parametrize(
        ("template", "path", "found"),
        [
            ("/users/{id}", "/users/7", {"id": "7"}),
            ("/users/{id}/", "/users/7/", {"id": "7"}),
            ("/{a}/{b}", "/x/y", {"a": "x", "b": "y"}),
            ("/{name}.{ext}", "/report.pdf", {"name": "report", "ext": "pdf"}),
            ("/{name}.json", "/report.json", {"name": "report"}),
            ("/.{name}", "/.hidden", {"name": "hidden"}),
            ("/..{name}", "/..hidden", {"name": "hidden"}),
            ("/v{major:\\d+}-{minor:\\d+}/x", "/v1-12/x", {"major": "1", "minor": "12"}),
            ("/{y:\\d{4}}/{m:\\d{2}}", "/2024/05", {"y": "2024", "m": "05"}),
            ("/{kind:a|b}/x", "/b/x", {"kind": "b"}),
            ("/{path:.+}", "/a/b/c", {"path": "a/b/c"}),
            ("/{path:.*}", "/", {"path": ""}),
            ("/files/{path:.+}/raw", "/files/a/b/raw", {"path": "a/b"}),
            ("/a/{p:[a-z/]+}/{q}", "/a/x/y/z", {"p": "x/y", "q": "z"}),
            ("/é/{x}", "/%C3%A9/1", {"x": "1"}),
            ("/a b/{x}", "/a%20b/1", {"x": "1"}),
            ("/a%2fb/{x}", "/a%2Fb/1", {"x": "1"}),
            ("/{x}", "/caf%C3%A9", {"x": "café"}),
            ("/{x}", "/a%2Fb", {"x": "a/b"}),
            ("/{x}", "/a+b", {"x": "a+b"}),
            ("/{x:[^?]+}", "/a", {"x": "a"}),
        ],
    )
    def test_fits(self, template: str, path: str, found: dict[str, str]) -> None:
        """What stands in the holes is found, decoded."""
        for host, requested in (
            ("", "http://h"),
            ("https://h", "https://h"),
            ("ws://*.h", "ws://x.h"),
        ):
            assert matches(host + template, requested + path)
            assert info(host + template, requested + path) == found

    @pytest.mark.parametrize(
        ("template", "path"),
        [
            ("/users/{id}", "/users/"),
            ("/users/{id}", "/users/7/8"),
            ("/users/{id}", "/users/7/"),
            ("/users/{id}", "/x/users/7"),
            ("/users/{id:\\d+}", "/users/seven"),
            ("/{name}.json", "/report-json"),
            ("/{name}.{ext}", "/report"),
            ("/a.b/{x}", "/aXb/1"),
            ("/a/b/{x}", "/a%2Fb/1"),
        ],
    )
    def test_does_not_fit(self, template: str, path: str) -> None:
        """A hole is no more than a segment, and the rest is literal."""
        assert not matches(template, f"https://h{path}")

    def test_query_is_exact(self) -> None:
        """The query of a template is compared whole."""
        assert matches("/users/{id}?a=1", "https://h/users/7?a=1")
        assert not matches("/users/{id}?a=1", "https://h/users/7")
        assert not matches("/users/{id}", "https://h/users/7?a=1")

    def test_hole_with_marks_of_a_query(self) -> None:
        """A hole's expression may have the marks that end a path elsewhere."""
        assert info("https://h/{x:a?b#?}?q=1", "https://h/b?q=1") == {"x": "b"}

    def test_fragment_is_ignored(self) -> None:
        """A template's fragment plays no part."""
        assert matches("/users/{id}#top", "https://h/users/7")

    def test_shows_params(self) -> None:
        """A message shows a template with the parameters that were merged."""
        assert str(parse_target("/u/{id}?b=2", {"a": "1"})) == "/u/{id}?a=1&b=2"

    @pytest.mark.parametrize(
        ("template", "message"),
        [
            ("/a/{x", "url: the braces of the path template '/a/{x' do not match"),
            ("/a/{x}}", "url: the braces of the path template '/a/{x}}' do not match"),
            (
                "/a/{1}",
                (
                    "url: {1} in the path template '/a/{1}' must be {name} or {name:regex}. "
                    "To mean the braces themselves, give a yarl.URL."
                ),
            ),
            (
                "/a/{x:}",
                (
                    "url: {x:} in the path template '/a/{x:}' must be {name} or {name:regex}. "
                    "To mean the braces themselves, give a yarl.URL."
                ),
            ),
            (
                "/a/{x:(}",
                "url: the path template '/a/{x:(}' is wrong: missing ), unterminated subpattern",
            ),
        ],
    )
    def test_wrong_ones_are_refused(self, template: str, message: str) -> None:
        """A template that cannot be read says what is wrong with it."""
        with pytest.raises(ValueError, match=f"^{re.escape(message)}$"):
            parse_target(template)

    def test_same_name_twice_is_refused(self) -> None:
        """Each hole has a name of its own."""
        with pytest.raises(ValueError, match="redefinition of group name 'x'"):
            parse_target("/{x}/{x}")


class TestGlobs:
    """Hosts with asterisks."""

    @pytest.mark.parametrize(
        ("host", "requested"),
        [
            ("*.example.com", "api.example.com"),
            ("*.example.com", "v1.api.example.com"),
            ("*.EXAMPLE.com", "api.example.com"),
            ("*.example.com.", "api.example.com"),
            ("*.example.com", "api.example.com."),
            ("api.*", "api.example.com"),
            ("api-*.example.com", "api-7.example.com"),
            ("a*b.*.com", "aXb.y.com"),
            ("*", "anything"),
            ("*.bücher.example", "api.bücher.example"),
            ("*.example.com:8080", "api.example.com:8080"),
        ],
    )
    def test_fits(self, host: str, requested: str) -> None:
        """An asterisk stands for any characters of a host, dots too."""
        assert matches(f"https://{host}/v1", f"https://{requested}/v1")

    @pytest.mark.parametrize(
        ("host", "requested"),
        [
            ("*.example.com", "example.com"),
            ("*.example.com", "api.example.org"),
            ("*.example.com", "apiXexample.com"),
            ("*.example.com", "api.example.com.evil"),
            ("*.example.com", "api.example.com:8080"),
            ("*.example.com:8080", "api.example.com"),
        ],
    )
    def test_does_not_fit(self, host: str, requested: str) -> None:
        """The rest of the host is literal, and so is the port."""
        assert not matches(f"https://{host}/v1", f"https://{requested}/v1")

    def test_scheme_counts(self) -> None:
        """A glob is for one scheme, or the websockets that share it."""
        assert matches("https://*.h/", "wss://x.h/")
        assert not matches("https://*.h/", "http://x.h/")


class TestPatterns:
    """Compiled regular expressions."""

    def test_is_matched_at_the_start(self) -> None:
        """An expression is for URLs that begin with a match of it."""
        assert matches(re.compile(r"https://h/\d"), "https://h/7/more?x=1")
        assert not matches(re.compile(r"h/\d"), "https://h/7")

    def test_sees_the_url_as_sent(self) -> None:
        """The order of the query is the client's own."""
        assert matches(re.compile(r"https://h/\?b=2&a=1$"), "https://h/?b=2&a=1")

    def test_sees_the_normal_form(self) -> None:
        """An expression for the normal form fits other spellings of the URL."""
        assert matches(re.compile(r"https://h/\?a=1&b=2$"), "wss://h:443/?b=2&a=1#top")

    def test_named_groups(self) -> None:
        """Named groups are found, decoded."""
        found = info(re.compile(r"https://h/(?P<a>[^/]+)(?P<b>/x)?"), "https://h/caf%C3%A9")
        assert found == {"a": "café", "b": ""}

    def test_bytes_are_refused(self) -> None:
        """An expression for bytes could never match."""
        with pytest.raises(TypeError, match=re.escape("url=re.compile(b'x') is for bytes")):
            parse_target(re.compile(b"x"))  # type: ignore[arg-type]  # refused


class TestRefused:
    """What is no URL of a route."""

    @pytest.mark.parametrize("url", ["users", "?a=1", "", "https:///a", "users/{id}"])
    def test_no_host(self, url: str) -> None:
        """Text without a host must be a path."""
        with pytest.raises(
            ValueError,
            match=re.escape(
                f"url={url!r} has no host. Give an absolute URL "
                f"('https://api.example.com/users'), a path on any host ('/users'), "
                f"or a compiled regular expression."
            ),
        ):
            parse_target(url)

    @pytest.mark.parametrize("url", ["ftp://h/", "ftp://h/{x}", "ftp://*.h/"])
    def test_scheme(self, url: str) -> None:
        """A scheme that aiohttp does not ask is refused."""
        message = f"url={url!r} has the scheme 'ftp'; aiohttp asks http or https."
        with pytest.raises(ValueError, match=f"^{re.escape(message)}$"):
            parse_target(url)

    def test_type(self) -> None:
        """What is no URL is named with its type."""
        with pytest.raises(
            TypeError, match=r"^url must be a str, yarl\.URL or re\.Pattern, not int: 7$"
        ):
            parse_target(7)  # type: ignore[arg-type]  # refused

    def test_hole_in_host(self) -> None:
        """A hole in a host would never be filled, so the glob is named that would."""
        with pytest.raises(ValueError, match=re.escape("Write * for what may stand there")):
            parse_target("https://{tenant}.example.com/")


class TestEquality:
    """Targets as values."""

    @pytest.mark.parametrize(
        ("one", "other"),
        [
            ("https://h/a?b=1&a=2", "HTTPS://H/a?a=2&b=1"),
            ("/é/{x}", "/%C3%A9/{x}"),
            ("https://*.H/{x}", "https://*.h:443/{x}"),
            (re.compile("a"), re.compile("a")),
        ],
    )
    def test_equal(self, one: Any, other: Any) -> None:
        """Targets for the same URLs are equal, and have one key."""
        assert parse_target(one) == parse_target(other)
        assert parse_target(one).key == parse_target(other).key

    @pytest.mark.parametrize(
        ("one", "other"),
        [
            ("https://h/a", "/a"),
            ("https://h/{x}", "https://h/{x:\\d+}"),
            ("https://*.h/a", "http://*.h/a"),
            (re.compile("a"), re.compile("a", re.IGNORECASE)),
        ],
    )
    def test_unequal(self, one: Any, other: Any) -> None:
        """Targets for different URLs are not."""
        assert parse_target(one).key != parse_target(other).key
