"""The calls of clients' sessions, word for word: what HTTP does not carry of them.

A layer in front of ``ClientSession._request``, through which every method of a session goes, sees a
call before anything has been made of it, and its response before the caller does. Nobody but a
facade that promises the client's own keyword arguments needs one.
"""

from __future__ import annotations

import inspect
import threading
from collections.abc import Awaitable, Callable, Generator
from contextlib import contextmanager
from types import MethodType
from typing import Any, Final, TypeAlias, cast

from aiohttp import ClientResponse, ClientResponseError, ClientSession, RequestInfo
from multidict import CIMultiDict, CIMultiDictProxy
from yarl import URL

from .visiting import bare, is_elsewhere, visiting

__all__ = ("Around", "CallLayer", "ClientCall", "below_layers", "tell_as_made_by_hand")

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
    # `_url`, `_real_url`, `_request_info`, `_headers`, `_history`, and `_cache` for what properties
    # have made of them; the same since 3.8. Watched by tests/test_client_calls.py.

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
            response._cache.clear()
        return response


def tell_as_made_by_hand(
    told: ClientResponse | ClientResponseError, request_headers: CIMultiDict[str]
) -> None:
    """Have a response, or the error made of one, be as if no client had asked for it.

    It was asked for with *request_headers* alone, its own headers may be changed, and it is not a
    redirect of itself, as aiohttp has it of one that does not say where to.
    """
    if isinstance(told, ClientResponseError):
        told.request_info = _with_headers(told.request_info, request_headers)
        told.headers = None if told.headers is None else CIMultiDict(told.headers)
        return
    told._request_info = _with_headers(told._request_info, request_headers)
    told._headers = cast("Any", CIMultiDict(told._headers))
    if told._history[-1:] == (told,):
        told._history = told._history[:-1]
    told._cache.clear()


def _with_headers(info: RequestInfo, headers: CIMultiDict[str]) -> RequestInfo:
    return RequestInfo(info.url, info.method, CIMultiDictProxy(headers), info.real_url)


def below_layers(session: ClientSession) -> Callable[..., Any]:
    """Return the method of *session* that sends a call, below whatever sees calls earlier."""
    method: Callable[..., Any] = inspect.unwrap(ClientSession._request)
    return MethodType(method, session)


Around: TypeAlias = "Callable[[ClientCall], Awaitable[ClientResponse]]"
"""What is done with a call: it may look at it, must send it, and returns the response."""


class CallLayer:
    """Hands the calls of sessions to *around*, but for those that a session refuses by itself.

    A session may be of any event loop; see ``visiting``.
    """

    def __init__(self, around: Around) -> None:
        self._around = around
        # One object for good: it is how the layer is found again.
        self._wrapper = self._call
        self._layer: Any = None

    def put(self) -> None:
        """Begin to hand calls over; layers that were put later are asked earlier."""
        # Imported at its use: wrapt takes longer than all of this package.
        from .layers import put

        with _lock:
            self._layer = put(ClientSession, _METHOD, self._wrapper)

    def take(self) -> None:
        """Cease to hand calls over. Does nothing if there was no ``put``."""
        from .layers import take

        with _lock:
            take(ClientSession, _METHOD, self._wrapper)

    async def _call(
        self, send: Callable[..., Any], session: ClientSession, args: Any, kwargs: dict[str, Any]
    ) -> ClientResponse:
        if session.closed or not is_elsewhere(session):
            return await self._handed_over(send, session, args, kwargs)
        with visiting(session) as visitor:
            return await self._handed_over(self._below(visitor), session, args, kwargs)

    @contextmanager
    def bare(self, call: ClientCall) -> Generator[None]:
        """Let *call* be made without regard to what its session was made with; see ``bare``."""
        made_by: Any = call.original
        with bare(made_by.__self__) as session:
            call.original = self._below(session)
            yield

    def _below(self, session: ClientSession) -> Callable[..., Any]:
        """Return the method of *session* below this layer."""
        method: Callable[..., Any] = self._layer.__wrapped__.__get__(session, type(session))
        return method

    async def _handed_over(
        self, send: Callable[..., Any], session: ClientSession, args: Any, kwargs: dict[str, Any]
    ) -> ClientResponse:
        call = None if session.closed else _call_of(send, session, args, kwargs)
        if call is None:
            refused: ClientResponse = await send(*args, **kwargs)
            return refused
        return await self._around(call)


def _call_of(
    send: Callable[..., Any], session: ClientSession, args: Any, kwargs: dict[str, Any]
) -> ClientCall | None:
    try:
        return ClientCall(send, session, *args, **kwargs)
    except (TypeError, ValueError):
        # There is no URL, or it is none: the session says so in its own words.
        return None
