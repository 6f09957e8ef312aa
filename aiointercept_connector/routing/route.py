"""A route: what may be asked, how often, and what answers it.

A route is created by ``aiointercept.add`` and handed back to the test, which reads from it how
it was used. It counts down under the registry's lock; nothing here knows of connections.
"""

from __future__ import annotations

from collections.abc import Awaitable, Callable
from typing import TYPE_CHECKING, Any, Final, TypeAlias

from .target import Asked, Target, parse_target

if TYPE_CHECKING:
    from aiohttp import web

    from ..journal.request import AiointerceptRequest
    from .matchers import Matcher

__all__ = ("ANY_METHOD", "Asked", "Reply", "Route", "Target", "parse_target")

Reply: TypeAlias = "Callable[[Any], Awaitable[web.StreamResponse]]"
"""An aiohttp handler: it is given the recorded request and returns its response."""

StateValue: TypeAlias = "tuple[str, Any]"
"""A name of the mock's state, and a value of it."""

ANY_METHOD: Final = "*"
ENDLESS: Final = -1


class Route:
    """One registered route, as ``add`` returns it.

    Attributes:
        method: the HTTP method, upper case; ``*`` for any.
        target: the URLs it is for.
        match: what else a request must have, or None.
        when: a name of the mock's state and the value it must have, or None.
        then: a name of the mock's state and the value it gets by an answer, or None.
        calls: the requests it answered, in order of arrival.
        name: what messages call it, if it was given a name.
        registered_at: ``file:line`` of the call that registered it.
    """

    __slots__ = (
        "_left",
        "calls",
        "match",
        "method",
        "name",
        "order",
        "priority",
        "registered_at",
        "reply",
        "target",
        "then",
        "when",
    )

    def __init__(
        self,
        method: str,
        target: Target,
        reply: Reply,
        *,
        match: Matcher | None = None,
        repeat: bool | int = 1,
        priority: int = 0,
        name: str | None = None,
        when: StateValue | None = None,
        then: StateValue | None = None,
        registered_at: str | None = None,
    ) -> None:
        self.method = method.upper()
        self.target = target
        self.reply = reply
        self.match = match
        self.priority = priority
        self.name = name
        self.when = when
        self.then = then
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

    @property
    def rank(self) -> tuple[int, bool, int]:
        """Where it stands among routes of one URL: a route without conditions is the fallback."""
        return -self.priority, self.match is None and self.when is None, self.order

    def spend(self) -> None:
        """Count one answer of a route that has an end. Callers hold the registry's lock."""
        self._left -= 1

    def __str__(self) -> str:
        label = f"{self.method} {self.target}"
        return f"{self.name!r} ({label})" if self.name else label

    def __repr__(self) -> str:
        left = "for ever" if self.endless else f"{self._left} left"
        return f"<Route {self}: called {self.call_count}x, {left}>"
