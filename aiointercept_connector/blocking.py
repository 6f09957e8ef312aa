"""Keeps the requests of a whole suite away from the real network."""

from __future__ import annotations

from collections.abc import Iterable
from types import TracebackType
from typing import TYPE_CHECKING

from aiohttp import ClientRequest

from . import injection
from .arguments import caller
from .errors import NetworkBlockedError
from .routing.policy import Allowed, Policy, stays_here
from .routing.target import Asked

if TYPE_CHECKING:
    from typing_extensions import Self

__all__ = ("block_network",)

# Between the code that asks and the connector there is nothing but these.
_MACHINERY = ("aiohttp", "asyncio", "contextlib", "wrapt")


class block_network:  # noqa: N801 - it is called like a function, as a context manager
    """Forbid real connections of aiohttp clients, whoever made the session.

    Use it as a context manager, sync or async. Mocks answer as always; what they would let pass is
    refused with a ``NetworkBlockedError``. Servers on this machine may be reached.

    Args:
        allow: what may be reached all the same: hosts, globs, URLs, networks, compiled
            expressions, and functions of the URL.
        local: whether servers on this machine may be reached.

    Raises:
        TypeError: *allow* has something that cannot say what may be reached.
    """

    def __init__(self, allow: Iterable[Allowed] = (), *, local: bool = True) -> None:
        if isinstance(allow, str):
            raise TypeError(f"allow must be a sequence of hosts: [{allow!r}]")
        self._policy = Policy(allow, local=local, argument="allow")

    def check(self, asked: Asked, request: ClientRequest) -> None:
        """Raise for a request that is about to reach the real network and may not.

        Raises:
            NetworkBlockedError: it may not.
        """
        local = self._policy.local and stays_here(asked, request.proxy)
        if not local and not self._policy.lets_pass(asked, request.headers):
            raise NetworkBlockedError(_message(asked))

    def __enter__(self) -> Self:
        injection.guard(self)
        return self

    def __exit__(
        self,
        exc_type: type[BaseException] | None,
        exc: BaseException | None,
        traceback: TracebackType | None,
    ) -> None:
        injection.unguard(self)

    async def __aenter__(self) -> Self:
        return self.__enter__()

    async def __aexit__(
        self,
        exc_type: type[BaseException] | None,
        exc: BaseException | None,
        traceback: TracebackType | None,
    ) -> None:
        self.__exit__(exc_type, exc, traceback)


def _message(asked: Asked) -> str:
    where = caller(beyond=_MACHINERY)
    return (
        f"{asked.method} {asked.url} was about to reach the real network, which is blocked.\n"
        f"Asked at {where or 'an unknown place'}.\n"
        f"To answer it: mock.{asked.method.lower()}({str(asked.url)!r})\n"
        f"To let it pass: block_network(allow=[{asked.key.origin.host!r}])"
    )
