from __future__ import annotations

import asyncio
import contextvars
import functools
import re
from collections.abc import AsyncIterator, Iterator
from typing import Any

import pytest
from aiohttp import ClientPayloadError, ClientSession, HttpVersion10, web

from aiointercept_connector import aiointercept, replies
from aiointercept_connector.replies.streams import Stream
from tests.replies.streamed import URL, BoomError, Watched, asked, async_pieces
from tests.replies.support import recorded_waits

pytestmark = pytest.mark.anyio


async def coroutine(request: web.Request) -> list[str]:
    """Return two pieces for a request."""
    return [request.method[0], "b"]


def with_default(request: Any = None) -> list[str]:
    """Return two pieces, the first for the request."""
    return [request.method, "b"]


class NoGenerator:
    """An async iterable that is no generator."""

    async def __aiter__(self) -> AsyncIterator[bytes]:
        """Yield two pieces."""
        yield b"a"
        yield b"b"


@pytest.mark.parametrize(
    ("pieces", "body"),
    [
        (["a", b"b"], b"ab"),
        (("a", bytearray(b"b"), memoryview(b"c")), b"abc"),
        ([], b""),
        (["", "é", ""], "é".encode()),
        ({"a": 1, "b": 2}.keys(), b"ab"),
        (NoGenerator(), b"ab"),
        (async_pieces, b"ab"),
        (lambda: iter(["a", "b"]), b"ab"),
        (lambda: ["a", "b"], b"ab"),
        (lambda request: [request.method, "b"], b"GETb"),
        (with_default, b"GETb"),
        (lambda n=2: ["a"] * n, b"aa"),
        (lambda *args, **kwargs: ["a", "b"], b"ab"),
        (functools.partial(coroutine), b"Gb"),
    ],
    ids=[
        "list",
        "tuple",
        "empty",
        "empty pieces",
        "iterable",
        "async iterable",
        "async generator function",
        "function of an iterator",
        "function of a list",
        "function of the request",
        "default for the request",
        "other default",
        "any arguments",
        "coroutine function of the request",
    ],
)
async def test_what_it_is_made_of(
    mock: aiointercept, session: ClientSession, pieces: Any, body: bytes
) -> None:
    """Pieces come from any iterable, or from a function that gives one, for every request anew."""
    mock.get(URL, reply=replies.stream(pieces), repeat=2)
    assert [await asked(session), await asked(session)] == [body, body]


@pytest.mark.parametrize("given", [async_pieces, lambda: iter(["a", "b"])], ids=["async", "plain"])
async def test_a_generator(mock: aiointercept, session: ClientSession, given: Any) -> None:
    """A generator object answers once."""
    mock.get(URL, reply=replies.stream(given()))
    assert await asked(session) == b"ab"


async def generator_callback(request: web.Request) -> AsyncIterator[str]:
    """Answer with a stream."""
    yield request.method
    yield "!"


@pytest.mark.parametrize("argument", ["reply", "callback"])
async def test_a_generator_function_as_it_is(
    mock: aiointercept, session: ClientSession, argument: str
) -> None:
    """A handler or callback that is a generator function streams what it yields."""
    arguments: dict[str, Any] = {argument: generator_callback}
    mock.get(URL, **arguments, repeat=2)
    assert [await asked(session), await asked(session)] == [b"GET!", b"GET!"]


async def test_composed(mock: aiointercept, session: ClientSession) -> None:
    """A callback may return a stream, and it may be one of a sequence."""
    stream = replies.stream(["a", "b"])
    mock.get(URL, callback=lambda url, **kwargs: stream)
    mock.get(URL, reply=replies.sequence([stream, 503]))
    assert [await asked(session) for _ in range(3)] == [b"ab", b"ab", b""]


async def test_chunked(mock: aiointercept, session: ClientSession) -> None:
    """Without a length each piece is a chunk, and the client gets the first before the second."""
    go = asyncio.Event()

    async def pieces() -> AsyncIterator[str]:
        yield "first"
        await go.wait()
        yield "second"

    mock.get(URL, reply=replies.stream(pieces, status=202, content_type="text/plain"))
    async with session.get(URL) as response:
        assert (response.status, response.content_type) == (202, "text/plain")
        assert response.headers["Transfer-Encoding"] == "chunked"
        assert await response.content.readchunk() == (b"first", True)
        go.set()
        assert await response.content.readchunk() == (b"second", True)
        assert response.content.at_eof() or await response.content.read() == b""


async def test_head_comes_first(mock: aiointercept, session: ClientSession) -> None:
    """The status and headers are there before the first piece is."""
    mock.get(URL, reply=replies.stream(_never, headers={"X-A": "1"}, reason="Fine"))
    async with session.get(URL) as response:
        assert (response.status, response.reason, response.headers["X-A"]) == (200, "Fine", "1")
        assert response.content_type == "application/octet-stream"


