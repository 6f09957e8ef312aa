"""``fake_request``: what stands in the place of ``ClientSession._request`` while active.

It is called as a method of a session there, and as a function by tests, which have no session.
"""

from __future__ import annotations

import asyncio
from collections.abc import Callable, Coroutine
from typing import TYPE_CHECKING, Any, Final, Protocol

from aiohttp import ClientResponse, ClientSession, DummyCookieJar, hdrs
from multidict import CIMultiDict
from yarl import URL

from ...client_calls import ClientCall
from ...connector import InterceptConnector
from ...errors import UnmatchedRequestError
from ...routing.route import Asked
from .exc import NoUrlMatching
from .url import ImmutableFurl

if TYPE_CHECKING:
    from ...interceptor import Interceptor
    from ...journal.request import AiointerceptRequest

__all__ = ("FakeRequest",)

_METHOD: Final = "_request"


class Records(Protocol):
    """A mock, as far as it is needed here."""

    interceptor: Interceptor
    calls: list[dict[str, Any]]

    @property
    def is_active(self) -> bool:
        """Whether the calls of sessions are asked of it."""
        ...


class FakeRequest:
    """Records a call and has it answered by aiohttp's own client, in the mock's connector.

    Attributes:
        function: the coroutine function: one object for good, as that is how it is found again.
        replaced: the method of ``ClientSession`` whose place this has taken.
    """

    # Private, and what aiohttpretty promises to replace: `ClientSession._request`. Watched by
    # tests/compat/aiohttpretty/test_calling.py.

    def __init__(self, mock: Records) -> None:
        self._mock = mock
        self.function = self._new_function()
        self.replaced: Any = None
        self._was_left = False

    def _new_function(self) -> Callable[..., Coroutine[Any, Any, ClientResponse]]:
        async def fake_request(*args: Any, **kwargs: Any) -> ClientResponse:
            """Answer a call that no session has made; takes what ``ClientSession.request`` does.

            Raises:
                NoUrlMatching: nothing was registered for it.
            """
            if args and isinstance(args[0], ClientSession):
                # A method of it, which this is while it stands in that one's place.
                return await self._of(*args, **kwargs)
            return await self._of_nobody(*args, **kwargs)

        return fake_request

    def put(self) -> None:
        """Take the place of the method."""
        method = ClientSession.__dict__[_METHOD]
        if self._was_left and method is not self.replaced:
            # Below what was put in front of it, it is in its place still.
            return
        self.replaced = method
        setattr(ClientSession, _METHOD, self.function)

    def take(self) -> None:
        """Give the place back; what was put in front since stays there, and is passed through."""
        self._was_left = ClientSession.__dict__[_METHOD] is not self.function
        if not self._was_left:
            setattr(ClientSession, _METHOD, self.replaced)

    async def _of_nobody(self, method: str, uri: str | URL, **kwargs: Any) -> ClientResponse:
        if not self._mock.interceptor.is_open:
            self._mock.interceptor.open()
        # Nobody will close it: it keeps no connection that has answered.
        connector = InterceptConnector(self._mock, force_close=True)
        session = ClientSession(connector=connector, cookie_jar=DummyCookieJar())
        try:
            return await self._answered(
                ClientCall(self._send(session), session, method, uri, **kwargs)
            )
        finally:
            session.detach()

    async def _of(self, session: ClientSession, *args: Any, **kwargs: Any) -> ClientResponse:
        send: Callable[..., Any] = self.replaced.__get__(session, type(session))
        if not self._mock.is_active or session.closed:
            # It may be in somebody's hands still; and what is refused, the session says itself.
            response: ClientResponse = await send(*args, **kwargs)
            return response
        return await self._answered(ClientCall(send, session, *args, **kwargs))

    def _send(self, session: ClientSession) -> Callable[..., Any]:
        """Return what would be the method of *session* without this."""
        is_active = self._mock.is_active
        method: Any = self.replaced if is_active else ClientSession.__dict__[_METHOD]
        send: Callable[..., Any] = method.__get__(session, type(session))
        return send

    async def _answered(self, call: ClientCall) -> ClientResponse:
        url = ImmutableFurl(call.url, call.kwargs.get("params"))
        replaced: dict[str, Any] = {}
        if self._mock.interceptor.claims(Asked(call.method.upper(), url.whole)):
            data = call.kwargs.get("data")
            if isinstance(data, asyncio.StreamReader):
                replaced["data"] = await data.read()
            kwargs = {name: value for name, value in call.kwargs.items() if name != "params"}
            self._mock.calls.append({"method": call.method, "uri": url, **kwargs})
            headers = CIMultiDict(kwargs.get("headers") or {})
            if headers.popall(hdrs.CONTENT_LENGTH, None):
                # aiohttp holds the body to it, and a server would wait for the rest.
                replaced["headers"] = headers
        try:
            return await call.send(**replaced)
        except UnmatchedRequestError as exc:
            raise _no_match(call, url, exc.request) from exc


def _no_match(
    call: ClientCall, url: ImmutableFurl, request: AiointerceptRequest | None
) -> NoUrlMatching:
    asked = url if request is None else ImmutableFurl(request.url)
    # After a redirect it is another URL than the caller's, whose spelling is not to be had.
    uri = call.url if asked == url else asked
    return NoUrlMatching(
        f"No URLs matching {call.method} {uri} with params {dict(asked.params)}. "
        f"Not making request. Go fix your test."
    )
