from __future__ import annotations

import asyncio
import re
from collections.abc import Sequence
from typing import Any

import pytest
from aiohttp import ClientWebSocketResponse, WSMsgType

from aiointercept_connector import ANY, aiointercept
from aiointercept_connector.journal.frames import Frame
from aiointercept_connector.replies import (
    close,
    drop,
    echo,
    expect,
    expect_close,
    expect_ping,
    expect_pong,
    ping,
    pong,
    send,
    sequence,
    wait,
    websocket,
)
from tests.loopback.conftest import settle, until
from tests.replies.websockets.conversing import URL, connected, failing

pytestmark = pytest.mark.anyio


async def say(socket: ClientWebSocketResponse[Any], message: Any) -> None:
    """Send *message* as its type asks."""
    if isinstance(message, str):
        await socket.send_str(message)
    elif isinstance(message, bytes):
        await socket.send_bytes(message)
    else:
        await socket.send_json(message)


async def unmet(wire: Any, script: Sequence[Any], *messages: Any, **options: Any) -> str:
    """Play a script to a client that sends *messages*; return what leaving says of it."""
    async with failing(wire) as (mock, said):
        mock.ws(URL, script, **options).registered_at = None
        async with connected(mock) as socket:
            for message in messages:
                await say(socket, message)
            received = await socket.receive()
            assert (received.type, received.data) == (WSMsgType.CLOSE, 1008)
    return said[0]


class TestPlaying:
    async def test_all_steps(self, wire: Any) -> None:
        """A script waits and sends in order, and closes at its end."""
        script = [
            expect("hello"),
            send("text"),
            send(b"binary"),
            send({"a": [1, None]}),
            send(None),
            wait(0.001),
            ping(b"p"),
            expect_pong(b"p"),
            pong("q"),
            expect_ping("r"),
        ]
        async with aiointercept(wire=wire, strict=True) as mock:
            route = mock.ws(URL, script)
            async with connected(mock) as socket:
                await socket.send_str("hello")
                received = [(await socket.receive()).data for _ in range(4)]
                reading = asyncio.create_task(socket.receive())
                await until(lambda: mock.calls[0].frames[-1].data == b"q")
                await socket.ping(b"r")
                await reading
            assert received == ["text", b"binary", '{"a": [1, null]}', "null"]
            assert socket.close_code == 1000
            played = [step for step in script if step != wait(0.001)]
            route.assert_frames([*played, pong("r")])

    async def test_closing(self, wire: Any) -> None:
        """`close` closes with a code and reason."""
        async with aiointercept(wire=wire) as mock:
            mock.ws(URL, [close(4000, "bye")])
            async with connected(mock) as socket:
                message = await socket.receive()
                assert (message.type, message.data, message.extra) == (
                    WSMsgType.CLOSE,
                    4000,
                    "bye",
                )

    async def test_dropping(self, wire: Any) -> None:
        """`drop` loses the connection; that is no failure."""
        async with aiointercept(wire=wire) as mock:
            mock.ws(URL, [expect("x"), drop()])
            async with connected(mock) as socket:
                await socket.send_str("x")
                assert (await socket.receive()).type is WSMsgType.CLOSED
            assert mock.problems() == []

    @pytest.mark.parametrize("code", [None, 4000])
    async def test_closed_by_the_client(self, wire: Any, code: int | None) -> None:
        """`expect_close` waits for the client to close."""
        async with aiointercept(wire=wire) as mock:
            mock.ws(URL, [expect_close(code)])
            async with connected(mock) as socket:
                await socket.close(code=4000)

    async def test_answers_pings(self, wire: Any) -> None:
        """While a script waits for a message, pings are answered, and are no message."""
        async with aiointercept(wire=wire) as mock:
            mock.ws(URL, [expect("x")])
            async with connected(mock, autoping=False) as socket:
                await socket.ping(b"p")
                message = await socket.receive()
                assert (message.type, bytes(message.data)) == (WSMsgType.PONG, b"p")
                await socket.send_str("x")
                await socket.receive()

    async def test_function_of_what_came(self, wire: Any) -> None:
        """What is sent may be worked out of the message that came last."""
        async with aiointercept(wire=wire) as mock:
            mock.ws(URL, [expect(ANY), send(lambda frame: {"id": frame.json()["id"]})])
            async with connected(mock) as socket:
                await socket.send_json({"id": 7})
                assert await socket.receive_json() == {"id": 7}

    async def test_one_connection_each(self, wire: Any) -> None:
        """A client that connects again is played the next script."""
        async with aiointercept(wire=wire, strict=True) as mock:
            mock.ws(URL, [send("first"), drop()])
            mock.ws(URL, [send("second")])
            for said in ("first", "second"):
                async with connected(mock) as socket:
                    assert await socket.receive_str() == said

    async def test_sequence_of_scripts(self, wire: Any) -> None:
        """Scripts can be put in a sequence, as every reply."""
        async with aiointercept(wire=wire, strict=True) as mock:
            mock.get(URL, reply=sequence([websocket([send("1")]), websocket([send("2")])]))
            for said in ("1", "2"):
                async with connected(mock) as socket:
                    assert await socket.receive_str() == said


