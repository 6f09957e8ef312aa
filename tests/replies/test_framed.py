from __future__ import annotations

from typing import Any

import h11
import pytest
from aiohttp import ClientSession
from multidict import CIMultiDict

from aiointercept_connector import aiointercept, replies
from aiointercept_connector.replies.framed import FramedReply
from tests.replies.support import API, WAYS, asked_of, asking, exchanged, sent_by

pytestmark = pytest.mark.anyio

HINTS = (103, CIMultiDict([("Link", "</a.css>; rel=preload"), ("Link", "</b.js>; rel=preload")]))
HINTED = replies.json({"a": 1}, interim=[102, HINTS])
TRAILED = replies.text("body", trailers={"X-Sum": "4", "X-More": "m"})
BOTH = replies.text("body", interim=[HINTS], trailers={"X-Sum": "4"}, encoding="gzip")


def parsed(sent: bytes, method: str = "GET") -> list[Any]:
    """Return what h11, a parser by other people, makes of the answer to a request."""
    client = h11.Connection(h11.CLIENT)
    client.send(h11.Request(method=method, target="/", headers=[("Host", "h")]))
    client.send(h11.EndOfMessage())
    client.receive_data(sent)
    events: list[Any] = []
    while not events or not isinstance(events[-1], h11.EndOfMessage):
        events.append(client.next_event())
        assert events[-1] is not h11.NEED_DATA, events
    assert client.trailing_data == (b"", False)
    return events


class TestWire:
    """The bytes are those of RFC 9112."""

    def test_interim(self) -> None:
        """Interim responses stand before the answer, without a body."""
        assert sent_by(HINTED) == (
            b"HTTP/1.1 102 Processing\r\n\r\n"
            b"HTTP/1.1 103 Early Hints\r\n"
            b"Link: </a.css>; rel=preload\r\nLink: </b.js>; rel=preload\r\n\r\n"
            + sent_by(replies.json({"a": 1}))
        )

    def test_trailers(self) -> None:
        """Trailers are announced, and stand behind the last chunk (RFC 9112 section 7.1.2)."""
        assert sent_by(TRAILED) == (
            b"HTTP/1.1 200 OK\r\nContent-Type: text/plain; charset=utf-8\r\n"
            b"Transfer-Encoding: chunked\r\nTrailer: X-Sum, X-More\r\n\r\n"
            b"4\r\nbody\r\n0\r\nX-Sum: 4\r\nX-More: m\r\n\r\n"
        )

    def test_another_parser(self) -> None:
        """Another parser agrees."""
        first, second, last, data, end = parsed(sent_by(HINTED))
        assert [first.status_code, second.status_code, last.status_code] == [102, 103, 200]
        assert [name for name, _ in second.headers] == [b"link", b"link"]
        assert data.data == b'{"a": 1}'
        assert list(end.headers) == []
        _, data, end = parsed(sent_by(TRAILED))
        assert data.data == b"body"
        assert list(end.headers) == [(b"x-sum", b"4"), (b"x-more", b"m")]

    def test_empty_body(self) -> None:
        """An empty body has trailers too."""
        _, end = parsed(sent_by(replies.text("", trailers={"X-Sum": "0"})))
        assert list(end.headers) == [(b"x-sum", b"0")]

    def test_nothing_asked(self) -> None:
        """Without either, a reply is what it is otherwise."""
        plain = replies.json(1, interim=(), trailers={})
        assert sent_by(plain) == sent_by(replies.json(1))
        assert not isinstance(plain, FramedReply)


