"""The calls of clients' sessions, word for word: what HTTP does not carry of them.

A layer in front of ``ClientSession._request``, through which every method of a session goes, sees a
call before anything has been made of it, and its response before the caller does. Nobody but a
facade that promises the client's own keyword arguments needs one.
"""

from __future__ import annotations

import threading
from collections.abc import Awaitable, Callable
from typing import Any, Final, TypeAlias

from aiohttp import ClientResponse, ClientSession, RequestInfo
from multidict import CIMultiDict, CIMultiDictProxy
from yarl import URL

__all__ = ("Around", "CallLayer", "ClientCall", "tell_request_headers")

# The layers of a method are a chain, of which two threads are not to change links at once.
_lock: Final = threading.Lock()

_METHOD: Final = "_request"
_SCHEMES: Final = frozenset({"http", "https", "ws", "wss"})


class ClientCall:
    """One call of a session.

    Attributes:
        original: the method that was called, but for the layers that see the call earlier.
        session: the session.
        method: the HTTP method, as the caller has written it.
        str_or_url: the URL, as the caller has written it.
        url: the URL, absolute if the session has a base for it, without the ``params``.
        args: the further positional arguments; aiohttp's session takes none.
        kwargs: the keyword arguments.
    """

    # Private names of aiohttp's: `_request`, `_build_url`, `_prepare_headers`, and of a response
    # `_url`, `_real_url` and `_request_info`; the same since 3.8. Watched by
    # tests/test_client_calls.py.

    def __init__(
        self,
        original: Callable[..., Any],
        session: ClientSession,
        method: str,
        str_or_url: str | URL,
        *args: Any,
        **kwargs: Any,
    ) -> None:
        self.original = original
        self.str_or_url = str_or_url
        self.session = session
        self.method = method
        self.url: URL = session._build_url(str_or_url)
        self.args = args
        self.kwargs = kwargs

    def headers(self) -> CIMultiDict[str]:
        """Return the headers of the call and, where it does not name them, of its session."""
        headers: CIMultiDict[str] = self.session._prepare_headers(self.kwargs.get("headers"))
        return headers

    async def send(self, **replaced: Any) -> ClientResponse:
        """Let the call go on, with some of its keyword arguments replaced."""
        response: ClientResponse = await self.original(
            self.method, self.str_or_url, *self.args, **{**self.kwargs, **replaced}
        )
        return response

    @property
    def can_be_sent(self) -> bool:
        """Whether the URL has a host, and a scheme that aiohttp asks."""
        return self.url.scheme in _SCHEMES and bool(self.url.raw_host)

    async def send_to(self, stand_in: URL, **replaced: Any) -> ClientResponse:
        """Let the call go on to *stand_in*; its response is told to have come from its own URL."""
        without_params: dict[str, Any] = {**self.kwargs, "params": None, **replaced}
        response: ClientResponse = await self.original(
            self.method, stand_in, *self.args, **without_params
        )
        if response._url == stand_in:
            response._url = response._real_url = self.url
        return response


def tell_request_headers(response: ClientResponse, headers: CIMultiDict[str]) -> None:
    """Have *response* tell that it was asked for with *headers*."""
    info = response._request_info
    told = CIMultiDictProxy(headers)
    response._request_info = RequestInfo(info.url, info.method, told, info.real_url)


Around: TypeAlias = "Callable[[ClientCall], Awaitable[ClientResponse]]"
"""What is done with a call: it may look at it, must send it, and returns the response."""


class CallLayer:
    """Hands the calls of sessions to *around*, but for those that a session refuses by itself."""

    def __init__(self, around: Around) -> None:
        self._around = around
        # One object for good: it is how the layer is found again.
        self._wrapper = self._call

    def put(self) -> None:
        """Begin to hand calls over; layers that were put later are asked earlier."""
        # Imported at its use: wrapt takes longer than all of this package.
        from .layers import put

        with _lock:
            put(ClientSession, _METHOD, self._wrapper)

    def take(self) -> None:
        """Cease to hand calls over. Does nothing if there was no ``put``."""
        from .layers import take

        with _lock:
            take(ClientSession, _METHOD, self._wrapper)

    def _call(
        self, send: Callable[..., Any], session: ClientSession, args: Any, kwargs: dict[str, Any]
    ) -> Awaitable[ClientResponse]:
        call = None if session.closed else _call_of(send, session, args, kwargs)
        if call is None:
            refused: Awaitable[ClientResponse] = send(*args, **kwargs)
            return refused
        return self._around(call)


def _call_of(
    send: Callable[..., Any], session: ClientSession, args: Any, kwargs: dict[str, Any]
) -> ClientCall | None:
    try:
        return ClientCall(send, session, *args, **kwargs)
    except (TypeError, ValueError):
        # There is no URL, or it is none: the session says so in its own words.
        return None
