"""What a call asks with: the caller's arguments, as far as a client can send them.

aioresponses looks at none, so suites have headers that are None, a mock for a timeout or a context,
a ``Content-Length`` that is not true. They are recorded, and callbacks get them; but what aiohttp
refuses is left out of the request, and so is what would have the server wait for more.
"""

from __future__ import annotations

from collections.abc import Mapping
from http.cookies import CookieError
from typing import TYPE_CHECKING, Any, Final, cast

from aiohttp import ClientTimeout, hdrs
from multidict import CIMultiDict

if TYPE_CHECKING:
    from ...client_calls import ClientCall

__all__ = ("REFUSALS", "framed_by_aiohttp", "not_refused")

REFUSALS: Final = (TypeError, ValueError, AttributeError, CookieError)
"""What aiohttp raises for arguments that it cannot send, before anything is sent."""

_FRAMING: Final = (hdrs.CONTENT_LENGTH, hdrs.TRANSFER_ENCODING)

# They say what is sent, and how. The others, such as `allow_redirects`, say what becomes of it.
_SENT: Final = frozenset(
    {
        "auth",
        "chunked",
        "compress",
        "cookies",
        "data",
        "expect100",
        "fingerprint",
        "headers",
        "json",
        "proxy",
        "proxy_auth",
        "proxy_headers",
        "server_hostname",
        "skip_auto_headers",
        "ssl",
        "ssl_context",
        "timeout",
        "verify_ssl",
    }
)


def not_refused(call: ClientCall) -> dict[str, Any]:
    """Return what to send in the place of the arguments of *call*, one of which was refused.

    The session's own headers and timeout may be what was refused; an argument goes before them.
    """
    kept = {name: value for name, value in call.kwargs.items() if name not in _SENT}
    headers = CIMultiDict(dict.fromkeys(call.headers(), ""))
    for name in _FRAMING:
        headers.pop(name, None)
    return {**kept, "headers": headers, "timeout": ClientTimeout()}


def framed_by_aiohttp(kwargs: Mapping[str, Any]) -> dict[str, Any]:
    """Return what to send in the place of the arguments *kwargs* that tell where a body ends."""
    framed: dict[str, Any] = {}
    if kwargs.get("chunked") and kwargs.get("data") is None and kwargs.get("json") is None:
        framed["chunked"] = None
    headers = kwargs.get("headers")
    if isinstance(headers, Mapping):
        sent: CIMultiDict[str] = CIMultiDict(cast("Mapping[str, str]", headers))
        named = [name for name in _FRAMING if name in sent]
        for name in named:
            del sent[name]
        if named:
            framed["headers"] = sent
    return framed
