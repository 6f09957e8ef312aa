"""What is registered, what is refused, and what is answered."""

from __future__ import annotations

import asyncio
import json
from typing import Any

import pytest
from aiohttp import ClientSession

from aiointercept_connector.compat import aiohttpretty
from aiointercept_connector.compat.aiohttpretty import (
    AioHttPrettyError,
    ExhaustedAllResponses,
    ImmutableFurl,
    InvalidBody,
    InvalidResponses,
    NoUrlMatching,
)

pytestmark = pytest.mark.anyio

URL = "http://example.com/"


class Stream(asyncio.StreamReader):
    """A stream of known size, as suites of aiohttpretty have them."""

    def __init__(self, data: bytes) -> None:
        super().__init__()
        self.size = len(data)
        self.feed_data(data)
        self.feed_eof()


async def test_the_defaults(session: ClientSession) -> None:
    """A response is a 200 without a reason and without headers, whose body is a name."""
    aiohttpretty.register_uri("GET", URL)
    response = await session.get(URL)
    assert (response.status, response.reason) == (200, "")
    assert not response.headers
    assert await response.read() == b"aiohttpretty"


async def test_exactly_what_was_registered(session: ClientSession) -> None:
    """Status, reason, headers and body are those that were registered, true or not."""
    headers = {"X-Magic": "1", "Content-Length": "1000"}
    aiohttpretty.register_uri(
        "DELETE", URL, status=204, reason="Gone", headers=headers, body="résumé"
    )
    response = await session.delete(URL)
    assert (response.status, response.reason) == (204, "Gone")
    assert dict(response.headers) == headers
    assert await response.text() == "résumé"


async def test_json(session: ClientSession) -> None:
    """A JSON response has the value, and a content type that says so."""
    aiohttpretty.register_json_uri("GET", URL, body={"a": None}, headers={"X-A": "1"}, status=201)
    response = await session.get(URL)
    assert (response.status, await response.json()) == (201, {"a": None})
    assert dict(response.headers) == {"Content-Type": "application/json", "X-A": "1"}


async def test_json_without_a_body(session: ClientSession) -> None:
    """Nothing is JSON null."""
    aiohttpretty.register_json_uri("GET", URL)
    assert await (await session.get(URL)).read() == b"null"


@pytest.mark.parametrize("name", ["Content-Type", "content-type"])
async def test_json_of_another_type(session: ClientSession, name: str) -> None:
    """A content type among the headers is the one."""
    aiohttpretty.register_json_uri("GET", URL, headers={name: "application/vnd.api+json"})
    response = await session.get(URL)
    assert response.headers.getall("Content-Type") == ["application/vnd.api+json"]


async def test_a_length_of_its_own(session: ClientSession) -> None:
    """``auto_length`` gives the size of the body, over what the headers say."""
    aiohttpretty.register_uri(
        "GET", URL, body="ä", auto_length=True, headers={"content-length": "9"}
    )
    response = await session.get(URL)
    assert dict(response.headers) == {"content-length": "2"} or response.content_length == 2
    assert response.headers.getall("Content-Length") == ["2"]


async def test_a_stream(session: ClientSession) -> None:
    """A body may be a stream, which is read when it is asked for; its size is the length."""
    aiohttpretty.register_uri("GET", URL, body=Stream(b"meow"), auto_length=True)
    response = await session.get(URL)
    assert response.headers["Content-Length"] == "4"
    assert await response.read() == b"meow"


async def test_for_ever(session: ClientSession) -> None:
    """What is registered answers any number of calls."""
    aiohttpretty.register_uri("GET", URL, body="again")
    assert [await (await session.get(URL)).text() for _ in range(3)] == ["again"] * 3


async def test_registering_again(session: ClientSession) -> None:
    """What is registered later for a method and URL takes the place of what was before."""
    aiohttpretty.register_uri("GET", URL, body="old")
    aiohttpretty.register_uri("POST", URL, body="other")
    aiohttpretty.register_uri("GET", URL, responses=[{"body": "new"}])
    assert await (await session.get(URL)).text() == "new"
    assert await (await session.post(URL)).text() == "other"
    assert len(aiohttpretty.registry) == 2


async def test_a_list_of_responses(session: ClientSession) -> None:
    """Each of several responses answers once, and is taken out of the test's own list."""
    responses = [{"status": 200, "body": "moo"}, {"status": 404, "body": "quack"}]
    aiohttpretty.register_uri("GET", URL, responses=responses)
    answers = [await session.get(URL) for _ in range(2)]
    assert [answer.status for answer in answers] == [200, 404]
    assert [await answer.text() for answer in answers] == ["moo", "quack"]
    assert responses == []
    with pytest.raises(ExhaustedAllResponses) as caught:
        await session.get(URL)
    assert str(caught.value) == "No responses left."
    assert isinstance(caught.value, AioHttPrettyError)
    assert isinstance(caught.value, IndexError)


