from __future__ import annotations

import asyncio
import re
from collections.abc import AsyncIterator
from typing import Any

import pytest
from aiohttp import ClientSession, web

from aiointercept_connector import aiointercept, replies
from aiointercept_connector.replies.events import Event
from tests.loopback.conftest import until

pytestmark = pytest.mark.anyio

URL = "https://api.example.com/events"


@pytest.mark.parametrize(
    ("event", "encoded"),
    [
        (replies.event("text"), b"data: text\n\n"),
        (replies.event(""), b"data: \n\n"),
        (replies.event(" led by a space"), b"data:  led by a space\n\n"),
        (
            replies.event("one\ntwo\r\nthree\rfour\n"),
            b"data: one\ndata: two\ndata: three\ndata: four\ndata: \n\n",
        ),
        (replies.event("one\u2028line\x0b"), "data: one\u2028line\x0b\n\n".encode()),
        (replies.event({"a": [1, None]}), b'data: {"a": [1, null]}\n\n'),
        (replies.event(None), b"data: null\n\n"),
        (replies.event(7), b"data: 7\n\n"),
        (
            replies.event(data="x", event="tick", id=3, retry=100),
            b"id: 3\nretry: 100\nevent: tick\ndata: x\n\n",
        ),
        (replies.event(id=""), b"id: \n\n"),
        (replies.event(retry=0), b"retry: 0\n\n"),
        (replies.event(comment="hush\nhush"), b": hush\n: hush\n\n"),
    ],
)
def test_format(event: Event, encoded: bytes) -> None:
    """An event is written as WHATWG's standard reads it."""
    assert event.encode() == encoded


@pytest.mark.parametrize(
    ("arguments", "error", "message"),
    [
        ({}, ValueError, "event() says nothing: give data=, event=, id=, retry= or comment=."),
        (
            {"event": "x"},
            ValueError,
            (
                "event='x' without data would reach nobody: clients drop an event that has none. "
                'For an empty one, give data="".'
            ),
        ),
        (
            {"data": b"x"},
            TypeError,
            "data must be text, or a value to be sent as JSON, not bytes: ",
        ),
        ({"data": {1, 2}}, TypeError, "data must be text, or serialisable as JSON: "),
        (
            {"data": "", "event": "a\nb"},
            ValueError,
            "event must not contain CR, LF or NUL: 'a\\nb'",
        ),
        ({"id": "a\0"}, ValueError, "id must not contain CR, LF or NUL: 'a\\x00'"),
        ({"id": 1.5}, TypeError, "id must be a str, not float: 1.5"),
        ({"retry": -1}, ValueError, "retry must be at least 0, not -1"),
        ({"retry": 1.5}, TypeError, "retry must be an int, of milliseconds, not float: 1.5"),
        ({"retry": True}, TypeError, "retry must be an int, of milliseconds, not bool: True"),
        ({"comment": 1}, TypeError, "comment must be a str, not int: 1"),
    ],
)
def test_refused(arguments: dict[str, Any], error: type[Exception], message: str) -> None:
    """An event that no client could read as it was meant is refused."""
    with pytest.raises(error, match="^" + re.escape(message)):
        replies.event(**arguments)


@pytest.mark.parametrize(
    ("arguments", "error", "message"),
    [
        ({"events": [b"x"]}, TypeError, "data must be text, or a value to be sent as JSON, not by"),
        (
            {"events": "text"},
            TypeError,
            "sse must be given an iterable, plain or async, or a funct",
        ),
        (
            {"events": {"a": 1}},
            TypeError,
            "sse must be given an iterable, plain or async, or a fun",
        ),
        ({"keep_alive": 0}, ValueError, "keep_alive must be more than 0 seconds"),
        ({"keep_alive": -1}, ValueError, "keep_alive must be a number of seconds, at least 0, not"),
        (
            {"keep_alive": 1, "virtual": True},
            ValueError,
            "keep_alive= is in real time, and with virtual=True none passes: leave one of them",
        ),
        ({"status": 204}, ValueError, "body: HTTP allows no body with status=204"),
    ],
)
def test_stream_refused(arguments: dict[str, Any], error: type[Exception], message: str) -> None:
    """A stream that could not be sent is refused."""
    arguments = dict(arguments)
    with pytest.raises(error, match="^" + re.escape(message)):
        replies.sse(arguments.pop("events", []), **arguments)


