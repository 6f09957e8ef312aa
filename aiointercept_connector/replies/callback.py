"""The reply that is asked for when the request comes: a function of the test."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from inspect import signature
from typing import TYPE_CHECKING, Any, TypeAlias

from aiohttp import hdrs
from multidict import CIMultiDict

from .calling import check_call, name_of
from .conversion import returned
from .function import FunctionReply
from .static import JSON_TYPE, Body

if TYPE_CHECKING:
    from aiohttp import ClientResponse

    from ..journal.request import AiointerceptRequest
    from ..routing.route import Reply

__all__ = ("Callback", "CallbackReply", "CallbackResult")

Callback: TypeAlias = Callable[..., Any]
"""What ``add(callback=)`` takes: plain or async, see ``CallbackReply``."""


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


class CallbackReply(FunctionReply):
    """A reply that calls a function or coroutine function of the test.

    It is called as ``callback(url, headers=…, query=…, json=…, data=…)``; or, if its first
    parameter is called ``request``, as ``callback(request)``, as aiohttp calls its handlers. If it
    returns None, what was registered beside it answers.

    Args:
        callback: the function.
        otherwise: what answers where it returns None.
        reads_body: whether the body is read before the callback is called.
    """

    __slots__ = ("_takes_request", "answers", "callback", "otherwise", "reads_body")

    def __init__(self, callback: Callback, otherwise: Reply, *, reads_body: bool = True) -> None:
        if not callable(callback):
            raise TypeError(
                f"callback must be callable, not {type(callback).__name__}: {callback!r:.60}"
            )
        self.callback = callback
        self.otherwise = otherwise
        self.answers = getattr(otherwise, "answers", 1)
        self.reads_body = reads_body
        self._takes_request = _first_parameter(callback) == "request"
        if self._takes_request:
            check_call(callback, "a callback", "request")
        else:
            check_call(callback, "a callback", "url", headers=..., query=..., json=..., data=...)
        if not reads_body and not self._takes_request:
            raise ValueError(
                f"read_body=False is for a callback that reads the body itself: "
                f"write it as {name_of(callback)}(request)."
            )

    def ask(self, request: AiointerceptRequest) -> Any:
        """Call the callback."""
        if self._takes_request:
            return self.callback(request)
        return self.callback(request.canonical_url, **request.kwargs)

    def reply_to(self, result: Any) -> Reply:
        """Return the reply that the callback asked for by returning *result*."""
        if result is None:
            return self.otherwise
        if result is self.callback:
            raise TypeError(f"callback {name_of(self.callback)} returned itself.")
        return returned(result, f"callback {name_of(self.callback)}")

    def __eq__(self, other: object) -> bool:
        if not isinstance(other, CallbackReply):
            return NotImplemented
        return (self.callback, self.otherwise) == (other.callback, other.otherwise)

    def __hash__(self) -> int:
        return hash((self.callback, self.otherwise))

    def __repr__(self) -> str:
        return f"<CallbackReply {name_of(self.callback)}>"


def _first_parameter(callback: Callback) -> str | None:
    try:
        parameters = signature(callback).parameters
    except (TypeError, ValueError):  # some callables written in C have none
        return None
    return next(iter(parameters), None)