async def _never() -> AsyncIterator[bytes]:
    await asyncio.get_running_loop().create_future()
    yield b""


@pytest.mark.parametrize("how", [{"length": 2}, {"headers": {"content-length": "2"}}])
async def test_length(mock: aiointercept, session: ClientSession, how: dict[str, Any]) -> None:
    """With a declared length the body is not chunked, and the connection goes on."""
    mock.get(URL, reply=replies.stream(async_pieces, **how), repeat=2)
    for _ in range(2):
        async with session.get(URL) as response:
            assert response.headers["Content-Length"] == "2"
            assert "Transfer-Encoding" not in response.headers
            assert await response.read() == b"ab"


@pytest.mark.parametrize(
    ("pieces", "message"),
    [
        (["abc"], "3 bytes were declared, but there are only 2."),
        (["ab", "cd"], "3 bytes were declared, but there are more, at least 4."),
        (["abc", "", "d"], "3 bytes were declared, but there are more, at least 4."),
        ([], "3 bytes were declared, but there are only 0."),
    ],
)
async def test_wrong_length(
    mock: aiointercept, session: ClientSession, pieces: list[str], message: str
) -> None:
    """Pieces of another length than was declared are an error of whoever reads the body."""
    if message.endswith("only 2."):
        pieces = ["ab"]
    mock.get(URL, reply=replies.stream(lambda: iter(pieces), length=3))
    async with session.get(URL) as response:
        with pytest.raises(ValueError, match=f"^stream: {re.escape(message)}$"):
            await response.read()


async def test_http_1_0(mock: aiointercept) -> None:
    """A client that knows no chunks reads to the end of the connection."""
    mock.get(URL, reply=replies.stream(["a", "b"]))
    async with mock.session(version=HttpVersion10) as session, session.get(URL) as response:
        assert "Transfer-Encoding" not in response.headers
        assert await response.read() == b"ab"


async def test_head_request(mock: aiointercept, session: ClientSession) -> None:
    """HEAD gets the headers, and nothing is asked for pieces."""
    watched = Watched()
    mock.head(URL, reply=replies.stream(watched, length=7))
    async with session.head(URL) as response:
        assert response.headers["Content-Length"] == "7"
    assert watched.made == 0


async def test_context(mock: aiointercept, session: ClientSession) -> None:
    """Pieces are made on the client's loop, in the context of the task that asked."""
    variable: contextvars.ContextVar[str] = contextvars.ContextVar("variable", default="none")
    loops = []

    async def pieces() -> AsyncIterator[str]:
        loops.append(asyncio.get_running_loop())
        yield variable.get()
        await asyncio.sleep(0)
        yield variable.get()

    mock.get(URL, reply=replies.stream(pieces))
    variable.set("client")
    assert await asked(session) == b"clientclient"
    assert loops == [asyncio.get_running_loop()]


class TestPace:
    async def test_waits_between(
        self, mock: aiointercept, session: ClientSession, monkeypatch: pytest.MonkeyPatch
    ) -> None:
        """It waits between two pieces, and neither before the first nor after the last."""
        waits = recorded_waits(monkeypatch)
        mock.get(URL, reply=replies.stream(["a", "b", "c"], every=0.25))
        assert await asked(session) == b"abc"
        assert waits == [0.25, 0.25]

    async def test_distribution(
        self, mock: aiointercept, session: ClientSession, monkeypatch: pytest.MonkeyPatch
    ) -> None:
        """A distribution is drawn from for each wait."""
        waits = recorded_waits(monkeypatch)
        mock.get(URL, reply=replies.stream(["a", "b", "c"], every=replies.uniform(1, 2, seed=3)))
        await asked(session)
        assert len(set(waits)) == 2
        assert all(1 <= wait <= 2 for wait in waits)

    async def test_dribble(
        self, mock: aiointercept, session: ClientSession, monkeypatch: pytest.MonkeyPatch
    ) -> None:
        """A known body is sent in equal pieces, from first to last in the given time."""
        waits = recorded_waits(monkeypatch)
        mock.get(URL, reply=replies.dribble("0123456789", pieces=3, over=3, content_type="a/b"))
        async with session.get(URL) as response:
            assert (response.content_length, response.content_type) == (10, "a/b")
            assert await response.text() == "0123456789"
        assert waits == [1.5, 1.5]

    @pytest.mark.parametrize(
        ("body", "pieces", "sizes"),
        [
            (b"0123456789", 3, [3, 3, 4]),
            (b"ab", 5, [1, 1]),
            (b"ab", 1, [2]),
            (b"", 3, [0]),
        ],
    )
    def test_dribble_s_pieces(self, body: bytes, pieces: int, sizes: list[int]) -> None:
        """There are as many pieces as asked for, if there are bytes enough."""
        made = replies.dribble(body, pieces=pieces).source.known
        assert made is not None
        assert list(map(len, made)) == sizes
        assert b"".join(made) == body


