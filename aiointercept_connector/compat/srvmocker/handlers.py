"""How a request is answered: by what is registered for the name of its route."""

from __future__ import annotations

from collections.abc import Awaitable, Callable, Sequence
from typing import TYPE_CHECKING, Any

from aiohttp.web_exceptions import HTTPNotFound

from ...replies.conversion import as_reply
from .constants import SERVICE_KEY
from .exceptions import MissingResponseError
from .recorded import RecordedRequest

if TYPE_CHECKING:
    from aiohttp.web import Request
    from aiohttp.web_response import StreamResponse

    from .models import MockRoute, MockService

__all__ = ("NO_MATCH", "answer", "build_dispatcher")

NO_MATCH = "No MockRoute matched the request"


def build_dispatcher(
    routes: Sequence[MockRoute],
) -> Callable[[Request], Awaitable[StreamResponse]]:
    """Return a handler for an ``Application`` of the test's own, which has a ``SERVICE_KEY``.

    Args:
        routes: of these, which share a method and a path, the first that matches answers.
    """

    async def dispatch(request: Request) -> StreamResponse:
        body = await request.read()
        for route in routes:
            if route.match is None or route.match.matches(request, body):
                return await answer(request.app[SERVICE_KEY], request, body, route.handler_name)
        raise HTTPNotFound(reason=NO_MATCH)

    return dispatch


async def answer(service: MockService, request: Any, body: bytes, name: str) -> StreamResponse:
    """Put *request* into the history, and answer it with what is registered for *name*.

    Raises:
        MissingResponseError: nothing is registered.
    """
    service.record(RecordedRequest.of(request, body, name))
    registered = service.handlers.get(name)
    if registered is None:
        raise MissingResponseError(
            f"no response registered for handler {name!r}; "
            f"call service.register({name!r}, response)"
        )
    reply = getattr(registered, "response", None) or as_reply(registered)
    response: StreamResponse = await reply(request)
    return response
