"""aiohttp's own way to a host, up to where the network begins.

Looking up a name, asking a proxy for a tunnel, waiting for a place in the pool: aiohttp does all of
it, sends its signals, and makes of an ``OSError`` the exception that it makes of it. What the
network would have said is said by two functions.
"""

from __future__ import annotations

import asyncio
import socket
from collections.abc import Awaitable, Callable
from typing import TYPE_CHECKING, Any, Final, TypeAlias, cast

from aiohttp import ClientConnectorError, TCPConnector
from aiohttp.abc import AbstractResolver
from aiohttp.helpers import ceil_timeout  # pyright: ignore[reportUnknownVariableType] - 3.10's

if TYPE_CHECKING:
    from aiohttp.client_proto import ResponseHandler
    from aiohttp.connector import BaseConnector

__all__ = ("Dialler", "Found", "ResponseEnd")

# Addresses for documentation (RFC 5737, RFC 3849): nobody has them.
_SOME_ADDRESS: Final = {socket.AF_INET: "192.0.2.1", socket.AF_INET6: "2001:db8::1"}

Found: TypeAlias = "Callable[[], Awaitable[None]]"
"""Stands for a lookup: returns if the name is found, and else raises an ``OSError``."""

ResponseEnd: TypeAlias = "tuple[asyncio.Transport, ResponseHandler]"


class Dialler(TCPConnector):
    """A connector whose network is two functions.

    Args:
        like: whose settings it has: DNS cache, address family, TLS.
        found: what a lookup comes to.
        dial: given the address and what makes the client's end, returns a connection, or raises
            an ``OSError``.
        limit: the places in the pool.
    """

    def __init__(
        self,
        like: BaseConnector | None,
        found: Found,
        dial: Callable[[Any, Callable[[], ResponseHandler]], Awaitable[ResponseEnd]],
        limit: int = 100,
    ) -> None:
        settings: dict[str, Any] = {}
        if isinstance(like, TCPConnector):
            # Private: what a connection takes of its connector if the request does not say.
            settings = {"use_dns_cache": like.use_dns_cache, "family": like.family}
            settings["ssl"] = like._ssl
        # aiohttp leaves open what a socket_factory's addresses are made of.
        super().__init__(  # pyright: ignore[reportUnknownMemberType] - as above
            resolver=_Resolver(found), limit=limit, **settings
        )
        self._dial = dial

    def fill(self) -> None:
        """Take every place in the pool."""
        # Private: what is counted against the limit. Watched by tests/faults/test_connect.py.
        cast("set[Any]", self._acquired).update(_Taken() for _ in range(self.limit))

    async def create(self, req: Any, traces: Any, timeout: Any) -> ResponseHandler:
        """Make a connection for a request as the connector of its session would have."""
        return await self._create_connection(req, traces, timeout)

    # Private: where aiohttp turns to the network, and what it makes of the network's errors.
    # Watched by every test of tests/faults/test_connect.py.
    async def _wrap_create_connection(
        self,
        *args: Any,
        addr_infos: Any,
        req: Any,
        timeout: Any,
        client_error: type[Exception] = ClientConnectorError,
        **kwargs: Any,
    ) -> ResponseEnd:
        try:
            async with ceil_timeout(timeout.sock_connect, ceil_threshold=timeout.ceil_threshold):
                return await self._dial(addr_infos[0][-1], args[0])
        except OSError as exc:
            if exc.errno is None and isinstance(exc, asyncio.TimeoutError):
                raise
            raise client_error(req.connection_key, exc) from exc


class _Resolver(AbstractResolver):
    def __init__(self, found: Found) -> None:
        self._found = found

    async def resolve(self, host: str, port: int = 0, family: int = 0) -> list[Any]:
        await self._found()
        family = family or socket.AF_INET
        address = _SOME_ADDRESS[socket.AddressFamily(family)]
        found = {"hostname": host, "host": address, "port": port, "proto": 0, "flags": 0}
        return [{**found, "family": family}]

    async def close(self) -> None:
        """There is nothing to close."""


class _Taken:
    """Stands for a connection that somebody else has."""

    transport = None

    def close(self) -> None:
        """There is nothing to close."""

    abort = close
    closed = None
