"""The registering side of a mock: what it answers."""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from typing import TYPE_CHECKING, Any

from aiohttp import hdrs

from .arguments import (
    RouteOptions,
    caller,
    check_body_is_there,
    check_faults,
    check_lasts,
    check_serves_once,
    checked_fault,
    checked_matcher,
    checked_method,
    checked_name,
    checked_params,
    checked_priority,
    checked_repeat,
    checked_state,
    refuse_unknown,
    with_delay,
)
from .replies.callback import Callback, CallbackReply
from .replies.checked import checked_flag
from .replies.conversion import Repliable, as_reply, reading_itself
from .replies.failure import failure
from .replies.reply import BaseReply
from .replies.static import Body, static_reply
from .routing.route import ANY_METHOD, Reply, Route, parse_target
from .unset import UNSET

if TYPE_CHECKING:
    from typing_extensions import Unpack
    from yarl import URL

    from .faults.chaos import Chaos
    from .interceptor import Interceptor
    from .replies.delay import Delay
    from .replies.websockets import Talking
    from .routing.matchers import Matcher
    from .routing.policy import Allowed
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
        exception: BaseException | type[BaseException] | BaseReply | bool | None = None,
        *,
        reply: Repliable = None,
        read_body: bool = True,
        delay: Delay = 0,
        virtual: bool = False,
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
            json: a value to be sent as JSON, in place of *body* and *payload*; ``None`` is JSON
                null.
            payload: the same, in place of *body*; but ``None`` means that there is none.
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
                class of them, ``True`` for an ``aiohttp.ClientConnectionError``, or one of
                ``faults``.
            reply: what answers, in place of the arguments above: one of ``replies`` or
                ``faults``, an aiohttp handler, or what ``replies.as_reply`` makes one of.
            read_body: whether the body is read and recorded before the callback is called; without
                it, ``callback(request)`` gets the request while it is still arriving.
            delay: seconds to wait before anything is answered, or a distribution of them, such as
                ``replies.uniform(0.1, 0.3)``.
            virtual: do not wait. A client whose own timeout would have expired raises what it
                would have raised, at once; any other is answered.
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
        checked_flag("read_body", read_body)
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
        if isinstance(exception, BaseReply):
            answer = checked_fault(exception)
        elif exception is not None and exception is not False:
            answer = failure(exception)
        check_body_is_there(answer, match)
        if delay != 0 or virtual is not False:
            answer = with_delay(answer, delay, virtual=virtual)
        route = Route(
            checked_method(method),
            parse_target(url, checked_params(params)),
            answer,
            match=checked_matcher(match),
            when=checked_state("when", when),
            then=checked_state("then", then),
            times=times,
            repeat=checked_repeat(repeat),
            priority=checked_priority(priority),
            name=checked_name(name),
            registered_at=caller(),
        )
        check_serves_once(route)
        check_lasts(route, repeated=bool(repeat))
        early = isinstance(answer, BaseReply) and check_faults(route)
        self.interceptor.registry.add(route)
        self.interceptor.fails_early |= early
        self.interceptor.settle()
        return route

    def get(self, url: UrlSpec, **kwargs: Unpack[RouteOptions]) -> Route:
        """Register a route for GET; see ``add``."""
        return self.add(url, method=hdrs.METH_GET, **kwargs)

    def post(self, url: UrlSpec, **kwargs: Unpack[RouteOptions]) -> Route:
        """Register a route for POST; see ``add``."""
        return self.add(url, method=hdrs.METH_POST, **kwargs)

    def put(self, url: UrlSpec, **kwargs: Unpack[RouteOptions]) -> Route:
        """Register a route for PUT; see ``add``."""
        return self.add(url, method=hdrs.METH_PUT, **kwargs)

    def patch(self, url: UrlSpec, **kwargs: Unpack[RouteOptions]) -> Route:
        """Register a route for PATCH; see ``add``."""
        return self.add(url, method=hdrs.METH_PATCH, **kwargs)

    def delete(self, url: UrlSpec, **kwargs: Unpack[RouteOptions]) -> Route:
        """Register a route for DELETE; see ``add``."""
        return self.add(url, method=hdrs.METH_DELETE, **kwargs)

    def head(self, url: UrlSpec, **kwargs: Unpack[RouteOptions]) -> Route:
        """Register a route for HEAD; see ``add``."""
        return self.add(url, method=hdrs.METH_HEAD, **kwargs)

    def options(self, url: UrlSpec, **kwargs: Unpack[RouteOptions]) -> Route:
        """Register a route for OPTIONS; see ``add``."""
        return self.add(url, method=hdrs.METH_OPTIONS, **kwargs)

    def ws(
        self,
        url: UrlSpec,
        handler: Talking,
        *,
        protocols: Sequence[str] = (),
        compress: bool | int = True,
        heartbeat: float | None = None,
        autoping: bool = True,
        max_msg_size: int = 4 * 2**20,
        repeat: bool | int = False,
        params: QueryParams | Any = None,
        match: Matcher | None = None,
        when: StateValue | None = None,
        then: StateValue | None = None,
        times: Times | None = None,
        priority: int = 0,
        name: str | None = None,
        **unknown: Any,
    ) -> Route:
        """Register a WebSocket, and return its route.

        Args:
            url: as ``add`` takes it, with the scheme ``ws``, ``wss``, ``http`` or ``https``.
            handler: a coroutine function that is called as ``handler(ws, request)`` with aiohttp's
                ``web.WebSocketResponse``, prepared already; or a list of steps, ``expect(...)``,
                ``send(...)`` and so on, played to one client. When they have ended, the WebSocket
                is closed with 1000.
            protocols: the subprotocols that the server knows; the client's order decides.
            compress: whether messages are compressed if the client offers it; an int from 9 to 15
                is the window's size in bits.
            heartbeat: send a ping every so many seconds, and end the connection where no pong
                comes.
            autoping: answer pings by pongs.
            max_msg_size: the longest message that is received, in bytes; 0 for no limit.
            repeat: how many connections the route is for. If nothing is said: a list of steps for
                one, a handler for any number.
            params: as ``add`` takes it, and so are the arguments behind it.
            match: what else a request must have.
            when: a name of the mock's ``state`` and the value it must have.
            then: a name of the mock's ``state`` and the value that answering gives it.
            times: how many connections there are to be; checked on leaving.
            priority: routes with a higher one are tried before all others.
            name: what messages call the route.
            **unknown: refused, with the nearest argument that there is.

        Raises:
            TypeError: an argument is of a wrong type, or unknown.
            ValueError: an argument's value is not allowed, or the route could never answer.
        """
        refuse_unknown(unknown, Registering.ws)
        # Imported at its use: importing this package is to stay cheap.
        from .replies.websockets import websocket

        reply = websocket(
            handler,
            protocols=protocols,
            compress=compress,
            heartbeat=heartbeat,
            autoping=autoping,
            max_msg_size=max_msg_size,
        )
        return self.add(
            url,
            reply=reply,
            repeat=repeat,
            params=params,
            match=match,
            when=when,
            then=then,
            times=times,
            priority=priority,
            name=name,
        )

    def mount(
        self,
        url: str | URL,
        app: Any,
        *,
        strip_prefix: bool = True,
        times: Times | None = None,
        name: str | None = None,
    ) -> Route:
        """Let a whole application answer every URL that begins with *url*, and return its route.

        It answers requests of every method, WebSockets too, that no other route answers. Its first
        request starts it; leaving the mock stops it.

        Args:
            url: an absolute URL, perhaps with ``*`` in the host, or a path on any host; what is
                below it is found by whole segments.
            app: an ``aiohttp.web.Application``, a ``TestServer`` or ``RawTestServer``, an aiohttp
                handler, or an ASGI application (FastAPI, Starlette).
            strip_prefix: whether the application's own paths are those behind the path of *url*,
                so that its ``/users`` is asked as ``/v2/users``.
            times: how often it is to be called; checked on leaving.
            name: what messages call the route.

        Raises:
            TypeError: *app* is none of these.
            ValueError: *url* cannot be the beginning of others.
            ImportError: *app* is an ASGI application, and uvicorn is not installed.
        """
        # Imported at its use: importing this package is to stay cheap.
        from .mounting import mounted

        target, host = mounted(url, app, strip_prefix=checked_flag("strip_prefix", strip_prefix))
        route = Route(
            ANY_METHOD,
            target,
            host,
            times=times,
            repeat=True,
            name=checked_name(name),
            registered_at=caller(),
        )
        self.interceptor.registry.add(route)
        self.interceptor.hosts.append(host)
        self.interceptor.settle()
        return route

    def chaos(
        self,
        rate: float,
        *,
        seed: int | str | None = None,
        faults: Iterable[Repliable] | None = None,
        hosts: Iterable[Allowed] | None = None,
    ) -> Chaos:
        """Let faults happen by chance to whatever is registered, in a ``with`` block.

        No route is used up by a call that meets one. What fails in the block notes the seed.

        Args:
            rate: how often one happens: 0 never, 1 always.
            seed: makes the run again that had this seed; by default, a new one.
            faults: what happens, all as often; by default, the commonest failures of a network.
            hosts: to whose calls, as ``passthrough`` takes them; by default, to those of all hosts.

        Raises:
            TypeError: an argument is of a wrong type.
            ValueError: *rate* is not from 0 to 1, or *faults* is empty.
        """
        # Imported at its use: importing this package is to stay cheap.
        from .faults.chaos import Chaos

        return Chaos(self.interceptor, rate, seed, faults, hosts)

    @property
    def state(self) -> State:
        """The state of the mock's scenarios; a name that was never set is ``None``."""
        return self.interceptor.registry.state

    def clear(self) -> None:
        """Forget all recorded requests, registered routes, the state, and the certificates."""
        self.interceptor.forget_routes()
        self.interceptor.forget_calls()
