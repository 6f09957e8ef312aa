"""Streams whose client goes away, waits or does not read."""

from __future__ import annotations

import asyncio
from collections.abc import Callable
from typing import Any

import pytest
from aiohttp import ClientSession, ClientTimeout

from aiointercept_connector import InterceptClosedError, aiointercept, replies
from tests.loopback.conftest import settle, until
from tests.replies.streamed import PIECE, URL, PlainWatched, Watched, asked

pytestmark = pytest.mark.anyio


Leave = Callable[[ClientSession, Watched], Any]


async def _closes(session: ClientSession, watched: Watched) -> None:
    async with session.get(URL) as response:
        await response.content.readany()
        response.close()


async def _leaves_the_block(session: ClientSession, watched: Watched) -> None:
    async with session.get(URL) as response:
        await response.content.readany()


async def _is_cancelled(session: ClientSession, watched: Watched) -> None:
    async def read() -> None:
        async with session.get(URL) as response:
            while True:
                await response.content.readany()

    task = asyncio.create_task(read())
    await until(lambda: watched.made > 0)
    await settle()
    task.cancel()
    await asyncio.gather(task, return_exceptions=True)


async def _times_out(session: ClientSession, watched: Watched) -> None:
    async def read() -> None:
        async with session.get(URL, timeout=ClientTimeout(total=0.02)) as response:
            while True:
                await response.content.readany()
                await asyncio.sleep(0.001)

    with pytest.raises(asyncio.TimeoutError):
        await read()


async def _closes_the_session(session: ClientSession, watched: Watched) -> None:
    response = await session.get(URL)
    await response.content.readany()
    await session.close()
    response.close()


@pytest.mark.parametrize(
    "leave", [_closes, _leaves_the_block, _is_cancelled, _times_out, _closes_the_session]
)
@pytest.mark.parametrize(
    "watched",
    [
        lambda: Watched(PIECE),
        lambda: Watched(b"x", wait=0.001),
        lambda: Watched(b"x", wait=1000),
        lambda: PlainWatched(PIECE),
    ],
    ids=["held up", "pacing", "waiting", "plain"],
)
async def test_client_goes_away(
    mock: aiointercept, session: ClientSession, leave: Leave, watched: Callable[[], Watched]
) -> None:
    """However a client leaves, the generator ends there, its `finally` included."""
    one = watched()
    mock.get(URL, reply=replies.stream(one))
    await leave(session, one)
    await until(lambda: one.closed)
    made = one.made
    await settle()
    assert one.made == made


@pytest.mark.parametrize("watched", [lambda: Watched(PIECE), lambda: Watched(b"x", wait=1000)])
async def test_client_goes_away_while_it_waits(
    mock: aiointercept, session: ClientSession, watched: Callable[[], Watched]
) -> None:
    """A generator that is held at a `yield` by the pace is closed, too."""
    one = Watched()
    mock.get(URL, reply=replies.stream(one, every=1000))
    await _closes(session, one)
    await until(lambda: one.closed)
    assert one.ended_by == [GeneratorExit]


async def test_mock_is_left(wire: Any) -> None:
    """Leaving the mock ends the generator; the client is told why."""
    watched = Watched(b"x", wait=0.001)
    async with aiointercept(wire=wire) as mock, mock.session() as session:
        mock.get(URL, reply=replies.stream(watched))
        async with session.get(URL) as response:
            await response.content.readany()
            await mock.stop()
            assert watched.closed
            with pytest.raises(InterceptClosedError):
                await response.read()


async def test_a_later_response_is_not_disturbed(
    mock: aiointercept, session: ClientSession
) -> None:
    """A client that left a stream goes on with a new connection."""
    mock.get(URL, reply=replies.stream(Watched(PIECE)))
    mock.get(URL, body="next")
    await _closes(session, Watched())
    assert await asked(session) == b"next"


@pytest.mark.parametrize("kind", [Watched, PlainWatched])
async def test_back_pressure(mock: aiointercept, session: ClientSession, kind: Any) -> None:
    """A client that does not read stops the generator, and reading lets it go on."""
    watched = kind(PIECE)
    mock.get(URL, reply=replies.stream(watched))
    async with session.get(URL) as response:
        await _standing(watched)
        held_at = watched.made
        # What two sockets hold is the system's to say, and up to some megabytes.
        assert held_at * len(PIECE) < (1 if mock.wire == "memory" else 16) * 2**20
        await response.content.readexactly(held_at * len(PIECE))
        await until(lambda: watched.made > held_at)


async def _standing(watched: Watched) -> None:
    """Wait until the generator is not asked any more."""
    before = -1
    while before != watched.made:
        before = watched.made
        await settle()
