from __future__ import annotations

from collections.abc import AsyncGenerator
from contextlib import asynccontextmanager
from typing import Any

import pytest

from aiointercept_connector import aiointercept
from benchmarks.exchange import ANSWER, URL, Exchange, Opened, Stack, calling
from benchmarks.floor import memory_floor, tcp_floor
from benchmarks.harness import WrongAnswerError
from benchmarks.stacks import explicit, installed, server_for_tests

pytestmark = pytest.mark.anyio

SERVERS = {"explicit": explicit, "install": installed, "TestServer": server_for_tests}
FLOORS = {"memory": memory_floor, "tcp": tcp_floor}
JSON_EXCHANGES = [Exchange(), Exchange("POST", sent={"a": [1]}), Exchange(limit=0)]
SERVED_EXCHANGES = [
    Exchange(handler="sync"),
    Exchange(handler="async"),
    Exchange(download=b"abc" * 100_000),
    Exchange("POST", upload=b"abc" * 100_000),
]


def answering(received: bytes | None = None, recorded: int | None = None, **reply: Any) -> Stack:
    """Return a stack that answers like this, whatever it is to answer."""

    @asynccontextmanager
    async def stack(exchange: Exchange) -> AsyncGenerator[Opened]:
        with aiointercept() as mock:
            mock.add(URL, exchange.method, **reply)
            async with mock.session() as session:
                count = 1 if recorded is None else recorded
                yield Opened(session, URL, lambda: count, lambda: received)

    return stack


@pytest.mark.parametrize("exchange", JSON_EXCHANGES, ids=str)
@pytest.mark.parametrize("stack", [*SERVERS.values(), *FLOORS.values()], ids=[*SERVERS, *FLOORS])
async def test_all_answer_json(stack: Stack, exchange: Exchange) -> None:
    """Everyone who is measured answers what is asked, call after call."""
    async with calling(stack, exchange)() as call:
        await call()
        await call()


@pytest.mark.parametrize("exchange", SERVED_EXCHANGES, ids=lambda exchange: exchange.handler)
@pytest.mark.parametrize("stack", SERVERS.values(), ids=SERVERS)
async def test_servers_answer_everything(stack: Stack, exchange: Exchange) -> None:
    """Handlers, downloads and uploads are the same for ours and for TestServer."""
    async with calling(stack, exchange)() as call:
        await call()


@pytest.mark.parametrize(
    ("stack", "exchange", "message"),
    [
        (answering(status=500), Exchange(), "status 500, not 200"),
        (answering(json=[]), Exchange(), f"[], not {ANSWER!r}"),
        (
            answering(body=b"a" * 2000),
            Exchange(download=b"a" * 3000),
            "download of 2000 bytes, not the 3000 meant",
        ),
        (
            answering(json=ANSWER, received=b"ab"),
            Exchange("POST", upload=b"abc"),
            "upload of 2 bytes, not the 3 meant",
        ),
        (answering(json=ANSWER, recorded=0), Exchange(), "0 requests recorded, not 1"),
        (answering(json=ANSWER, recorded=2), Exchange(), "2 requests recorded, not 1"),
    ],
    ids=["status", "json", "download", "upload", "not recorded", "recorded twice"],
)
async def test_whatever_is_wrong_is_found(stack: Stack, exchange: Exchange, message: str) -> None:
    """A wrong status, body, upload or record raises, so that no time is taken of it."""
    with pytest.raises(WrongAnswerError) as caught:
        async with calling(stack, exchange)() as call:
            await call()
    assert str(caught.value) == message
