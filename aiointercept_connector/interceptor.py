"""What a mock is to connectors and servers: it claims calls, and answers them.

It owns the registry and the journal, and does not know how a session came by it.
"""

from __future__ import annotations

import asyncio
from collections.abc import Awaitable, Mapping, Sequence
from typing import TYPE_CHECKING, Any, cast
from weakref import WeakKeyDictionary

from aiohttp.payload import BytesPayload
from yarl import URL

from . import scope
from .errors import UnmatchedRequestError
from .journal.journal import Journal
from .journal.request import AiointerceptRequest
from .journal.unsent import request_without_wire
from .replies.failure import Failure
from .replies.late import LateChoice
from .replies.reply import chosen, in_attempt
from .routing.body import body_comes_first
from .routing.policy import PassedRequest, Policy, stays_here
from .routing.registry import Registry
from .routing.route import Asked, Reply, Route
from .routing.urls import Origin
from .serving import Serving, Wire, not_active

if TYPE_CHECKING:
    from aiohttp import ClientConnectionError, ClientRequest

    from .faults.chaos import Chaos
    from .identities import Identities
    from .loopback.link import Call
    from .loopback.listener import Listener
    from .routing.explain import Unmatched

__all__ = ("Interceptor", "known_body")

_REMEMBERED = 1000


