"""Memory transports as asyncio knows transports, and where they differ from sockets."""

from __future__ import annotations

import asyncio
import gc
import io
import ssl
import weakref
from collections.abc import Callable
from contextlib import suppress

import pytest

from aiointercept_connector.loopback.memory import KERNEL, MemoryTransport, memory_pair
from tests.loopback.conftest import BLOCK, Pair, PlainRecorder, connect_memory, settle, until
from tests.loopback.memory_support import ProtocolFailedError, Reports, fail, is_uvloops

pytestmark = pytest.mark.anyio


@pytest.fixture
def on_uvloop(anyio_backend: tuple[str, dict[str, bool]]) -> bool:
    """Tell the loops apart, for the few tests where uvloop is not as asyncio."""
    return "use_uvloop" in anyio_backend[1]


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
