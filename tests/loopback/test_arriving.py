from __future__ import annotations

import asyncio
import gc
from collections.abc import AsyncIterator, Awaitable, Callable
from typing import Any

import pytest
from aiohttp import ClientSession, FormData, web
from aiohttp.test_utils import TestServer

from aiointercept_connector import Match, aiointercept
from tests.loopback.conftest import settle, until
from tests.loopback.http_support import exchange, raw_connections, real_server

pytestmark = pytest.mark.anyio

URL = "https://api.example.com/x"
PIECE = b"x" * 2**16
BIG = PIECE * 12

Callback = Callable[[Any], Awaitable[Any]]


@pytest.fixture
async def session(mock: aiointercept) -> AsyncIterator[ClientSession]:
    """Give a session of that mock."""
    async with mock.session() as opened:
        yield opened


class Upload:
    """A body that counts what was taken of it."""

    def __init__(self, pieces: int) -> None:
        self.pieces = pieces
        self.taken = 0

    async def __aiter__(self) -> AsyncIterator[bytes]:
        """Give the pieces."""
        for _ in range(self.pieces):
            self.taken += 1
            yield PIECE


async def standing(upload: Upload) -> None:
    """Wait until nothing more is taken."""
    before = -1
    while before != upload.taken:
        before = upload.taken
        await settle()


async def test_back_pressure(mock: aiointercept, session: ClientSession) -> None:
    """A large upload waits while the callback does not read, and goes on when it does."""
    read = asyncio.Event()
    upload = Upload(400)
    sizes = []

    async def callback(request: Any) -> str:
        await read.wait()
        sizes.extend([len(piece) async for piece in request.content.iter_any()])
        return "done"

    mock.post(URL, callback=callback, read_body=False)
    asking = asyncio.create_task(session.post(URL, data=upload))
    await standing(upload)
    # What two sockets hold is the system's to say, and up to some megabytes.
    assert 0 < upload.taken * len(PIECE) < (1 if mock.wire == "memory" else 16) * 2**20
    read.set()
    assert await (await asking).text() == "done"
    assert sum(sizes) == upload.pieces * len(PIECE)
    assert len(sizes) > 10


async def test_before_the_body_is_there(mock: aiointercept, session: ClientSession) -> None:
    """The callback has the headers, and each piece, before the client sends the next."""
    steps = []
    go = asyncio.Event()

    async def body() -> AsyncIterator[bytes]:
        yield b"first"
        await go.wait()
        yield b"second"

    async def callback(request: Any) -> str:
        steps.append(request.headers["X-A"])
        steps.append(await request.content.readany())
        go.set()
        steps.append(await request.content.readany())
        return "done"

    mock.post(URL, callback=callback, read_body=False)
    async with session.post(URL, data=body(), headers={"X-A": "1"}) as response:
        assert await response.text() == "done"
    assert steps == ["1", b"first", b"second"]


FORM = {"name": "Ada", "blank": ""}


def multipart() -> FormData:
    """Return a form with a file."""
    form = FormData({"name": "Ada"})
    form.add_field("file", BIG, filename="big.bin", content_type="application/x")
    return form


async def parts_of(request: Any) -> list[Any]:
    """Read a multipart body, part by part."""
    return [(part.name, len(await part.read())) async for part in await request.multipart()]


async def fields_of(request: Any) -> list[Any]:
    """Read a form."""
    post = await request.post()
    return [
        (name, value if isinstance(value, str) else (value.filename, len(value.file.read())))
        for name, value in post.items()
    ]


@pytest.mark.parametrize(
    ("data", "read"),
    [
        (lambda: {"data": BIG}, lambda request: request.read()),
        (lambda: {"data": BIG.decode()}, lambda request: request.text()),
        (lambda: {"json": [BIG.decode()]}, lambda request: request.json()),
        (lambda: {"data": {**FORM, "big": BIG.decode()}}, fields_of),
        (lambda: {"data": multipart()}, fields_of),
        (lambda: {"data": multipart()}, parts_of),
        (lambda: {"data": BIG}, lambda request: request.content.readexactly(7)),
        (lambda: {"data": b"a\nb\n" + BIG}, lambda request: request.content.readline()),
        (lambda: {"data": b"a;b;" + BIG}, lambda request: request.content.readuntil(b";")),
        (lambda: {"data": Upload(40)}, lambda request: request.read()),
    ],
    ids=[
        "read",
        "text",
        "json",
        "form",
        "multipart post",
        "multipart",
        "readexactly",
        "readline",
        "readuntil",
        "chunked",
    ],
)
async def test_as_a_real_server_reads(
    mock: aiointercept, session: ClientSession, data: Callable[[], Any], read: Any
) -> None:
    """Whatever way the callback reads, it finds what a handler of a real server does."""
    found = []

    async def callback(request: Any) -> web.Response:
        found.append(await read(request))
        return web.Response(text="read")

    async def handler(request: web.Request) -> web.Response:
        return await callback(request)

    app = web.Application(client_max_size=2**30)
    app.router.add_post("/", handler)
    async with (
        TestServer(app) as server,
        ClientSession() as real,
        real.post(server.make_url("/"), **data()) as response,
    ):
        assert await response.text() == "read"
    mock.post(URL, callback=callback, read_body=False)
    async with session.post(URL, **data()) as response:
        assert await response.text() == "read"
    assert found[0] == found[1]


