"""How a connection in memory ends: half closed, closed, aborted, reset."""

from __future__ import annotations

import errno
import os

import pytest

from tests.loopback.conftest import BLOCK, Pair, reset, settle, until
from tests.loopback.memory_support import ProtocolFailedError, Reports, fail, is_uvloops

pytestmark = pytest.mark.anyio


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
