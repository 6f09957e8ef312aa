"""What calls come to, in a word, and what their traces are told."""

from __future__ import annotations

from types import SimpleNamespace
from typing import Any

import aiohttp
from aiohttp import ClientSession, TraceConfig

__all__ = ("URL", "kinds", "outcome", "tracing")

URL = "http://api.example.com/x"


async def outcome(session: ClientSession, method: str, url: str) -> str:
    """Return the status of a response, or the class of an error."""
    try:
        async with session.request(method, url) as response:
            await response.read()
            return str(response.status)
    except aiohttp.ClientError as exc:
        return type(exc).__name__


async def kinds(session: ClientSession, count: int, url: str = URL) -> list[str]:
    """Return what so many calls come to."""
    return [await outcome(session, "GET", url) for _ in range(count)]


def tracing(told: list[str], asked: object = None) -> TraceConfig:
    """Return what writes down the signals of calls with *asked* as their ``trace_request_ctx``."""
    config = TraceConfig()

    def noting(name: str) -> Any:
        async def note(session: ClientSession, context: SimpleNamespace, params: Any) -> None:
            if context.trace_request_ctx == asked:
                told.append(name)

        return note

    for name in dir(config):
        if name.startswith("on_"):
            getattr(config, name).append(noting(name))
    config.freeze()
    return config
