from __future__ import annotations

import asyncio
import functools
from types import SimpleNamespace
from typing import Any

import pytest
from aiohttp import web
from multidict import CIMultiDict
from yarl import URL

from aiointercept_connector import CallbackResult
from aiointercept_connector.replies.callback import CallbackReply
from aiointercept_connector.replies.static import static_reply
from tests.journal.support import API, asked

pytestmark = pytest.mark.anyio

OTHERWISE = static_reply(status=202, body="beside")


def returning(result: Any) -> Any:
    """Return a callback that returns *result*."""

    def callback(url: URL, **kwargs: Any) -> Any:
        return result

    return callback


async def reply_to(callback: Any, **request: Any) -> Any:
    """Return the response of a callback to a request."""
    response = await CallbackReply(callback, OTHERWISE)(asked(**request))
    assert isinstance(response, web.StreamResponse)
    return response


async def test_arguments() -> None:
    """A callback gets the canonical URL, and headers, query, JSON and data by keyword."""
    calls: list[Any] = []

    def callback(url: URL, *, headers: Any, query: Any, json: Any, data: Any) -> CallbackResult:
        calls.append((url, headers["x-a"], query, json, data))
        return CallbackResult()

    await reply_to(
        callback, method="POST", url=f"{API}/x?b=2&a=1#top", body=b"[1]", headers={"X-A": "1"}
    )
    assert calls == [
        (URL(f"{API}/x?a=1&b=2"), "1", {"a": ["1"], "b": ["2"]}, [1], b"[1]"),
    ]


class Callable:
    """An object that is called as a coroutine function."""

    async def __call__(self, url: URL, **kwargs: Any) -> CallbackResult:
        """Answer with 203."""
        await asyncio.sleep(0)
        return CallbackResult(status=203)


async def coroutine_function(status: int, url: URL, **kwargs: Any) -> CallbackResult:
    """Answer with *status*."""
    return CallbackResult(status=status)


@pytest.mark.parametrize(
    "callback",
    [
        returning(CallbackResult(status=203)),
        Callable(),
        functools.partial(coroutine_function, 203),
        lambda url, **kwargs: coroutine_function(203, url, **kwargs),
    ],
    ids=["function", "object", "partial", "lambda"],
)
async def test_kinds(callback: Any) -> None:
    """Whatever can be called may be a callback; what it returns is awaited if it can be."""
    assert (await reply_to(callback)).status == 203


async def test_result_is_sent() -> None:
    """Status, headers, reason and body are those of the result."""
    headers = CIMultiDict([("X-Many", "1"), ("X-Many", "2")])
    response = await reply_to(
        returning(CallbackResult(status=500, body="four", headers=headers, reason="Oops"))
    )
    assert (response.status, response.reason) == (500, "Oops")
    assert response.headers.getall("X-Many") == ["1", "2"]
    assert response.headers["Content-Type"] == "application/json"
    assert response.headers["Content-Length"] == "4"


async def test_payload_before_body() -> None:
    """A payload is sent as JSON in place of the body."""
    response = await reply_to(returning(CallbackResult(payload=[1], body="body")))
    assert response.headers["Content-Length"] == "3"


async def test_none() -> None:
    """A callback that returns None leaves the answer to what was registered beside it."""
    assert (await reply_to(returning(None))).status == 202


async def test_none_awaited() -> None:
    """So does a coroutine function that returns None."""

    async def callback(url: URL, **kwargs: Any) -> None:
        await asyncio.sleep(0)

    assert (await reply_to(callback)).status == 202


async def test_results_of_other_libraries() -> None:
    """A result is anything with the attributes that other libraries' classes have too."""
    result = SimpleNamespace(
        status=203, body="b", payload=None, headers=None, content_type="a/b", reason=None
    )
    response = await reply_to(returning(result))
    assert (response.status, response.headers["Content-Type"]) == (203, "a/b")


