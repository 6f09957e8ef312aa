"""What can be imported from ``aioresponses.compat``: URLs as aioresponses compares them."""

from __future__ import annotations

import asyncio
from re import Pattern
from typing import Any

from aiohttp import StreamReader
from multidict import MultiDict
from yarl import URL

AIOHTTP_VERSION: Any

__all__ = (
    "AIOHTTP_VERSION",
    "URL",
    "Pattern",
    "merge_params",
    "normalize_url",
    "stream_reader_factory",
)


def merge_params(url: URL | str, params: Any = None) -> URL:
    """Return *url* with *params*, which may be whatever yarl takes, appended to its query."""
    url = URL(url)
    if not params:
        return url
    query = MultiDict(url.query)
    query.extend(url.with_query(params).query)
    return url.with_query(query)


def normalize_url(url: URL | str) -> URL:
    """Return *url* with its query in an order that does not depend on how it was written."""
    url = URL(url)
    return url.with_query(sorted(url.query.items()))


def stream_reader_factory(loop: asyncio.AbstractEventLoop | None = None) -> StreamReader:
    """Return an empty stream of a client's protocol, such as response bodies are read from."""
    from aiohttp.client_proto import ResponseHandler

    class Unconnected(ResponseHandler):
        """Has nobody to ask for less; aiohttp 3.14 would ask its parser, of which there is none."""

        def pause_reading(self) -> None: ...

        def resume_reading(self, *args: Any, **kwargs: Any) -> None: ...

    loop = loop or asyncio.get_running_loop()
    return StreamReader(Unconnected(loop), 2**16, loop=loop)


def __getattr__(name: str) -> Any:
    if name == "AIOHTTP_VERSION":
        # `packaging` is no dependency of ours; pytest brings it.
        from aiohttp import __version__
        from packaging.version import Version

        return Version(__version__)
    raise AttributeError(f"module {__name__!r} has no attribute {name!r}")
