"""The frames that are recorded, as the handler sends and takes them."""

from __future__ import annotations

import asyncio
from typing import Any

import pytest
from aiohttp import WSMsgType, web

from aiointercept_connector import aiointercept, replies
from aiointercept_connector.reporting import transcript
from tests.loopback.conftest import until
from tests.replies.websockets.conversing import URL, connected, greet
from tests.test_readme import BLOCK, ROOT, run

pytestmark = pytest.mark.anyio


class TestFrames:
    async def test_in_order(self, mock: aiointercept) -> None:
        """Messages and control frames are recorded both ways, in the order of the handler."""

        async def talk(ws: web.WebSocketResponse, request: Any) -> None:
            await ws.send_json({"b": 2})
            await ws.ping(b"p")
            async for message in ws:
                await ws.send_bytes(message.data.encode())

        route = mock.ws(URL, talk)
        async with connected(mock) as socket:
            await socket.send_json({"a": 1})
            assert await socket.receive_json() == {"b": 2}
            assert await socket.receive_bytes() == b'{"a": 1}'
            await until(lambda: len(mock.calls[0].frames) == 5)
            await socket.close(code=4000, message=b"bye")
        (call,) = route.calls
        assert [repr(frame) for frame in call.frames] == [
            """<Frame sent text '{"b": 2}'>""",
            "<Frame sent ping b'p'>",
            """<Frame received text '{"a": 1}'>""",
            """<Frame sent binary b'{"a": 1}'>""",
            "<Frame received pong b'p'>",
            "<Frame received close 4000 'bye'>",
            "<Frame sent close 1000>",
        ]
        assert [frame.json() for frame in call.received_frames[:1]] == [{"a": 1}]
        assert call.sent_frames[0].text == '{"b": 2}'
        times = [frame.time for frame in call.frames]
        assert times == sorted(times)
        assert times[0] >= call.received_at

    async def test_heartbeat(self, mock: aiointercept) -> None:
        """The pings of a heartbeat are recorded, and their pongs."""
        route = mock.ws(URL, greet, heartbeat=0.02)
        async with connected(mock) as socket:
            await socket.receive()
            reading = asyncio.create_task(socket.receive())
            await until(lambda: len(route.calls[0].frames) > 2)
            await socket.close()
            await reading
        kinds = [frame.type for frame in route.calls[0].frames[1:3]]
        assert kinds == [WSMsgType.PING, WSMsgType.PONG]

    async def test_compressed(self, mock: aiointercept) -> None:
        """Of compressed messages the content is recorded."""
        route = mock.ws(URL, replies.echo)
        async with connected(mock, compress=15) as socket:
            await socket.send_str("x" * 50_000)
            await socket.receive()
        assert [frame.data for frame in route.calls[0].frames[:2]] == ["x" * 50_000] * 2

    async def test_what_could_not_be_sent(self, mock: aiointercept) -> None:
        """A message to a client that has closed was not sent."""

        async def talk(ws: web.WebSocketResponse, request: Any) -> None:
            await ws.receive()
            with pytest.raises(ConnectionResetError):
                await ws.send_str("x")

        route = mock.ws(URL, talk)
        async with connected(mock):
            pass
        assert [str(frame) for frame in route.calls[0].frames] == [
            "received close 1000",
            "sent close 1000",
        ]

    async def test_transcript(self, mock: aiointercept) -> None:
        """The report of a failed test shows the last twenty."""
        mock.ws(URL, replies.echo)
        async with connected(mock) as socket:
            for number in range(10):
                await socket.send_str(str(number))
                await socket.receive()
        lines = transcript(mock).splitlines()
        assert lines[3:5] == ["   … 2 frames before these", "   received text '1'"]
        assert lines[-1] == "   sent close 1000"

    async def test_of_other_requests(self, mock: aiointercept) -> None:
        """A request that is no WebSocket has none."""
        mock.get("/x")
        async with mock.session() as session, session.get("https://api.example.com/x"):
            pass
        assert mock.calls[0].frames == mock.calls[0].sent_frames == []

    async def test_data_that_is_written_to_again(self, mock: aiointercept) -> None:
        """A buffer is recorded as it was when it was sent."""

        async def talk(ws: web.WebSocketResponse, request: Any) -> None:
            data = bytearray(b"x")
            await ws.send_bytes(data)  # type: ignore[arg-type] # aiohttp takes more than it says
            data[0] = 0

        route = mock.ws(URL, talk)
        async with connected(mock) as socket:
            await socket.receive()
        assert route.calls[0].frames[0].data == b"x"


def test_the_page_shows_what_is_said() -> None:
    """What docs/websockets.md shows of a script that is not met is what its program prints."""
    text = (ROOT / "docs" / "websockets.md").read_text(encoding="utf-8")
    source = next(block for block in BLOCK.findall(text) if "VerificationError" in block)
    assert run(source) == text.split("```text\n")[1].split("```")[0]
