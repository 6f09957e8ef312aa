"""How sessions come by the connector when nobody hands it to them.

While a mock is attached, ``ClientSession.__init__`` gives new sessions an ``InterceptConnector``.
What that cannot reach (sessions made earlier, connectors of the user's own, other libraries'
wrappers) is adopted by ``BaseConnector.connect``, which runs the same decision on any connector and
on which the promise rests that nothing leaves. A connector that the user made is never replaced.

Detaching removes our own layer alone, whatever was wrapped below or above it since.
"""

from __future__ import annotations

import sys
import threading
from collections.abc import Callable
from typing import TYPE_CHECKING, Any, Final

from aiohttp import ClientSession
from aiohttp.connector import BaseConnector, Connection

from . import scope
from .connector import InterceptConnector, TaggedRequest, claim, connect_call, open_wire

if TYPE_CHECKING:
    from .blocking import block_network
    from .interceptor import Interceptor
    from .loopback.link import Call

__all__ = ("attach", "detach", "guard", "unguard")

_lock: Final = threading.Lock()


def attach(interceptor: Interceptor, who: scope.Scope) -> None:
    """Make the sessions of the process, or of the current task, ask *interceptor*."""
    with _lock:
        try:
            _put_layers()
            scope.enter(interceptor, who)
        except BaseException:
            scope.leave(interceptor)
            _take_layers()
            raise


def detach(interceptor: Interceptor) -> None:
    """Undo ``attach``; nothing is left when the last has gone. Does nothing if not attached."""
    with _lock:
        scope.leave(interceptor)
        _take_layers()


def guard(blocker: block_network) -> None:
    """Let *blocker* check every request of the process that is about to pass."""
    with _lock:
        try:
            _put_layers()
            scope.guard(blocker)
        except BaseException:
            _take_layers()
            raise


def unguard(blocker: block_network) -> None:
    """Undo ``guard``. Does nothing if *blocker* is no guard."""
    with _lock:
        scope.unguard(blocker)
        _take_layers()


def _put_layers() -> None:
    if scope.is_empty():
        # Imported at its use: wrapt takes longer than all of this package.
        from .layers import put

        for layer in _LAYERS:
            put(*layer)


def _take_layers() -> None:
    if scope.is_empty() and "wrapt" in sys.modules:
        from .layers import take

        for layer in _LAYERS:
            take(*layer)


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
    if not askers and not scope.guards():
        return wrapped(*args, **kwargs)
    req, traces, timeout = _connect_arguments(*args, **kwargs)
    # Tagged, it has been claimed by a layer further up: one below could not be taken away.
    call = None if isinstance(req, TaggedRequest) else claim(req, traces, askers)
    if call is None:
        return wrapped(*args, **kwargs)
    return _connect_adopted(connector, wrapped, call, traces, timeout)


def _connect_arguments(req: Any, traces: Any, timeout: Any) -> tuple[Any, Any, Any]:
    return req, traces, timeout


_LAYERS: Final[tuple[tuple[type, str, Callable[..., Any]], ...]] = (
    (ClientSession, "__init__", _session_init),
    (BaseConnector, "connect", _connect),
)


async def _connect_adopted(
    connector: BaseConnector, wrapped: Callable[..., Any], call: Call, traces: Any, timeout: Any
) -> Connection:
    """Get a connection to a mock from a connector that is not ours."""
    attributes = vars(connector)
    adoption = attributes.get(_CREATE)
    if not isinstance(adoption, _Adoption):
        adoption = attributes[_CREATE] = _Adoption(connector)
    adoption.calls += 1
    try:
        return await connect_call(connector, wrapped, call, traces, timeout)
    finally:
        adoption.calls -= 1
        if not adoption.calls:
            adoption.undo()


_CREATE: Final = "_create_connection"


class _Adoption:
    """Stands in for a connector's ``_create_connection``, and makes wires for tagged requests.

    It stays for as long as such a request is in ``connect``. One that waits there for a place in
    the pool must find it even if the last mock has gone, or it would be connected for real.
    """

    def __init__(self, connector: BaseConnector) -> None:
        self.calls = 0
        self._connector = connector
        self._create = connector._create_connection
        self._replaced = vars(connector).get(_CREATE)

    async def __call__(self, req: Any, traces: Any, timeout: Any) -> Any:
        if isinstance(req, TaggedRequest):
            return await open_wire(self._connector, req, traces)
        return await self._create(req, traces, timeout)

    def undo(self) -> None:
        """Leave the connector as it was found."""
        attributes = vars(self._connector)
        if attributes.get(_CREATE) is not self:
            # Somebody has put something in front of it since, which may call it still.
            return
        if self._replaced is None:
            del attributes[_CREATE]
        else:
            attributes[_CREATE] = self._replaced
