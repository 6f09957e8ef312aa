"""A route: what may be asked, how often, and what answers it.

A route is created by ``aiointercept.add`` and handed back to the test, which reads from it how
it was used. It counts down under the registry's lock; nothing here knows of connections.
"""

from __future__ import annotations

import re
from collections.abc import Awaitable, Callable
from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Any, Final, TypeAlias

from yarl import URL

from .urls import UrlKey, UrlSpec, canonical_url, is_path, normal_path, query_key, url_key

if TYPE_CHECKING:
    from aiohttp import web

    from ..journal.request import AiointerceptRequest

__all__ = ("Asked", "Reply", "Route", "Target", "parse_target")

Reply: TypeAlias = "Callable[[Any], Awaitable[web.StreamResponse]]"
"""An aiohttp handler: it is given the recorded request and returns its response."""

ENDLESS: Final = -1
KNOWN_SCHEMES: Final = frozenset({"", "http", "https", "ws", "wss", "tcp", "unix"})


class Asked:
    """The part of a request that decides which routes could answer it."""

    __slots__ = ("key", "method", "url")

    def __init__(self, method: str, url: URL) -> None:
        self.method = method
        self.url = url
        self.key = url_key(url)

    def __repr__(self) -> str:
        return f"<Asked {self.method} {self.url}>"


@dataclass(frozen=True)
class ExactUrl:
    """One URL, whole."""

    url: URL = field(compare=False)
    key: UrlKey

    def matches(self, asked: Asked) -> bool:
        """Tell whether the URL that was asked is this one."""
        return asked.key == self.key

    def __str__(self) -> str:
        return str(self.url)


@dataclass(frozen=True)
class PathOnly:
    """A path and its query, on any host."""

    url: URL = field(compare=False)
    path: str
    query: tuple[tuple[str, str], ...]

    def matches(self, asked: Asked) -> bool:
        """Tell whether the URL that was asked has this path and query."""
        return asked.key.path == self.path and asked.key.query == self.query

    def __str__(self) -> str:
        return str(self.url)


@dataclass(frozen=True)
class UrlPattern:
    """A regular expression, matched at the start of the URL as sent, then of its normal form."""

    pattern: re.Pattern[str]

    def matches(self, asked: Asked) -> bool:
        """Tell whether the expression matches a spelling of the URL that was asked."""
        match = self.pattern.match
        return bool(match(str(asked.url)) or match(str(canonical_url(asked.url))))

    def __str__(self) -> str:
        return f"re.compile({self.pattern.pattern!r})"


Target: TypeAlias = ExactUrl | PathOnly | UrlPattern
"""The URL side of a route, in one of its forms. Equal targets match the same URLs."""


def parse_target(url: UrlSpec) -> Target:
    """Return the target that *url* describes.

    Raises:
        TypeError: it is none of ``str``, ``yarl.URL`` and ``re.Pattern``.
        ValueError: it has no host and is not a path.
    """
    if isinstance(url, re.Pattern):
        return UrlPattern(url)
    if not isinstance(url, (str, URL)):
        msg = f"url must be a str, yarl.URL or re.Pattern, not {type(url).__name__}: {url!r}"
        raise TypeError(msg)
    parsed = URL(url)
    if parsed.scheme not in KNOWN_SCHEMES:
        msg = f"url={str(parsed)!r} has the scheme {parsed.scheme!r}; aiohttp asks http or https."
        raise ValueError(msg)
    if is_path(parsed):
        return PathOnly(parsed.with_fragment(None), normal_path(parsed), query_key(parsed))
    if not parsed.raw_host:
        msg = (
            f"url={str(parsed)!r} has no host. Give an absolute URL ('https://api.example.com"
            f"/users'), a path on any host ('/users'), or a compiled regular expression."
        )
        raise ValueError(msg)
    return ExactUrl(canonical_url(parsed), url_key(parsed))


class Route:
    """One registered route, as ``add`` returns it.

    Attributes:
        method: the HTTP method, upper case.
        calls: the requests it answered, in order of arrival.
        remaining: how often it will still answer; ``None`` for ever.
        name: what messages call it, if it was given a name.
        registered_at: ``file:line`` of the call that registered it.
    """

    __slots__ = (
        "_left",
        "calls",
        "method",
        "name",
        "order",
        "priority",
        "registered_at",
        "reply",
        "target",
    )

    def __init__(
        self,
        method: str,
        target: Target,
        reply: Reply,
        *,
        repeat: bool | int = 1,
        priority: int = 0,
        name: str | None = None,
        registered_at: str | None = None,
    ) -> None:
        self.method = method.upper()
        self.target = target
        self.reply = reply
        self.priority = priority
        self.name = name
        self.registered_at = registered_at
        self.order = 0
        self.calls: list[AiointerceptRequest] = []
        self._left = ENDLESS if repeat is True else int(repeat) or 1

    @property
    def remaining(self) -> int | None:
        """How often the route will still answer; ``None`` for ever."""
        return None if self._left == ENDLESS else self._left

    @property
    def endless(self) -> bool:
        """Whether the route was registered with ``repeat=True``."""
        return self._left == ENDLESS

    @property
    def used_up(self) -> bool:
        """Whether the route has answered as often as it may."""
        return self._left == 0

    @property
    def call_count(self) -> int:
        """How many requests the route has answered."""
        return len(self.calls)

    @property
    def called(self) -> bool:
        """Whether the route has answered any request."""
        return bool(self.calls)

    @property
    def last_call(self) -> AiointerceptRequest | None:
        """The last request that the route answered."""
        return self.calls[-1] if self.calls else None

    def spend(self) -> None:
        """Count one answer of a route that has an end. Callers hold the registry's lock."""
        self._left -= 1

    def __str__(self) -> str:
        label = f"{self.method} {self.target}"
        return f"{self.name!r} ({label})" if self.name else label

    def __repr__(self) -> str:
        left = "for ever" if self.endless else f"{self._left} left"
        return f"<Route {self}: called {self.call_count}x, {left}>"
