"""Every argument of every constructor in ``replies``, given what it cannot mean."""

from __future__ import annotations

import inspect
import math
from collections.abc import Iterator
from datetime import datetime, timezone
from typing import Any
from unittest.mock import ANY

import pytest

from aiointercept_connector import aiointercept, replies
from aiointercept_connector.replies.content import ContentOptions
from aiointercept_connector.replies.scripting import expect, expect_close, send, wait

HALF = "\ud800"
TOO_LONG = 10**400  # an int that no float can hold


async def talk(ws: Any, request: Any) -> None:
    """Say nothing."""


GOOD: dict[str, dict[str, Any]] = {
    "Serializer": {"dumps": str, "content_type": "a/b"},
    "as_reply": {"value": 200},
    "bytes": {"body": b"x"},
    "choice": {"replies": {200: 1}},
    "close": {},
    "cycle": {"replies": [200]},
    "delayed": {"reply": 200, "delay": 0.1},
    "dribble": {"body": b"abc"},
    "event": {"data": "x"},
    "expect": {"message": "x"},
    "expect_close": {},
    "expect_ping": {},
    "expect_pong": {},
    "file": {"path": __file__},
    "form": {"fields": {"a": 1}},
    "html": {"body": "x"},
    "json": {"value": 1},
    "lognormal": {"median": 1, "sigma": 1},
    "ping": {},
    "pong": {},
    "send": {"message": "x"},
    "sequence": {"replies": [200]},
    "serialized": {"value": 1, "serializer": replies.JSON},
    "sse": {"events": ["x"]},
    "stream": {"pieces": [b"x"]},
    "text": {"body": "x"},
    "uniform": {"low": 0, "high": 1},
    "wait": {"seconds": 0.1},
    "websocket": {"handler": talk},
}
"""What each constructor takes, so that one argument at a time is wrong."""

SAID_OTHERWISE = {
    ("as_reply", "value"): "reply must be",
    ("delayed", "reply"): "reply must be",
    ("sse", "events"): "sse must be given",
    ("stream", "pieces"): "stream must be given",
    ("expect", "json_subset"): "json_subset=",
    ("send", "message"): "send() takes",
}
"""What messages call an argument, where it is not its name."""


class Nonsense:
    """Nothing that any argument could mean."""

    def __repr__(self) -> str:
        return "nonsense"


def every_argument() -> Iterator[tuple[str, str]]:
    """Iterate over the constructors and their arguments."""
    for name in GOOD:
        for parameter in inspect.signature(getattr(replies, name)).parameters.values():
            if parameter.kind is parameter.VAR_KEYWORD:
                yield from ((name, option) for option in ContentOptions.__annotations__)
            else:
                yield name, parameter.name


def test_all_are_tried() -> None:
    """What takes no arguments, and what is no constructor, is all that is not tried."""
    others = {"JSON", "MSGPACK", "TOML", "YAML", "drop", "echo", "passthrough"}
    assert {*GOOD, *others} == {*replies.__all__}


@pytest.mark.parametrize(("name", "argument"), list(every_argument()))
def test_nonsense(name: str, argument: str) -> None:
    """What is of no type that it takes is refused when the reply is made, and is named."""
    given = {**GOOD[name], argument: Nonsense()}
    with pytest.raises((TypeError, ValueError)) as raised:
        getattr(replies, name)(**given)
    said = SAID_OTHERWISE.get((name, argument), f"{argument}")
    assert said in str(raised.value)


TEXTS = [
    ("bytes", "content_type"),
    ("bytes", "reason"),
    ("close", "reason"),
    ("dribble", "body"),
    ("event", "comment"),
    ("event", "data"),
    ("event", "event"),
    ("event", "id"),
    ("file", "content_type"),
    ("file", "path"),
    ("file", "reason"),
    ("html", "body"),
    ("ping", "payload"),
    ("send", "message"),
    ("stream", "content_type"),
    ("text", "body"),
    ("Serializer", "content_type"),
]


@pytest.mark.parametrize(("name", "argument"), TEXTS)
def test_half_a_character(name: str, argument: str) -> None:
    """Text that has no UTF-8 is refused when the reply is made."""
    with pytest.raises(ValueError, match=argument):
        getattr(replies, name)(**{**GOOD[name], argument: HALF})


SECONDS = [
    ("delayed", "delay"),
    ("dribble", "over"),
    ("expect", "timeout"),
    ("expect_close", "timeout"),
    ("expect_ping", "timeout"),
    ("lognormal", "median"),
    ("lognormal", "sigma"),
    ("sse", "every"),
    ("sse", "keep_alive"),
    ("stream", "every"),
    ("uniform", "high"),
    ("wait", "seconds"),
    ("websocket", "heartbeat"),
]


