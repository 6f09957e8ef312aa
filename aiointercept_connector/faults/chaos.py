"""Chaos: faults that happen by chance to whatever a mock answers, for a block.

Every run tells its seed where it fails, and the seed makes the run again: calls are drawn for in
the order in which they are made. What fails may do so in the block, or behind it in the mock's, or
anywhere in a test: it is told to the exception, to the mock, and, by ``stories``, to pytest.
"""

from __future__ import annotations

import re
import sys
import threading
from collections import deque
from collections.abc import Callable, Iterable
from random import Random, SystemRandom
from types import TracebackType
from typing import TYPE_CHECKING, Any, Final, cast
from weakref import WeakSet

from ..notes import add_notes
from ..replies.conversion import Repliable
from ..routing.policy import Allowed, parse_allowed
from ..routing.route import ANY_METHOD, Asked, Route, parse_target
from .checks import check_fits_hosts
from .fitting import faults_in, misfit, of_call
from .table import KINDS
from .unreliable import FailTimes, Flaky, checked_fault, checked_rate, checked_seed

if TYPE_CHECKING:
    from typing_extensions import Self

    from ..interceptor import Interceptor
    from ..loopback.link import Call
    from ..routing.route import Reply

__all__ = ("Chaos", "forget", "stories")

_USUAL: Final = ("dns_failure", "refused", "connect_timeout", "disconnect", "reset", "truncated")
_SEEDS: Final = 2**32

_running: Final[WeakSet[Chaos]] = WeakSet()
_past: Final[deque[str]] = deque(maxlen=20)


def stories() -> list[str]:
    """Return what has happened to any mock of the process: what goes on, or is not forgotten."""
    return [*_past, *(chaos.story for chaos in tuple(_running))]


def forget() -> None:
    """Forget what is over."""
    _past.clear()


class Chaos:
    """Faults by chance, while it is entered, or from ``start()`` to ``stop()``.

    Args:
        interceptor: the mock's.
        rate: how often one happens: 0 never, 1 always.
        seed: makes the run again that had this seed; by default, one that nobody knows.
        faults: what happens, all as often; by default, the commonest failures of a network.
        hosts: to whose calls; by default, to those of every host.

    Attributes:
        seed: the seed.
    """

    def __init__(
        self,
        interceptor: Interceptor,
        rate: float,
        seed: int | str | None = None,
        faults: Iterable[Repliable] | None = None,
        hosts: Iterable[Allowed] | None = None,
    ) -> None:
        self._interceptor = interceptor
        self.rate = checked_rate(rate)
        checked_seed(seed)
        self.seed = SystemRandom().randrange(_SEEDS) if seed is None else seed
        self._routes = [_route(fault) for fault in _checked_faults(faults)]
        self._hosts = None
        if hosts is not None:
            named = _checked_hosts(hosts)
            self._hosts = [_test(host) for host in named]
            check_fits_hosts((route.reply for route in self._routes), named)
        self._lock = threading.Lock()
        self._random = Random(self.seed)  # noqa: S311 - no secret is made of it

    @property
    def routes(self) -> list[Route]:
        """What the calls that met a fault have as their ``route``, one for each fault."""
        return list(self._routes)

    def start(self) -> Self:
        """Begin, from the beginning of what the seed says.

        Raises:
            RuntimeError: it has begun.
        """
        if self in self._interceptor.chaos:
            raise RuntimeError(f"{self!r} has been started already")
        self._random = Random(self.seed)  # noqa: S311 - as above
        self._interceptor.chaos.append(self)
        self._interceptor.fails_early = True
        _running.add(self)
        return self

    def stop(self) -> None:
        """End; stopping the mock does that too. Does nothing if it has not begun.

        An exception that is on its way, as in a ``finally``, gets a note of the seed.
        """
        self._end(sys.exc_info()[1])

    def _end(self, exc: BaseException | None) -> None:
        interceptor = self._interceptor
        if self not in interceptor.chaos:
            return
        interceptor.chaos.remove(self)
        faults = (one for route in interceptor.registry for one in faults_in(route.reply))
        early = any(fault.before_request for fault in faults)
        interceptor.fails_early = early or bool(interceptor.chaos)
        interceptor.past_chaos.append(self.told)
        _running.discard(self)
        _past.append(self.story)
        if exc is not None:
            add_notes(exc, [self.told])

    def __enter__(self) -> Self:
        return self.start()

    def __exit__(
        self,
        exc_type: type[BaseException] | None,
        exc: BaseException | None,
        traceback: TracebackType | None,
    ) -> None:
        self._end(exc)

    @property
    def story(self) -> str:
        """What has happened, and how to have it happen again."""
        met = [f"{route.call_count}x {route.reply!r}" for route in self._routes if route.called]
        return (
            f"{', '.join(met) or 'no fault'} by rate={self.rate}. "
            f"chaos(rate={self.rate}, seed={self.seed!r}) runs the same again."
        )

    @property
    def told(self) -> str:
        """The story, for who does not know whose it is."""
        return f"chaos: {self.story}"

    def __repr__(self) -> str:
        return f"<chaos rate={self.rate} seed={self.seed!r} of {len(self._routes)} faults>"

    def drawn_for(self, call: Call) -> Route | None:
        """Draw for a call; return the route of the fault that happens to it, if one does."""
        if self._hosts is not None and not any(test(call.asked) for test in self._hosts):
            return None
        with self._lock:
            happens, which = self._random.random() < self.rate, self._random.random()
        fitting = [route for route in self._routes if _fits(route.reply, call)]
        return fitting[int(which * len(fitting))] if happens and fitting else None


def _fits(fault: Reply, call: Call) -> bool:
    setting = of_call(call)
    return all(misfit(one, setting) is None for one in faults_in(fault))


def _route(fault: Reply) -> Route:
    """Return a route that no registry knows, for calls to name as what answered them."""
    return Route(ANY_METHOD, parse_target(re.compile(""), None), fault, repeat=True, name="chaos")


def _checked_faults(faults: Any) -> list[Reply]:
    if faults is None:
        return [KINDS[name]() for name in _USUAL]
    if isinstance(faults, str) or not isinstance(faults, Iterable):
        raise TypeError(f"faults must be a list of faults, not {faults!r:.60}")
    items = list(cast("Any", faults))
    if not items:
        raise ValueError("faults=[] would let nothing happen: leave it out, or name one")
    return [_checked_fault(f"faults[{index}]", one) for index, one in enumerate(items)]


def _checked_fault(argument: str, fault: Any) -> Reply:
    if isinstance(fault, (FailTimes, Flaky)):
        raise TypeError(
            f"{argument}: {fault!r} says itself to which calls it happens, and in chaos rate= and "
            f"seed= say that. Give the fault alone: {fault.fault!r}"
        )
    return checked_fault(argument, fault)


def _checked_hosts(hosts: Any) -> list[Allowed]:
    if isinstance(hosts, str) or not isinstance(hosts, Iterable):
        raise TypeError(f"hosts must be a sequence of hosts: [{hosts!r:.60}]")
    named = list(cast("Iterable[Allowed]", hosts))
    if not named:
        raise ValueError("hosts=[] would let nothing happen: leave it out, or name one")
    return named


def _test(host: Allowed) -> Callable[[Asked], Any]:
    parsed = parse_allowed(host, "hosts")
    return parsed if callable(parsed) else lambda asked: asked.key.origin.host == parsed