WRONG: list[tuple[Any, Any, str]] = [
    ("a", "b", "expect('a'). Got text 'b'."),
    ("a", b"a", "expect('a'). Got binary b'a'."),
    (b"a", "a", "expect(b'a'). Got text 'a'."),
    ({"a": 1}, {"a": 2}, """expect({'a': 1}). Got text '{"a": 2}'.\n  $.a: expected 1, got 2"""),
    ({"a": 1}, "x", "expect({'a': 1}). Got text 'x'."),
    (5, "6", "expect(5). Got text '6'."),
    (None, "0", "expect(None). Got text '0'."),
    (re.compile("^a"), "ba", "expect(re.compile('^a')). Got text 'ba'."),
    (re.compile(b"a"), "a", "expect(re.compile(b'a')). Got text 'a'."),
]  # fmt: skip

RIGHT: list[tuple[Any, Any]] = [
    ("a", "a"),
    (b"a", b"a"),
    (bytearray(b"a"), b"a"),
    ({"a": ANY}, {"a": 1}),
    ({"a": 1}, b'{"a": 1}'),
    ([1], "[1]"),
    (None, "null"),
    (True, "true"),
    (ANY, b""),
    (re.compile("b"), "abc"),
    (re.compile(b"b"), b"abc"),
    (lambda frame: frame.text == "x", b"x"),
]