class TestClients:
    """Clients understand the answer, and the connection lives on."""

    @pytest.mark.parametrize("way", WAYS)
    @pytest.mark.parametrize("reply", [HINTED, TRAILED, BOTH])
    async def test_understood(self, reply: Any, way: str) -> None:
        """The next call on the same connection is answered, too."""
        body = b'{"a": 1}' if reply is HINTED else b"body"
        async with asking(way) as (mock, ask):
            mock.get("/x", reply=reply, repeat=True)
            mock.head("/x", reply=reply, repeat=True)
            for method, wanted in [("GET", body), ("HEAD", b""), ("GET", body)]:
                answer = await ask("/x", method)
                assert (answer.status, answer.body) == (200, wanted)

    @pytest.mark.parametrize("way", WAYS)
    async def test_long_way(self, way: str) -> None:
        """A function may return such a reply."""
        async with asking(way) as (mock, ask):
            mock.get("/x", reply=lambda request: BOTH, repeat=True)
            for _ in range(2):
                assert (await ask()).body == b"body"

    async def test_continue(self, wire: Any) -> None:
        """A client that waits for `100 Continue` sends its body all the same."""
        async with asking(wire) as (mock, ask):
            mock.post("/x", reply=HINTED)
            assert (await ask("/x", "POST", data=b"d" * 10, expect100=True)).status == 200
            assert mock.calls[0].captured_body == b"d" * 10

    async def test_head(self) -> None:
        """HEAD gets the interim responses, the headers, and nothing behind them."""
        async with aiointercept() as mock:
            mock.head("/x", reply=BOTH)
            request = b"HEAD /x HTTP/1.1\r\nHost: h\r\nConnection: close\r\n\r\n"
            sent = await exchanged(mock, request)
        assert [type(event).__name__ for event in parsed(sent, "HEAD")] == [
            "InformationalResponse",
            "Response",
            "EndOfMessage",
        ]

    @pytest.mark.parametrize("keep_alive", [False, True])
    async def test_http_1_0(self, keep_alive: bool) -> None:
        """A client of HTTP/1.0 gets neither, nor chunks (RFC 9110 section 15.2)."""
        async with aiointercept() as mock:
            mock.get("/x", reply=replies.text("body", interim=[103], trailers={"X-Sum": "4"}))
            mock.get("/y", status=404)
            first = b"GET /x HTTP/1.0\r\n" + b"Connection: keep-alive\r\n" * keep_alive + b"\r\n"
            sent = await exchanged(mock, first + b"GET /y HTTP/1.0\r\n\r\n" * keep_alive)
        connection = b"keep-alive" if keep_alive else b"close"
        answer, _, rest = sent.partition(b"\r\n\r\nbody")
        assert sorted(answer.split(b"\r\n")) == [
            b"Connection: " + connection,
            b"Content-Length: 4",
            b"Content-Type: text/plain; charset=utf-8",
            b"HTTP/1.1 200 OK",
        ]
        assert rest.startswith(b"HTTP/1.1 404 Not Found") is keep_alive


class TestValue:
    """Such replies are values."""

    def test_equal(self) -> None:
        """Equal if they send the same."""
        assert replies.text("t", interim=[103]) == replies.text("t", interim=[(103, {})])
        assert replies.text("t", interim=[103]) != replies.text("t", interim=[102])
        assert replies.text("t", trailers={"A": "1"}) != replies.text("t", trailers={"A": "2"})

    def test_repr(self) -> None:
        """The repr tells what stands around the answer."""
        assert repr(TRAILED) == (
            "<FramedReply X-Sum, X-More behind: "
            "<StaticReply 200 OK, text/plain; charset=utf-8, 4 bytes>>"
        )
        assert repr(replies.bytes(b"", interim=[103])) == (
            "<FramedReply 28 bytes before: <StaticReply 200 OK, application/octet-stream, 0 bytes>>"
        )


@pytest.mark.parametrize(
    ("given", "error", "text"),
    [
        (
            {"interim": [200]},
            ValueError,
            "interim must hold statuses from 100 to 199, but not 101: 200",
        ),
        (
            {"interim": [(101, {})]},
            ValueError,
            "interim must hold statuses from 100 to 199, but not 101: 101",
        ),
        (
            {"interim": 103},
            TypeError,
            "interim must be a list of (status, headers) pairs, not int: 103",
        ),
        (
            {"interim": ["103"]},
            TypeError,
            "interim must hold statuses or (status, headers) pairs, not str: '103'",
        ),
        (
            {"interim": [True]},
            TypeError,
            "interim must hold statuses or (status, headers) pairs, not bool: True",
        ),
        (
            {"interim": [(103, {"X": 1})]},
            TypeError,
            "interim, 103['X'] must be a str, not int: 1",
        ),
        (
            {"interim": [(103, {"content-length": "1"})]},
            ValueError,
            "interim, 103: HTTP does not allow Content-Length there",
        ),
        (
            {"trailers": {"Content-Type": "a/b"}},
            ValueError,
            "trailers: HTTP does not allow Content-Type there",
        ),
        ({"trailers": ["X"]}, TypeError, "trailers must be a mapping of names to values, not list"),
        (
            {"trailers": {"X": "1"}, "status": 204},
            ValueError,
            "trailers: HTTP has no body with status=204.",
        ),
    ],
)
def test_bad_input(given: Any, error: type[Exception], text: str) -> None:
    """What HTTP does not have is refused when the reply is made."""
    with pytest.raises(error) as raised:
        replies.bytes(b"", **given)
    assert str(raised.value) == text


async def test_only_what_is_asked(wire: Any) -> None:
    """The session sees the final response alone."""
    async with (
        aiointercept(wire=wire) as mock,
        ClientSession(connector=mock.connector(), raise_for_status=True) as session,
    ):
        mock.get("/x", reply=HINTED)
        async with session.get(API + "/x") as response:
            assert "Link" not in response.headers
    assert (await asked_of(TRAILED, wire)).headers["Trailer"] == "X-Sum, X-More"
