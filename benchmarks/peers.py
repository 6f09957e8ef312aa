"""Other libraries, each used as its documentation shows. Most patch the process while open.

They are imported at their use, each in a process of its own: see ``worker``.
"""

from __future__ import annotations

import importlib
import logging
import math
import tempfile
from collections.abc import AsyncGenerator, Generator
from contextlib import asynccontextmanager, contextmanager
from functools import cache
from pathlib import Path
from typing import Any, Final

from aiohttp import ClientSession, TCPConnector

from .exchange import ANSWER, HOST, PATH, URL, Exchange, Opened, Stack

__all__ = ("ONE_AT_A_TIME", "PEERS")


@asynccontextmanager
async def _aiointercept(exchange: Exchange) -> AsyncGenerator[Opened]:
    library: Any = importlib.import_module("aiointercept")
    async with library.aiointercept(mock_external_urls=True) as mock:
        mock.add(URL, exchange.method, **_payload(exchange), repeat=True)
        async with _session(exchange) as session:
            yield Opened(session, URL, lambda: sum(map(len, mock.requests.values())))


@asynccontextmanager
async def _aioresponses(exchange: Exchange) -> AsyncGenerator[Opened]:
    """Open aioresponses, or its fork, which has the same name in a program."""
    library: Any = importlib.import_module("aioresponses")
    with library.aioresponses() as mock:
        mock.add(URL, exchange.method, **_payload(exchange), repeat=True)
        async with _session(exchange) as session:
            yield Opened(session, URL, lambda: sum(map(len, mock.requests.values())))


def _payload(exchange: Exchange) -> dict[str, Any]:
    if exchange.download:
        return {"body": exchange.download, "content_type": exchange.content_type}
    return {"payload": ANSWER}


@asynccontextmanager
async def _aresponses(exchange: Exchange) -> AsyncGenerator[Opened]:
    library: Any = importlib.import_module("aresponses")
    answer: Any = ANSWER
    if exchange.download:
        kind = exchange.content_type
        answer = library.Response(body=exchange.download, content_type=kind)
    async with library.ResponsesMockServer() as server:
        server.add(HOST, PATH, exchange.method, answer, repeat=math.inf)
        async with _session(exchange) as session:
            yield Opened(session, URL, lambda: len(server.history))


@asynccontextmanager
async def _srvmocker(exchange: Exchange) -> AsyncGenerator[Opened]:
    library: Any = importlib.import_module("asyncly.srvmocker")
    match = None if exchange.sent is None else library.Match(json=exchange.sent)
    route = library.MockRoute(exchange.method, PATH, "answer", match=match)
    async with library.start_service([route]) as service:
        headers = {"Content-Type": exchange.content_type}
        answer = library.ContentResponse(exchange.body, headers=headers)
        service.register("answer", answer)
        async with _session(exchange) as session:
            yield Opened(session, str(service.url / PATH[1:]), lambda: len(service.history))


@asynccontextmanager
async def _pytest_httpserver(exchange: Exchange) -> AsyncGenerator[Opened]:
    library: Any = importlib.import_module("pytest_httpserver")
    # Its lines on stderr, one a request, are something that pytest would catch.
    logging.getLogger("werkzeug").setLevel(logging.ERROR)
    matching = {} if exchange.sent is None else {"json": exchange.sent}
    server = _lasting(library.HTTPServer)
    server.clear()
    expected = server.expect_request(PATH, method=exchange.method, **matching)
    if exchange.download:
        expected.respond_with_data(exchange.download, content_type=exchange.content_type)
    else:
        expected.respond_with_json(ANSWER)
    async with _session(exchange) as session:
        yield Opened(session, server.url_for(PATH), lambda: len(server.log))


@cache
def _lasting(server_type: Any) -> Any:
    """Return a server for all tests, as pytest-httpserver's fixture is: it takes long to stop."""
    server = server_type()
    server.start()
    return server


@asynccontextmanager
async def _mocket(exchange: Exchange) -> AsyncGenerator[Opened]:
    library: Any = importlib.import_module("mocket")
    entry: Any = importlib.import_module("mocket.mockhttp").Entry
    async with library.Mocketizer(strict_mode=True):
        headers = {"Content-Type": exchange.content_type}
        entry.single_register(exchange.method, URL, body=exchange.body, headers=headers)
        async with _session(exchange) as session:
            yield Opened(session, URL, lambda: len(library.Mocket.request_list()))


@asynccontextmanager
async def _vcrpy(exchange: Exchange) -> AsyncGenerator[Opened]:
    library: Any = importlib.import_module("vcr")
    with _cassette(exchange) as path:
        options: Any = {"record_mode": "none", "allow_playback_repeats": True}
        if exchange.sent is not None:
            options["match_on"] = ("method", "uri", "body")
        with library.VCR().use_cassette(path, **options) as cassette:
            async with _session(exchange) as session:
                yield Opened(session, URL, lambda: cassette.play_count)


@contextmanager
def _cassette(exchange: Exchange) -> Generator[str]:
    """Write a cassette of one exchange, as vcrpy writes it."""
    request: dict[str, Any] = {
        "method": exchange.method,
        "uri": URL,
        "body": exchange.sent,
        "headers": {},
    }
    response = {
        "status": {"code": 200, "message": "OK"},
        "headers": {"Content-Type": [exchange.content_type]},
        "body": {"string": exchange.body},
        "url": URL,
    }
    cassette = {"version": 1, "interactions": [{"request": request, "response": response}]}
    with tempfile.TemporaryDirectory() as where:
        path = Path(where, "cassette.yaml")
        path.write_text(importlib.import_module("yaml").dump(cassette), "utf-8")
        yield str(path)


def _session(exchange: Exchange) -> ClientSession:
    return ClientSession(connector=TCPConnector(limit=exchange.limit))


PEERS: Final[dict[str, Stack]] = {
    "aiointercept": _aiointercept,
    "aioresponses": _aioresponses,
    "aioresponses-ng": _aioresponses,
    "aresponses": _aresponses,
    "asyncly.srvmocker": _srvmocker,
    "mocket": _mocket,
    "pytest-httpserver": _pytest_httpserver,
    "vcrpy": _vcrpy,
}
"""Every peer, by the name that reports have."""

ONE_AT_A_TIME: Final = {"mocket": "its clients wait for ever when several ask at once"}
"""The peers that do not answer concurrent requests, and what is seen of that."""