@pytest.mark.parametrize("read", [0, 7, None], ids=["nothing", "some", "all"])
async def test_captured_body(mock: aiointercept, session: ClientSession, read: int | None) -> None:
    """Recorded is what the callback has read; it can be read again."""
    seen = []

    async def callback(request: Any) -> str:
        if read is None:
            await request.read()
        elif read:
            await request.content.readexactly(read)
        seen.append(request.captured_body)
        return "done"

    mock.post(URL, callback=callback, read_body=False)
    async with session.post(URL, data=BIG) as response:
        assert await response.text() == "done"
    (record,) = mock.calls
    expected = BIG if read is None else BIG[:read] or None
    assert record.captured_body == expected
    assert await record.read() == (expected or b"")


async def test_put_back(mock: aiointercept, session: ClientSession) -> None:
    """What is put back is read again, and recorded once."""

    async def callback(request: Any) -> str:
        head = await request.content.readexactly(3)
        with pytest.warns(DeprecationWarning, match="unread_data"):
            request.content.unread_data(head)
        return str(await request.content.readexactly(5), "ascii")

    mock.post(URL, callback=callback, read_body=False)
    async with session.post(URL, data=b"abcde" + BIG) as response:
        assert await response.text() == "abcde"
    assert mock.calls[0].captured_body == b"abcde"


async def seen_by(session: ClientSession, url: str, **kwargs: Any) -> Any:
    """Return what a client makes of an answer that came before its upload had ended."""
    upload = Upload(400)
    async with session.post(url, data=upload, **kwargs) as response:
        text = await response.text()
        return response.status, text, upload.taken < upload.pieces


async def test_early_answer(
    mock: aiointercept, session: ClientSession, reports: list[dict[str, Any]]
) -> None:
    """An answer without reading reaches the client while it uploads, as from a real server."""

    async def callback(request: Any) -> web.Response:
        return web.Response(status=413, text="too large")

    mock.post(URL, callback=callback, read_body=False)
    async with real_server(callback) as port, ClientSession() as real:
        expected = await seen_by(real, f"http://127.0.0.1:{port}/")
    assert await seen_by(session, URL) == expected
    assert expected[:2] == (413, "too large")
    # aiohttp 3.11 and 3.12 forget the future that a cancelled upload has waited on.
    await session.close()
    await settle()
    gc.collect()
    reports[:] = [one for one in reports if str(one.get("exception")) != "Connection lost"]


class BoomError(Exception):
    """What a callback under test raises."""


async def test_raised_early(mock: aiointercept, session: ClientSession) -> None:
    """An exception ends the upload, and reaches the caller without waiting for the rest of it."""
    exc = BoomError("x")

    async def body() -> AsyncIterator[bytes]:
        yield PIECE
        await asyncio.get_running_loop().create_future()

    async def callback(request: Any) -> str:
        await request.content.readany()
        raise exc

    mock.post(URL, callback=callback, read_body=False)
    with pytest.raises(BoomError) as raised:
        await asyncio.wait_for(session.post(URL, data=body()), 5)
    assert raised.value is exc


class TestExpect:
    async def test_refused(self, mock: aiointercept, session: ClientSession) -> None:
        """A callback that does not read refuses: the client never sends its body."""

        async def callback(request: Any) -> web.Response:
            return web.Response(status=401)

        mock.post(URL, callback=callback, read_body=False)
        upload = Upload(3)
        async with session.post(URL, data=upload, expect100=True) as response:
            assert response.status == 401
        assert upload.taken == 0

    async def test_asked_for(self, mock: aiointercept, session: ClientSession) -> None:
        """The client sends its body when the callback reads, and not sooner."""
        upload = Upload(3)
        taken = []

        async def callback(request: Any) -> str:
            await settle()
            taken.append(upload.taken)
            return str(len(await request.read()))

        mock.post(URL, callback=callback, read_body=False)
        async with session.post(URL, data=upload, expect100=True) as response:
            assert await response.text() == str(3 * len(PIECE))
        assert taken == [0]

    async def test_on_the_wire(self, mock: aiointercept) -> None:
        """`100 Continue` is sent once, however often the callback reads."""

        async def callback(request: Any) -> str:
            first = await request.content.readexactly(1)
            return str(first + await request.content.read(), "ascii")

        mock.post("/x", callback=callback, read_body=False)
        head = b"POST /x HTTP/1.1\r\nHost: x\r\nContent-Length: 2\r\nExpect: 100-continue\r\n"
        async with raw_connections(mock) as opened:
            answer = await exchange(await opened(), head + b"Connection: close\r\n\r\n", b"ab")
        assert answer.startswith(b"HTTP/1.1 100 Continue\r\n\r\nHTTP/1.1 200 OK\r\n")
        assert answer.endswith(b"\r\n\r\nab")

    async def test_something_else(self, mock: aiointercept) -> None:
        """An expectation that nobody knows is refused, as a real application does."""
        mock.post("/x", callback=lambda request: "x", read_body=False)
        head = b"POST /x HTTP/1.1\r\nHost: x\r\nContent-Length: 2\r\nExpect: more\r\n"
        async with raw_connections(mock) as opened:
            answer = await exchange(await opened(), head + b"Connection: close\r\n\r\n", b"ab")
        assert answer.startswith(b"HTTP/1.1 417 ")
        assert answer.endswith(b"Unknown Expect: more")