async def test_the_query(session: ClientSession) -> None:
    """The query is compared in any order, with ``params`` appended, on both sides."""
    aiohttpretty.register_uri("GET", f"{URL}?a=1", params={"b": "2", "c": None})
    for url, params in [
        (f"{URL}?c=&b=2&a=1", None),
        (URL, {"a": "1", "b": "2", "c": ""}),
        (f"{URL}?b=2", [("a", "1"), ("c", "")]),
    ]:
        assert (await session.get(url, params=params)).status == 200


@pytest.mark.parametrize("query", ["", "?a=2", "?b=1", "?a=1&a=1", "?a=1&b=1"])
async def test_another_query(session: ClientSession, query: str) -> None:
    """Names, values and how often they occur count."""
    aiohttpretty.register_uri("GET", f"{URL}?a=1")
    with pytest.raises(NoUrlMatching):
        await session.get(f"{URL}{query}")


async def test_what_does_not_change_a_url(session: ClientSession) -> None:
    """The usual port, the case of the host, a missing slash and the fragment do not count."""
    aiohttpretty.register_uri("GET", "http://EXAMPLE.com:80#top", body="same")
    assert await (await session.get(URL)).text() == "same"


@pytest.mark.parametrize(
    ("params", "text"), [(None, "{}"), ({"q": "1"}, "{'q': '1'}"), ({"b": 2}, "{'b': '2'}")]
)
async def test_nothing_registered(session: ClientSession, params: Any, text: str) -> None:
    """A call that nothing was registered for raises, in the words of the original."""
    with pytest.raises(NoUrlMatching) as caught:
        await session.get(URL, params=params)
    assert str(caught.value) == (
        f"No URLs matching GET {URL} with params {text}. Not making request. Go fix your test."
    )
    assert isinstance(caught.value, AioHttPrettyError)
    assert isinstance(caught.value, KeyError)


async def test_why_nothing_matched(session: ClientSession) -> None:
    """The cause of that error lays what is registered beside the call."""
    aiohttpretty.register_uri("POST", URL)
    with pytest.raises(NoUrlMatching) as caught:
        await session.get(URL)
    assert "expected POST, got GET" in str(caught.value.__cause__)


async def test_a_redirect_to_nothing(session: ClientSession) -> None:
    """A redirect that is followed to what was not registered names that URL."""
    headers = {"Location": "http://other.test/x?y=1"}
    aiohttpretty.register_uri("GET", URL, status=302, headers=headers)
    with pytest.raises(NoUrlMatching) as caught:
        await session.get(URL)
    assert str(caught.value).startswith(
        "No URLs matching GET http://other.test/x?y=1 with params {'y': '1'}."
    )
    assert (await session.get(URL, allow_redirects=False)).status == 302


async def test_a_local_server_is_no_exception(session: ClientSession) -> None:
    """No request leaves, not even to this machine."""
    with pytest.raises(NoUrlMatching):
        await session.get("http://127.0.0.1:1/")


@pytest.mark.parametrize("body", [1234, {"a": 1}, None, bytearray(b"x")])
def test_a_wrong_body(body: Any) -> None:
    """A body that could not be sent is refused when it is registered."""
    for options in ({"body": body}, {"responses": [{"body": body}]}):
        with pytest.raises(InvalidBody) as caught:
            aiohttpretty.register_uri("GET", URL, **options)
        assert str(caught.value) == (
            f"body must be bytes, str, or have a coroutine function `read`, "
            f"not {type(body).__name__}: {body!r}"
        )
        assert isinstance(caught.value, TypeError)
    assert not aiohttpretty.registry


def test_params_of_a_response() -> None:
    """``params`` are of the URL, and refused in a response."""
    with pytest.raises(InvalidResponses) as caught:
        aiohttpretty.register_uri("GET", URL, responses=[{}, {"params": {"a": "1"}}])
    assert str(caught.value) == (
        "Cannot specify params in responses, call register multiple times."
    )
    assert isinstance(caught.value, ValueError)


@pytest.mark.parametrize("responses", [({},), {"body": "x"}, "text", [1]])
def test_responses_that_are_no_list(responses: Any) -> None:
    """``responses`` is a list, for it is emptied, of dicts."""
    with pytest.raises(InvalidResponses, match="responses must be a list of dicts"):
        aiohttpretty.register_uri("GET", URL, responses=responses)


@pytest.mark.parametrize(
    ("options", "error", "text"),
    [
        ({"status": "200"}, TypeError, "status must be an int from 100 to 599"),
        ({"status": 99}, ValueError, "status must be from 100 to 599, not 99"),
        ({"status": 100}, ValueError, "status must be from 200 to 599, not 100: a client waits"),
        ({"headers": {"X-A": 1}}, TypeError, "must be a str, not int: 1"),
        ({"headers": {"X-A": "a\r\nb"}}, ValueError, "must not contain CR, LF or NUL"),
    ],
)
def test_other_wrong_options(options: Any, error: type[Exception], text: str) -> None:
    """A status or header that could not be received is refused when it is registered."""
    with pytest.raises(error, match=text):
        aiohttpretty.register_uri("GET", URL, **options)


