"""``aioresponses``: what a test holds, and how the calls of clients come by it."""

from __future__ import annotations

import asyncio
import copy
import re
from collections.abc import AsyncIterable, AsyncIterator, Callable, Mapping, Sequence
from contextvars import ContextVar
from itertools import count
from types import TracebackType
from typing import TYPE_CHECKING, Any, ClassVar, Final, TypeVar, cast, overload

from aiohttp import ClientError, ClientResponse, ClientSession, ClientTimeout, hdrs
from yarl import URL

from ...client_calls import CallLayer, ClientCall
from ...routing.registry import Registry
from .asking import REFUSALS, framed_by_aiohttp, not_refused
from .asserting import Asserting, CallKey
from .calls import STAND_IN, MockedCall, RequestCall
from .compat import stream_reader_factory
from .decorating import decorate
from .inner import InnerMock
from .match import RequestMatch
from .matches import Matches

if TYPE_CHECKING:
    from typing_extensions import Self

__all__ = ("aioresponses",)

T = TypeVar("T")

_numbers: Final = count(1)

# What a subclass's `_request_mock` is not given, and gives back to ours.
_sent: Final[ContextVar[ClientCall]] = ContextVar("_sent")


class aioresponses(Asserting):  # noqa: N801 - the promised name
    """A mock of the HTTP servers that code under test talks to through aiohttp.

    Use it as a context manager (``with``), as a decorator, or with ``start()`` and ``stop()``. A
    decorated function gets it as its last positional argument, or under the name *param*.

    Args:
        param: the keyword under which a decorated function gets the mock.
        passthrough: beginnings of URLs that are asked for real, and not recorded.
        passthrough_unmatched: ask for real whatever nothing was registered for.
        legacy: whether a call that cannot pass is answered as aioresponses does, whatever its
            session was made with: no trace and no middleware hears of it, no timeout ends it, and
            its cookies are not kept. If not given: ``legacy_by_default``.
        **ignored: other arguments are taken and have no effect, as in aioresponses.

    Attributes:
        legacy: whether it is.
        legacy_by_default: what holds if *legacy* is not given; False, but True in a suite whose
            imports of aioresponses were taken over.
    """

    legacy_by_default: ClassVar[bool] = False

    def __init__(
        self,
        *,
        param: str | None = None,
        passthrough: Sequence[str] = (),
        passthrough_unmatched: bool = False,
        legacy: bool | None = None,
        **ignored: Any,
    ) -> None:
        self._param = param
        self._passthrough = passthrough
        self.passthrough_unmatched = passthrough_unmatched
        self.legacy = self.legacy_by_default if legacy is None else legacy
        self._renew()

    def _renew(self) -> None:
        self.requests: dict[CallKey, list[RequestCall]] = {}
        self._responses: list[ClientResponse] = []
        self._layer = CallLayer(self._around)
        self.inner = InnerMock(self)

    @property
    def registry(self) -> Registry:
        """The routes that stand for what is registered."""
        return self.inner.interceptor.registry

    @property
    def _matches(self) -> Matches:
        """What is registered, to be changed in place or replaced by another mapping."""
        return Matches(self)

    @_matches.setter
    def _matches(self, matches: Mapping[str, RequestMatch]) -> None:
        routes = [match.route(self) for match in matches.values()]
        self.registry.clear()
        for route in routes:
            self.registry.add(route)

    def start(self) -> None:
        """Begin to intercept.

        Raises:
            RuntimeError: it has been started and not stopped since.
        """
        self.inner.start()
        self._layer.put()

    def stop(self) -> None:
        """Cease to intercept, close the responses, and forget what is registered."""
        for response in self._responses:
            response.close()
        self._layer.take()
        self.inner.stop()
        self.clear()

    def clear(self) -> None:
        """Forget what is registered and has been answered; ``requests`` stay."""
        self._responses.clear()
        self.registry.clear()

    def __enter__(self) -> Self:
        self.start()
        return self

    def __exit__(
        self,
        exc_type: type[BaseException] | None,
        exc: BaseException | None,
        traceback: TracebackType | None,
    ) -> None:
        self.stop()

    async def __aenter__(self) -> Self:
        return self.__enter__()

    async def __aexit__(
        self,
        exc_type: type[BaseException] | None,
        exc: BaseException | None,
        traceback: TracebackType | None,
    ) -> None:
        self.__exit__(exc_type, exc, traceback)

    @overload
    def __call__(self, decorated: type[T]) -> type[T]: ...
    @overload
    def __call__(self, decorated: Callable[..., T]) -> Callable[..., T]: ...
    def __call__(self, decorated: Any) -> Any:
        """Decorate a function, coroutine function or test class; callers leave the mock out."""
        return decorate(decorated, self._idle_one, self._param)

    def _idle_one(self) -> Self:
        """Return this mock, or one like it if it is in use: calls may run side by side."""
        if not self.inner.active:
            return self
        twin = copy.copy(self)
        aioresponses._renew(twin)
        return twin

    def add(
        self,
        url: URL | str | re.Pattern[str],
        method: str = hdrs.METH_GET,
        status: int = 200,
        body: str | bytes = "",
        exception: BaseException | type[BaseException] | None = None,
        content_type: str = "application/json",
        payload: Any = None,
        headers: Mapping[str, str] | None = None,
        response_class: type[ClientResponse] | None = None,
        repeat: bool | int = False,
        timeout: bool = False,
        reason: str | None = None,
        callback: Callable[..., Any] | None = None,
    ) -> None:
        """Register a response; of several that fit a call, the first registered answers it.

        Args:
            url: a URL, whose query is compared in any order, or a compiled expression, matched at
                the start of the URL with its query sorted.
            method: the HTTP method.
            status: the status code.
            body: the body; text is sent as UTF-8.
            exception: raised to the client's caller: an exception, or a class of them.
            content_type: the ``Content-Type``, unless *headers* has one.
            payload: a value to be sent as JSON in place of *body*, if it is not None.
            headers: response headers; a multidict may repeat a name.
            response_class: the class of the response, if not the session's.
            repeat: how often: ``False`` once, ``True`` for ever, a number so many times.
            timeout: raise an ``asyncio.TimeoutError``, whatever *exception* says.
            reason: the reason phrase, if not the usual one.
            callback: called as ``callback(url, **kwargs)`` with the keyword arguments of the call;
                may be a coroutine function. Returns a ``CallbackResult``, or None for what is
                registered beside it. It is called before *exception* is raised.
        """
        match = RequestMatch(
            url,
            method=method,
            status=status,
            body=body,
            payload=payload,
            exception=exception,
            headers=headers,
            content_type=content_type,
            response_class=response_class,
            timeout=timeout,
            repeat=repeat,
            reason=reason,
            callback=callback,
        )
        self.registry.add(match.route(self))

    def head(self, url: URL | str | re.Pattern[str], **kwargs: Any) -> None:
        """Register a response to HEAD; see ``add``."""
        self.add(url, method=hdrs.METH_HEAD, **kwargs)

    def get(self, url: URL | str | re.Pattern[str], **kwargs: Any) -> None:
        """Register a response to GET; see ``add``."""
        self.add(url, method=hdrs.METH_GET, **kwargs)

    def post(self, url: URL | str | re.Pattern[str], **kwargs: Any) -> None:
        """Register a response to POST; see ``add``."""
        self.add(url, method=hdrs.METH_POST, **kwargs)

    def put(self, url: URL | str | re.Pattern[str], **kwargs: Any) -> None:
        """Register a response to PUT; see ``add``."""
        self.add(url, method=hdrs.METH_PUT, **kwargs)

    def patch(self, url: URL | str | re.Pattern[str], **kwargs: Any) -> None:
        """Register a response to PATCH; see ``add``."""
        self.add(url, method=hdrs.METH_PATCH, **kwargs)

    def delete(self, url: URL | str | re.Pattern[str], **kwargs: Any) -> None:
        """Register a response to DELETE; see ``add``."""
        self.add(url, method=hdrs.METH_DELETE, **kwargs)

    def options(self, url: URL | str | re.Pattern[str], **kwargs: Any) -> None:
        """Register a response to OPTIONS; see ``add``."""
        self.add(url, method=hdrs.METH_OPTIONS, **kwargs)

    async def _around(self, sent: ClientCall) -> ClientResponse:
        token = _sent.set(sent)
        try:
            return await self._request_mock(
                sent.session, sent.method, sent.str_or_url, *sent.args, **sent.kwargs
            )
        finally:
            _sent.reset(token)

    async def _request_mock(
        self, orig_self: ClientSession, method: str, url: URL | str, *args: Any, **kwargs: Any
    ) -> ClientResponse:
        """Record a call of the session *orig_self*, and see to what its caller gets.

        Subclasses of aioresponses wrap it: to put cookies into the session's jar, to record more.
        """
        # The session's own method takes no further positional arguments; a record may have them.
        sent = ClientCall(_sent.get().original, orig_self, method, url, **kwargs)
        replaced: dict[str, Any] = {}
        data: object = sent.kwargs.get("data")
        if isinstance(data, AsyncIterable):
            chunks: list[bytes] = [chunk async for chunk in cast("AsyncIterable[bytes]", data)]
            # Recorded whole, and sent piece by piece as it came.
            sent.kwargs["data"] = b"".join(chunks)
            replaced["data"] = _again(chunks)
        call = MockedCall.of(self, sent, args)
        call.passes = str(call.url).startswith(tuple(self._passthrough))
        if not call.passes:
            self._record(call)
        with call.under_way():
            response = await self._sent_in_any_case(sent, call, replaced)
        if call.answered:
            self._responses.append(response)
        return call.finished(response)

    async def match(
        self, method: str, url: URL, allow_redirects: bool = True, **kwargs: Any
    ) -> ClientResponse | None:
        """Return the response that a call would get, None if nothing is registered for it.

        Subclasses ask for it that have a ``_request_mock`` of their own. Nothing is recorded.

        Args:
            method: the HTTP method.
            url: the URL.
            allow_redirects: whether redirects are followed.
            **kwargs: what a callback is given beside these.
        """
        # Imported at its use: few suites ask for it.
        from .building import asked_by_hand

        call = MockedCall(self, method, url, (), {"allow_redirects": allow_redirects, **kwargs})
        try:
            return await asked_by_hand(call, allow_redirects=allow_redirects)
        except ClientError as exc:
            if call.refused:
                return None
            raise call.raised(exc) from None

    @staticmethod
    def is_exception(value: object) -> bool:
        """Tell whether *value* is an exception, or a class of them."""
        return isinstance(value, BaseException) or (
            isinstance(value, type) and issubclass(value, BaseException)
        )

    def _record(self, call: MockedCall) -> None:
        record = self._build_request_call(call.method, *call.args, **call.kwargs)
        record.method, record.url, record.number = call.method, str(call.url), next(_numbers)
        self.requests.setdefault((call.method, call.url), []).append(record)

    async def _sent_in_any_case(
        self, sent: ClientCall, call: MockedCall, replaced: dict[str, Any]
    ) -> ClientResponse:
        """Send a call that may be answered here, whatever aiohttp thinks of its arguments."""
        if call.passes or self.passthrough_unmatched:
            return await self._sent(sent, call, replaced)
        if not self.legacy:
            return await self._sent_whatever_it_has(sent, call, replaced)
        replaced["timeout"] = ClientTimeout()
        if "middlewares" in sent.kwargs:
            replaced["middlewares"] = ()
        with self._layer.bare(sent):
            response = await self._sent_whatever_it_has(sent, call, replaced)
            if call.is_whole:
                await _read_ahead(response)
            return response

    async def _sent_whatever_it_has(
        self, sent: ClientCall, call: MockedCall, replaced: dict[str, Any]
    ) -> ClientResponse:
        replaced.update(framed_by_aiohttp(sent.kwargs))
        try:
            return await self._sent(sent, call, replaced)
        except REFUSALS:
            if call.answered or call.failure is not None:
                raise
        sent.kwargs = not_refused(sent)
        return await self._sent(sent, call, {})

    async def _sent(
        self, sent: ClientCall, call: MockedCall, replaced: dict[str, Any]
    ) -> ClientResponse:
        try:
            if sent.can_be_sent or call.passes:
                return await sent.send(**replaced)
            return await sent.send_to(STAND_IN, **replaced)
        except ClientError as exc:
            raised = call.raised(exc)
            if raised is exc:
                raise
            raise raised from None


async def _read_ahead(response: ClientResponse) -> None:
    """Let go of the connection of *response*, whose body may be read when there is no session."""
    body = await response.content.read()
    response.content = stream_reader_factory(asyncio.get_running_loop())
    response.content.feed_data(body)
    response.content.feed_eof()


async def _again(chunks: Sequence[bytes]) -> AsyncIterator[bytes]:
    for chunk in chunks:
        yield chunk
