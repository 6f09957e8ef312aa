"""Libraries that speak a protocol of their own over WebSockets, and know nothing of us."""

from __future__ import annotations

import asyncio
import json
from typing import Any

import aiohttp
import pytest

from aiointercept_connector import ANY, Match, aiointercept
from aiointercept_connector.replies import close, expect, expect_close, send

pytestmark = pytest.mark.anyio

GRAPHQL = "wss://api.example.com/graphql"
SOCKET_IO = "https://chat.example.com/socket.io/"
OPENED = {"sid": "s1", "pingInterval": 25000, "pingTimeout": 20000, "maxPayload": 1000000}


async def test_gql_subscription(wire: Any) -> None:
    """A subscription through gql's aiohttp transport gets what a script sends it."""
    gql = pytest.importorskip("gql")
    transports = pytest.importorskip("gql.transport.aiohttp_websockets")
    async with aiointercept(True, wire=wire, strict=True) as mock:
        route = mock.ws(
            GRAPHQL,
            [
                expect({"type": "connection_init", "payload": ANY}),
                send({"type": "connection_ack"}),
                expect(json_subset={"type": "subscribe", "payload": {"query": ANY}}),
                send(lambda frame: _next(frame, 1)),
                send(lambda frame: _next(frame, 2)),
                send(lambda frame: {"id": frame.json()["id"], "type": "complete"}),
                expect_close(),
            ],
            protocols=["graphql-transport-ws"],
        )
        transport = transports.AIOHTTPWebsocketsTransport(url=GRAPHQL)
        async with gql.Client(transport=transport) as session:
            query = gql.gql("subscription { count }")
            answers = [answer async for answer in session.subscribe(query)]
        assert answers == [{"count": 1}, {"count": 2}]
        assert route.calls[0].received_frames[0].json()["type"] == "connection_init"


def _next(frame: Any, count: int) -> dict[str, Any]:
    return {"id": frame.json()["id"], "type": "next", "payload": {"data": {"count": count}}}


needs_newer_aiohttp = pytest.mark.skipif(
    not hasattr(aiohttp, "ClientWSTimeout"), reason="python-engineio uses what came with 3.11"
)

CHAT = [
    expect("40{}"),
    send('40{"sid":"n1"}'),
    expect('42["hello","Ada"]'),
    send('42["welcome",{"users":2}]'),
]


async def _chat(**options: Any) -> Any:
    """Talk to the server as python-socketio's client; return what it says."""
    socketio = pytest.importorskip("socketio")
    client = socketio.AsyncClient(reconnection=False)
    welcomed = asyncio.get_running_loop().create_future()
    client.on("welcome", welcomed.set_result)
    await client.connect("https://chat.example.com", **options)
    await client.emit("hello", "Ada")
    users = await asyncio.wait_for(welcomed, 2)
    await client.disconnect()
    return users


@needs_newer_aiohttp
async def test_socketio(wire: Any) -> None:
    """python-socketio's client talks to a script over a WebSocket alone."""
    async with aiointercept(True, wire=wire, strict=True) as mock:
        opened = "0" + json.dumps({**OPENED, "upgrades": []})
        mock.ws(SOCKET_IO, [send(opened), *CHAT, expect_close()], params=ANY)
        assert await _chat(transports=["websocket"]) == {"users": 2}


@needs_newer_aiohttp
async def test_socketio_upgrade(wire: Any) -> None:
    """python-socketio's client begins with polling, as it does by default, and upgrades."""
    async with aiointercept(True, wire=wire, strict=True) as mock:
        opened = "0" + json.dumps({**OPENED, "upgrades": ["websocket"]})
        polling = Match(query={"transport": "polling"})
        mock.get(SOCKET_IO, body=opened, content_type="text/plain", params=ANY, match=polling)
        upgrade = Match(query={"transport": "websocket", "sid": "s1"})
        probe = [expect("2probe"), send("3probe"), expect("5")]
        script = [*probe, *CHAT, expect_close()]
        mock.ws(SOCKET_IO, script, params=ANY, match=upgrade)
        assert await _chat() == {"users": 2}


async def test_websockets_iteration(wire: Any) -> None:
    """The iteration of the `websockets` library's client ends at a normal close."""
    client: Any = pytest.importorskip("websockets.asyncio.client")
    async with aiointercept(wire=wire) as mock:
        mock.ws("/feed", [send({"n": 1}), send({"n": 2}), close()])
        url = f"ws://{mock.server_host}:{mock.server_port}/feed"
        async with client.connect(url, proxy=None) as socket:
            assert [json.loads(message) async for message in socket] == [{"n": 1}, {"n": 2}]
