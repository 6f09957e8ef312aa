"""Which faults make sense for which calls."""

from __future__ import annotations

import re
from collections.abc import Iterator
from typing import TYPE_CHECKING, Any, Final, NamedTuple, cast

from aiohttp import hdrs
from aiohttp.helpers import is_ip_address
from yarl import URL

from ..replies.reply import alternatives
from ..routing.route import ANY_METHOD
from ..routing.target import UrlPattern
from .connecting import LookingUp
from .kind import Fault
from .playing import asks_for_websocket

if TYPE_CHECKING:
    from ..loopback.link import Call
    from ..routing.route import Reply, Route

__all__ = ("Setting", "faults_in", "misfit", "of_call", "of_host", "of_route")

# What a pattern begins with that matches URLs of one scheme alone.
_SCHEME: Final = re.compile(r"(?:\(\?[a-z]+\)|\^|\\A)*(https?|wss?)\\?:", re.IGNORECASE)
_MARK: Final = re.compile(r"\\.|\[\^?\]?(?:\\.|[^\]\\])*\]|[()|]", re.DOTALL)


class Setting(NamedTuple):
    """What is known of the calls that a fault is to happen to; None where that is nothing.

    Attributes:
        secure: whether they are encrypted.
        host: the host that their connection is made to.
        method: their method.
        websocket: whether they ask for a WebSocket.
        proxied: whether they go through a proxy.
    """

    secure: bool | None = None
    host: str | None = None
    method: str | None = None
    websocket: bool | None = None
    proxied: bool | None = None


def of_route(route: Route) -> Setting:
    """Return what is known of the calls that a route answers."""
    method = None if route.method == ANY_METHOD else route.method
    if isinstance(route.target, UrlPattern):
        return Setting(_is_secure(route.target.pattern), method=method)
    origin = getattr(route.target, "host", None)
    return Setting(getattr(origin, "secure", None), getattr(origin, "host", None), method)


def of_host(host: Any) -> Setting:
    """Return what is known of the calls to what ``hosts=`` has; of most forms, nothing."""
    if isinstance(host, re.Pattern):
        return Setting(_is_secure(cast("re.Pattern[str]", host)))
    try:
        url = URL(host)
    except (TypeError, ValueError):
        return Setting()
    # A host by itself is read as a path.
    return Setting(url.scheme in {"https", "wss"} if url.host else None, url.host or str(url))


def of_call(call: Call) -> Setting:
    """Return all that is known of a call."""
    origin = call.asked.key.origin
    return Setting(
        origin.secure,
        origin.host if call.proxy is None else call.proxy.host,
        call.asked.method,
        asks_for_websocket(call.client_request.headers),
        call.proxy is not None,
    )


def misfit(fault: Fault, setting: Setting) -> str | None:
    """Say why a fault cannot happen to such calls; None if it may."""
    phase = fault.kind.phase
    if phase == "TLS" and setting.secure is False:
        return f"{fault} is a fault of TLS, and http has none: register it for an https URL."
    if phase == "proxy" and setting.proxied is False:
        return f"{fault} is a fault of a proxy, and the call goes through none."
    if phase == "WebSocket" and setting.method not in {None, hdrs.METH_GET}:
        return (
            f"{fault} is a fault of a WebSocket, which is asked for by GET, and not by "
            f"{setting.method}: register it with get()."
        )
    if phase == "WebSocket" and setting.websocket is False:
        return f"{fault} is a fault of a WebSocket, and the call asks for none."
    if isinstance(fault.kind.effect, LookingUp) and is_ip_address(setting.host):
        return (
            f"{fault} is a fault of looking up a name, and {setting.host} is an address, which "
            f"nobody looks up: take a URL with a name, or a fault such as faults.unreachable()."
        )
    return None


def faults_in(reply: Reply) -> Iterator[Fault]:
    """Iterate over the faults that *reply* is or may choose: delayed ones, and those behind."""
    for one in alternatives(reply):
        if isinstance(one, Fault):
            yield one
        inner: Any = one.then if isinstance(one, Fault) else getattr(one, "reply", None)
        if callable(inner):
            yield from faults_in(cast("Reply", inner))


def _is_secure(pattern: re.Pattern[str]) -> bool | None:
    """Tell whether all that *pattern* matches is encrypted, or nothing; None if neither is sure."""
    begins = [_SCHEME.match(one) for one in _top_alternatives(pattern.pattern)]
    found = {begin and begin[1].lower() in {"https", "wss"} for begin in begins}
    return found.pop() if len(found) == 1 else None


def _top_alternatives(pattern: str) -> Iterator[str]:
    """Iterate over what stands between the bars of an expression that are in no parentheses."""
    depth = start = 0
    for mark in _MARK.finditer(pattern):
        depth += (mark[0] == "(") - (mark[0] == ")")
        if mark[0] == "|" and depth == 0:
            yield pattern[start : mark.start()]
            start = mark.end()
    yield pattern[start:]
