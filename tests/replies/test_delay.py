from __future__ import annotations

import asyncio
import math
import statistics
from random import Random
from typing import Any

import pytest
from aiohttp import ClientSession, ClientTimeout, web

from aiointercept_connector import CallbackResult, aiointercept, replies
from aiointercept_connector.replies.static import static_reply
from tests.loopback.http_support import real_server
from tests.replies.support import recorded_waits

pytestmark = pytest.mark.anyio

URL = "https://api.example.com/x"


@pytest.fixture
def waits(monkeypatch: pytest.MonkeyPatch) -> list[float]:
    """Give the waits of replies, none of which is waited for."""
    return recorded_waits(monkeypatch)


class BoomError(Exception):
    """What a reply under test raises."""


async def test_before_the_answer(
    mock: aiointercept, session: ClientSession, waits: list[float]
) -> None:
    """A reply waits before it answers, and its bytes are what they are without."""
    reply = static_reply(body="x", headers={"X-A": "1"}, content_type="a/b")
    mock.get(URL, reply=reply, delay=0.25)
    mock.get(URL, reply=reply)
    answers = []
    for _ in range(2):
        async with session.get(URL) as response:
            answers.append((response.raw_headers, response.reason, await response.read()))
    assert answers[0] == answers[1]
    assert waits == [0.25]


@pytest.mark.parametrize(
    "arguments",
    [
        {"callback": lambda url, **kwargs: CallbackResult(body="x")},
        {"reply": lambda request: "x"},
        {"reply": replies.stream(["x"])},
        {"reply": replies.sequence(["x"])},
        {"reply": replies.delayed("x", 0)},
    ],
    ids=["callback", "handler", "stream", "sequence", "delayed"],
)
async def test_every_kind(
    mock: aiointercept, session: ClientSession, waits: list[float], arguments: dict[str, Any]
) -> None:
    """Whatever answers may be delayed."""
    mock.get(URL, delay=0.25, **arguments)
    async with session.get(URL) as response:
        assert await response.text() == "x"
    assert waits == [0.25]


@pytest.mark.parametrize("exc", [BoomError("x"), web.HTTPNotFound()])
async def test_exception(
    mock: aiointercept, session: ClientSession, waits: list[float], exc: BaseException
) -> None:
    """An exception is raised after the wait."""
    mock.get(URL, exception=exc, delay=0.25)
    with pytest.raises(type(exc)) as raised:
        await session.get(URL)
    assert (raised.value, waits) == (exc, [0.25])


async def test_without_reading_the_body(
    mock: aiointercept, session: ClientSession, waits: list[float]
) -> None:
    """A callback that reads the body itself may be delayed, too."""

    async def callback(request: web.Request) -> str:
        return str(len(await request.read()))

    mock.post(URL, callback=callback, read_body=False, delay=0.25)
    async with session.post(URL, data=b"x" * 2**20) as response:
        assert await response.text() == str(2**20)


async def test_answers_of_what_it_delays() -> None:
    """A route answers as often as it would without the delay."""
    two = replies.sequence([201, 202])
    assert aiointercept().get(URL, reply=two, delay=1).remaining == 2


@pytest.mark.parametrize(
    "delay", [replies.uniform(1, 2, seed=7), replies.lognormal(1, 0.5, seed=7)], ids=str
)
async def test_distributions(
    mock: aiointercept, session: ClientSession, waits: list[float], delay: Any
) -> None:
    """Each answer draws a delay of its own; with a seed, each route the same ones."""
    for path in "ab":
        mock.get(f"{URL}/{path}", delay=delay, repeat=True)
        for _ in range(3):
            await session.get(f"{URL}/{path}")
    assert waits[:3] == waits[3:]
    assert len(set(waits)) == 3


