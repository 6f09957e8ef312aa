"""The URL side of a route: which URLs it is for.

A target says three things, each of which may be left open: the host (one origin, a glob, or any),
the path (literal, or a template), and the query (exactly these pairs, or any). A compiled regular
expression is a target of its own kind. Equal targets match the same URLs.
"""

from __future__ import annotations

import re
from collections.abc import Callable, Hashable
from functools import lru_cache
from typing import Any, Final, NamedTuple, TypeAlias
from urllib.parse import unquote

from yarl import URL

from ..unset import is_any
from .prefix import PathPrefix
from .template import PathTemplate, parse_template
from .urls import (
    Origin,
    QueryParams,
    UrlKey,
    UrlSpec,
    canonical_url,
    normal_path,
    query_key,
    url_key,
)
from .values import is_pattern

__all__ = (
    "Asked",
    "HostGlob",
    "Target",
    "UrlPattern",
    "UrlTarget",
    "UrlTest",
    "parse_prefix",
    "parse_target",
)

Query: TypeAlias = "tuple[tuple[str, str], ...]"

KNOWN_SCHEMES: Final = frozenset({"", "http", "https", "ws", "wss", "tcp", "unix"})


class Asked:
    """The part of a request that decides which routes could answer it."""

    __slots__ = ("_spellings", "key", "method", "url")

    def __init__(self, method: str, url: URL) -> None:
        self.method = method
        self.url = url
        self.key: UrlKey = url_key(url)
        self._spellings: tuple[str, ...] = ()

    @property
    def spellings(self) -> tuple[str, ...]:
        """The URL as sent, then its normal form; worked out when it is asked for."""
        if not self._spellings:
            self._spellings = str(self.url), str(canonical_url(self.url))
        return self._spellings

    def __repr__(self) -> str:
        return f"<Asked {self.method} {self.url}>"


# Named tuples, and no dataclasses: these take a tenth of the time to import.


class HostGlob(NamedTuple):
    """Hosts of a shape, such as ``*.example.com``; ``*`` stands for any characters, dots too."""

    secure: bool
    glob: str
    port: int

    def matches(self, origin: Origin) -> bool:
        """Tell whether *origin* is of this shape."""
        if (origin.secure, origin.port) != (self.secure, self.port):
            return False
        return _glob_regex(self.glob).fullmatch(origin.host) is not None


@lru_cache(None)
def _glob_regex(glob: str) -> re.Pattern[str]:
    return re.compile(".+".join(map(re.escape, glob.split("*"))))


class UrlTarget(NamedTuple):
    """URLs by their parts, and how messages write them."""

    host: Origin | HostGlob | None
    path: str | PathTemplate | PathPrefix
    query: Query | None
    text: str

    @property
    def key(self) -> Hashable:
        """What finds the target again; of one without holes and globs, the key of its URL."""
        return self.host, self.path, self.query

    @property
    def is_exact(self) -> bool:
        """Whether it is one URL, so that the URL's key finds it."""
        return (
            isinstance(self.host, Origin) and isinstance(self.path, str) and self.query is not None
        )

    @property
    def path_text(self) -> str:
        """The path, template or prefix as it was given."""
        return self.path if isinstance(self.path, str) else self.path.text

    def matches(self, asked: Asked) -> bool:
        """Tell whether the URL that was asked is one of these."""
        key = asked.key
        return (
            self.matches_host(key.origin)
            and self.matches_path(key.path)
            and (self.query is None or self.query == key.query)
        )

    def matches_host(self, origin: Origin) -> bool:
        """Tell whether *origin* is the target's, or one of its shape."""
        if isinstance(self.host, HostGlob):
            return self.host.matches(origin)
        return self.host is None or self.host == origin

    def matches_path(self, path: str) -> bool:
        """Tell whether *path* is the target's, fits its template or is covered by its prefix."""
        if isinstance(self.path, PathTemplate):
            return self.path.regex.fullmatch(path) is not None
        if isinstance(self.path, PathPrefix):
            return self.path.covers(path)
        return self.path == path

    def match_info(self, asked: Asked) -> dict[str, str]:
        """Return what stands in the holes of the template, decoded."""
        if isinstance(self.path, PathTemplate):
            return self.path.values(asked.key.path) or {}
        return {}

    def __eq__(self, other: object) -> bool:
        return isinstance(other, UrlTarget) and self.key == other.key

    def __hash__(self) -> int:
        return hash(self.key)

    def __str__(self) -> str:
        return self.text


