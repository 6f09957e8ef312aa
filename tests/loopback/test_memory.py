from __future__ import annotations

import contextvars
import random
from typing import Any

import pytest

from aiointercept_connector.loopback.memory import MAX_READ
from tests.loopback.conftest import (
    BLOCK,
    BufferedRecorder,
    Connect,
    Pair,
    PlainRecorder,
    settle,
    until,
)
from tests.loopback.memory_support import ProtocolFailedError, Reports, fail, is_uvloops

pytestmark = pytest.mark.anyio


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