async def test_response(mock: aiointercept, session: ClientSession) -> None:
    """Events, texts and values are sent one after another, as one stream."""
    mock.get(URL, reply=replies.sse(["a", {"b": 1}, replies.event("c", id=1)]), repeat=2)
    for _ in range(2):
        async with session.get(URL) as response:
            assert response.headers["Content-Type"] == "text/event-stream"
            assert response.headers["Cache-Control"] == "no-cache"
            assert await response.read() == b'data: a\n\ndata: {"b": 1}\n\nid: 1\ndata: c\n\n'


async def test_headers(mock: aiointercept, session: ClientSession) -> None:
    """What the test says of the headers goes."""
    headers = {"Cache-Control": "no-store", "X-A": "1"}
    mock.get(URL, reply=replies.sse([], headers=headers, status=202))
    async with session.get(URL) as response:
        assert response.status == 202
        assert (response.headers["Cache-Control"], response.headers["X-A"]) == ("no-store", "1")


async def test_each_when_it_comes(mock: aiointercept, session: ClientSession) -> None:
    """A client has an event before the next is there."""
    go = asyncio.Event()

    async def events() -> AsyncIterator[Any]:
        yield "first"
        await go.wait()
        yield {"n": 2}

    mock.get(URL, reply=replies.sse(events))
    async with session.get(URL) as response:
        assert await response.content.readuntil(b"\n\n") == b"data: first\n\n"
        go.set()
        assert await response.content.read() == b'data: {"n": 2}\n\n'


async def test_last_event_id(mock: aiointercept, session: ClientSession) -> None:
    """A function gets the request, and so knows where its client left off."""

    def events(request: web.Request) -> list[Event]:
        last = int(request.headers.get("Last-Event-ID", 0))
        return [replies.event(n, id=n) for n in range(last + 1, last + 3)]

    mock.get(URL, reply=replies.sse(events), repeat=True)
    async with session.get(URL, headers={"Last-Event-ID": "7"}) as response:
        assert await response.read() == b"id: 8\ndata: 8\n\nid: 9\ndata: 9\n\n"


async def test_keep_alive(mock: aiointercept, session: ClientSession) -> None:
    """Comments are sent while the events are awaited, and end with them."""
    go = asyncio.Event()

    async def events() -> AsyncIterator[str]:
        await go.wait()
        yield "x"

    mock.get(URL, reply=replies.sse(events, keep_alive=0.005))
    async with session.get(URL) as response:
        for _ in range(2):
            assert await response.content.readuntil(b"\n\n") == b": keep-alive\n\n"
        go.set()
        rest = await response.content.read()
    assert rest.endswith(b"data: x\n\n")
    assert not [task for task in asyncio.all_tasks() if "_send_comments" in repr(task)]


@pytest.mark.parametrize("keep_alive", [None, 0.002])
async def test_client_goes_away(
    mock: aiointercept, session: ClientSession, keep_alive: float | None
) -> None:
    """A client that leaves ends the events, and the comments with them."""
    closed = asyncio.Event()

    async def events() -> AsyncIterator[str]:
        try:
            yield "x"
            await asyncio.get_running_loop().create_future()
        finally:
            closed.set()

    mock.get(URL, reply=replies.sse(events, keep_alive=keep_alive))
    async with session.get(URL) as response:
        await response.content.readuntil(b"\n\n")
        response.close()
    await asyncio.wait_for(closed.wait(), 5)
    await until(lambda: not [task for task in asyncio.all_tasks() if "_comments" in repr(task)])


def test_value() -> None:
    """Streams of equal events are equal, and are printed by what they are."""
    assert replies.event({"a": 1}, id=1) == replies.event({"a": 1}, id="1")
    assert replies.sse(["a"]) == replies.sse([replies.event("a")])
    assert hash(replies.sse(["a"])) == hash(replies.sse(["a"]))
    assert replies.sse(["a"]) != replies.sse(["a"], keep_alive=1)
    assert replies.sse(["a"]) != replies.stream(["data: a\n\n"])
    assert repr(replies.sse(["a", "b"], every=1)) == "<EventStream 200 OK, 2 pieces, every 1 s>"