async def test_the_registry_is_changed(session: ClientSession) -> None:
    """What is put into the registry answers; what is changed in it, or taken out, does so, too."""
    registry = aiohttpretty.registry
    registry["GET", URL] = {"body": b"put"}
    assert aiohttpretty.registry is registry
    assert await (await session.get(URL)).read() == b"put"
    registry["GET", URL]["status"] = 404
    assert (await session.get(URL)).status == 404
    registry["get", URL] = [{"body": "first"}, {"body": "second"}]
    answers = [await (await session.get(URL)).text() for _ in range(2)]
    assert answers == ["first", "second"]
    del registry["GET", URL]
    with pytest.raises(NoUrlMatching):
        await session.get(URL)


@pytest.mark.parametrize("how", ["cleared", "set"])
async def test_the_registry_is_emptied(session: ClientSession, how: str) -> None:
    """It may be emptied, or another mapping be put in its place."""
    aiohttpretty.register_uri("GET", URL)
    if how == "cleared":
        aiohttpretty.registry.clear()
    else:
        setattr(aiohttpretty, "registry", {("PUT", URL): {"status": 201}})  # noqa: B010 - untyped
        assert (await session.put(URL)).status == 201
    with pytest.raises(NoUrlMatching):
        await session.get(URL)


@pytest.mark.parametrize("key", ["GET", ("GET",), ("GET", 1), ("GET", URL, 1)])
def test_no_key_of_the_registry(key: Any) -> None:
    """What is no method and URL is not in the registry, and cannot be put there."""
    assert key not in aiohttpretty.registry
    with pytest.raises(KeyError):
        aiohttpretty.registry[key] = {}


def test_wrong_options_in_the_registry() -> None:
    """What could never be answered is refused there, too."""
    with pytest.raises(InvalidBody):
        aiohttpretty.registry["GET", URL] = {"body": 1}
    assert aiohttpretty.registry == {}
    assert repr(aiohttpretty.registry) == "{}"


def test_the_registry() -> None:
    """What is registered is found by method and URL, as text or as a furl."""
    aiohttpretty.register_uri("GET", URL, body=b"example data")
    aiohttpretty.register_json_uri("PUT", f"{URL}?a=1", body={"b": 2})
    registry = aiohttpretty.registry
    assert registry["GET", URL] == {"body": b"example data"}
    assert registry["GET", ImmutableFurl(URL)] == {"body": b"example data"}
    assert registry["GET", "http://example.com"] == {"body": b"example data"}
    assert json.loads(registry["PUT", f"{URL}?a=1"]["body"]) == {"b": 2}
    assert ("GET", URL) in registry
    assert ("POST", URL) not in registry
    assert registry.get(("POST", URL)) is None
    assert set(registry) == {("GET", URL), ("PUT", f"{URL}?a=1")}


def test_clearing() -> None:
    """Clearing forgets what is registered."""
    aiohttpretty.register_uri("GET", URL)
    aiohttpretty.clear()
    assert aiohttpretty.registry == {}


class TestImmutableFurl:
    """A URL whose query can be left out."""

    def test_equality(self) -> None:
        """Two are equal if URL and query are, however they were given; text is, too."""
        one = ImmutableFurl(f"{URL}?b=2&a=1")
        assert one == ImmutableFurl(URL, {"a": "1", "b": "2"})
        assert one == ImmutableFurl(f"{URL}?a=1", params={"b": 2})
        assert one == f"{URL}?a=1&b=2"
        assert one != ImmutableFurl(f"{URL}?a=2&b=1")
        assert one != ImmutableFurl(URL)
        assert one != 7
        assert hash(one) == hash(ImmutableFurl(URL, {"b": "2", "a": "1"}))
        assert hash(ImmutableFurl(URL)) == hash(URL)

    def test_parts(self) -> None:
        """It has the URL without its query, the query, and itself without."""
        furl = ImmutableFurl(f"{URL}x?a=1", {"b": None, "c": [1, 2]})
        assert furl.url == f"{URL}x"
        assert furl.params == {"a": "1", "b": "", "c": "1"} or furl.params.getall("c") == ["1", "2"]
        assert furl.with_out_params() == f"{URL}x"
        assert str(furl) == f"{URL}x?a=1&b=&c=1&c=2"
        assert repr(ImmutableFurl(URL)) == f"ImmutableFurl('{URL}')"

    def test_a_path_alone(self) -> None:
        """A URL may be a path, which is on any host."""
        assert ImmutableFurl("/a?x=1") == "/a?x=1"
        assert ImmutableFurl("/a?x=1") != "/b?x=1"