class UrlPattern(NamedTuple):
    """A regular expression, matched at the start of the URL as sent, then of its normal form."""

    pattern: re.Pattern[str]

    @property
    def key(self) -> Hashable:
        """What finds the target again."""
        return self.pattern

    def matches(self, asked: Asked) -> bool:
        """Tell whether the expression matches a spelling of the URL that was asked."""
        return self._found(asked) is not None

    def match_info(self, asked: Asked) -> dict[str, str]:
        """Return what the expression's named groups matched, decoded."""
        found = self._found(asked)
        groups = found.groupdict() if found else {}
        return {name: unquote(value or "") for name, value in groups.items()}

    def _found(self, asked: Asked) -> re.Match[str] | None:
        for spelling in asked.spellings:
            if found := self.pattern.match(spelling):
                return found
        return None

    def __str__(self) -> str:
        return f"re.compile({self.pattern.pattern!r})"


class UrlTest:
    """URLs that a function accepts.

    Each is equal to itself alone: routes with such targets keep their order of registration, and
    none takes the place of another.
    """

    __slots__ = ("_accepts", "_text")

    def __init__(self, accepts: Callable[[URL], bool], text: str) -> None:
        self._accepts = accepts
        self._text = text

    @property
    def key(self) -> Hashable:
        """What finds the target again."""
        return self

    def matches(self, asked: Asked) -> bool:
        """Tell whether the function accepts the URL that was asked."""
        return self._accepts(asked.url)

    def match_info(self, asked: Asked) -> dict[str, str]:
        """Return nothing: a function has no holes."""
        return {}

    def __str__(self) -> str:
        return self._text


Target: TypeAlias = UrlTarget | UrlPattern | UrlTest


def parse_target(url: UrlSpec, params: QueryParams | Any = None) -> Target:
    """Return the target that *url* describes.

    Args:
        url: text (an absolute URL or a path, perhaps with ``{name}`` in the path or ``*`` in the
            host), a ``yarl.URL`` (taken literally), or a compiled regular expression.
        params: query parameters, appended to those of the URL; ``ANY`` leaves the query open.

    Raises:
        TypeError: *url* is none of these.
        ValueError: it has no host and is no path, or its template or scheme is wrong.
    """
    if is_pattern(url):
        if params is not None:
            raise ValueError(f"params: {url!r} is matched on the whole URL, query included")
        if isinstance(url.pattern, bytes):
            raise TypeError(f"url={url!r} is for bytes; URLs are str.")
        return UrlPattern(url)
    if not isinstance(url, (str, URL)):
        raise TypeError(
            f"url must be a str, yarl.URL or re.Pattern, not {type(url).__name__}: {url!r}"
        )
    return _known_target(url) if params is None else _new_target(url, params)


def parse_prefix(url: str | URL) -> UrlTarget:
    """Return the target of the URLs that begin with *url*, by whole segments, with any query.

    Args:
        url: an absolute URL, perhaps with ``*`` in its host, or a path on any host.

    Raises:
        TypeError: *url* is no URL.
        ValueError: it cannot be the beginning of others, or is no URL that a route may have.
    """
    if not isinstance(url, (str, URL)):
        raise TypeError(f"url must be a str or a yarl.URL, not {type(url).__name__}: {url!r}")
    target = _known_target(url)
    if isinstance(target.path, PathTemplate):
        raise ValueError(  # noqa: TRY004 - it is a URL, but of no use here
            f"url={str(url)!r} has a hole in its path: give the beginning of URLs."
        )
    if target.query:
        raise ValueError(f"url={str(url)!r} has a query, behind which no path can follow.")
    prefix = PathPrefix(target.path_text.rstrip("/"))
    return UrlTarget(target.host, prefix, None, f"{target.text.rstrip('/')}/**")