class TestExpecting:
    @pytest.mark.parametrize(("expected", "message"), RIGHT)
    async def test_right(self, wire: Any, expected: Any, message: Any) -> None:
        """Text, bytes, JSON, expressions and functions say what is to come."""
        async with aiointercept(wire=wire) as mock:
            mock.ws(URL, [expect(expected), close(4000)])
            async with connected(mock) as socket:
                await say(socket, message)
                await socket.receive()
                assert socket.close_code == 4000

    @pytest.mark.parametrize(("expected", "message", "text"), WRONG)
    async def test_wrong(self, wire: Any, expected: Any, message: Any, text: str) -> None:
        """A message that is not as expected fails the test, with where it differs."""
        said = await unmet(wire, [expect(expected)], message)
        assert said == (
            f"Step 1 of 1 of the script of GET https://api.example.com/chat was not met: {text}"
        )

    async def test_subset(self, wire: Any) -> None:
        """A part of what comes may be all that matters."""
        script = [expect(json_subset={"a": 1}), expect(json_subset={"a": 1})]
        said = await unmet(wire, script, {"a": 1, "b": 2}, {"b": 1})
        assert said.endswith(
            "was not met: expect(json_subset={'a': 1}). Got text '{\"b\": 1}'.\n"
            "  $.a: expected 1, got nothing"
        )
        assert said.startswith("Step 2 of 2 ")

    async def test_function(self, wire: Any) -> None:
        """A function that says no is named."""
        said = await unmet(wire, [expect(_never)], "x")
        assert said.endswith("was not met: expect(_never). Got text 'x'.")

    async def test_reason(self, wire: Any) -> None:
        """The client is told which step was not met, in as many bytes as fit."""
        async with failing(wire) as (mock, _):
            mock.ws(URL, [expect("é" * 100)])
            async with connected(mock) as socket:
                await socket.send_str("x")
                message: Any = await socket.receive()
                assert message.extra.startswith("step 1 was not met: expect('éé")
                assert len(message.extra.encode()) == 123 - 1

    async def test_nothing(self, wire: Any) -> None:
        """A client that sends nothing is waited for as long as was said."""
        said = await unmet(wire, [expect("x", timeout=0.01)])
        assert said.endswith("expect('x', timeout=0.01). Nothing came within 0.01 seconds.")

    async def test_pings_are_nothing(self, wire: Any) -> None:
        """Pings do not prolong the wait."""
        async with failing(wire, match=r"Nothing came within 0\.03 seconds") as (mock, _):
            mock.ws(URL, [expect("x", timeout=0.03)])
            async with connected(mock, heartbeat=0.01) as socket:
                await asyncio.wait_for(socket.receive(), 1)

    @pytest.mark.parametrize(
        ("step", "text"),
        [
            (expect("x"), "expect('x')"),
            (expect_ping(), "expect_ping()"),
            (expect_pong(b"x"), "expect_pong(b'x')"),
            (expect_close(1000), "expect_close(1000)"),
        ],
    )
    async def test_closed_instead(self, wire: Any, step: Any, text: str) -> None:
        """A client that closes before its time fails the test."""
        async with failing(wire) as (mock, said):
            mock.ws(URL, [step], name="chat")
            async with connected(mock) as socket:
                await socket.close(code=4000, message=b"bye")
        assert said[0].endswith(f"was not met: {text}. Got close 4000 'bye'.")

    async def test_message_instead_of_a_close(self, wire: Any) -> None:
        """A message where the client was to close fails the test."""
        said = await unmet(wire, [expect_close()], "x")
        assert said.endswith("was not met: expect_close(). Got text 'x'.")

    async def test_lost_instead(self, wire: Any) -> None:
        """A client whose connection is lost fails the test."""
        async with failing(wire, match=r"expect\('x'\)\. The connection was lost\.") as (mock, _):
            mock.ws(URL, [expect("x")])
            async with mock.session() as session:
                socket = await session.ws_connect(URL)
                await settle()
                socket._response.close()
                await settle()

    async def test_malformed(self, wire: Any) -> None:
        """What is no frame is told as such, and refused with the code that it deserves."""
        async with failing(wire, match="What came is no WebSocket frame") as (mock, _):
            mock.ws(URL, [expect("x")])
            async with connected(mock) as socket:
                transport = socket._writer.transport
                transport.write(b"\xff\x80\0\0\0\0")
                message = await socket.receive()
                assert (message.type, message.data) == (WSMsgType.CLOSE, 1002)

    async def test_left_before(self, wire: Any) -> None:
        """A mock that is left while its script waits says for what."""
        async with failing(wire) as (mock, said):
            mock.ws(URL, [send("x"), expect("y")])
            session = mock.session()
            socket = await session.ws_connect(URL)
            await socket.receive()
        assert (await socket.receive()).type is WSMsgType.CLOSED
        await session.close()
        assert re.fullmatch(
            r"Step 2 of 2 of the script of GET https://api.example.com/chat \(registered at "
            r"tests/replies/test_script.py:\d+\) was not met: expect\('y'\)\. The mock was left "
            r"before that came\.",
            said[0],
        )

    async def test_function_that_raises(self, wire: Any) -> None:
        """What a function of the test's raises is raised to the client, and fails the test."""
        async with failing(wire) as (mock, said):
            mock.ws(URL, [expect(lambda frame: frame.json()["x"])])
            async with connected(mock) as socket:
                await socket.send_json({})
                message = await socket.receive()
                assert isinstance(message.data, KeyError)
        assert said[0].startswith("The script of GET https://api.example.com/chat raised")
        assert said[0].endswith("KeyError: 'x'")


def _never(frame: Frame) -> bool:
    return False


class TestAsserting:
    @pytest.fixture
    async def mock(self, wire: Any) -> Any:
        """Give a mock whose route has had a conversation."""
        async with aiointercept(wire=wire) as mock:
            mock.ws(URL, echo)
            async with connected(mock) as socket:
                for message in ({"a": 1}, b"x"):
                    await say(socket, message)
                    await socket.receive()
            yield mock

    async def test_as_it_was(self, mock: aiointercept) -> None:
        """The steps of a script say what a conversation was, control frames left out."""
        (route,) = mock.interceptor.registry
        route.assert_frames([expect({"a": 1}), send({"a": 1}), expect(b"x"), send(b"x")])

    async def test_close_included(self, mock: aiointercept) -> None:
        """A close is compared if one is given; the one that answers it is not."""
        (call,) = mock.calls
        messages = [expect(ANY), send(lambda frame: ""), expect(ANY), send(b"x")]
        call.assert_frames([*messages, expect_close(1000)])
        with pytest.raises(AssertionError):
            call.assert_frames([*messages, close()])

    async def test_otherwise(self, mock: aiointercept) -> None:
        """A conversation that was another one is shown beside the expected one."""
        with pytest.raises(AssertionError) as caught:
            mock.calls[0].assert_frames([expect({"a": 2}), send({"a": 1}), send("y")])
        assert str(caught.value) == (
            "The frames of GET wss://api.example.com/chat are not as expected:\n"
            "✗ 1. received text '{\"a\": 1}', where expect({'a': 2}) was expected\n"
            "    $.a: expected 2, got 1\n"
            "✓ 2. sent text '{\"a\": 1}'\n"
            "✗ 3. received binary b'x', where send('y') was expected\n"
            "✗ 4. sent binary b'x', where nothing was expected"
        )

    async def test_fewer(self, mock: aiointercept) -> None:
        """What did not come is listed."""
        expected = [expect(ANY), send({"a": 1}), expect(ANY), send(b"x"), expect("more")]
        with pytest.raises(AssertionError) as caught:
            mock.calls[0].assert_frames(expected)
        last = str(caught.value).splitlines()[-1]
        assert last == "✗ 5. nothing, where expect('more') was expected"

    async def test_no_frame(self, mock: aiointercept) -> None:
        """What is no frame cannot be compared with one."""
        with pytest.raises(TypeError, match=r"not with wait\(1\)"):
            mock.calls[0].assert_frames([wait(1)])

    async def test_never_connected(self) -> None:
        """A route that nobody asked has no frames."""
        route = aiointercept().ws(URL, echo)
        with pytest.raises(AssertionError, match="got no calls"):
            route.assert_frames([])