class TestErrors:
    @pytest.mark.parametrize("after", [0, 1])
    @pytest.mark.parametrize(
        "exc",
        [BoomError("x"), web.HTTPNotFound(), asyncio.TimeoutError("x"), KeyError("x")],
        ids=repr,
    )
    async def test_raised_by_the_generator(
        self, mock: aiointercept, session: ClientSession, exc: BaseException, after: int
    ) -> None:
        """What the generator raises reaches whoever reads the body, as the object it is."""

        async def pieces() -> AsyncIterator[bytes]:
            for _ in range(after):
                yield b"a"
            raise exc

        mock.get(URL, reply=replies.stream(pieces))
        async with session.get(URL) as response:
            assert response.status == 200
            with pytest.raises(type(exc)) as raised:
                await response.read()
        assert raised.value is exc

    async def test_wrong_piece(self, mock: aiointercept, session: ClientSession) -> None:
        """A piece that is neither text nor bytes is an error, and ends the generator."""
        closed = []

        def pieces() -> Iterator[Any]:
            try:
                yield "a"
                yield 5
            finally:
                closed.append(True)

        mock.get(URL, reply=replies.stream(pieces))
        with pytest.raises(TypeError, match=r"^stream: a piece must be str or bytes, not int: 5$"):
            await asked(session)
        assert closed == [True]

    async def test_function_of_nothing(self, mock: aiointercept, session: ClientSession) -> None:
        """A function that returns no iterable is an error, which names it."""

        def pieces() -> str:
            return "whole"

        mock.get(URL, reply=replies.stream(pieces))
        message = r"^stream: .*\.pieces must return an iterable, plain or async, not str: 'whole'$"
        with pytest.raises(TypeError, match=message):
            await asked(session)

    async def test_iterator_used_before(self, mock: aiointercept, session: ClientSession) -> None:
        """A generator that has served is not taken for one that has nothing to say."""
        stream = replies.stream(iter(["a"]))
        mock.get(URL, callback=lambda url, **kwargs: stream, repeat=2)
        assert await asked(session) == b"a"
        with pytest.raises(RuntimeError, match="has served a request already, and cannot be"):
            await asked(session)


def test_value() -> None:
    """Streams of equal parts are equal, and are printed by what they are."""
    assert replies.stream(["a"], every=1) == replies.stream([b"a"], every=1)
    assert hash(replies.stream(["a"])) == hash(replies.stream(["a"]))
    assert replies.stream(["a"]) != replies.stream(["b"])
    assert replies.stream(["a"]) != replies.stream(["a"], every=1)
    assert replies.stream(["a"]) != replies.stream(["a"], length=1)
    assert replies.stream(async_pieces) == replies.stream(async_pieces)
    assert replies.stream(["a"]) != "a"
    assert repr(replies.stream(["a", "b"], every=0.5)) == "<Stream 200 OK, 2 pieces, every 0.5 s>"
    expected = "<Stream 404 Not Found, pieces from async_pieces, 7 bytes>"
    assert repr(replies.stream(async_pieces, length=7, status=404)) == expected
    assert isinstance(replies.as_reply(iter("ab")), Stream)


async def test_client_of_another_make(wire: Any) -> None:
    """For a client of `server_url`, async pieces are made on the test's loop, and closed there."""
    home = asyncio.get_running_loop()
    loops = []

    async def pieces() -> AsyncIterator[bytes]:
        try:
            while True:
                loops.append(asyncio.get_running_loop())
                yield b"x"
                await asyncio.sleep(0.001)
        finally:
            loops.append(asyncio.get_running_loop())
            closed.set()

    closed = asyncio.Event()
    async with aiointercept(wire=wire) as mock:
        mock.get("/x", reply=replies.stream(pieces))
        reader, writer = await asyncio.open_connection(mock.server_host, mock.server_port)
        writer.write(b"GET /x HTTP/1.1\r\nHost: x\r\n\r\n")
        await reader.readuntil(b"\r\n1\r\nx\r\n")
        writer.close()
        await writer.wait_closed()
        await asyncio.wait_for(closed.wait(), 5)
    assert set(loops) == {home}


async def test_truncated_for_a_client_of_another_make(wire: Any) -> None:
    """A generator's exception cannot reach a client of `server_url`: its body ends too early."""

    def pieces() -> Iterator[bytes]:
        yield b"x"
        raise BoomError

    async with aiointercept(wire=wire) as mock, ClientSession() as session:
        mock.get("/x", reply=replies.stream(pieces))
        async with session.get(f"{mock.server_url}/x") as response:
            with pytest.raises((ClientPayloadError, BoomError)):
                await response.read()
