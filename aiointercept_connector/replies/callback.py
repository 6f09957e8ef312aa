"""The reply that is asked for when the request comes: a function of the test."""

from __future__ import annotations

from collections.abc import Awaitable, Callable, Mapping
from inspect import isawaitable
from typing import TYPE_CHECKING, Any, TypeAlias

from aiohttp import hdrs, web
from multidict import CIMultiDict

from ..unset import UNSET
from .static import JSON_TYPE, StaticReply, static_reply

if TYPE_CHECKING:
    from aiohttp import ClientResponse

    from ..journal.request import AiointerceptRequest

__all__ = ("Callback", "CallbackReply", "CallbackResult")

Callback: TypeAlias = "Callable[..., CallbackResult | Awaitable[CallbackResult | None] | None]"


class CallbackResult:
    """What a callback returns.

    Args:
        method: not used; other libraries have it.
        status: the status code.
        body: text (sent as UTF-8) or bytes.
        content_type: the ``Content-Type``, unless *headers* has one.
        payload: a value to be sent as JSON in place of *body*, if it is not None.
        headers: response headers.
        response_class: not used; other libraries have it.
        reason: the reason phrase, if not the usual one.
    """

    def __init__(  # noqa: PLR0913 - the signature users of the field know
        self,
        method: str = hdrs.METH_GET,
        status: int = 200,
        body: str | bytes = "",
        content_type: str = JSON_TYPE,
        payload: Any = None,
        headers: Mapping[str, str] | None = None,
        response_class: type[ClientResponse] | None = None,
        reason: str | None = None,
    ) -> None:
        self.method = method
        self.status = status
        self.body = body
        self.payload = payload
        self.headers = headers
        self.response_class = response_class
        self.reason = reason
        named = headers is not None and hdrs.CONTENT_TYPE in CIMultiDict(headers)
        self.content_type = None if named else content_type

    def __repr__(self) -> str:
        what = self.body if self.payload is None else self.payload
        return f"<CallbackResult {self.status} {what!r:.60}>"


class CallbackReply:
    """A reply that calls a function or coroutine function of the test.

    It is called as ``callback(url, headers=…, query=…, json=…, data=…)``. If it returns None,
    what was registered beside it answers.
    """

    __slots__ = ("callback", "otherwise")

    def __init__(self, callback: Callback, otherwise: StaticReply) -> None:
        if not callable(callback):
            msg = f"callback must be callable, not {type(callback).__name__}: {callback!r}"
            raise TypeError(msg)
        self.callback = callback
        self.otherwise = otherwise

    async def __call__(self, request: AiointerceptRequest) -> web.StreamResponse:
        """Call the callback and answer with what it returned."""
        result: Any = self.callback(request.canonical_url, **request.kwargs)
        if isawaitable(result):
            result = await request.run_at_home(result)
        return await self._reply(result)(request)

    def _reply(self, result: Any) -> StaticReply:
        if result is None:
            return self.otherwise
        try:
            return static_reply(
                status=result.status,
                body=result.body,
                json=UNSET if result.payload is None else result.payload,
                headers=result.headers,
                content_type=result.content_type,
                reason=result.reason,
            )
        except AttributeError as exc:
            msg = (
                f"callback {self._name} must return a CallbackResult or None, "
                f"not {type(result).__name__}: {result!r:.60}"
            )
            raise TypeError(msg) from exc

    @property
    def _name(self) -> str:
        return getattr(self.callback, "__qualname__", repr(self.callback))

    def __repr__(self) -> str:
        return f"<CallbackReply {self._name}>"