# What type checkers refuse too.
_expect: Any = expect
_ping: Any = ping
_close: Any = close
_expect_close: Any = expect_close
_wait: Any = wait


class TestRefused:
    @pytest.mark.parametrize(
        ("make", "error"),
        [
            (expect, TypeError("expect() takes a message or json_subset=; ANY is any "
                                         "message.")),
            (lambda: expect(1, json_subset=1), TypeError("expect() takes a message or ")),
            (lambda: expect(send(1)), TypeError("expect() takes what is to come, not send(1).")),
            (lambda: expect("x", timeout=0), ValueError("timeout must be a number of seconds, "
                                                        "more than 0, or None, not 0")),
            (lambda: _expect("x", timeout="1"), TypeError("timeout must be a number of seconds")),
            (lambda: expect(settle), TypeError("expect() takes a plain function, not the corou")),
            (lambda: send(settle), TypeError("send() takes a plain function, not the coroutine")),
            (lambda: send(ANY), TypeError("send() takes what is to be sent, not <ANY>.")),
            (lambda: send({"a": object()}), TypeError(
                "send() takes a str, bytes, a value that is JSON, or a function of the last "
                "message that returns one of these: Object of type object is not JSON")),
            (lambda: _ping(5), TypeError("payload must be bytes, not int: 5")),
            (lambda: pong(b"x" * 126), ValueError("payload must have at most 125 bytes, not 126")),
            (lambda: _close("x"), TypeError("code must be an int, not str: 'x'")),
            (lambda: _expect_close("x"), TypeError("code must be an int, not str: 'x'")),
            (lambda: close(999), ValueError("code must be one that may be sent, 1000 to 4999")),
            (lambda: close(1006), ValueError(
                "code must be one that may be sent, 1000 to 4999 but not 1005, 1006 or 1015, not "
                "1006. For the abrupt loss that clients call 1006, write drop().")),
            (lambda: _close(1000, b"x"), TypeError("reason must be a str, not bytes: b'x'")),
            (lambda: close(1000, "x" * 124), ValueError("reason must have at most 123 bytes")),
            (lambda: _wait("x"), TypeError("seconds must be a number of seconds, at")),
            (lambda: wait(-1), ValueError("seconds must be a number of seconds, at")),
        ],
    )  # fmt: skip
    def test_bad_input(self, make: Any, error: Exception) -> None:
        """A step that could not be played is refused where it is made."""
        with pytest.raises(type(error)) as caught:
            make()
        assert str(caught.value).startswith(str(error))

    @pytest.mark.parametrize(
        ("step", "text"),
        [
            (expect("x", timeout=2), "expect('x', timeout=2)"),
            (expect(ANY), "expect(ANY)"),
            (expect_ping(), "expect_ping()"),
            (expect_close(4000), "expect_close(4000)"),
            (send({"a": 1}), "send({'a': 1})"),
            (ping(), "ping()"),
            (pong("x"), "pong(b'x')"),
            (close(4000, "bye"), "close(4000, 'bye')"),
            (drop(), "drop()"),
            (wait(0.5), "wait(0.5)"),
        ],
    )
    def test_values(self, step: Any, text: str) -> None:
        """A step is printed as it is written."""
        assert repr(step) == text
