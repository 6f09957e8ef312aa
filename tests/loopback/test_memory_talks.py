"""Whatever two ends do, it is the same in memory as over TCP."""

from __future__ import annotations

import asyncio
import random
from collections.abc import Callable
from contextlib import suppress
from functools import partial

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from tests.loopback.conftest import (
    Connect,
    Pair,
    PlainRecorder,
    Recorder,
    connect_memory,
    connect_tcp,
    reset,
    settle,
    until,
)

pytestmark = pytest.mark.anyio


class TestRandomTalk:
    """Sequences that nobody thought of."""

    @pytest.mark.parametrize("seed", range(8))
    async def test_nothing_lost(self, pair: Pair, seed: int) -> None:
        """However much is written and however reading stops and starts, all of it arrives."""
        rng = random.Random(seed)
        sent = {pair.client: bytearray(), pair.server: bytearray()}
        for _ in range(60):
            transport = rng.choice(list(sent))
            action = rng.choice(["write", "write", "pause", "resume", "wait"])
            if action == "write":
                data = rng.randbytes(rng.choice([1, 100, 5000, 300_000]))
                transport.write(data)
                sent[transport] += data
            elif action == "pause":
                transport.pause_reading()
            elif action == "resume":
                transport.resume_reading()
            else:
                await asyncio.sleep(0)
        pair.client.resume_reading()
        pair.server.resume_reading()
        pair.at_server.keep_open = True
        pair.client.write_eof()
        await until(lambda: "eof_received" in pair.at_server.calls)
        pair.server.close()
        await pair.over()
        assert pair.at_server.received == sent[pair.client]
        assert pair.at_client.received == sent[pair.server]
        assert pair.at_client.lost_with is None
        assert pair.at_server.lost_with is None

    @settings(
        max_examples=200,
        deadline=None,
        derandomize=True,
        database=None,
        suppress_health_check=[HealthCheck.too_slow],
    )
    @given(
        steps=st.lists(
            st.tuples(
                st.sampled_from(["client", "server"]),
                st.sampled_from(
                    ["write", "write", "pause", "resume", "eof", "close", "abort", "reset"]
                ),
            ),
            min_size=2,
            max_size=12,
        ),
        keep_open=st.booleans(),
    )
    async def test_as_on_tcp(self, steps: list[tuple[str, str]], keep_open: bool) -> None:
        """Whatever both ends do, both get what they would get over TCP: bytes, calls, errors."""
        memory = await play(connect_memory, steps, keep_open)
        assert memory == await play(connect_tcp, steps, keep_open)


Outcome = list[tuple[bytes, list[str], type[BaseException | None]]]


async def play(connect: Connect, steps: list[tuple[str, str]], keep_open: bool) -> Outcome:
    """Do *steps* over one wire, and return what each end has seen at the end of them."""
    ends: list[Recorder] = [PlainRecorder(), PlainRecorder()]
    pair = await connect(*ends)
    for end in ends:
        end.keep_open = keep_open
    paused: set[asyncio.Transport] = set()

    def pause(transport: asyncio.Transport) -> None:
        paused.add(transport)
        transport.pause_reading()

    def resume(transport: asyncio.Transport) -> None:
        # To uvloop any resume_reading() is a new start, which asyncio ignores unless paused.
        if transport in paused:
            paused.remove(transport)
            transport.resume_reading()

    def end_output(transport: asyncio.Transport, other: Recorder) -> None:
        # On a socket that has been reset, asyncio raises and uvloop ends the connection.
        if not other.is_lost:
            transport.write_eof()

    for number, (end_name, step) in enumerate(steps):
        transport, other = (
            (pair.client, pair.at_server) if end_name == "client" else (pair.server, pair.at_client)
        )
        actions: dict[str, Callable[[], object]] = {
            "write": partial(transport.write, b"%d " % number * 1000),
            "pause": partial(pause, transport),
            "resume": partial(resume, transport),
            "eof": partial(end_output, transport, other),
            "close": transport.close,
            "abort": transport.abort,
            "reset": partial(reset, transport),
        }
        with suppress(RuntimeError):
            actions[step]()
        await settle()
    for transport in (pair.client, pair.server):
        resume(transport)
        await settle()
    pair.client.close()
    await settle()
    pair.server.close()
    await pair.over()
    return [(bytes(end.received), end.calls, type(end.lost_with)) for end in ends]