@pytest.mark.parametrize("seconds", [-1, math.nan, math.inf, TOO_LONG], ids=str)
@pytest.mark.parametrize(("name", "argument"), SECONDS)
def test_seconds(name: str, argument: str, seconds: float) -> None:
    """A time that nobody can wait is refused when the reply is made."""
    with pytest.raises(ValueError, match=f"^{argument} must be a number"):
        getattr(replies, name)(**{**GOOD[name], argument: seconds})


FLAGS = [
    ("delayed", "virtual"),
    ("dribble", "virtual"),
    ("sse", "virtual"),
    ("stream", "virtual"),
    ("websocket", "autoping"),
]


@pytest.mark.parametrize("value", [None, 1, "no"])
@pytest.mark.parametrize(("name", "argument"), FLAGS)
def test_flags(name: str, argument: str, value: Any) -> None:
    """What says neither yes nor no is refused, though anything is true or false."""
    with pytest.raises(TypeError, match=f"^{argument} must be True or False, not "):
        getattr(replies, name)(**{**GOOD[name], argument: value})


def nothing() -> str:
    """Take nothing."""
    return "x"


make: Any = replies  # whose arguments below type checkers refuse too
untyped_expect: Any = expect


@pytest.mark.parametrize(
    ("call", "error"),
    [
        (lambda: make.form({"a": {"b": 1}}), TypeError(
            "fields['a'] must be str, bytes, int or float, or a list of these, "
            "not dict: {'b': 1}")),
        (lambda: make.form({"a": [1, None]}), TypeError(
            "fields['a'] must be str, bytes, int or float, or a list of these, "
            "not NoneType: None")),
        (lambda: make.form({"a": True}), TypeError(
            "fields['a'] must be str, bytes, int or float, or a list of these, "
            "not bool: True")),
        (lambda: make.form({1: "a"}), TypeError(
            "fields must be a mapping, or a list of (name, value) pairs; a pair is not (1, 'a')")),
        (lambda: make.form(["ab"]), TypeError(
            "fields must be a mapping, or a list of (name, value) pairs; a pair is not 'ab'")),
        (lambda: make.form(b""), TypeError(
            "fields must be a mapping, or a list of (name, value) pairs, not bytes: b''")),
        (lambda: make.form({HALF: "a"}), ValueError(
            "fields: a name cannot be sent as UTF-8: '\\ud800' is half a character")),
        (lambda: make.json(1, interim=0), TypeError(
            "interim must be a list of (status, headers) pairs, not int: 0")),
        (lambda: make.json(1, interim=b"x"), TypeError(
            "interim must be a list of (status, headers) pairs, not bytes: b'x'")),
        (lambda: make.json(1, interim=5, encoding="gzip"), TypeError(
            "interim must be a list of (status, headers) pairs, not int: 5")),
        (lambda: make.json(1, trailers=0), TypeError(
            "trailers must be a mapping of names to values, not int")),
        (lambda: make.json(1, encoding=[]), ValueError(
            "encoding must be 'gzip' or 'deflate' or 'br' or 'zstd', not []")),
        (lambda: make.sequence([1, 2], on_exhausted=ANY), ValueError(
            "on_exhausted must be 'raise' or 'cycle' or 'last', not <ANY>")),
        (lambda: make.cycle(bytearray(b"ab")), TypeError(
            "replies must be a list of replies, not bytearray: bytearray(b'ab')")),
        (lambda: make.choice({200: TOO_LONG}), ValueError("replies[0]: a weight must be")),
        (lambda: make.lognormal(1, 10.5), ValueError(
            "sigma must be a number from 0 to 10, not 10.5")),
        (lambda: make.sse(["x"], headers=[]), TypeError(
            "headers must be a mapping of names to values, not list")),
        (lambda: make.stream([b"x"], content_type=0), TypeError(
            "content_type must be a str, not int: 0")),
        (lambda: make.stream({1}), TypeError("stream: a piece must be str or bytes, not int: 1")),
        (lambda: make.stream([HALF]), ValueError("stream: a piece cannot be sent as UTF-8")),
        (lambda: make.stream(int), TypeError("stream must be given an iterable")),
        (lambda: make.stream(str), TypeError("stream must be given an iterable")),
        (lambda: make.event("x", id=True), TypeError("id must be a str, not bool: True")),
        (lambda: make.Serializer(nothing, "a/b"), TypeError(
            "dumps is called as nothing(value), and takes () -> 'str'.")),
        (lambda: make.websocket(talk, protocols=b""), TypeError(
            "protocols must be a sequence of str, not b''")),
        (lambda: expect({1}), TypeError("message: JSON has no set: {1}")),
        (lambda: expect([b"x"]), TypeError("message: JSON has no bytes: b'x'")),
        (lambda: expect(Nonsense()), TypeError("message: JSON has no Nonsense: nonsense")),
        (lambda: expect(datetime.now(timezone.utc)), TypeError("message: JSON has no datetime: ")),
        (lambda: expect({"a": math.nan}), TypeError("message: JSON has no float: nan")),
        (lambda: expect({None: 1}), TypeError(
            "message: the names of a JSON object are str, not None")),
        (lambda: expect(json_subset={1}), TypeError("json_subset: JSON has no set: {1}")),
        (lambda: untyped_expect(nothing), TypeError(
            "a function given to expect() is called as nothing(frame), and takes () -> 'str'.")),
        (lambda: send(nothing), TypeError(
            "a function given to send() is called as nothing(frame), and takes () -> 'str'.")),
        (lambda: send(int), TypeError("send() takes what is to be sent, not <class 'int'>.")),
        (lambda: send(replies.close), TypeError(
            "replies.close makes a reply, and is none: call it.")),
        (lambda: expect_close(999), ValueError(
            "code must be one that may come, 1000 to 65535, or 0 for a close without one, "
            "not 999")),
        (lambda: expect_close(-1), ValueError("code must be one that may come")),
        (lambda: wait(math.inf), ValueError("seconds must be a number of seconds, at least 0")),
    ],
)  # fmt: skip
def test_refused(call: Any, error: Exception) -> None:
    """The message names the argument, what was given, and what is allowed."""
    with pytest.raises(type(error)) as raised:
        call()
    assert str(raised.value).startswith(str(error))


