"""How sessions come by the connector when nobody hands it to them.

While a mock is attached, ``ClientSession.__init__`` gives new sessions an ``InterceptConnector``.
What that cannot reach (sessions made earlier, connectors of the user's own, other libraries'
wrappers) is adopted by ``BaseConnector.connect``, which runs the same decision on any connector and
on which the promise rests that nothing leaves. A connector that the user made is never replaced.

Detaching removes our own layer alone, whatever was wrapped below or above it since.
"""

from __future__ import annotations

import threading
from collections.abc import Callable
from typing import TYPE_CHECKING, Any, Final
from weakref import WeakSet

import wrapt
from aiohttp import ClientSession
from aiohttp.connector import BaseConnector

from . import scope
from .connector import InterceptConnector, TaggedRequest, claim, connect_call, open_wire

if TYPE_CHECKING:
    from .interceptor import Interceptor

__all__ = ("attach", "detach")

_lock: Final = threading.Lock()
_attached: set[Interceptor] = set()
_layers: list[Callable[[], None]] = []
_adopted: WeakSet[BaseConnector] = WeakSet()


def attach(interceptor: Interceptor, who: scope.Scope) -> None:
    """Make the sessions of the process, or of the current task, ask *interceptor*."""
    with _lock:
        if not _attached:
            _layers.append(_wrap(ClientSession, "__init__", _session_init))
            _layers.append(_wrap(BaseConnector, "connect", _connect))
        _attached.add(interceptor)
        scope.enter(interceptor, who)


def detach(interceptor: Interceptor) -> None:
    """Undo ``attach``; nothing is left when the last has gone. Does nothing if not attached."""
    with _lock:
        if interceptor not in _attached:
            return
        scope.leave(interceptor)
        _attached.discard(interceptor)
        if not _attached:
            while _layers:
                _layers.pop()()
            for connector in list(_adopted):
                connector.__dict__.pop("_create_connection", None)
            _adopted.clear()


def _session_init(
    wrapped: Callable[..., None], _session: ClientSession, args: Any, kwargs: dict[str, Any]
) -> None:
    if kwargs.get("connector") is None and scope.active():
        # What the session would hand to the connector that it makes for itself.
        options = {name: kwargs[name] for name in _FOR_CONNECTOR if name in kwargs}
        kwargs = {**kwargs, "connector": InterceptConnector(**options)}
    wrapped(*args, **kwargs)


_FOR_CONNECTOR: Final = ("loop", "ssl_shutdown_timeout")


def _connect(
    wrapped: Callable[..., Any], connector: BaseConnector, args: Any, kwargs: dict[str, Any]
) -> Any:
    # No coroutine function: traffic that passes should not pay for another frame.
    askers = scope.active()
    if not askers or isinstance(connector, InterceptConnector):
        return wrapped(*args, **kwargs)
    req, traces, timeout = _connect_arguments(*args, **kwargs)
    call = claim(req, traces, askers)
    if call is None:
        return wrapped(*args, **kwargs)
    _adopt(connector)
    return connect_call(wrapped, call, traces, timeout)


def _connect_arguments(req: Any, traces: Any, timeout: Any) -> tuple[Any, Any, Any]:
    return req, traces, timeout


def _adopt(connector: BaseConnector) -> None:
    """Let a connector that is not ours make wires for tagged requests."""
    if connector in _adopted:
        return
    original = connector._create_connection

    async def _create_connection(req: Any, traces: Any, timeout: Any) -> Any:
        if isinstance(req, TaggedRequest):
            return await open_wire(connector, req, traces)
        return await original(req, traces, timeout)

    connector.__dict__["_create_connection"] = _create_connection
    _adopted.add(connector)


def _wrap(owner: type, name: str, wrapper: Callable[..., Any]) -> Callable[[], None]:
    """Wrap a method, and return what takes that very layer away again."""
    ours: Any = wrapt.wrap_function_wrapper(owner, name, wrapper)
    return lambda: _unlink(owner, name, ours)


def _unlink(owner: type, name: str, ours: Any) -> None:
    layer: Any = owner.__dict__[name]
    if layer is ours:
        setattr(owner, name, ours.__wrapped__)
        return
    while isinstance(layer, wrapt.ObjectProxy):
        below = layer.__wrapped__
        # Another library that unwraps badly may have stored a bound copy of our layer.
        if below is ours or getattr(below, "_self_wrapper", None) is ours._self_wrapper:
            layer.__wrapped__ = ours.__wrapped__
            return
        layer = below
    # Somebody closed over our layer: it stays, and hands everything through while no mock is active.
