"""A route: what may be asked, how often, and what answers it.

A route is created by ``aiointercept.add`` and handed back to the test, which reads from it how
it was used. It counts down under the registry's lock; nothing here knows of connections.
"""

from __future__ import annotations

from collections.abc import Awaitable, Callable
from typing import TYPE_CHECKING, Any, Final, TypeAlias

from .state import StateValue
from .target import Asked, Target, parse_target
from .usage import Times, Usage, upper_bound

if TYPE_CHECKING:
    from aiohttp import web

    from .matchers import Matcher

__all__ = ("ANY_METHOD", "Asked", "Reply", "Route", "Target", "Times", "parse_target")

Reply: TypeAlias = "Callable[[Any], Awaitable[web.StreamResponse]]"
"""An aiohttp handler: it is given the recorded request and returns its response."""

ANY_METHOD: Final = "*"
ENDLESS: Final = -1


class Route(Usage):
    """One registered route, as ``add`` returns it.

    Attributes:
        method: the HTTP method, upper case; ``*`` for any.
        target: the URLs it is for.
        match: what else a request must have, or None.
        when: a name of the mock's state and the value it must have, or None.
        then: a name of the mock's state and the value it gets by an answer, or None.
        calls: the requests it answered, in order of arrival.
        times: how often it is to be called, or None if that was not said.
        priority: routes with a higher one are tried before others.
        name: what messages call it, if it was given a name.
        registered_at: ``file:line`` of the call that registered it.
    """

    __slots__ = (
        "__weakref__",
        "_left",
        "match",
        "method",
        "name",
        "order",
        "priority",
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
        repeat: bool | int = False,
        times: Times | None = None,
        priority: int = 0,
        name: str | None = None,
        when: StateValue | None = None,
        then: StateValue | None = None,
        registered_at: str | None = None,
    ) -> None:
        super().__init__(times, registered_at)
        self.method = method.upper()
        self.target = target
        self.reply = reply
        self.match = match
        self.priority = priority
        self.name = name
        self.when = when
        self.then = then
        self.order = 0
        self._left = _answers(repeat, self.times, reply)

    @property
    def remaining(self) -> int | None:
        """How often the route will still answer; ``None`` for ever."""
        return None if self._left == ENDLESS else self._left

    @property
    def endless(self) -> bool:
        """Whether the route answers for ever."""
        return self._left == ENDLESS

    @property
    def used_up(self) -> bool:
        """Whether the route has answered as often as it may."""
        return self._left == 0

    def serves(self, attempt: int) -> bool:
        """Tell whether the reply has an answer to this attempt of aiohttp's at one call."""
        # Any handler may be a reply, and knows nothing of attempts.
        in_attempt: Any = getattr(self.reply, "in_attempt", None)
        return in_attempt is None or in_attempt(attempt) is not None

    @property
    def rank(self) -> tuple[int, bool, int]:
        """Where it stands among routes of one URL: a route without conditions is the fallback."""
        return -self.priority, self.match is None and self.when is None, self.order

    def spend(self) -> bool:
        """Count one answer of a route that has an end, and tell whether it was the last.

        Callers hold the registry's lock.
        """
        self._left -= 1
        return self.used_up

    def unspend(self) -> bool:
        """Take back one answer of a route that has an end, and tell whether it was the last.

        Callers hold the registry's lock.
        """
        self._left += 1
        return self._left == 1

    def __str__(self) -> str:
        label = f"{self.method} {self.target}"
        return f"{self.name!r} ({label})" if self.name else label

    def __repr__(self) -> str:
        left = "for ever" if self.endless else f"{self._left} left"
        return f"<Route {self}: called {self.call_count}x, {left}>"


def _answers(repeat: bool | int, times: range | None, reply: Reply) -> int:
    """Return how often a route answers: as *repeat* says, or *times* allows, or *reply* can."""
    if repeat is True:
        return ENDLESS
    if repeat:
        return int(repeat)
    # Any handler may be a reply, and most answer once.
    upper = getattr(reply, "answers", 1) if times is None else upper_bound(times)
    return ENDLESS if upper is None else upper