def test_shape() -> None:
    """The one is even between its bounds; half of the other is below the median."""
    random = Random(3)
    even = [replies.uniform(1, 3).draw(random) for _ in range(2000)]
    assert 1 <= min(even) < 1.1
    assert 2.9 < max(even) <= 3
    assert statistics.median(even) == pytest.approx(2, abs=0.1)
    tailed = [replies.lognormal(2, 1).draw(random) for _ in range(2000)]
    assert statistics.median(tailed) == pytest.approx(2, abs=0.2)
    assert statistics.quantiles(tailed, n=100)[98] > 10


TIMEOUTS = [
    ClientTimeout(total=0.03),
    ClientTimeout(total=None, sock_read=0.03),
    ClientTimeout(total=0.03, sock_read=10),
    ClientTimeout(total=10, sock_read=0.03),
]


async def raised_by(session: ClientSession, url: str, timeout: ClientTimeout, where: str) -> Any:
    """Return what a client makes of a timeout in the *where* of a response, and what it had."""
    had = b""
    try:
        async with session.request(
            "POST" if where == "upload" else "GET", url, timeout=timeout, data=b"x" * 10
        ) as response:
            while piece := await response.content.readany():
                had += piece
    except BaseException as exc:  # noqa: BLE001 - it is what the test is about
        chain = [exc, exc.__cause__, exc.__context__]
        return had, [(type(one), str(one)) if one is not None else None for one in chain]
    return had, None


@pytest.mark.parametrize(
    "timeout", TIMEOUTS, ids=["total", "sock_read", "total first", "read first"]
)
@pytest.mark.parametrize("where", ["head", "body", "upload"])
async def test_virtual_is_as_the_real_one(
    mock: aiointercept, session: ClientSession, timeout: ClientTimeout, where: str
) -> None:
    """A virtual delay raises what a real one does: class, message, cause and context."""

    async def slow(request: Any) -> web.StreamResponse:
        response = web.StreamResponse()
        if where == "body":
            await response.prepare(request)
            await response.write(b"first")
        await asyncio.sleep(60)
        return response

    if where == "body":
        reply: Any = replies.stream(["first", "second"], every=60, virtual=True)
    else:
        reply = replies.delayed("x", 60, virtual=True)
    mock.add(URL, "POST" if where == "upload" else "GET", reply=reply)
    async with real_server(slow) as port, ClientSession() as real:
        expected = await raised_by(real, f"http://127.0.0.1:{port}/", timeout, where)
    assert await raised_by(session, URL, timeout, where) == expected
    assert expected[1] is not None


@pytest.mark.parametrize(
    "timeout", [ClientTimeout(total=100), ClientTimeout(total=None), ClientTimeout(sock_read=61)]
)
async def test_virtual_in_time(
    mock: aiointercept, session: ClientSession, timeout: ClientTimeout
) -> None:
    """A client that would have waited gets its answer, at once."""
    mock.get(URL, body="x", delay=60, virtual=True)
    async with session.get(URL, timeout=timeout) as response:
        assert await response.text() == "x"


async def test_virtual_adds_up(mock: aiointercept, session: ClientSession) -> None:
    """All that passes counts against `total`, and each wait alone against `sock_read`."""
    stream = replies.stream(["a", "b", "c"], every=4, virtual=True)
    mock.get(URL, reply=stream, delay=4, virtual=True, repeat=True)
    had, error = await raised_by(session, URL, ClientTimeout(total=10), "body")
    assert (had, error[0][0]) == (b"ab", asyncio.TimeoutError)
    assert await raised_by(session, URL, ClientTimeout(total=None, sock_read=5), "body") == (
        b"abc",
        None,
    )


async def test_virtual_is_not_sent_again(mock: aiointercept, session: ClientSession) -> None:
    """A timeout is no broken connection: the call is recorded once, with one attempt."""
    route = mock.get(URL, delay=60, virtual=True, repeat=True)
    with pytest.raises(asyncio.TimeoutError):
        await session.get(URL, timeout=ClientTimeout(total=None, sock_read=1))
    assert (route.call_count, mock.calls[0].attempts) == (1, 1)


