"""The registering side of a mock: what it answers."""

from __future__ import annotations

from collections.abc import Mapping
from typing import TYPE_CHECKING, Any

from aiohttp import hdrs

from .arguments import (
    RouteOptions,
    caller,
    checked_matcher,
    checked_method,
    checked_priority,
    checked_repeat,
    checked_state,
    refuse_unknown,
)
from .replies.callback import Callback, CallbackReply
from .replies.conversion import Repliable, as_reply, reading_itself
from .replies.failure import failure
from .replies.static import Body, static_reply
from .routing.route import Reply, Route, parse_target
from .unset import UNSET

if TYPE_CHECKING:
    from typing_extensions import Unpack

    from .interceptor import Interceptor
    from .routing.matchers import Matcher
    from .routing.state import State, StateValue
    from .routing.urls import QueryParams, UrlSpec
    from .routing.usage import Times

__all__ = ("Registering",)

_DEFAULT = static_reply()


class Registering:
    """Registers routes."""

    interceptor: Interceptor

    def add(
        self,
        url: UrlSpec,
        method: str | Any = hdrs.METH_GET,
        status: int = 200,
        body: Body = b"",
        json: Any = UNSET,
        payload: Any = None,
        headers: Mapping[str, str] | None = None,
        repeat: bool | int = False,
        content_type: str | None = None,
        callback: Callback | None = None,
        reason: str | None = None,
        exception: BaseException | type[BaseException] | bool | None = None,
        *,
        reply: Repliable = None,
        read_body: bool = True,
        params: QueryParams | Any = None,
        match: Matcher | None = None,
        when: StateValue | None = None,
        then: StateValue | None = None,
        times: Times | None = None,
        priority: int = 0,
        name: str | None = None,
        **unknown: Any,
    ) -> Route:
        """Register a route, and return it.

        Args:
            url: an absolute URL or a path (``/users``, on any host), with ``{name}`` for a segment
                of the path and ``*`` in the host if wanted; a ``yarl.URL``, taken literally; or a
                compiled regular expression, matched at the URL's start. A query is compared whole,
                in any order.
            method: the HTTP method, in any case; ``ANY`` for every method.
            status: the status code.
            body: the body, as bytes or as text to be sent as UTF-8.
            json: a value to be sent as JSON in place of *body*; ``None`` is JSON null.
            payload: the same, but ``None`` means that there is none.
            headers: response headers; a multidict may repeat a name.
            repeat: how often the route answers: ``False`` or ``0`` once, a number that many
                times, ``True`` for ever, in place of an earlier ``True`` for the same URL.
            content_type: the ``Content-Type``; ``application/json`` if nothing else says.
            callback: called as ``callback(url, headers=, query=, json=, data=)`` for each request,
                or as ``callback(request)`` if its first parameter is called ``request``; may be a
                coroutine function. Returns a ``CallbackResult``, anything that *reply* takes, or
                None for what is registered beside it. What it raises is raised to the client's
                caller.
            reason: the reason phrase.
            exception: raised to the client's caller, in place of an answer: an exception or a
                class of them, or ``True`` for an ``aiohttp.ClientConnectionError``.
            reply: what answers, in place of the arguments above: one of ``replies``, an aiohttp
                handler, or what ``replies.as_reply`` makes one of.
            read_body: whether the body is read and recorded before the callback is called; without
                it, ``callback(request)`` gets the request while it is still arriving.
            params: query parameters, appended to the URL; ``ANY`` leaves the query open.
            match: what else a request must have; a route without is the fallback of those with.
            when: a name of the mock's ``state`` and the value it must have.
            then: a name of the mock's ``state`` and the value that answering gives it.
            times: how often the route is to be called: an int, a range, or ``(min, max)``; checked
                on leaving. Where *repeat* is not given, it answers as often as this allows.
            priority: routes with a higher one are tried before all others.
            name: what messages call the route.
            **unknown: refused, with the nearest argument that there is.

        Raises:
            TypeError: an argument is of a wrong type, or unknown.
            ValueError: an argument's value is not allowed, or the route could never answer.
        """
        refuse_unknown(unknown, Registering.add)
        answer: Reply = static_reply(
            status=status,
            body=body,
            json=payload if json is UNSET and payload is not None else json,
            headers=headers,
            content_type=content_type,
            reason=reason,
        )
        if reply is not None:
            if answer != _DEFAULT or exception:
                raise ValueError(
                    "reply= says all that is answered: leave out status, body, json, payload, "
                    "headers, content_type, reason and exception."
                )
            answer = as_reply(reply)
        if callback is not None:
            answer = CallbackReply(callback, answer, reads_body=read_body)
        elif not read_body:
            answer = reading_itself(answer)
        if exception is not None and exception is not False:
            answer = failure(exception)
        route = Route(
            checked_method(method),
            parse_target(url, params),
            answer,
            match=checked_matcher(match),
            when=checked_state("when", when),
            then=checked_state("then", then),
            times=times,
            repeat=checked_repeat(repeat),
            priority=checked_priority(priority),
            name=name,
            registered_at=caller(),
        )
        self.interceptor.registry.add(route)
        self.interceptor.settle()
        return route

    def get(self, url: UrlSpec, **kwargs: Unpack[RouteOptions]) -> Route:
        """Register a route for GET; see ``add``."""
        return self.add(url, hdrs.METH_GET, **kwargs)

    def post(self, url: UrlSpec, **kwargs: Unpack[RouteOptions]) -> Route:
        """Register a route for POST; see ``add``."""
        return self.add(url, hdrs.METH_POST, **kwargs)

    def put(self, url: UrlSpec, **kwargs: Unpack[RouteOptions]) -> Route:
        """Register a route for PUT; see ``add``."""
        return self.add(url, hdrs.METH_PUT, **kwargs)

    def patch(self, url: UrlSpec, **kwargs: Unpack[RouteOptions]) -> Route:
        """Register a route for PATCH; see ``add``."""
        return self.add(url, hdrs.METH_PATCH, **kwargs)

    def delete(self, url: UrlSpec, **kwargs: Unpack[RouteOptions]) -> Route:
        """Register a route for DELETE; see ``add``."""
        return self.add(url, hdrs.METH_DELETE, **kwargs)

    def head(self, url: UrlSpec, **kwargs: Unpack[RouteOptions]) -> Route:
        """Register a route for HEAD; see ``add``."""
        return self.add(url, hdrs.METH_HEAD, **kwargs)

    def options(self, url: UrlSpec, **kwargs: Unpack[RouteOptions]) -> Route:
        """Register a route for OPTIONS; see ``add``."""
        return self.add(url, hdrs.METH_OPTIONS, **kwargs)

    @property
    def state(self) -> State:
        """The state of the mock's scenarios; a name that was never set is ``None``."""
        return self.interceptor.registry.state

    def clear(self) -> None:
        """Forget all recorded requests, registered routes, and the state."""
        self.interceptor.registry.clear()
        self.interceptor.forget_calls()
