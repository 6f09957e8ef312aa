"""Time that passes in a client's eyes only: its timeouts expire without anybody waiting."""

from __future__ import annotations

import math
from typing import TYPE_CHECKING, Any, cast

if TYPE_CHECKING:
    from .link import Call, ClientEnd, Link

__all__ = ("expire", "expire_total", "let_pass")


def let_pass(link: Link, seconds: float) -> bool:
    """Let *seconds* pass for the call on *link*, and tell whether a timeout of it has expired.

    The one that would have been first is set off, as the loop's own timer would have done it.
    """
    call, client = link.call, link.client
    if call is None or client is None:
        return False
    total, read = _left_in_total(call), _left_to_read(client)
    call.passed += seconds
    if seconds < min(total, read) or min(total, read) == math.inf:
        return False
    if total <= read:
        expire_total(call)
    else:
        _expire_read(client)
    return True


def expire(link: Link, timer: str) -> bool:
    """Set off a timeout of the call on *link*: ``total`` or ``sock_read``; tell if it has that."""
    call, client = link.call, link.client
    if call is None or client is None:
        return False
    if timer == "total" and _left_in_total(call) < math.inf:
        expire_total(call)
    elif timer == "sock_read" and client.read_timeout:
        _expire_read(client)
    else:
        return False
    return True


# Private, both: what aiohttp gives the loop to call. Watched by tests/replies/test_delay.py, which
# makes the same timeouts expire by waiting.


def expire_total(call: Call) -> None:
    """Set off the timeout for the whole of *call*, which has one."""
    cast("Any", call.client_request._timer).timeout()


def _expire_read(client: ClientEnd) -> None:
    client._on_read_timeout()


def _left_in_total(call: Call) -> float:
    total = None if call.timeout is None else call.timeout.total
    return total - call.passed if total else math.inf


def _left_to_read(client: ClientEnd) -> float:
    # Private: the timer runs from the last byte on, and while the client wants more.
    return math.inf if client._read_timeout_handle is None else client.read_timeout or math.inf
