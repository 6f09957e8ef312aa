"""The reply that is asked for when the request comes: a function of the test."""

from __future__ import annotations

from collections.abc import Awaitable, Callable, Mapping
from inspect import isawaitable
from typing import TYPE_CHECKING, Any, TypeAlias

from aiohttp import hdrs
from multidict import CIMultiDict

from ..unset import UNSET
from .static import JSON_TYPE, Body, StaticReply, static_reply

if TYPE_CHECKING:
    from aiohttp import ClientResponse, web

    from ..journal.request import AiointerceptRequest

__all__ = ("Callback", "CallbackReply", "CallbackResult")

Callback: TypeAlias = "Callable[..., CallbackResult | Awaitable[CallbackResult | None] | None]"
"""What ``add(callback=)`` takes; called as ``callback(url, headers=, query=, json=, data=)``."""


class CallbackResult:
    """What a callback returns.

    Args:
        method: not used; other libraries have it.
        status: the status code.
        body: text (sent as UTF-8) or bytes.
        content_type: the ``Content-Type``, unless *headers* has one.
        payload: a value to be sent as JSON in place of *body*, if it is not None.
        headers: response headers; a multidict may repeat a name.
        response_class: not used; other libraries have it.
        reason: the reason phrase, if not the usual one.

    The values are checked when they are sent.
    """

    def __init__(
        self,
        method: str = hdrs.METH_GET,
        status: int = 200,
        body: Body = "",
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
            raise TypeError(
                f"callback must be callable, not {type(callback).__name__}: {callback!r:.60}"
            )
        self.callback = callback
        self.otherwise = otherwise

    async def __call__(self, request: AiointerceptRequest) -> web.StreamResponse:
        """Call the callback and answer with what it returned."""
        result: Any = self.callback(request.canonical_url, **request.kwargs)
        if isawaitable(result):
            result = await request.run_at_home(result)
        reply = self.otherwise if result is None else self._made_of(result)
        return await reply(request)

    def _made_of(self, result: Any) -> StaticReply:
        """Make the reply of a result; other libraries' classes have the same attributes."""
        try:
            parts = {name: getattr(result, name) for name in _PARTS}
            payload = result.payload
        except AttributeError:
            raise TypeError(
                f"callback {self._name} must return a CallbackResult or None, "
                f"not {type(result).__name__}: {result!r:.60}"
            ) from None
        try:
            return static_reply(json=UNSET if payload is None else payload, **parts)
        except (TypeError, ValueError) as exc:
            raise type(exc)(f"callback {self._name} returned a bad result: {exc}") from exc

    @property
    def _name(self) -> str:
        return getattr(self.callback, "__qualname__", repr(self.callback))

    def __eq__(self, other: object) -> bool:
        if not isinstance(other, CallbackReply):
            return NotImplemented
        return (self.callback, self.otherwise) == (other.callback, other.otherwise)

    def __hash__(self) -> int:
        return hash((self.callback, self.otherwise))

    def __repr__(self) -> str:
        return f"<CallbackReply {self._name}>"


_PARTS = ("status", "body", "headers", "content_type", "reason")
