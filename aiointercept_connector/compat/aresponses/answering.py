"""What answers: a response, what one is made of, or a function of the request."""

from __future__ import annotations

from copy import copy
from inspect import isawaitable
from typing import TYPE_CHECKING, Any, NamedTuple

from aiohttp.web import HTTPException, Request, Response, StreamResponse, json_response

from ...journal.request import AiointerceptRequest
from ...loopback.sent import SentResponse
from ...replies.conversion import as_reply, respond
from ...replies.passing import passthrough
from ...replies.reply import BaseReply

if TYPE_CHECKING:
    from aiohttp.web import BaseRequest

    from .route import Route

__all__ = ("Answer", "Passing", "RawResponse", "RoutingLog", "ServedRequest")


class ServedRequest(AiointerceptRequest):
    """A request as the server of aresponses receives it: at the host of its head, without TLS.

    Suites compare the URL that a function of theirs has seen.
    """

    scheme = "http"  # pyright: ignore[reportAssignmentType] - `reify`
    url = Request.url  # pyright: ignore[reportIncompatibleMethodOverride] - aiohttp's own

    @classmethod
    def of(cls, request: AiointerceptRequest) -> None:
        """Make one of *request*, in place."""
        # Not by assignment, which aiohttp warns of in debug mode.
        object.__setattr__(request, "__class__", cls)


class RoutingLog(NamedTuple):
    """One request.

    Attributes:
        request: the request; its body may be read as often as one likes.
        route: the route that answered, or None.
        response: what was answered, or None.
    """

    request: AiointerceptRequest
    route: Route | None
    response: StreamResponse | None


class RawResponse(SentResponse):
    """A response that is these bytes and no others; then the connection is closed."""

    def __init__(self, body: bytes) -> None:
        super().__init__(keep_alive=False)
        self._bytes = body
        self._is_written = False

    @property
    def prepared(self) -> bool:
        """Whether the bytes have been written."""
        return self._is_written

    async def prepare(self, request: BaseRequest) -> None:
        """Write the bytes, at the first call."""
        if not self._is_written and request.transport is not None:
            self._is_written = True
            request.transport.write(self._bytes)


class Answer(BaseReply):
    """A reply as ``aresponses`` takes it.

    Args:
        route: what it answers.
        response: a response, of which a copy is sent; text; a dict or list, sent as JSON; or a
            function of the request, plain or async, that returns one of these.
        history: where each request is put that is answered.
    """

    __slots__ = ("history", "response", "route")

    def __init__(self, route: Route, response: Any, history: list[RoutingLog]) -> None:
        self.route = route
        self.response = response
        self.history = history

    async def __call__(self, request: AiointerceptRequest) -> StreamResponse:
        """Answer; where a function of the test has failed, with a 500, as aiohttp's server does."""
        self.count_down()
        try:
            response = await self._response(request)
        except HTTPException:
            raise
        except Exception as exc:  # noqa: BLE001 - whatever it is, it is logged and told
            return request.protocol.handle_error(request, 500, exc)
        return self.logged(request, response)

    def count_down(self) -> None:
        """Let the route tell how often it is still to answer."""
        self.route.repeat = getattr(self.route, "repeat", 1) - 1

    def logged(self, request: AiointerceptRequest, response: StreamResponse) -> StreamResponse:
        """Put *request* into the history, and return the *response* to it."""
        self.history.append(RoutingLog(request, self.route, response))
        return response

    async def _response(self, request: AiointerceptRequest) -> StreamResponse:
        who, result = "response", self.response
        if callable(result):
            who, result = f"response {result!r}", result(request)
            if isawaitable(result):
                result = await request.answer_at_home(result)
        elif isinstance(result, StreamResponse) and not isinstance(result, HTTPException):
            # A response can be sent once, and this one may be asked for again.
            result = copy(result)
        if isinstance(result, HTTPException):
            return await as_reply(result)(request)
        if isinstance(result, str):
            return Response(body=result)
        if isinstance(result, (dict, list)):
            return json_response(result)
        return await respond(result, request, who)

    def __repr__(self) -> str:
        return f"<Answer {self.response!r:.60}>"


class Passing(Answer):
    """A reply that the real host gives; its errors reach the client's caller."""

    __slots__ = ()

    reads_body = False

    def __init__(self, route: Route, history: list[RoutingLog]) -> None:
        super().__init__(route, None, history)

    async def __call__(self, request: AiointerceptRequest) -> StreamResponse:
        """Answer with what the real host answers."""
        self.count_down()
        return self.logged(request, await passthrough()(request))
