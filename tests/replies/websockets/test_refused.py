"""Arguments that no WebSocket could have."""

from __future__ import annotations

from typing import Any

import pytest
from aiohttp import web

from aiointercept_connector import aiointercept, replies
from tests.replies.websockets.conversing import URL

pytestmark = pytest.mark.anyio


class TestRefused:
    @pytest.mark.parametrize(
        ("handler", "options", "error"),
        [
            (5, {}, TypeError("handler must be a coroutine function of (ws, request), or a list "
                              "of steps, not 5")),
            (replies.ping(), {}, TypeError("A script is a list of steps: [ping()]")),
            ([], {}, ValueError("An empty script would close at once: [close()] says so.")),
            ([replies.ping], {}, TypeError(
                "script: step 1 must be expect(...), send(...), ping(), close() or another of "
                "replies' steps, not function: <function ping at 0x")),
            ([replies.send(1), "x"], {}, TypeError(
                "script: step 2 must be expect(...), send(...), ping(), close() or another of "
                "replies' steps, not str: 'x'")),
            ([replies.close(), replies.send(1)], {}, ValueError(
                "script: step 1, close(1000), ends it; leave out what stands behind it.")),
            (replies.echo, {"protocols": "v1"}, TypeError(
                "protocols must be a sequence of str, not 'v1'")),
            (replies.echo, {"protocols": [1]}, TypeError(
                "protocols must be a sequence of str, not of 1")),
            (replies.echo, {"protocols": ["a b"]}, ValueError(
                "protocols: 'a b' cannot stand in a header's list of names")),
            (replies.echo, {"compress": "x"}, TypeError(
                "compress must be a bool or an int, not 'x'")),
            (replies.echo, {"compress": 8}, ValueError(
                "compress must be from 9 to 15 (bits), True or False, not 8")),
            (replies.echo, {"heartbeat": "x"}, TypeError(
                "heartbeat must be a number of seconds, more than 0, or None, not str: 'x'")),
            (replies.echo, {"heartbeat": 0}, ValueError(
                "heartbeat must be a number of seconds, more than 0, or None, not 0")),
            (replies.echo, {"max_msg_size": 1.5}, TypeError(
                "max_msg_size must be a number of bytes, not 1.5")),
            (replies.echo, {"max_msg_size": -1}, ValueError(
                "max_msg_size must be 0 (no limit) or more bytes, not -1")),
            (replies.echo, {"protocol": "x"}, TypeError(
                "ws() has no argument 'protocol': did you mean 'protocols'?")),
        ],
    )  # fmt: skip
    def test_bad_input(self, handler: Any, options: dict[str, Any], error: Exception) -> None:
        """What could not work is refused at registration, with what to write instead."""
        mock = aiointercept()
        with pytest.raises(type(error)) as caught:
            mock.ws(URL, handler, **options)
        assert str(caught.value).startswith(str(error))
        assert list(mock.interceptor.registry) == []

    def test_handler_of_aiohttp_s(self) -> None:
        """An aiohttp handler, which makes its own response, is told where it belongs."""

        async def handler(request: web.Request) -> web.StreamResponse:
            raise NotImplementedError

        with pytest.raises(TypeError) as caught:
            aiointercept().ws(URL, handler)  # type: ignore[arg-type] # takes a request alone
        assert str(caught.value).endswith(
            "handler(ws, request), and takes (request: 'web.Request') -> 'web.StreamResponse'. "
            "A handler that makes a WebSocketResponse of its own is for add(..., reply=)."
        )

    def test_values(self) -> None:
        """A reply that is a WebSocket is a value: compared by what it says, and printed."""
        script = [replies.expect({"a": 1}), replies.send("x")]
        assert replies.websocket(script) == replies.websocket(tuple(script))
        assert replies.websocket(script) != replies.websocket(script, autoping=False)
        assert repr(replies.websocket(script)) == ("<WebSocketReply [expect({'a': 1}), send('x')]>")
        assert repr(replies.websocket(replies.echo)) == "<WebSocketReply echo>"
