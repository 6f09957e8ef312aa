"""What a client meets, where something happens to it, as a value to compare."""

from __future__ import annotations

import re
from collections.abc import Callable, Mapping
from types import MappingProxyType
from typing import Any, NamedTuple

from aiohttp import ClientSession, ClientTimeout, ServerFingerprintMismatch, TCPConnector

__all__ = ("Event", "Met", "Place", "met")


class Met(NamedTuple):
    """What a call came to: of an exception, all that a caller can look at."""

    kind: str
    text: str = ""
    errno: int | None = None
    status: int | None = None
    os_error: str = ""
    causes: tuple[str, ...] = ()


class Place(NamedTuple):
    """Where the event happens."""

    url: str
    options: Mapping[str, Any] = MappingProxyType({})
    connector: Callable[[], TCPConnector] = TCPConnector
    attempts: Callable[[], int | None] = lambda: None


class Event(NamedTuple):
    """How a fault's event is made to happen, and the client that meets it."""

    place: Callable[[], Any]
    timeout: ClientTimeout = ClientTimeout(total=5)
    method: str = "GET"
    options: Mapping[str, Any] = MappingProxyType({})
    fault: Mapping[str, Any] = MappingProxyType({})


async def met(session: ClientSession, event: Event, url: str, **options: Any) -> Met:
    """Return what one call of *event*'s client meets."""
    options = {**event.options, **options}
    try:
        if event.method == "WS":
            async with session.ws_connect(url, **options) as socket_:
                message = await socket_.receive()
                return Met(str(message.type), repr(message.data), socket_.close_code)
        async with session.request(event.method, url, **options) as response:
            body = await response.read()
            return Met("response", repr(body), status=response.status)
    except Exception as exc:  # noqa: BLE001 - whatever it is, it is compared
        return _described(exc)


def _described(exc: BaseException) -> Met:
    causes, cause = [], exc.__cause__
    while cause is not None:
        causes.append(type(cause).__name__)
        cause = cause.__cause__
    os_error = getattr(exc, "os_error", None)
    text = str(exc)
    if isinstance(exc, ServerFingerprintMismatch):
        # Every server has a certificate of its own.
        text = text.replace(repr(exc.got), "GOT")
    return Met(
        type(exc).__name__,
        _normal(text),
        getattr(exc, "errno", None),
        getattr(exc, "status", None),
        "" if os_error is None else _normal(repr(os_error)),
        tuple(causes),
    )


def _normal(text: str) -> str:
    text = re.sub(r"<ssl\.SSLContext object at 0x[0-9a-f]+>|ssl:default|ssl:True", "SSL", text)
    text = re.sub(r"_ssl\.c:\d+", "_ssl.c", text)
    return re.sub(r"(127\.0\.0\.1|localhost)(:|', )\d+", r"\1\2PORT", text)