async def test_virtual_session_goes_on(mock: aiointercept, session: ClientSession) -> None:
    """The session is as good as new after such a timeout."""
    mock.get(URL, delay=60, virtual=True)
    mock.get(URL, body="x")
    with pytest.raises(asyncio.TimeoutError):
        await session.get(URL, timeout=ClientTimeout(total=1))
    async with session.get(URL) as response:
        assert await response.text() == "x"


async def test_virtual_for_a_client_of_another_make(wire: Any) -> None:
    """Whose timeouts nobody knows is answered at once."""
    async with aiointercept(wire=wire) as mock:
        mock.get("/x", delay=60, virtual=True)
        reader, writer = await asyncio.open_connection(mock.server_host, mock.server_port)
        writer.write(b"GET /x HTTP/1.1\r\nHost: x\r\n\r\n")
        assert (await reader.readline()).startswith(b"HTTP/1.1 200 ")
        writer.close()
        await writer.wait_closed()


class TestRefused:
    @pytest.mark.parametrize("delay", [-1, -0.001, math.nan, math.inf, -math.inf])
    def test_value(self, delay: float) -> None:
        """A delay is a number of seconds that can pass."""
        message = "^delay must be a number of seconds, at least 0, or a distribution, not "
        with pytest.raises(ValueError, match=message):
            aiointercept().get(URL, delay=delay)

    @pytest.mark.parametrize("delay", ["1", None, True, [1]])
    def test_type(self, delay: Any) -> None:
        """What is no number and no distribution is refused."""
        message = "^delay must be a number of seconds, at least 0, or a distribution, not "
        with pytest.raises(TypeError, match=message):
            replies.delayed("x", delay)

    def test_virtual_of_nothing(self) -> None:
        """`virtual=True` alone would do nothing."""
        with pytest.raises(ValueError, match=r"^virtual=True says how delay= passes: give a delay"):
            aiointercept().get(URL, virtual=True)

    @pytest.mark.parametrize(
        ("make", "error", "message"),
        [
            (
                lambda: replies.uniform(2, 1),
                ValueError,
                "low must not exceed high, but 2 exceeds 1",
            ),
            (lambda: replies.uniform(-1, 1), ValueError, "low must be a number of seconds, at le"),
            (lambda: replies.uniform(1, math.nan), ValueError, "high must be a number of seconds"),
            (lambda: replies.uniform("1", 2), TypeError, "low must be a number of seconds, at le"),  # type: ignore[arg-type]
            (lambda: replies.lognormal(-1, 1), ValueError, "median must be a number of seconds"),
            (lambda: replies.lognormal(1, -1), ValueError, "sigma must be a number from 0 to 10, "),
            (lambda: replies.uniform(0, 1, seed=[]), TypeError, "seed must be an int or a str, no"),  # type: ignore[arg-type]
        ],
    )
    def test_distribution(self, make: Any, error: type[Exception], message: str) -> None:
        """A distribution that cannot be is refused."""
        with pytest.raises(error, match="^" + message):
            make()


def test_value() -> None:
    """Equal parts make an equal reply, and it is printed by what it is."""
    one = replies.delayed("x", 0.5)
    assert one == replies.delayed("x", 0.5)
    assert hash(one) == hash(replies.delayed("x", 0.5))
    assert one != replies.delayed("x", 0.5, virtual=True)
    assert one != replies.delayed("y", 0.5)
    assert one != "x"
    assert (
        repr(one) == "<Delayed <StaticReply 200 OK, text/plain; charset=utf-8, 1 bytes> by 0.5 s>"
    )
    spread = replies.delayed(404, replies.uniform(1, 2), virtual=True)
    assert repr(spread).endswith(" by virtual uniform(1, 2)>")
    assert replies.uniform(1, 2) == replies.uniform(1, 2)
    assert replies.uniform(1, 2, seed=1) != replies.uniform(1, 2)
    assert str(replies.lognormal(1, 0.5)) == "lognormal(1, 0.5)"