class Interceptor(Serving):
    """Answers what its registry knows, and records it.

    Args:
        wire: what connections are made of: transports in memory, or loopback TCP.
        policy: what may be reached for real.
        identities: what hosts show in handshakes; None if none is made.
        journal: where requests are recorded; None for one that keeps all.
    """

    def __init__(
        self,
        wire: Wire = "memory",
        policy: Policy | None = None,
        identities: Identities | None = None,
        journal: Journal | None = None,
    ) -> None:
        super().__init__(wire, identities)
        self.registry = Registry()
        self.journal = Journal() if journal is None else journal
        self._passed_through: list[tuple[str, URL, Mapping[str, str]]] = []
        self.policy = Policy() if policy is None else policy
        self._passed: dict[tuple[str, URL], int] = {}
        self._broken: WeakKeyDictionary[asyncio.Task[Any], Call] | None = None
        self.fails_early = False
        """Whether a call may meet a fault before it has a connection."""
        self.chaos: list[Chaos] = []
        """What happens by chance."""
        self.past_chaos: list[str] = []
        """The stories of what has happened by chance, and is over."""

    def forget_calls(self) -> None:
        """Forget what was asked, and what has passed."""
        self.journal.clear()
        self._passed_through.clear()
        self.past_chaos.clear()

    def forget_routes(self) -> None:
        """Forget what is to be answered, and what hosts show."""
        self.registry.clear()
        self.fails_early = bool(self.chaos)
        if self.identities is not None:
            self.identities.clear()

    @property
    def chaos_stories(self) -> list[str]:
        """What has happened by chance, and how to have it happen again: for who reads a failure."""
        return [*self.past_chaos, *(chaos.told for chaos in self.chaos)]

    def claims(self, asked: Asked) -> bool:
        """Tell whether a route could answer; nothing is consumed by asking."""
        return self.registry.find(asked) is not None

    def has_let_pass(self, request: ClientRequest) -> bool:
        """Let *request* pass if one like it has, and nothing was registered since."""
        if not self._passed:
            return False
        passed = self._passed.get((request.method, request.url))
        if passed != self.registry.version or request.proxy is not None:
            return False
        self.list_passed(request)
        return True

    def note_passed(self, request: ClientRequest) -> None:
        """List a request that passes; the next one like it is not to be held up."""
        self.list_passed(request)
        if self.policy.is_fixed and request.proxy is None:
            if len(self._passed) >= _REMEMBERED:
                self._passed.clear()
            self._passed[request.method, request.url] = self.registry.version

    def list_passed(self, request: ClientRequest) -> None:
        """List a request that reaches its real host."""
        # A plain tuple: traffic that passes should pay for as little as can be.
        self._passed_through.append((request.method, request.url, request.headers))

    @property
    def passed_through(self) -> list[PassedRequest]:
        """The requests that have passed, in order."""
        return [PassedRequest(*passed) for passed in self._passed_through]

    def stands_for(self, origin: Origin) -> bool:
        """Tell whether a route names *origin*, or it is that of ``server_url``."""
        return self.is_at(origin) or self.registry.names(origin)

    def may_pass(
        self,
        asked: Asked,
        headers: Mapping[str, str],
        proxy: URL | None,
        askers: Sequence[Interceptor],
    ) -> bool:
        """Tell whether what none of *askers* answers may reach its host; this is the innermost."""
        named = any(asker.stands_for(asked.key.origin) for asker in askers)
        if self.policy.local and not named and stays_here(asked, proxy):
            return True
        return self.policy.lets_pass(asked, headers)

    def let_out(self, request: AiointerceptRequest, call: Call | None, sent: ClientRequest) -> None:
        """List *sent*, which a reply to *request* is about to send to its real host.

        Raises:
            NetworkBlockedError: ``block_network`` forbids it.
            RuntimeError: it would come back to this mock, again and again.
        """
        asked, askers = Asked(sent.method, sent.url), (self,) if call is None else call.askers
        if self.is_at(asked.key.origin):
            raise RuntimeError(
                f"{sent.method} {sent.url} was to be sent on to its real host, but that is this "
                f"mock's own server_url. Say where to: request.forward(url=...)"
            )
        for blocker in scope.guards():
            blocker.check(asked, sent)
        record = request if call is None or call.record is None else call.record
        keeper = next((asker for asker in askers if asker.journal.has(record)), askers[0])
        keeper.list_passed(sent)

    def refuse(self, asked: Asked, sent: ClientRequest) -> ClientConnectionError:
        """Record a request that no route answers and that may not pass, and return its error."""
        if not self.is_open:
            return not_active(asked)
        loop = asyncio.get_running_loop()
        record = request_without_wire(
            sent.method, sent.url, sent.headers, known_body(sent), loop, sent.proxy
        )
        error = self._unmatched(record, asked)
        record.cut_body()
        return error

    def second_attempt(self, request: ClientRequest, traces: object) -> Call | None:
        """Return the broken call that *request* is aiohttp's repetition of, if it is one."""
        if self._broken is None:
            return None
        task = asyncio.current_task()
        call = None if task is None else self._broken.pop(task, None)
        if call is None or call.traces is not traces:
            return None
        if call.client_request is request:
            # A middleware that tries again hands on the very same request: a call of its own.
            return None
        if (call.asked.method, call.url) != (request.method, request.url):
            return None
        call.client_request = request
        if call.record is not None:
            call.record.attempts += 1
        return call

    def reads_body(self, request: AiointerceptRequest, call: Call | None) -> bool:
        """Tell whether the body of *request* is to be read before a reply is chosen."""
        if call is not None and call.reply is not None:
            return getattr(call.reply, "reads_body", True)
        asked, askers = self._asked(request, call)
        return body_comes_first(
            (
                route
                for asker in askers
                for route in asker.registry.candidates(asked)
                if asker.registry.state.holds(route.when)
            ),
            request,
        )

    def answer(self, request: AiointerceptRequest, call: Call | None) -> Reply:
        """Choose the reply to a request that has arrived, and record it; never raises."""
        if call is not None and call.reply is not None:
            return self._settled(call.reply, request, call)
        reply = self._choose(request, call)
        if call is not None:
            call.reply = reply
            call.record = request
        return reply

    def _settled(self, settled: Reply, request: AiointerceptRequest, call: Call) -> Reply:
        """Return the reply to another attempt, or to one that was taken before it had arrived."""
        if call.record is None:
            call.record = request
            asker, route = cast("tuple[Interceptor, Route]", call.taken)
            asker.note(route, request)
            return settled
        request.begin_again(call.record)
        reply = in_attempt(settled, call.record.attempts) or self._choose(request, call)
        call.reply = reply
        return reply

    def _asked(
        self, request: AiointerceptRequest, call: Call | None
    ) -> tuple[Asked, Sequence[Interceptor]]:
        """Return what is asked, and of whom."""
        if call is None:
            return Asked(request.method, self.own_url(request.url)), (self,)
        return call.asked, call.askers

    def _choose(self, request: AiointerceptRequest, call: Call | None) -> Reply:
        asked, askers = self._asked(request, call)
        for asker in askers:  # no any(): every request would pay for a generator
            if asker.registry.has_async:
                return LateChoice(lambda: self._choose_async(request, call))
        try:
            for asker in askers:
                route = asker.registry.take(asked, request, request.record.attempts)
                if route is not None:
                    return asker.used(route, request)
            return self._last_resort(request, call)
        except Exception as exc:  # noqa: BLE001 - a predicate's own, to be raised to the caller
            return Failure(exc)

    async def _choose_async(self, request: AiointerceptRequest, call: Call | None) -> Reply:
        asked, askers = self._asked(request, call)
        for asker in askers:
            route = await asker.registry.take_async(asked, request, request.record.attempts)
            if route is not None:
                return asker.used(route, request)
        return self._last_resort(request, call)

    def _last_resort(self, request: AiointerceptRequest, call: Call | None) -> Reply:
        """Return the reply to a request that no route answers, though one is for its URL."""
        asked, askers = self._asked(request, call)
        if call is not None and askers[0].may_pass(asked, request.headers, call.proxy, askers):
            # Imported at its use: few requests come this way.
            from .replies.passing import passthrough

            return passthrough()
        return self.refusal(self._unmatched(request, asked), asked)

    def refusal(self, error: ClientConnectionError, asked: Asked) -> Reply:
        """Return the reply to a request that has arrived, and that no route answers."""
        return Failure(error)

    def used(self, route: Route, request: AiointerceptRequest) -> Reply:
        """Record that *route* answers *request*, and return its reply."""
        self.note(route, request)
        return chosen(route.reply, request)

    def note(self, route: Route, request: AiointerceptRequest) -> None:
        """Record that *route* answers *request*: a call of a client, or another attempt at one."""
        if request.record is not request:
            self.note_attempt(route, request.record)
            request.route = route
            return
        request.route = route
        self.journal.record(request)
        route.record(request)

    def note_attempt(self, route: Route, record: AiointerceptRequest) -> None:
        """Record that *route* answers another attempt at a call, which counts once for a route."""
        if record.route is not route:
            record.route = route
            route.record(record)

    def _unmatched(self, request: AiointerceptRequest, asked: Asked) -> UnmatchedRequestError:
        if request.record is request:
            self.journal.record(request)
        return UnmatchedRequestError(self.explain(request, asked), request)

    def explain(self, request: AiointerceptRequest, asked: Asked) -> Unmatched:
        """Say why no route answers *request*."""
        # Imported at its use: most tests have no request that must be explained.
        from .routing.explain import Unmatched

        return Unmatched(asked, request, self.registry, self.registry.state)

    def call_broke(self, call: Call) -> None:
        """Keep a call whose connection broke: aiohttp may be about to repeat it, in this task."""
        if self._broken is None:
            self._broken = WeakKeyDictionary()
        task = asyncio.current_task()
        if task is not None:
            self._broken[task] = call

    @property
    def listener(self) -> Listener:
        """The real server for clients that are not aiohttp's, started on first use."""
        # What has passed may have been on its way to where this one listens.
        self._passed.clear()
        return super().listener

    def close(self) -> Awaitable[None]:
        """Stop serving; see ``Serving.close``."""
        self._broken = None
        for chaos in tuple(self.chaos):
            chaos.stop()
        return super().close()


def known_body(request: ClientRequest) -> bytes:
    """Return what is known of a body that was not sent: of a stream nothing is."""
    body = request.body
    if isinstance(body, BytesPayload):
        # Latin-1 has a character for every byte, and the byte for each of them.
        return body.decode("latin-1").encode("latin-1")
    return body if isinstance(body, bytes) else b""
