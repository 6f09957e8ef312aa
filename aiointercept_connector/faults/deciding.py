"""Which fault a call meets before it has a connection, if it meets one.

The route is used up here that would have answered, if its reply is such a fault, or may be. Of any
other that is first in turn nothing is used: its call goes on, and is answered when it has arrived.

It is decided once for a call. Another attempt of aiohttp's meets what the first one met; if that
was for the first alone, a route answers that has something for the second, and chaos has no say.
"""

from __future__ import annotations

import asyncio
from typing import TYPE_CHECKING, NamedTuple

from ..interceptor import known_body
from ..journal.request import AiointerceptRequest
from ..journal.unsent import request_without_wire
from ..replies.reply import alternatives, chosen, in_attempt
from .connecting import Attempt
from .kind import Fault

if TYPE_CHECKING:
    from ..interceptor import Interceptor
    from ..loopback.link import Call
    from ..routing.route import Reply, Route

__all__ = ("decide", "may_fail_early")


class Taken(NamedTuple):
    """A route that was taken for a call.

    Attributes:
        asker: the mock that it is of.
        route: the route.
    """

    asker: Interceptor
    route: Route


def may_fail_early(reply: Reply) -> bool:
    """Tell whether *reply* is met before there is a connection, or chooses among such."""
    return any(getattr(one, "before_request", False) for one in alternatives(reply))


async def decide(call: Call) -> Attempt | None:
    """Return the fault that awaits *call*; None if it is to have a connection."""
    reply = _of_earlier_attempt(call) or await _of_a_route(call)
    if isinstance(reply, Fault) and reply.before_request:
        return Attempt(reply, call)
    return None


def _of_earlier_attempt(call: Call) -> Reply | None:
    if call.record is None or call.reply is None:
        return call.reply
    return in_attempt(call.reply, call.record.attempts)


async def _of_a_route(call: Call) -> Reply | None:
    """Return the reply of the route that is taken for *call*, if one is taken here."""
    record = call.record or _record(call)
    taken = _drawn(call) or await _take(call, record)
    if taken is None:
        return None
    if call.record is not None:
        taken.asker.note_attempt(taken.route, record)
    record.route = taken.route
    reply = chosen(taken.route.reply, record)
    if call.record is None and getattr(reply, "before_request", False):
        taken.asker.note(taken.route, record)
        record.cut_body()
        call.record = record
    call.reply, call.taken = reply, taken
    return reply


def _record(call: Call) -> AiointerceptRequest:
    """Return the record of a call that may never be sent."""
    sent = call.client_request
    loop = asyncio.get_running_loop()
    body = known_body(sent)
    return request_without_wire(sent.method, sent.url, sent.headers, body, loop, call.proxy)


def _drawn(call: Call) -> Taken | None:
    """Draw what chaos does to *call*, once."""
    if not call.drawn:
        call.drawn = True
        for asker in call.askers:
            for chaos in asker.chaos:
                if (route := chaos.drawn_for(call)) is not None:
                    return Taken(asker, route)
    return None


async def _take(call: Call, record: AiointerceptRequest) -> Taken | None:
    """Take the route that answers *call*, if it may do so before there is a connection."""
    for asker in call.askers:
        for route in asker.registry.candidates(call.asked):
            if not asker.registry.state.holds(route.when) or not route.serves(record.attempts):
                continue
            if not await _fits(route, record):
                continue
            if not may_fail_early(route.reply):
                return None
            if asker.registry.use(route):
                return Taken(asker, route)
    return None


async def _fits(route: Route, record: AiointerceptRequest) -> bool:
    """Tell whether *route* answers, as far as that is known before the body is sent."""
    if route.match is None:
        return True
    try:
        return await route.match.matches_async(record)
    except Exception:  # noqa: BLE001 - a predicate's own: it is raised when the request has arrived
        return not may_fail_early(route.reply)
