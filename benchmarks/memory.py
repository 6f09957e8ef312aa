"""The works on memory: what a mock, a record and a stream keep, in bytes that Python allocates."""

from __future__ import annotations

import gc
import tracemalloc
from collections.abc import AsyncGenerator, Awaitable, Callable, Generator, Iterator
from contextlib import AbstractAsyncContextManager, contextmanager
from typing import Any, Final

from aiohttp import web

from aiointercept_connector import CallbackResult, aiointercept, replies

from .exchange import ANSWER, URL, Exchange, Opened, calling
from .harness import Call, Options, Sample, WrongAnswerError
from .works import OURS, Subjects, requests, session_of, work

__all__ = ()

GET: Final = Exchange()
MEGABYTE: Final = 1_000_000
STREAMED: Final = 100
PIECE: Final = b"x" * 100_000
IDLE: Final = 100


@work("a recorded GET keeps", unit="bytes", rounds=0.2)
async def record_size(options: Options) -> AsyncGenerator[Subjects]:
    yield {name: _kept(calling(stack, GET), options.calls(1000)) for name, stack in OURS.items()}


def _kept(opened: Callable[[], AbstractAsyncContextManager[Call]], calls: int) -> Sample:
    async def sample() -> float:
        async with opened() as call:
            await call()
            with traced() as memory:
                for _ in range(calls):
                    await call()
                kept = memory().now
        return kept / calls

    return sample


@work("a started mock that nobody asks keeps", unit="bytes", rounds=0.2)
async def idle_size(options: Options) -> AsyncGenerator[Subjects]:
    async def sample() -> float:
        with traced() as memory:
            mocks = [aiointercept() for _ in range(IDLE)]
            for mock in mocks:
                mock.start()
            kept = memory().now
        for mock in mocks:
            mock.stop()
        return kept / IDLE

    yield {"ours": sample}


@work("GET, behind so many recorded requests", rounds=0.4)
async def journal(options: Options) -> AsyncGenerator[Subjects]:
    many = 1_000_000 if options.full else options.calls(10_000)
    with aiointercept() as few, aiointercept() as full, aiointercept(max_requests=100) as bounded:
        for mock in (few, full, bounded):
            mock.get(URL, json=ANSWER, repeat=True)
        for mock in (full, bounded):
            await _fill(mock, many)
        stacks = {
            "none": session_of(few),
            "many": session_of(full),
            "many, the last 100 kept": session_of(bounded),
        }
        yield requests(GET, stacks, options, 200)


async def _fill(mock: aiointercept, requests: int) -> None:
    async with mock.session() as session:
        one = Opened(session, URL)
        for _ in range(requests):
            await one.call(GET)


@work(f"{STREAMED} MB streamed: the most memory at a time", unit="MB", rounds=0.1)
async def stream_memory(options: Options) -> AsyncGenerator[Subjects]:
    pieces = options.calls(STREAMED) * MEGABYTE // len(PIECE)
    yield {"down": _peak(_download, pieces), "up, max_body=": _peak(_upload, pieces)}


def _peak(work: Callable[[int], Awaitable[None]], pieces: int) -> Sample:
    async def sample() -> float:
        with traced() as memory:
            await work(pieces)
            return memory().peak / MEGABYTE

    return sample


def _stream(pieces: int) -> Iterator[bytes]:
    for _ in range(pieces):
        yield PIECE


async def _download(pieces: int) -> None:
    async with aiointercept() as mock, mock.session() as session:
        mock.get(URL, reply=replies.stream(lambda: _stream(pieces)))
        async with session.get(URL) as response:
            await _check(response.content.iter_any(), pieces)


async def _upload(pieces: int) -> None:
    async def received(request: Any) -> CallbackResult:
        await _check(request.content.iter_any(), pieces)
        return CallbackResult()

    async def data() -> AsyncGenerator[bytes]:
        for piece in _stream(pieces):
            yield piece

    async with aiointercept(max_body=1000) as mock, mock.session() as session:
        mock.post(URL, callback=received, read_body=False)
        async with session.post(URL, data=data()) as response:
            if response.status != web.HTTPOk.status_code:
                raise WrongAnswerError(f"status {response.status}, not 200")


async def _check(chunks: Any, pieces: int) -> None:
    size = 0
    async for chunk in chunks:
        size += len(chunk)
    if size != pieces * len(PIECE):
        raise WrongAnswerError(f"{size} bytes, not the {pieces * len(PIECE)} meant")


class Memory:
    """What has been allocated since, in bytes: now, and at the most."""

    def __init__(self) -> None:
        gc.collect()
        self.now, self.peak = tracemalloc.get_traced_memory()


@contextmanager
def traced() -> Generator[Callable[[], Memory]]:
    """Trace what is allocated within."""
    gc.collect()
    tracemalloc.start()
    try:
        yield Memory
    finally:
        tracemalloc.stop()
