"""Faults where they can never happen, refused when they are registered."""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from typing import TYPE_CHECKING, Any

from .deciding import may_fail_early
from .fitting import faults_in, misfit, of_host, of_route
from .unreliable import FailTimes

if TYPE_CHECKING:
    from ..routing.route import Reply, Route

__all__ = ("check_fits", "check_fits_hosts")


def check_fits(route: Route) -> bool:
    """Refuse faults that can never happen to a route; tell if one may precede a connection.

    Raises:
        ValueError: a fault does not fit the URL or the method, or is to precede a condition on the
            body; or the route answers more often than its ``fail_times`` fails.
    """
    _check_ends(route)
    faults = list(faults_in(route.reply))
    setting = of_route(route) if faults else None
    for fault in faults:
        if setting is not None and (why := misfit(fault, setting)) is not None:
            raise ValueError(why)
    if may_fail_early(route.reply) and route.match is not None and route.match.reads_body:
        raise ValueError(
            f"match asks about the body, and {route.reply!r} happens before anything is sent: "
            f"{route.match!r}. Match on the URL and the headers, or take a fault that happens "
            f"later, such as faults.disconnect()."
        )
    # One that is to be met by a second attempt precedes the connection of that.
    return any(fault.before_request for fault in faults)


def _check_ends(route: Route) -> None:
    """Refuse to fail more calls than ``fail_times`` says."""
    # A delay may precede it.
    reply = getattr(route.reply, "reply", route.reply)
    if not isinstance(reply, FailTimes) or reply.then is not None:
        return
    if route.remaining is None or route.remaining > reply.times:
        calls = "any number of" if route.remaining is None else route.remaining
        raise ValueError(
            f"{reply!r} fails {reply.times} and leaves the calls behind to the next route; this "
            f"route is to answer {calls} calls. Leave out repeat= and times=, or say what comes "
            f"then: faults.fail_times({reply.times}, {reply.fault!r}, then=...)"
        )


def check_fits_hosts(replies: Iterable[Reply], hosts: Sequence[Any]) -> None:
    """Refuse faults that can never happen to a call to any of *hosts*.

    Raises:
        ValueError: there is one.
    """
    settings = [of_host(host) for host in hosts]
    for reply in replies:
        for fault in faults_in(reply):
            reasons = [misfit(fault, setting) for setting in settings]
            if reasons and all(reasons):
                raise ValueError(f"hosts={hosts!r:.80}: {reasons[0]}")
