"""What is registered: which URLs it is for, and what it answers."""

from __future__ import annotations

import asyncio
import json
import re
from collections.abc import Callable, Mapping
from http import HTTPStatus
from inspect import isawaitable
from typing import TYPE_CHECKING, Any, Final, NoReturn

from aiohttp import ClientResponse, hdrs, web
from multidict import CIMultiDict
from yarl import URL

from ...replies.conversion import respond
from ...replies.reply import BaseReply
from ...replies.static import StaticReply
from ...routing.route import Route
from ...routing.target import UrlTest
from ..exact import exact_response
from .calls import MockedCall
from .overridable import normalize_url

if TYPE_CHECKING:
    from ...journal.request import AiointerceptRequest
    from .mock import aioresponses

__all__ = ("MatchReply", "RequestMatch")

_REDIRECTS: Final = (301, 302, 303, 307, 308)
_RESULT_PARTS: Final = ("status", "body", "content_type", "payload", "headers", "reason")


class RequestMatch:
    """One registration; its attributes are the arguments of ``add``.

    Attributes:
        url_or_pattern: the URL, normalised, or the compiled expression.
        match_func: tells whether this is for a URL: ``match_str`` or ``match_regexp``.
        method: the HTTP method, lower case.
        exception: what the client's call is to raise; ``timeout=True`` has put its own there.
    """

    def __init__(
        self,
        url: URL | str | re.Pattern[str],
        method: str = hdrs.METH_GET,
        status: int = 200,
        body: str | bytes = "",
        payload: Any = None,
        exception: BaseException | type[BaseException] | None = None,
        headers: Mapping[str, str] | None = None,
        content_type: str = "application/json",
        response_class: type[ClientResponse] | None = None,
        timeout: bool = False,
        repeat: bool | int = False,
        reason: str | None = None,
        callback: Callable[..., Any] | None = None,
    ) -> None:
        self.url_or_pattern: Any
        if isinstance(url, re.Pattern):
            self.url_or_pattern, self.match_func = url, self.match_regexp
        else:
            self.url_or_pattern, self.match_func = normalize_url(url), self.match_str
        self.method = method.lower()
        self.status = status
        self.body = body
        self.payload = payload
        self.exception = exception
        if timeout:
            self.exception = asyncio.TimeoutError("Connection timeout test")
        self.headers = CIMultiDict(headers or {})
        self.content_type = content_type
        self.response_class = response_class
        self.repeat = repeat
        self.reason = _phrase(status) if reason is None else reason
        self.callback = callback

    def match(self, method: str, url: URL) -> bool:
        """Tell whether this is for *method*, in any case, and *url*, which is normalised."""
        return self.method == method.lower() and self.match_func(url)

    def match_str(self, url: URL) -> bool:
        """Tell whether *url*, which is normalised, is the URL of this."""
        return bool(self.url_or_pattern == url)

    def match_regexp(self, url: URL) -> bool:
        """Tell whether *url*, which is normalised, begins as the expression of this says."""
        return self.url_or_pattern.match(str(url)) is not None

    def route(self, mock: aioresponses) -> Route:
        """Return the route that answers as this does, for the calls of *mock*."""

        def accepts(url: URL) -> bool:
            call = MockedCall.current(mock)
            asked = normalize_url(url) if call is None else call.asked_as(url)
            # Suites put a function of their own in the place of `match`.
            return self.match(self.method, asked)

        target = UrlTest(accepts, str(self.url_or_pattern))
        return Route(self.method, target, MatchReply(self, mock), repeat=self._answers())

    async def build_response(
        self, url: URL | str, **kwargs: Any
    ) -> ClientResponse | BaseException | type[BaseException]:
        """Return what is answered to a call of *url*, whatever URL this is for.

        Args:
            url: the URL.
            **kwargs: what a callback is given, and of it ``headers`` what the response tells that
                it was asked with.

        Returns:
            A response, or the exception that the call would raise.
        """
        # Imported at its use: it is made of a mock, and few suites ask for it.
        from .building import built_response

        response = await built_response(self, URL(url), kwargs)
        return response if self.exception is None else self.exception

    def _build_response(self, *args: Any, **kwargs: Any) -> NoReturn:
        """Make no response: aiohttp does. Suites of aioresponses put their own function here."""
        raise NotImplementedError(
            "_build_response() makes no response: aiohttp's own client does. "
            "Write `await match.build_response(url)`"
        )

    def _answers(self) -> bool | int:
        """Return ``repeat`` as a route has it; a number below 1 is counted down, and never ends."""
        return True if not isinstance(self.repeat, bool) and self.repeat < 1 else self.repeat

    def __repr__(self) -> str:
        return f"RequestMatch('{self.url_or_pattern}')"