@pytest.mark.parametrize("result", [5.5, True, {1}, (200, "body", "more"), CallbackResult])
async def test_bad_result(result: Any) -> None:
    """What is no result is an error that names the callback and what it returned."""

    def weather(url: URL, **kwargs: Any) -> Any:
        return result

    with pytest.raises(TypeError) as raised:
        await reply_to(weather)
    assert str(raised.value) == (
        "callback test_bad_result.<locals>.weather returned a bad result: reply must be a reply, "
        "an aiohttp handler or response, a CallbackResult, a dict or list (JSON), str, bytes, "
        "an int (the status), a (status, body) pair, a generator, or an exception, "
        f"not {type(result).__name__}: {repr(result)[:60]}"
    )


@pytest.mark.parametrize(
    ("result", "error", "text"),
    [
        (CallbackResult(status=600), ValueError, "status must be from 100 to 599, not 600"),
        (CallbackResult(status=204, body="x"), ValueError, "body: HTTP allows no body with status"),
        (CallbackResult(body=5), TypeError, "body must be str or bytes, not int: 5."),  # type: ignore[arg-type] # on purpose
        (CallbackResult(payload={1}), TypeError, "json (or payload) must be serialisable as JSON"),
        (CallbackResult(headers={"X": "\n"}), ValueError, "headers['X'] must not contain CR, LF"),
    ],
)
async def test_bad_values(result: Any, error: type[Exception], text: str) -> None:
    """A result that cannot be sent is an error that names the callback and the value."""
    with pytest.raises(error) as raised:
        await reply_to(returning(result))
    assert str(raised.value).startswith(
        f"callback returning.<locals>.callback returned a bad result: {text}"
    )


async def test_its_own_attribute_error() -> None:
    """What a callback raises is not mistaken for a bad result."""

    def callback(url: URL, **kwargs: Any) -> Any:
        raise AttributeError("mine")

    with pytest.raises(AttributeError, match=r"^mine$"):
        await reply_to(callback)


@pytest.mark.parametrize("callback", [5, "text", None, CallbackResult()])
def test_not_callable(callback: Any) -> None:
    """What cannot be called is refused at once."""
    with pytest.raises(TypeError) as raised:
        CallbackReply(callback, OTHERWISE)
    kind = type(callback).__name__
    assert str(raised.value) == f"callback must be callable, not {kind}: {callback!r}"


def test_value() -> None:
    """Replies with the same callback and the same answer beside it are equal."""
    callback = returning(None)
    reply = CallbackReply(callback, OTHERWISE)
    assert reply == CallbackReply(callback, static_reply(status=202, body="beside"))
    assert len({reply, CallbackReply(callback, OTHERWISE)}) == 1
    assert reply != CallbackReply(callback, static_reply())
    assert reply != CallbackReply(returning(None), OTHERWISE)
    assert reply != callback
    assert repr(reply) == "<CallbackReply returning.<locals>.callback>"


@pytest.mark.parametrize(
    ("result", "text"),
    [
        (CallbackResult(status=404, body="four"), "<CallbackResult 404 'four'>"),
        (CallbackResult(body="four", payload={"a": 1}), "<CallbackResult 200 {'a': 1}>"),
    ],
)
def test_repr_of_result(result: CallbackResult, text: str) -> None:
    """The repr of a result tells the status and what is sent."""
    assert repr(result) == text


@pytest.mark.parametrize(
    ("callback", "text"),
    [
        (
            lambda: 1,
            "a callback is called as <lambda>(url, headers=, query=, json=, data=), and takes ().",
        ),
        (
            lambda request, more: 1,
            "a callback is called as <lambda>(request), and takes (request, more).",
        ),
    ],
)
def test_other_parameters(callback: Any, text: str) -> None:
    """A callback that cannot be called is refused where it is registered."""
    with pytest.raises(TypeError) as raised:
        CallbackReply(callback, static_reply())
    assert str(raised.value) == text


async def test_itself() -> None:
    """A callback that returns itself is told so."""

    def callback(request: Any) -> Any:
        return callback

    with pytest.raises(TypeError, match="returned itself"):
        await reply_to(callback)