@pytest.mark.parametrize(
    "good",
    [
        lambda: expect(ANY),
        lambda: expect({"a": [ANY, None, 1.5]}),
        lambda: expect(pytest.approx(1)),
        lambda: expect_close(0),
        lambda: expect_close(65535),
        lambda: replies.form([("a", b"x"), ("b", [1, 1.5, "é"])]),
        lambda: replies.stream({b"x": None}.keys()),
        lambda: replies.Serializer(repr, "a/b"),
        lambda: replies.lognormal(1, 10),
        lambda: replies.json(1, trailers={}, interim=[]),
    ],
)
def test_allowed(good: Any) -> None:
    """What only looks like it is not refused."""
    good()


def plain(ws: Any, request: Any) -> None:
    """Return nothing to await."""


class Plain:
    """Has a method that returns nothing to await."""

    def handle(self, ws: Any, request: Any) -> None:
        """Return nothing."""


class TestPlainFunctions:
    """A ``def`` where an ``async def`` is meant is refused when it is registered."""

    @pytest.mark.parametrize("handler", [plain, Plain().handle])
    def test_websocket(self, handler: Any) -> None:
        """A WebSocket's handler must be a coroutine function."""
        mock = aiointercept()
        with pytest.raises(TypeError) as raised:
            mock.ws("/x", handler)
        assert str(raised.value) == (
            f"handler must be a coroutine function, async def {handler.__name__}(ws, request), "
            f"and {handler.__qualname__} is a plain one."
        )
        assert len(mock.interceptor.registry) == 0

    def test_what_hands_on(self) -> None:
        """A lambda, and what wraps a coroutine function, may hand on what that returns."""
        mock = aiointercept()
        mock.ws("/x", lambda ws, request: talk(ws, None))

        def wrapped(ws: Any, request: Any) -> Any:
            return talk(ws, request)

        wrapped.__wrapped__ = talk  # type: ignore[attr-defined] # as functools.wraps has it
        mock.ws("/y", wrapped)


class TestSequences:
    """A sequence is not asked for more than it has."""

    @pytest.mark.parametrize(
        ("given", "asked"),
        [
            ({"repeat": 3}, "3 requests"),
            ({"repeat": True}, "any number of requests"),
            ({"times": 5}, "5 requests"),
            ({"times": (3, None)}, "3 requests"),
            ({"repeat": 3, "delay": 0.01}, "3 requests"),
        ],
    )
    def test_refused(self, given: Any, asked: str) -> None:
        """More answers than there are replies are refused, and the ways out are named."""
        mock = aiointercept()
        with pytest.raises(ValueError, match="has no answer to request 3") as raised:
            mock.get("/x", reply=replies.sequence([200, 201]), **given)
        text = str(raised.value)
        assert text.endswith(
            f"has no answer to request 3, and is asked for {asked}. Leave out repeat= or times=, "
            f'add replies, or say what is behind its end: on_exhausted="last" repeats its last '
            f'reply, on_exhausted="cycle" begins it again.'
        )
        assert "<SequenceReply of 2, on_exhausted='raise'>" in text
        assert len(mock.interceptor.registry) == 0

    @pytest.mark.parametrize(
        "given", [{}, {"repeat": 1}, {"repeat": 2}, {"times": (1, None)}, {"times": 2}]
    )
    def test_allowed(self, given: Any) -> None:
        """As many, or fewer, are not."""
        aiointercept().get("/x", reply=replies.sequence([200, 201]), **given)

    @pytest.mark.parametrize("on_exhausted", ["last", "cycle"])
    def test_endless(self, on_exhausted: Any) -> None:
        """A sequence without an end has answers for everybody."""
        reply = replies.sequence([200, 201], on_exhausted=on_exhausted)
        assert aiointercept().get("/x", reply=reply, repeat=True).endless