class MatchReply(BaseReply):
    """A reply that is made, and whose callback is called, when a client asks for it.

    Attributes:
        match: the registration that it is the reply of.
        exception: what it has raised last; that goes to the client's caller, whatever its type.
    """

    __slots__ = ("_mock", "exception", "match")

    def __init__(self, match: RequestMatch, mock: aioresponses) -> None:
        self.match = match
        self._mock = mock
        self.exception: BaseException | None = None

    async def __call__(self, request: AiointerceptRequest) -> web.StreamResponse:
        """Answer, or raise to the client's caller what was registered or the callback raises."""
        call = MockedCall.current(self._mock)
        earlier = request.once(self, _nothing_raised)
        if earlier:
            # aiohttp sends the call again after some errors; it is one call, and fails once.
            raise earlier[0]
        try:
            result = await self._result(request, call)
        except BaseException as exc:  # noqa: BLE001 - whatever it is, it is the caller's
            if request.route is not None:
                # As if it had not been asked: a callback that fails once answers the next time.
                self._mock.registry.give_back(request.route)
            self._fail(call, exc, earlier)
        if self.match.exception is not None:
            self._fail(call, self.match.exception, earlier)
        if call is not None:
            call.answered = True
            call.redirected = getattr(result, "status", None) in _REDIRECTS
            # A function that makes responses is not asked: aiohttp makes them.
            response_class = getattr(result, "response_class", None)
            call.response_class = response_class if isinstance(response_class, type) else None
        if all(hasattr(result, part) for part in _RESULT_PARTS):
            if call is not None:
                call.is_whole = True
            return await _registered(result, request, call)
        return await respond(result, request, f"callback for {self.match!r}")

    async def _result(self, request: AiointerceptRequest, call: MockedCall | None) -> Any:
        """Return what the callback returns, or else what is registered."""
        callback = self.match.callback
        if not callable(callback):
            return self.match
        if call is None:
            result = callback(normalize_url(request.url))
        else:
            result = callback(call.asked_as(request.url), **call.callback_kwargs())
        if isawaitable(result):
            result = await result
        return self.match if result is None else result

    def _fail(
        self,
        call: MockedCall | None,
        exception: BaseException | type[BaseException],
        raised: list[BaseException],
    ) -> NoReturn:
        try:
            raise exception  # noqa: TRY301 - makes an instance of a class, and the traceback
        except BaseException as exc:
            self.exception = exc
            raised.append(exc)
            if call is not None:
                call.failure = exc
            raise

    def __repr__(self) -> str:
        return f"<MatchReply {self.match!r}>"


def _nothing_raised() -> list[BaseException]:
    return []


async def _registered(
    result: Any, request: AiointerceptRequest, call: MockedCall | None
) -> web.StreamResponse:
    """Answer with exactly the status, headers and body that *result* has.

    A real server could send most of them. What it could not, such as a body with 204, goes over
    the wire as a response that it could, and its head beside the wire.
    """
    body = result.body if result.payload is None else json.dumps(result.payload)
    headers: CIMultiDict[str] = CIMultiDict({hdrs.CONTENT_TYPE: result.content_type})
    headers.update(result.headers or {})
    reason = _phrase(result.status) if result.reason is None else result.reason
    status = result.status
    if call is not None and not (isinstance(status, int) and status >= HTTPStatus.OK):
        # No number, or one after which the client waits for the response proper.
        call.status, status = status, HTTPStatus.OK
    data = body if isinstance(body, bytes) else str.encode(body)
    # Behind a response of aioresponses nothing stays open: no timer of a pool, no socket to close.
    content = StaticReply(200, data, {hdrs.CONNECTION: "close"})
    return await exact_response(request, content, status=status, reason=reason, headers=headers)


def _phrase(status: int) -> str:
    try:
        return HTTPStatus(status).phrase
    except ValueError:
        return ""
