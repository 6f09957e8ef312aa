from __future__ import annotations

import asyncio
import contextvars
import errno
import gc
import io
import os
import random
import ssl
import weakref
from collections.abc import Callable
from contextlib import suppress
from functools import partial
from typing import Any

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from aiointercept_connector.loopback.memory import KERNEL, MAX_READ, MemoryTransport, memory_pair
from tests.loopback.conftest import (
    BLOCK,
    BufferedRecorder,
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

Reports = list[dict[str, Any]]


class ProtocolFailedError(Exception):
    """What a protocol under test raises."""


def fail() -> None:
    """Raise `ProtocolFailedError`, from whichever call it is hooked into."""
    raise ProtocolFailedError


@pytest.fixture
def on_uvloop(anyio_backend: tuple[str, dict[str, bool]]) -> bool:
    """Tell the loops apart, for the few tests where uvloop is not as asyncio."""
    return "use_uvloop" in anyio_backend[1]


def is_uvloops(transport: asyncio.Transport) -> bool:
    """Tell whether *transport* is one of uvloop's own."""
    return type(transport).__module__.startswith("uvloop")


class TestData:
    """What is written arrives."""

    async def test_arrives_in_order(self, pair: Pair) -> None:
        """What was written arrives, byte for byte and in order."""
        for word in (b"one ", b"two ", b"three"):
            pair.client.write(word)
        await until(lambda: pair.at_server.received == b"one two three")

    async def test_both_ways(self, pair: Pair) -> None:
        """Both directions are open at once, and do not mix."""
        pair.client.write(b"ping")
        pair.server.write(b"pong")
        await until(
            lambda: pair.at_server.received == b"ping" and pair.at_client.received == b"pong"
        )

    async def test_never_from_within_write(self, pair: Pair) -> None:
        """The other end's protocol is not called before `write` has returned."""
        pair.client.write(b"x")
        assert pair.at_server.received == b""
        await until(lambda: pair.at_server.received == b"x")

    async def test_answered_from_data_received(self, pair: Pair) -> None:
        """A protocol may write from `data_received`, and is called again in its turn."""
        pair.at_server.when["data_received"] = lambda: pair.server.write(b"pong")
        pair.client.write(b"ping")
        await until(lambda: pair.at_client.received == b"pong")

    async def test_in_bounded_pieces(self, pair: Pair) -> None:
        """A large write arrives whole, in pieces of at most what asyncio reads at a time."""
        sent = random.Random(1).randbytes(3 * MAX_READ + 1)
        pair.client.write(sent)
        await until(lambda: len(pair.at_server.received) == len(sent))
        assert pair.at_server.received == sent
        assert isinstance(pair.at_server, PlainRecorder)
        assert pair.at_server.largest <= MAX_READ

    @pytest.mark.parametrize("view", [False, True], ids=["bytearray", "memoryview"])
    async def test_copied_at_write(self, pair: Pair, view: bool) -> None:
        """A buffer may be used again as soon as `write` has returned."""
        buffer = bytearray(b"before")
        pair.client.write(memoryview(buffer) if view else buffer)
        buffer[:] = b"after!"
        await until(lambda: pair.at_server.received == b"before")

    @pytest.mark.parametrize("data", ["text", 7, [1]])
    async def test_only_bytes(self, pair: Pair, data: Any) -> None:
        """Anything but bytes is refused with `TypeError`, and nothing is sent."""
        with pytest.raises(TypeError, match=f"bytes-like object.* not '{type(data).__name__}'"):
            pair.client.write(data)
        pair.client.close()
        await pair.over()
        assert pair.at_server.received == b""

    @pytest.mark.parametrize("data", [b"", bytearray()])
    async def test_nothing_is_nothing(self, pair: Pair, data: bytes | bytearray) -> None:
        """Writing no bytes does nothing: it is not the end of the stream."""
        pair.client.write(data)
        await settle()
        assert pair.at_server.calls == ["connection_made"]

    async def test_writelines(self, pair: Pair) -> None:
        """`writelines` sends the items in order."""
        pair.client.writelines([b"a", bytearray(b"b"), memoryview(b"c")])
        await until(lambda: pair.at_server.received == b"abc")

    async def test_own_context(self, pair: Pair) -> None:
        """A protocol does not see the context variables of the writer at the other end."""
        variable = contextvars.ContextVar("variable", default="unset")
        seen: list[str] = []
        pair.at_server.when["data_received"] = lambda: seen.append(variable.get())
        variable.set("the writer's")
        pair.client.write(b"x")
        await until(lambda: len(seen) == 1)
        assert seen == ["unset"]


class TestReading:
    """Pausing and resuming the input."""

    async def test_pause(self, pair: Pair) -> None:
        """A paused end is given nothing until it resumes, and then everything."""
        pair.server.pause_reading()
        pair.client.write(b"one ")
        await settle()
        pair.client.write(b"two")
        await settle()
        assert pair.at_server.received == b""
        pair.server.resume_reading()
        await until(lambda: pair.at_server.received == b"one two")

    async def test_resume_does_not_call(self, pair: Pair) -> None:
        """What has waited is given by the loop, not from within `resume_reading`."""
        pair.server.pause_reading()
        pair.client.write(b"x")
        await settle()
        pair.server.resume_reading()
        assert pair.at_server.received == b""
        await until(lambda: pair.at_server.received == b"x")

    async def test_pause_at_once(self, pair: Pair) -> None:
        """A pause from within `data_received` holds back all that has not been given yet."""
        pair.at_server.when["data_received"] = pair.server.pause_reading
        pair.client.write(BLOCK * 4)
        await until(lambda: pair.at_server.received != b"")
        await settle()
        assert 0 < len(pair.at_server.received) <= MAX_READ
        pair.at_server.when.clear()
        pair.server.resume_reading()
        await until(lambda: pair.at_server.received == BLOCK * 4)

    async def test_pause_after_write(self, pair: Pair) -> None:
        """A pause also holds back what has been written but not given."""
        pair.client.write(b"x")
        pair.server.pause_reading()
        await settle()
        assert pair.at_server.received == b""
        pair.server.resume_reading()
        await until(lambda: pair.at_server.received == b"x")

    async def test_pause_twice(self, pair: Pair) -> None:
        """Pauses do not add up: one `resume_reading` undoes two."""
        pair.server.pause_reading()
        pair.server.pause_reading()
        pair.server.resume_reading()
        pair.client.write(b"x")
        await until(lambda: pair.at_server.received == b"x")

    async def test_is_reading(self, pair: Pair) -> None:
        """`is_reading` says no while paused, and once closing."""
        states = [pair.server.is_reading()]
        pair.server.pause_reading()
        states.append(pair.server.is_reading())
        pair.server.resume_reading()
        states.append(pair.server.is_reading())
        pair.server.close()
        states.append(pair.server.is_reading())
        pair.server.resume_reading()
        states.append(pair.server.is_reading())
        assert states == [True, False, True, False, False]

    async def test_end_waits_too(self, pair: Pair) -> None:
        """A paused end learns that the other has closed only when it resumes."""
        pair.server.pause_reading()
        pair.client.write(b"x")
        pair.client.close()
        await settle()
        assert pair.at_client.is_lost
        assert pair.at_server.calls == ["connection_made"]
        pair.server.resume_reading()
        await until(lambda: pair.at_server.is_lost)
        assert pair.at_server.calls[1:] == ["data_received", "eof_received", "connection_lost"]


class TestBufferedProtocol:
    """Protocols that lend a buffer, and changing protocols."""

    @pytest.mark.parametrize("size", [7, 64 * 1024])
    async def test_receives(self, connect: Connect, size: int) -> None:
        """A `BufferedProtocol` is given everything, whatever the size of its buffer."""
        pair = await connect(PlainRecorder(), BufferedRecorder(size))
        sent = random.Random(2).randbytes(300 * size + 1)
        pair.client.write(sent[:5])
        pair.client.write(sent[5:])
        pair.client.close()
        await until(lambda: pair.at_server.is_lost)
        assert pair.at_server.received == sent

    async def test_takes_over(self, pair: Pair) -> None:
        """`set_protocol` hands the rest of the stream to another protocol, of either kind."""
        successor = BufferedRecorder(3)
        pair.client.write(b"first")
        await until(lambda: pair.at_server.received == b"first")
        pair.server.set_protocol(successor)
        assert pair.server.get_protocol() is successor
        pair.client.write(b"second")
        await until(lambda: successor.received == b"second")
        assert pair.at_server.received == b"first"
        pair.server.set_protocol(pair.at_server)

    @pytest.mark.parametrize("name", ["get_buffer", "data_received"])
    async def test_failure(self, connect: Connect, reports: Reports, name: str) -> None:
        """What `get_buffer` or `buffer_updated` raises is reported, and ends the connection."""
        pair = await connect(PlainRecorder(), BufferedRecorder(10))
        if is_uvloops(pair.server) and name == "get_buffer":
            pytest.skip("uvloop replaces what get_buffer() raised by an error of its own")
        pair.at_server.when[name] = fail
        pair.client.write(b"x")
        await pair.over()
        assert isinstance(pair.at_server.lost_with, ProtocolFailedError)
        assert [report["exception"] for report in reports] == [pair.at_server.lost_with]
        reports.clear()

    async def test_empty_buffer(self, connect: Connect, reports: Reports) -> None:
        """A buffer without room is a fault of the protocol, and reported as one."""
        pair = await connect(PlainRecorder(), BufferedRecorder(0))
        pair.client.write(b"x")
        await pair.over()
        assert "empty buffer" in str(pair.at_server.lost_with)
        assert [report["exception"] for report in reports] == [pair.at_server.lost_with]
        reports.clear()


class TestFlowControl:
    """Pausing and resuming the writer."""

    async def test_small_write_is_sent(self, pair: Pair) -> None:
        """What fits the kernel is not unsent, even while nobody reads it."""
        pair.server.pause_reading()
        pair.client.write(b"x" * 4096)
        await settle()
        assert pair.client.get_write_buffer_size() == 0
        assert pair.at_client.flow == []

    async def test_pauses_and_resumes(self, pair: Pair) -> None:
        """A writer is paused while the reader does not keep up, and goes on when it does."""
        sent = await pair.fill()
        assert pair.at_client.flow[-1] == "pause_writing"
        pair.server.resume_reading()
        await until(lambda: pair.at_server.received == sent)
        await until(lambda: pair.at_client.flow[-1] == "resume_writing")
        turns = len(pair.at_client.flow) // 2
        assert pair.at_client.flow == ["pause_writing", "resume_writing"] * turns
        assert pair.client.get_write_buffer_size() == 0

    async def test_pauses_within_write(self, pair: Pair) -> None:
        """`pause_writing` is called before the `write` that exceeds the limit returns, and once."""
        pair.client.write(BLOCK * 64)
        assert pair.at_client.flow == ["pause_writing"]
        pair.client.write(BLOCK)
        assert pair.at_client.flow == ["pause_writing"]

    async def test_resumes_at_low(self, pair: Pair) -> None:
        """`resume_writing` is called once no more than the low limit is unsent."""
        left: list[int] = []
        pair.at_client.when["resume_writing"] = lambda: left.append(
            pair.client.get_write_buffer_size()
        )
        pair.client.set_write_buffer_limits(high=1_000_000, low=0)
        await pair.fill()
        pair.server.resume_reading()
        await until(lambda: pair.at_client.flow[-1] == "resume_writing")
        assert set(left) == {0}

    async def test_write_from_resume_writing(self, pair: Pair) -> None:
        """What is written from within `resume_writing` is sent in its place, even while closing."""
        sent = await pair.fill()
        pair.at_client.when["resume_writing"] = lambda: pair.client.write(b"last")
        pair.client.close()
        pair.server.resume_reading()
        await pair.over()
        assert pair.at_server.received == sent + b"last" * pair.at_client.flow.count(
            "resume_writing"
        )

    async def test_limits(self, pair: Pair) -> None:
        """Of the two limits either follows from the other, and both have a default."""
        limits = []
        for limit in ({"high": 100}, {"low": 100}, {"high": 100, "low": 99}, {"high": 0}, {}):
            pair.client.set_write_buffer_limits(**limit)
            limits.append(pair.client.get_write_buffer_limits())
        assert limits == [(25, 100), (100, 400), (99, 100), (0, 0), (16 * 1024, 64 * 1024)]

    async def test_default_limits(self, pair: Pair) -> None:
        """The default is in force from the start."""
        if is_uvloops(pair.client):
            pytest.skip("uvloop starts with a low limit of 16 bytes")
        assert pair.client.get_write_buffer_limits() == (16 * 1024, 64 * 1024)

    @pytest.mark.parametrize(("high", "low"), [(10, 11), (-1, None), (5, -1)])
    async def test_wrong_limits(self, pair: Pair, high: int, low: int | None) -> None:
        """Limits that contradict each other are refused, and change nothing."""
        before = pair.client.get_write_buffer_limits()
        with pytest.raises(ValueError, match="must be >="):
            pair.client.set_write_buffer_limits(high, low)
        assert pair.client.get_write_buffer_limits() == before

    async def test_lower_limit(self, pair: Pair) -> None:
        """A limit below what is unsent already pauses the protocol at once."""
        pair.client.set_write_buffer_limits(high=2**30)
        pair.client.write(BLOCK * 64)
        assert pair.at_client.flow == []
        pair.client.set_write_buffer_limits(high=1)
        assert pair.at_client.flow == ["pause_writing"]

    @pytest.mark.parametrize("name", ["pause_writing", "resume_writing"])
    async def test_failure(self, pair: Pair, reports: Reports, name: str) -> None:
        """What `pause_writing` or `resume_writing` raises is reported; the data goes on."""
        pair.at_client.when[name] = fail
        sent = await pair.fill()
        pair.server.resume_reading()
        await until(lambda: pair.at_server.received == sent)
        await until(lambda: pair.at_client.flow[-1] == "resume_writing")
        pair.at_client.when.clear()
        assert {report["message"] for report in reports} == {f"protocol.{name}() failed"}
        assert {type(report["exception"]) for report in reports} == {ProtocolFailedError}
        assert not pair.client.is_closing()
        reports.clear()


class TestHalfClose:
    """Ending one direction."""

    async def test_other_direction_stays_open(self, pair: Pair) -> None:
        """After `write_eof` an end that says so may still answer."""
        pair.at_server.keep_open = True
        pair.client.write(b"question")
        pair.client.write_eof()
        await until(lambda: "eof_received" in pair.at_server.calls)
        pair.server.write(b"answer")
        await until(lambda: pair.at_client.received == b"answer")
        assert pair.at_server.received == b"question"
        assert not pair.client.is_closing()
        assert not pair.server.is_closing()

    async def test_end_after_data(self, pair: Pair) -> None:
        """The end of the stream comes after the last byte, the unsent ones included."""
        pair.at_server.keep_open = True
        sent = await pair.fill()
        pair.client.write_eof()
        await settle()
        pair.server.resume_reading()
        await until(lambda: "eof_received" in pair.at_server.calls)
        assert pair.at_server.received == sent
        assert pair.at_server.calls[1:] == ["data_received", "eof_received"]

    async def test_closes_by_default(self, pair: Pair) -> None:
        """An end whose `eof_received` returns false closes, and so does then the other."""
        pair.client.write_eof()
        await pair.over()
        ends = [pair.at_client, pair.at_server]
        assert [end.calls[1:] for end in ends] == [["eof_received", "connection_lost"]] * 2
        assert [end.lost_with for end in ends] == [None, None]

    async def test_no_write_after(self, pair: Pair) -> None:
        """`write` after `write_eof` raises, and so it does once closed."""
        pair.at_server.keep_open = True
        pair.client.write_eof()
        with pytest.raises(RuntimeError, match="after write_eof"):
            pair.client.write(b"x")
        pair.client.close()
        with pytest.raises(RuntimeError, match="after write_eof"):
            pair.client.write(b"x")

    async def test_twice(self, pair: Pair) -> None:
        """A second `write_eof` does nothing."""
        pair.at_server.keep_open = True
        pair.client.write_eof()
        pair.client.write_eof()
        await settle()
        assert pair.at_server.calls[1:] == ["eof_received"]

    async def test_told_again(self, pair: Pair) -> None:
        """An end that stays open is told of the end of the stream again when it reads anew."""
        pair.at_server.keep_open = True
        pair.client.write_eof()
        await until(lambda: "eof_received" in pair.at_server.calls)
        pair.server.pause_reading()
        pair.server.resume_reading()
        await until(lambda: pair.at_server.calls[1:] == ["eof_received", "eof_received"])

    async def test_after_close(self, pair: Pair) -> None:
        """`write_eof` on a closed transport does nothing: `write` is still ignored."""
        pair.client.close()
        pair.client.write_eof()
        if not is_uvloops(pair.client):  # to uvloop it counts all the same
            pair.client.write(b"x")
        await pair.over()
        assert pair.at_server.calls[1:] == ["eof_received", "connection_lost"]

    async def test_can(self, pair: Pair) -> None:
        """`can_write_eof` says that it works."""
        assert pair.client.can_write_eof()

    async def test_failure(self, pair: Pair, reports: Reports) -> None:
        """What `eof_received` raises is reported, and ends the connection."""
        pair.at_server.when["eof_received"] = fail
        pair.at_server.keep_open = True
        pair.client.write_eof()
        await pair.over()
        assert isinstance(pair.at_server.lost_with, ProtocolFailedError)
        assert [report["exception"] for report in reports] == [pair.at_server.lost_with]
        reports.clear()


class TestClose:
    """The orderly end."""

    async def test_order(self, pair: Pair) -> None:
        """`close` tells its own protocol, from the loop, and then the other end."""
        order: list[str] = []
        pair.at_client.when["connection_lost"] = lambda: order.append("client lost")
        pair.at_server.when["eof_received"] = lambda: order.append("server eof")
        pair.at_server.when["connection_lost"] = lambda: order.append("server lost")
        pair.client.close()
        assert pair.client.is_closing()
        assert order == []
        await pair.over()
        assert order == ["client lost", "server eof", "server lost"]
        assert pair.at_client.lost_with is None
        assert pair.at_server.lost_with is None

    async def test_data_first(self, pair: Pair) -> None:
        """What was written before `close` arrives before the end."""
        pair.client.write(b"last words")
        pair.client.close()
        await pair.over()
        assert pair.at_server.received == b"last words"
        assert pair.at_server.calls[1:] == ["data_received", "eof_received", "connection_lost"]

    async def test_flushes(self, pair: Pair) -> None:
        """`close` waits until everything is sent before it calls `connection_lost`."""
        sent = await pair.fill()
        pair.client.close()
        await settle()
        assert pair.client.is_closing()
        assert not pair.at_client.is_lost
        pair.server.resume_reading()
        await pair.over()
        assert pair.at_server.received == sent
        assert pair.at_client.lost_with is None

    async def test_flushes_below_the_limit(self, pair: Pair) -> None:
        """`close` also waits for what is unsent but has not paused its protocol."""
        pair.client.set_write_buffer_limits(high=2**30)
        pair.client.write(BLOCK * 64)
        pair.client.close()
        await pair.over()
        assert pair.at_server.received == BLOCK * 64
        assert pair.at_client.calls[1:] == ["connection_lost"]

    async def test_twice(self, pair: Pair) -> None:
        """Closing again, in any way, does not end the connection again."""
        pair.client.close()
        pair.client.close()
        pair.client.abort()
        await pair.over()
        pair.client.close()
        pair.client.abort()
        await settle()
        assert pair.at_client.calls.count("connection_lost") == 1

    async def test_reads_no_more(self, pair: Pair) -> None:
        """A closed end is given nothing more, not even what was on its way."""
        pair.server.write(b"too late")
        pair.client.close()
        await pair.over()
        assert pair.at_client.calls[1:] == ["connection_lost"]

    async def test_write_after(self, pair: Pair) -> None:
        """What is written after `close` is ignored."""
        pair.client.close()
        pair.client.write(b"x")
        await pair.over()
        assert pair.at_server.received == b""
        assert pair.at_client.calls[1:] == ["connection_lost"]

    async def test_write_after_lost(self, pair: Pair) -> None:
        """What is written once the connection is lost is ignored."""
        if is_uvloops(pair.client):
            pytest.skip("uvloop raises RuntimeError for any use of a lost transport")
        pair.client.close()
        await pair.over()
        pair.client.write(b"x")
        await settle()
        assert pair.at_server.received == b""
        assert pair.at_client.calls[1:] == ["connection_lost"]

    async def test_write_while_flushing(self, pair: Pair) -> None:
        """What is written while `close` still flushes is sent too."""
        sent = await pair.fill()
        pair.client.close()
        pair.client.write(b"more")
        pair.server.resume_reading()
        await pair.over()
        assert pair.at_server.received == sent + b"more"

    async def test_at_both_ends(self, pair: Pair) -> None:
        """Both ends may close at once."""
        pair.client.close()
        pair.server.close()
        await pair.over()
        assert (
            pair.at_client.calls == pair.at_server.calls == ["connection_made", "connection_lost"]
        )
        assert pair.at_client.lost_with is None
        assert pair.at_server.lost_with is None

    async def test_from_data_received(self, pair: Pair) -> None:
        """A protocol may answer and close from within `data_received`."""

        def answer() -> None:
            pair.server.write(b"answer")
            pair.server.close()

        pair.at_server.when["data_received"] = answer
        pair.client.write(b"question")
        await pair.over()
        assert pair.at_client.calls[1:] == ["data_received", "eof_received", "connection_lost"]

    async def test_failure(self, pair: Pair, reports: Reports) -> None:
        """What `connection_lost` raises is reported, and the other end still sees the close."""
        pair.at_client.when["connection_lost"] = fail
        pair.client.close()
        await pair.over()
        assert [type(report["exception"]) for report in reports] == [ProtocolFailedError]
        reports.clear()


class TestAbort:
    """The end that waits for nothing."""

    async def test_ends_at_once(self, pair: Pair) -> None:
        """`abort` closes without an exception, and its protocol learns of it from the loop."""
        pair.client.abort()
        assert pair.client.is_closing()
        assert not pair.at_client.is_lost
        await pair.over()
        assert pair.at_client.lost_with is None
        assert pair.at_server.lost_with is None
        assert pair.at_server.calls[1:] == ["eof_received", "connection_lost"]

    async def test_drops_the_unsent(self, pair: Pair) -> None:
        """`abort` loses what is unsent, and nothing of what the kernel has taken."""
        sent = await pair.fill()
        unsent = pair.client.get_write_buffer_size()
        pair.client.abort()
        await until(lambda: pair.at_client.is_lost)
        pair.server.resume_reading()
        await until(lambda: pair.at_server.is_lost)
        assert pair.at_server.received == sent[:-unsent]

    async def test_cuts_short_a_close(self, pair: Pair) -> None:
        """`abort` ends a `close` that waits for a reader."""
        await pair.fill()
        pair.client.close()
        await settle()
        pair.client.abort()
        await until(lambda: pair.at_client.is_lost)
        assert pair.at_client.lost_with is None


class TestReset:
    """The ends that are errors."""

    async def test_is_an_error(self, pair: Pair) -> None:
        """An RST reaches the other end as `ConnectionResetError`, and is no error to its maker."""
        reset(pair.server)
        assert not pair.at_server.is_lost
        await pair.over()
        assert pair.at_server.lost_with is None
        assert isinstance(pair.at_client.lost_with, ConnectionResetError)
        assert pair.at_client.lost_with.args == (errno.ECONNRESET, os.strerror(errno.ECONNRESET))
        assert pair.at_client.calls[1:] == ["connection_lost"]

    async def test_data_first(self, pair: Pair) -> None:
        """What was sent before the RST is read before it, however late."""
        pair.client.pause_reading()
        pair.server.write(b"half an ans")
        reset(pair.server)
        await settle()
        pair.client.resume_reading()
        await pair.over()
        assert pair.at_client.received == b"half an ans"
        assert isinstance(pair.at_client.lost_with, ConnectionResetError)

    async def test_after_close(self, pair: Pair) -> None:
        """A close in the same step does not turn an RST into an orderly end."""
        reset(pair.server)
        pair.server.close()
        await pair.over()
        assert isinstance(pair.at_client.lost_with, ConnectionResetError)

    async def test_unseen_while_paused(self, pair: Pair) -> None:
        """An end that is not reading meets the RST when it reads again."""
        pair.client.pause_reading()
        reset(pair.server)
        await settle()
        assert not pair.at_client.is_lost
        pair.client.resume_reading()
        await until(lambda: pair.at_client.is_lost)
        assert isinstance(pair.at_client.lost_with, ConnectionResetError)

    async def test_met_by_write(self, pair: Pair) -> None:
        """An end that is not reading meets the RST when it writes."""
        pair.client.pause_reading()
        reset(pair.server)
        await settle()
        pair.client.write(b"x")
        await until(lambda: pair.at_client.is_lost)
        assert isinstance(pair.at_client.lost_with, ConnectionResetError)

    async def test_unread_input(self, pair: Pair) -> None:
        """Closing with input unread resets the other end, as Linux does."""
        pair.server.pause_reading()
        pair.client.write(b"unread")
        await settle()
        pair.server.write(b"answer")
        pair.server.close()
        await pair.over()
        assert pair.at_client.received == b"answer"
        assert isinstance(pair.at_client.lost_with, ConnectionResetError)
        assert pair.at_server.lost_with is None

    async def test_unsent_output(self, pair: Pair) -> None:
        """A writer whose reader goes away is told so, though it is not reading itself."""
        await pair.fill()
        pair.client.pause_reading()
        pair.server.close()
        await pair.over()
        assert isinstance(pair.at_client.lost_with, ConnectionResetError)
        assert pair.at_client.flow[-1] == "pause_writing"

    async def test_while_closing(self, pair: Pair) -> None:
        """An end that is still flushing when its reader goes away closes with the error."""
        await pair.fill()
        pair.client.close()
        pair.server.close()
        await pair.over()
        assert isinstance(pair.at_client.lost_with, ConnectionResetError)

    async def test_reads_before_it_fails(self, pair: Pair) -> None:
        """A writer that cannot go on still reads an answer sent before the other end closed."""
        await pair.fill()
        pair.server.write(b"too large")
        pair.server.close()
        await pair.over()
        assert pair.at_client.received == b"too large"
        assert isinstance(pair.at_client.lost_with, ConnectionResetError)

    async def test_broken_pipe(self, pair: Pair) -> None:
        """To an end that has gone, the first write is lost and the second one fails."""
        pair.at_client.keep_open = True
        pair.server.close()
        await until(lambda: pair.at_server.is_lost and "eof_received" in pair.at_client.calls)
        pair.client.write(b"x")
        await settle()
        assert not pair.at_client.is_lost
        pair.client.write(b"x")
        await until(lambda: pair.at_client.is_lost)
        assert isinstance(pair.at_client.lost_with, BrokenPipeError)
        assert pair.at_client.lost_with.args == (errno.EPIPE, os.strerror(errno.EPIPE))

    async def test_after_the_end(self, pair: Pair) -> None:
        """An RST after the end of the stream is met by writing only, as a broken pipe."""
        pair.at_client.keep_open = True
        pair.server.write_eof()
        await until(lambda: "eof_received" in pair.at_client.calls)
        reset(pair.server)
        await settle()
        assert not pair.at_client.is_lost
        pair.client.write(b"x")
        await until(lambda: pair.at_client.is_lost)
        assert isinstance(pair.at_client.lost_with, BrokenPipeError)


class TestProtocolFailure:
    """What `data_received` raises."""

    async def test_data_received(self, pair: Pair, reports: Reports) -> None:
        """What `data_received` raises is reported with its transport, and ends the connection."""
        pair.at_server.when["data_received"] = fail
        pair.client.write(b"x")
        await pair.over()
        assert isinstance(pair.at_server.lost_with, ProtocolFailedError)
        (report,) = reports
        if not is_uvloops(pair.server):  # uvloop does not tell which call it was
            assert report["message"] == "Fatal error: protocol.data_received() call failed."
        assert report["exception"] is pair.at_server.lost_with
        assert report["transport"] is pair.server
        assert report["protocol"] is pair.at_server
        assert pair.at_client.calls[1:] == ["eof_received", "connection_lost"]
        assert pair.at_client.lost_with is None
        reports.clear()

    async def test_os_error(self, pair: Pair, reports: Reports) -> None:
        """An `OSError` from the protocol passes for the network's, and is not reported."""

        def refuse() -> None:
            raise OSError("no route")

        pair.at_server.when["data_received"] = refuse
        pair.client.write(b"x")
        await pair.over()
        assert str(pair.at_server.lost_with) == "no route"
        if is_uvloops(pair.server):  # to uvloop only a broken connection passes for that
            reports.clear()


class TestAsyncio:
    """What asyncio builds on a transport."""

    async def test_extra_info(self) -> None:
        """Each end answers `get_extra_info` from what it was given, or else by the default."""
        client, server = memory_pair(asyncio.get_running_loop(), {"peername": "a"}, {"ssl": 1})
        assert client.get_extra_info("peername") == "a"
        assert client.get_extra_info("ssl", "default") == "default"
        assert server.get_extra_info("ssl") == 1
        assert server.get_extra_info("peername") is None

    async def test_streams(self, pair: Pair) -> None:
        """The streams of asyncio work over it: reading to the end, `drain`, `wait_closed`."""
        loop = asyncio.get_running_loop()
        reader = asyncio.StreamReader(limit=1000)
        protocol = asyncio.StreamReaderProtocol(reader)
        pair.client.set_protocol(protocol)
        protocol.connection_made(pair.client)
        writer = asyncio.StreamWriter(pair.client, protocol, reader, loop)
        answer = BLOCK * 8
        pair.at_server.when["eof_received"] = lambda: pair.server.write(answer)
        for _ in range(8):
            writer.write(BLOCK)
            await writer.drain()
        writer.write_eof()
        assert await reader.read() == answer
        writer.close()
        await writer.wait_closed()
        assert pair.at_server.received == BLOCK * 8
        pair.at_client.called("connection_lost")

    async def test_start_tls(self, pair: Pair, on_uvloop: bool) -> None:
        """`loop.start_tls` upgrades a connection, and what is sent then arrives decrypted."""
        if on_uvloop and isinstance(pair.client, MemoryTransport):
            pytest.skip("uvloop's start_tls() takes no transports but its own")
        loop = asyncio.get_running_loop()
        client, server = await asyncio.gather(
            loop.start_tls(pair.client, pair.at_client, anonymous(ssl.PROTOCOL_TLS_CLIENT)),
            loop.start_tls(
                pair.server, pair.at_server, anonymous(ssl.PROTOCOL_TLS_SERVER), server_side=True
            ),
        )
        assert client is not None
        assert server is not None
        client.write(BLOCK * 4)
        server.write(b"answer")
        await until(lambda: pair.at_server.received == BLOCK * 4)
        await until(lambda: pair.at_client.received == b"answer")
        client.close()
        server.close()
        await pair.over()

    async def test_start_tls_fails(self, pair: Pair, on_uvloop: bool) -> None:
        """A failed handshake raises what OpenSSL says, and closes the connection."""
        if on_uvloop and isinstance(pair.client, MemoryTransport):
            pytest.skip("uvloop's start_tls() takes no transports but its own")
        pair.at_server.when["data_received"] = lambda: pair.server.write(b"this is not TLS")
        context = anonymous(ssl.PROTOCOL_TLS_CLIENT)
        with pytest.raises(ssl.SSLError, match="WRONG_VERSION_NUMBER"):
            await asyncio.get_running_loop().start_tls(pair.client, pair.at_client, context)
        await until(lambda: pair.at_server.is_lost)
        pair.at_client.called("connection_lost")


def anonymous(protocol: int) -> ssl.SSLContext:
    """Return a context that needs no certificate, at either end."""
    context = ssl.SSLContext(protocol)
    context.check_hostname = False
    context.verify_mode = ssl.CERT_NONE
    context.maximum_version = ssl.TLSVersion.TLSv1_2
    context.set_ciphers("AECDH:ADH:@SECLEVEL=0")
    return context


class TestMemoryOnly:
    """What sockets do not have, or do otherwise."""

    async def test_repr(self) -> None:
        """The repr tells in a line whether it is open, and what it waits for each way."""
        pair = await connect_memory(PlainRecorder(), PlainRecorder())
        idle = "read=on unread=0 write=on unsent=0"
        assert repr(pair.client) == f"<MemoryTransport open {idle}>"
        pair.server.pause_reading()
        pair.client.write(bytes(KERNEL + 2**20))
        size = 2**20
        assert repr(pair.client) == (
            f"<MemoryTransport open read=on unread=0 write=paused unsent={size}>"
        )
        assert repr(pair.server) == (
            f"<MemoryTransport open read=off unread={KERNEL + size} write=on unsent=0>"
        )
        pair.client.write_eof()
        pair.server.resume_reading()
        pair.at_server.keep_open = True
        await settle()
        assert repr(pair.client) == "<MemoryTransport open read=on unread=0 write=eof unsent=0>"
        assert repr(pair.server) == "<MemoryTransport open read=eof unread=0 write=on unsent=0>"
        pair.client.close()
        assert repr(pair.client) == "<MemoryTransport closing read=off unread=0 write=eof unsent=0>"
        await settle()
        assert repr(pair.client) == "<MemoryTransport closed read=off unread=0 write=eof unsent=0>"

    async def test_sendfile(self) -> None:
        """`loop.sendfile` says that it is not implemented, which is what aiohttp falls back on."""
        pair = await connect_memory(PlainRecorder(), PlainRecorder())
        with pytest.raises(NotImplementedError):
            await asyncio.get_running_loop().sendfile(pair.client, io.BytesIO(b"x"))

    async def test_input_waits_for_a_protocol(self) -> None:
        """What is written before the other end has its protocol is kept for it."""
        client, server = memory_pair(asyncio.get_running_loop())
        protocol = PlainRecorder()
        client.write(b"early")
        await settle()
        server.set_protocol(protocol)
        protocol.connection_made(server)
        await until(lambda: protocol.received == b"early")

    async def test_keeps_no_protocol(self) -> None:
        """The transports of a lost connection hold on to neither protocol."""
        pair = await connect_memory(PlainRecorder(), PlainRecorder())
        transports = pair.client, pair.server
        protocols = weakref.ref(pair.at_client), weakref.ref(pair.at_server)
        pair.client.close()
        await pair.over()
        await settle()
        del pair
        gc.collect()
        assert [protocol() for protocol in protocols] == [None, None]
        assert [transport.is_closing() for transport in transports] == [True, True]

    async def test_has_slots(self) -> None:
        """A transport has no `__dict__`, but may be weakly referenced, as any other."""
        client, _ = memory_pair(asyncio.get_running_loop())
        assert not hasattr(client, "__dict__")
        assert weakref.ref(client)() is client

    async def test_one_call_for_many_writes(self, monkeypatch: pytest.MonkeyPatch) -> None:
        """Writes in one step cost one call of the loop, and arrive in one piece."""
        pair = await connect_memory(PlainRecorder(), PlainRecorder())
        loop = asyncio.get_running_loop()
        calls: list[Callable[[], object]] = []
        with monkeypatch.context() as patched:
            patched.setattr(loop, "call_soon", lambda call, **_: calls.append(call))
            for _ in range(100):
                pair.client.write(b"0123456789")
        assert len(calls) == 1
        loop.call_soon(calls[0])
        await until(lambda: pair.at_server.received == b"0123456789" * 100)
        assert isinstance(pair.at_server, PlainRecorder)
        assert pair.at_server.largest == 1000


@pytest.mark.parametrize("name", ["data_received", "pause_writing"])
def test_interrupt(name: str) -> None:
    """`KeyboardInterrupt` passes through the loop, and the connection goes on behind it."""
    loop = asyncio.new_event_loop()

    def interrupt() -> None:
        del ends[0].when[name], ends[1].when[name]
        raise KeyboardInterrupt

    ends = [PlainRecorder(), PlainRecorder()]
    for end in ends:
        end.when[name] = interrupt

    async def talk() -> None:
        pair = await connect_memory(*ends)
        loop.call_soon(pair.client.write, BLOCK * 8)
        await until(lambda: False)

    task = loop.create_task(talk())
    with pytest.raises(KeyboardInterrupt):
        loop.run_until_complete(task)
    loop.run_until_complete(until(lambda: len(ends[1].received) == 8 * len(BLOCK)))
    task.cancel()
    with suppress(asyncio.CancelledError):
        loop.run_until_complete(task)
    loop.close()


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
