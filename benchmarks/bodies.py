"""The works on bodies: small and large ones, in one piece and in many."""

from __future__ import annotations

import os
from collections.abc import AsyncGenerator
from typing import Final

from . import remote
from .exchange import Exchange
from .harness import Options, Sample
from .worker import Task
from .works import OURS, TEST_SERVER, Subjects, requests, work

__all__ = ()

MEGABYTE: Final = os.urandom(2**20)


def large(options: Options) -> bytes:
    """Return a body of 10 MB, or 100 MB."""
    return MEGABYTE * (100 if options.full else 10)


@work("1 kB down")
async def download_1kb(options: Options) -> AsyncGenerator[Subjects]:
    yield requests(Exchange(download=MEGABYTE[:1024]), OURS | TEST_SERVER, options, 100)


@work("1 kB up")
async def upload_1kb(options: Options) -> AsyncGenerator[Subjects]:
    yield requests(Exchange("POST", upload=MEGABYTE[:1024]), OURS | TEST_SERVER, options, 100)


@work("1 MB down", rounds=0.4)
async def download_1mb(options: Options) -> AsyncGenerator[Subjects]:
    exchange = Exchange(download=MEGABYTE)
    async with remote.peers(Task(exchange, options, 10)) as peers:
        yield requests(exchange, OURS | TEST_SERVER, options, 10) | dict(peers)


@work("1 MB up", rounds=0.4)
async def upload_1mb(options: Options) -> AsyncGenerator[Subjects]:
    yield requests(Exchange("POST", upload=MEGABYTE), OURS | TEST_SERVER, options, 10)


@work("10 MB down, or 100 MB with --full", unit="MB/s", rounds=0.4)
async def download(options: Options) -> AsyncGenerator[Subjects]:
    yield _throughputs(Exchange(download=large(options)), options)


@work("10 MB down in pieces of 256 KiB, or 100 MB with --full", unit="MB/s", rounds=0.4)
async def stream(options: Options) -> AsyncGenerator[Subjects]:
    body = large(options)
    yield _throughputs(Exchange(download=body, pieces=len(body) // 2**18), options)


@work("10 MB up, or 100 MB with --full", unit="MB/s", rounds=0.4)
async def upload(options: Options) -> AsyncGenerator[Subjects]:
    yield _throughputs(Exchange("POST", upload=large(options)), options)


def _throughputs(exchange: Exchange, options: Options) -> Subjects:
    size = len(exchange.download or exchange.upload)
    times = requests(exchange, OURS | TEST_SERVER, options, 3)
    return {name: _as_throughput(sample, size) for name, sample in times.items()}


def _as_throughput(sample: Sample, size: int) -> Sample:
    async def throughput() -> float:
        # Bytes in a microsecond are megabytes in a second.
        return size / await sample()

    return throughput