async def test_second_attempt(mock: aiointercept, session: ClientSession) -> None:
    """A request that aiohttp sends again is still given to the callback while it arrives."""
    seen: list[bytes] = []

    async def callback(request: Any) -> str:
        seen.append(await request.content.readexactly(3))
        if len(seen) == 1:
            request.transport.abort()
            await asyncio.get_running_loop().create_future()
        return "done"

    route = mock.put(URL, callback=callback, read_body=False)
    async with session.put(URL, data=b"abc" + BIG) as response:
        assert await response.text() == "done"
    assert seen == [b"abc", b"abc"]
    assert (route.call_count, mock.calls[0].attempts) == (1, 2)


async def test_client_goes_away(mock: aiointercept, session: ClientSession) -> None:
    """A callback that waits for a client that has gone is cancelled; what it read is recorded."""
    ended: list[BaseException] = []

    async def body() -> AsyncIterator[bytes]:
        yield b"abc"
        await asyncio.get_running_loop().create_future()

    async def callback(request: Any) -> str:
        try:
            return str(await request.read())
        except BaseException as exc:
            ended.append(exc)
            raise

    mock.post(URL, callback=callback, read_body=False)
    asking = asyncio.create_task(session.post(URL, data=body()))
    await until(lambda: mock.call_count == 1)
    await settle()
    asking.cancel()
    await until(lambda: bool(ended))
    await until(lambda: mock.calls[0].captured_body is not None or not mock.calls[0].is_arriving)


class TestWithConditions:
    @pytest.mark.parametrize(
        "match",
        [
            Match(json={"a": 1}),
            Match(json_subset={"a": 1}),
            Match(form={"a": "1"}),
            Match(multipart={"a": b"1"}),
            Match(body=b"1"),
            Match(headers={"A": "1"}) & Match(body=b"1"),
            Match(headers={"A": "1"}) | Match(body=b"1"),
            ~Match(body=b"1"),
        ],
        ids=repr,
    )
    def test_on_the_body(self, match: Match) -> None:
        """A condition on a body that is not read yet is refused."""
        message = (
            "^match asks about the body, which <CallbackReply .*> is to be given while it is still "
            "arriving: .* Leave out read_body=False, or match on what comes before the body.$"
        )
        with pytest.raises(ValueError, match=message):
            aiointercept().post(URL, callback=_taking_request, read_body=False, match=match)

    @pytest.mark.parametrize(
        "match",
        [
            Match(method="POST", query={"a": 1}, headers={"A": "1"}, cookies={"a": "1"}),
            Match(predicate=lambda request: True),
            ~Match(headers={"A": "1"}) & Match(query={"a": 1}),
        ],
        ids=["head", "predicate", "combined"],
    )
    def test_on_the_head(self, match: Match) -> None:
        """A condition on what comes before the body is none."""
        aiointercept().post(URL, callback=_taking_request, read_body=False, match=match)

    async def test_beside_a_route_that_matches_bodies(
        self, mock: aiointercept, session: ClientSession
    ) -> None:
        """A route tried later sees the body, if none that leaves it alone answers."""
        signed = Match(headers={"X-Signed": "1"})
        mock.post(URL, callback=_taking_request, read_body=False, match=signed, repeat=True)
        mock.post(URL, match=Match(body=BIG), body="matched", repeat=True)
        async with session.post(URL, data=BIG) as response:
            assert await response.text() == "matched"
        async with session.post(URL, data=BIG, headers={"X-Signed": "1"}) as response:
            assert await response.text() == "None"

    async def test_behind_a_route_that_matches_bodies(
        self, mock: aiointercept, session: ClientSession
    ) -> None:
        """A route that is tried first has the body read for all that follow."""
        mock.post(URL, match=Match(body=b"small"), body="matched", repeat=True)
        mock.post(URL, callback=_taking_request, read_body=False, repeat=True)
        async with session.post(URL, data=BIG) as response:
            assert await response.text() == str(len(BIG))


async def _taking_request(request: Any) -> str:
    body = request.captured_body
    return str(body and len(body))


class TestRefused:
    def test_callback_of_the_url(self) -> None:
        """A callback that does not take the request could not read."""
        with pytest.raises(ValueError, match=r"^read_body=False is for a callback that reads "):
            aiointercept().post(URL, callback=lambda url, **kwargs: None, read_body=False)

    def test_static(self) -> None:
        """Nor could a reply that is known beforehand."""
        with pytest.raises(ValueError, match=r"^read_body=False is for a function that reads "):
            aiointercept().post(URL, body="x", read_body=False)
