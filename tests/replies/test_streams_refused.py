"""What no stream can be made of."""

from __future__ import annotations

import re
from typing import Any

import pytest

from aiointercept_connector import aiointercept, replies
from tests.replies.streamed import URL, async_pieces

pytestmark = pytest.mark.anyio


class TestRefused:
    @pytest.mark.parametrize(
        ("pieces", "message"),
        [
            (
                5,
                (
                    "stream must be given an iterable, plain or async, or a function that "
                    "returns one, not int: 5"
                ),
            ),
            (
                b"whole",
                (
                    "stream must be given an iterable, plain or async, or a function that "
                    "returns one, not bytes: b'whole'"
                ),
            ),
            (["a", 5], "stream: a piece must be str or bytes, not int: 5"),
            (lambda a, b: [], "must take the request, or nothing, but it needs 2 arguments."),
        ],
    )
    def test_pieces(self, pieces: Any, message: str) -> None:
        """What gives no pieces is refused."""
        with pytest.raises(TypeError, match=re.escape(message) + "$"):
            replies.stream(pieces)

    @pytest.mark.parametrize(
        ("arguments", "error", "message"),
        [
            ({"length": -1}, ValueError, "length must be at least 0, not -1"),
            ({"length": "1"}, TypeError, "length must be an int, not str: '1'"),
            ({"length": True}, TypeError, "length must be an int, not bool: True"),
            ({"length": 3}, ValueError, "stream: 3 bytes were declared, but there are only 2."),
            (
                {"length": 2, "headers": {"Content-Length": "3"}},
                ValueError,
                "headers['Content-Length'] must be 2, not '3'",
            ),
            (
                {"headers": {"Content-Length": "x"}},
                ValueError,
                "headers['Content-Length'] must be a number of bytes, not 'x'",
            ),
            (
                {"status": 204},
                ValueError,
                "body: HTTP allows no body with status=204, but 1 bytes were given.",
            ),
            ({"every": -1}, ValueError, "every must be a number of seconds, at least 0, or a "),
            ({"headers": {"A": "\n"}}, ValueError, "headers['A'] must not contain CR, LF or NUL"),
        ],
    )
    def test_arguments(
        self, arguments: dict[str, Any], error: type[Exception], message: str
    ) -> None:
        """What cannot be sent is refused when it is said."""
        with pytest.raises(error, match="^" + re.escape(message)):
            replies.stream(["a", "b"], **arguments)

    @pytest.mark.parametrize(
        ("arguments", "error", "message"),
        [
            ({"pieces": 0}, ValueError, "pieces must be at least 1, not 0"),
            ({"pieces": 1.5}, TypeError, "pieces must be an int, not float: 1.5"),
            ({"over": -1}, ValueError, "over must be a number of seconds, at least 0, not -1"),
        ],
    )
    def test_dribble(self, arguments: dict[str, Any], error: type[Exception], message: str) -> None:
        """The same for a body that is dribbled."""
        with pytest.raises(error, match="^" + re.escape(message) + "$"):
            replies.dribble("x", **arguments)

    @pytest.mark.parametrize(
        ("arguments", "many"),
        [({"repeat": 2}, "2"), ({"repeat": True}, "any number of"), ({"times": (1, 3)}, "3")],
    )
    @pytest.mark.parametrize("wrapped", [False, True])
    async def test_generator_for_many(
        self, arguments: dict[str, Any], many: str, wrapped: bool
    ) -> None:
        """A generator is refused by a route that would answer more than once with it."""
        stream: Any = replies.stream(async_pieces())
        message = rf"can serve one request, not {many}: a generator can be iterated once\. Give a "
        with pytest.raises(ValueError, match=message):
            aiointercept().get(URL, reply=stream, delay=1 if wrapped else 0, **arguments)

    @pytest.mark.parametrize("body", [async_pieces, lambda: iter("ab")], ids=["async", "plain"])
    def test_as_body(self, body: Any) -> None:
        """`body=` is for what is known; the message says what is for the rest."""
        with pytest.raises(TypeError, match=r"To send it in pieces use reply=replies\.stream\("):
            aiointercept().get(URL, body=body())
