"""Other libraries, where they are installed. Each patches the process while it is open."""

from __future__ import annotations

import importlib
import importlib.util
import math
from collections.abc import AsyncGenerator
from contextlib import asynccontextmanager
from typing import Any, Final

from aiohttp import ClientSession, TCPConnector

from .exchange import ANSWER, HOST, PATH, URL, Exchange, Opened, Stack

__all__ = ("PEERS", "available")


@asynccontextmanager
async def _aiointercept(exchange: Exchange) -> AsyncGenerator[Opened]:
    library: Any = importlib.import_module("aiointercept")
    async with library.aiointercept(mock_external_urls=True) as mock:
        mock.add(URL, exchange.method, payload=ANSWER, repeat=True)
        async with _session(exchange) as session:
            yield Opened(session, URL, lambda: sum(map(len, mock.requests.values())))


@asynccontextmanager
async def _aresponses(exchange: Exchange) -> AsyncGenerator[Opened]:
    library: Any = importlib.import_module("aresponses")
    async with library.ResponsesMockServer() as server:
        server.add(HOST, PATH, exchange.method, ANSWER, repeat=math.inf)
        async with _session(exchange) as session:
            yield Opened(session, URL, lambda: len(server.history))


def _session(exchange: Exchange) -> ClientSession:
    return ClientSession(connector=TCPConnector(limit=exchange.limit))


PEERS: Final[dict[str, Stack]] = {"aiointercept": _aiointercept, "aresponses": _aresponses}


def available() -> dict[str, Stack]:
    """Return the peers that are installed here."""
    return {name: stack for name, stack in PEERS.items() if importlib.util.find_spec(name)}