def _new_target(url: str | URL, params: QueryParams | Any = None) -> UrlTarget:
    parts = _Parts(url) if isinstance(url, str) else None
    if parts is not None and "{" in parts.authority:
        raise ValueError(
            f"url={url!r} has a hole in its host. Write * for what may stand there: "
            f"'https://*.example.com/'."
        )
    if parts is not None and parts.is_special:
        return _special_target(parts, params)
    return _literal_target(URL(url), params, str(url))


# Every test of a suite registers much the same URLs.
_known_target = lru_cache(1024)(_new_target)


def _literal_target(url: URL, params: QueryParams | Any, text: str) -> UrlTarget:
    _check_scheme(url.scheme, text)
    query = _query(url, params)
    mark = " (any query)" if query is None else ""
    if url.absolute and url.raw_host:
        full = canonical_url(url).with_query(query)
        return UrlTarget(url_key(url).origin, normal_path(url), query, f"{full}{mark}")
    if url.scheme or url.absolute or not url.raw_path.startswith("/"):
        raise ValueError(
            f"url={text!r} has no host. Give an absolute URL ('https://api.example.com/users'),"
            f" a path on any host ('/users'), or a compiled regular expression."
        )
    path = normal_path(url)
    full = URL.build(path=path, encoded=True).with_query(query)
    return UrlTarget(None, path, query, f"{full}{mark}")


def _special_target(parts: _Parts, params: QueryParams | Any) -> UrlTarget:
    _check_scheme(parts.scheme, parts.text)
    query = _query(URL("/" + parts.query), params)
    path = parse_template(parts.path) if "{" in parts.path else _normal_literal(parts.path)
    shown = f"?{URL.build(query=query).raw_query_string}" if query else ""
    mark = " (any query)" if query is None else ""
    text = f"{parts.before_query}{shown}{mark}"
    return UrlTarget(_host(parts), path, query, text)


def _host(parts: _Parts) -> Origin | HostGlob | None:
    if not parts.authority:
        return None
    if "*" not in parts.host:
        return url_key(URL(f"{parts.scheme}://{parts.authority}")).origin
    # yarl takes no asterisk in a host; it is given the labels that have none, for their encoding.
    labels = parts.host.rstrip(".").lower().split(".")
    glob = ".".join(label if "*" in label else URL(f"//{label}").raw_host or "" for label in labels)
    origin = url_key(URL(f"{parts.scheme}://h{parts.port}")).origin
    return HostGlob(origin.secure, glob, origin.port)


def _query(url: URL, params: QueryParams | Any) -> Query | None:
    if is_any(params):
        if url.raw_query_string:
            raise ValueError(f"params=ANY leaves the query open, but the URL has one: {str(url)!r}")
        return None
    return query_key(url.extend_query(params) if params else url)


def _check_scheme(scheme: str, text: str) -> None:
    if scheme not in KNOWN_SCHEMES:
        raise ValueError(f"url={text!r} has the scheme {scheme!r}; aiohttp asks http or https.")


def _normal_literal(path: str) -> str:
    return normal_path(URL("http://h" + (path or "/")))


class _Parts:
    """The parts of a URL given as text, with holes in its path and globs in its host left alone."""

    _START = re.compile(r"(?:([A-Za-z][A-Za-z0-9+.-]*):)?//([^/?#]*)")

    def __init__(self, text: str) -> None:
        start = self._START.match(text)
        self.text = text
        self.scheme, self.authority = start.groups("") if start else ("", "")
        host, colon, port = self.authority.rpartition("@")[2].partition(":")
        self.host, self.port = host, colon + port
        rest = text[start.end() :] if start else text
        end = _end_of_path(rest)
        self.path = rest[:end]
        self.query = rest[end:].partition("#")[0]
        self.before_query = text.removesuffix(rest[end:])
        self.is_special = "*" in self.host or (
            "{" in self.path and (bool(start) or self.path.startswith("/"))
        )


def _end_of_path(text: str) -> int:
    """Return where the query or fragment begins; a hole's expression may contain both marks."""
    depth = 0
    for at, char in enumerate(text):
        depth += (char == "{") - (char == "}")
        if char in "?#" and depth == 0:
            return at
    return len(text)
