"""Activating, what was called, and ``fake_request``."""

from __future__ import annotations

import asyncio
import inspect
from collections.abc import Callable
from typing import Any

import pytest
from aiohttp import ClientSession, TraceConfig

from aiointercept_connector.compat import aiohttpretty
from aiointercept_connector.compat.aiohttpretty import NoUrlMatching
from tests.compat.aiohttpretty.test_registering import Stream
from tests.plugin.running import run_pytest
from tests.real import real_server

pytestmark = pytest.mark.anyio

URL = "http://example.com/"


def test_activate_and_deactivate() -> None:
    """``fake_request`` takes the place of the session's method, which is kept, and put back."""
    method = get_request()
    assert aiohttpretty.request is None
    aiohttpretty.activate()
    assert get_request() is aiohttpretty.fake_request
    assert aiohttpretty.request is method
    aiohttpretty.deactivate()
    assert get_request() is method
    assert aiohttpretty.request is None


async def test_activating_twice() -> None:
    """The mock is active until it was deactivated as often as it was activated."""
    method = get_request()
    aiohttpretty.register_uri("GET", URL)
    aiohttpretty.activate()
    aiohttpretty.activate()
    aiohttpretty.deactivate()
    async with ClientSession() as session:
        assert (await session.get(URL)).status == 200
    aiohttpretty.deactivate()
    assert get_request() is method


async def test_deactivating_too_often() -> None:
    """To deactivate what is not active does nothing."""
    method = get_request()
    aiohttpretty.deactivate()
    assert get_request() is method
    aiohttpretty.activate()
    aiohttpretty.deactivate()
    assert get_request() is method


async def test_what_is_registered_stays(active: None) -> None:
    """Deactivating forgets nothing."""
    aiohttpretty.register_uri("GET", URL)
    aiohttpretty.deactivate()
    aiohttpretty.activate()
    async with ClientSession() as session:
        assert (await session.get(URL)).status == 200
    assert aiohttpretty.has_call(URL)


async def test_another_layer_in_front() -> None:
    """A wrapper that was put in front while active stays, and calls go through to their hosts."""
    method = get_request()
    aiohttpretty.activate()
    ours: Any = get_request()

    async def wrapper(self: ClientSession, *args: Any, **kwargs: Any) -> Any:
        return await ours.__get__(self)(*args, **kwargs)

    set_request(wrapper)
    try:
        aiohttpretty.deactivate()
        async with real_server() as real, ClientSession() as session:
            assert await (await session.get(real.url)).text() == "real"
            assert aiohttpretty.calls == []
            aiohttpretty.register_uri("GET", real.url, body="mocked")
            aiohttpretty.activate()
            assert await (await session.get(real.url)).text() == "mocked"
            assert len(aiohttpretty.calls) == 1
            aiohttpretty.deactivate()
    finally:
        set_request(method)
    aiohttpretty.activate()
    assert get_request() is aiohttpretty.fake_request
    aiohttpretty.deactivate()
    assert get_request() is method


def get_request() -> Any:
    """Return the method of sessions through which every call goes."""
    return ClientSession._request


def set_request(method: Any) -> None:
    """Put *method* in the place of the session's, as other libraries do."""
    ClientSession._request = method  # type: ignore[method-assign]


async def test_calls(session: ClientSession) -> None:
    """A call is recorded with the caller's own keyword arguments, the query in its ``uri``."""
    aiohttpretty.register_uri("POST", URL, params={"a": "1"})
    await session.post(URL, params={"a": "1"}, json={"b": 2}, headers={"X-C": "3"})
    (call,) = aiohttpretty.calls
    assert call == {
        "method": "POST",
        "uri": aiohttpretty.ImmutableFurl(f"{URL}?a=1"),
        "data": None,
        "json": {"b": 2},
        "headers": {"X-C": "3"},
    }


async def test_calls_of_nothing_registered(session: ClientSession) -> None:
    """A call that nothing was registered for is not recorded."""
    with pytest.raises(NoUrlMatching):
        await session.get(URL)
    assert aiohttpretty.calls == []
    assert not aiohttpretty.has_call(URL)


@pytest.mark.parametrize("length", ["1", "9"])
async def test_a_length_that_is_not_the_body_s(session: ClientSession, length: str) -> None:
    """A ``Content-Length`` is recorded as it was given, and the call answered, true or not."""
    aiohttpretty.register_uri("PUT", URL)
    headers = {"content-length": length, "X-A": "1"}
    assert (await session.put(URL, data=b"abc", headers=headers)).status == 200
    assert aiohttpretty.has_call(URL, headers=headers)
    (request,) = aiohttpretty.aiohttpretty.interceptor.journal.records
    assert (request.captured_body, request.headers["X-A"]) == (b"abc", "1")


async def test_calls_are_set(session: ClientSession, monkeypatch: pytest.MonkeyPatch) -> None:
    """``calls`` may be emptied, or another list be put in its place."""
    aiohttpretty.register_uri("GET", URL)
    await session.get(URL)
    own: list[dict[str, Any]] = []
    monkeypatch.setattr(aiohttpretty, "calls", own)
    assert not aiohttpretty.has_call(URL)
    await session.get(URL)
    assert own == [{"method": "GET", "uri": URL, "allow_redirects": True}]
    own.clear()
    assert not aiohttpretty.has_call(URL)
    monkeypatch.undo()
    assert len(aiohttpretty.aiohttpretty.calls) == 1


async def test_has_call(session: ClientSession) -> None:
    """A call is found by URL and query, and by any of its keyword arguments."""
    aiohttpretty.register_uri("GET", URL, params={"alpha": "1", "beta": None})
    await session.get(f"{URL}?alpha=1&beta=", headers={"X-A": "1"})
    for url in ("?alpha=1&beta=", "?beta=&alpha=1"):
        assert aiohttpretty.has_call(f"{URL}{url}", method="GET")
    for url in ("", "?alpha=2&beta=", "?alpha=1", "?beta=", "?alpha=1&beta=1", "?alpha=&beta="):
        assert not aiohttpretty.has_call(f"{URL}{url}")
    assert aiohttpretty.has_call(uri=URL, params={"alpha": "1", "beta": None})
    assert aiohttpretty.has_call(URL, params={"alpha": "1", "beta": ""}, headers={"X-A": "1"})
    assert not aiohttpretty.has_call(f"{URL}?alpha=1&beta=", headers={"X-A": "2"})
    assert not aiohttpretty.has_call(f"{URL}?alpha=1&beta=", method="POST")
    assert not aiohttpretty.has_call("http://other.test/?alpha=1&beta=")


async def test_has_call_without_the_query(session: ClientSession) -> None:
    """``check_params=False`` leaves the query of the call out, and not that of the argument."""
    aiohttpretty.register_uri("GET", f"{URL}?a=1")
    await session.get(f"{URL}?a=1")
    assert aiohttpretty.has_call(URL, check_params=False)
    assert not aiohttpretty.has_call(f"{URL}?a=1", check_params=False)


async def test_the_real_client_runs() -> None:
    """What a session adds is there: its base, its headers, its tracing, its cookies."""
    seen: list[str] = []

    async def started(session: ClientSession, context: Any, params: Any) -> None:
        seen.append(str(params.url))

    trace = TraceConfig()
    trace.on_request_start.append(started)
    aiohttpretty.register_uri("GET", f"{URL}a", headers={"Set-Cookie": "c=1"})
    aiohttpretty.activate()
    try:
        async with ClientSession(URL, trace_configs=[trace]) as session:
            await session.get("/a")
            assert [cookie.key for cookie in session.cookie_jar] == ["c"]
    finally:
        aiohttpretty.deactivate()
    assert seen == [f"{URL}a"]
    assert aiohttpretty.has_call(f"{URL}a")


async def test_a_closed_session(active: None) -> None:
    """A session that was closed says so itself."""
    aiohttpretty.register_uri("GET", URL)
    session = ClientSession()
    await session.close()
    with pytest.raises(RuntimeError, match="Session is closed"):
        await session.get(URL)
    assert aiohttpretty.calls == []


@pytest.mark.parametrize("is_active", [False, True])
async def test_fake_request(is_active: bool) -> None:
    """``fake_request`` answers a call of no session, active or not, and records it."""
    aiohttpretty.register_uri("GET", URL, params={"a": "1"}, body="résumé")
    if is_active:
        aiohttpretty.activate()
    try:
        response = await aiohttpretty.fake_request("GET", URL, params={"a": "1"}, headers={})
        assert await response.text() == "résumé"
    finally:
        if is_active:
            aiohttpretty.deactivate()
    assert aiohttpretty.calls == [{"method": "GET", "uri": f"{URL}?a=1", "headers": {}}]


@pytest.mark.parametrize(
    "is_coroutine_function",
    [
        asyncio.iscoroutinefunction,
        inspect.iscoroutinefunction,
    ],
)
def test_fake_request_is_a_coroutine_function(
    active: None, is_coroutine_function: Callable[[Any], bool]
) -> None:
    """``fake_request`` is a coroutine function, and so is a session's method while active."""
    assert is_coroutine_function(aiohttpretty.fake_request)
    assert is_coroutine_function(get_request())


async def test_fake_request_by_names() -> None:
    """The method and the URL may be given by their names."""
    aiohttpretty.register_uri("GET", URL)
    assert (await aiohttpretty.fake_request(method="GET", uri=URL)).status == 200


async def test_fake_request_of_nothing_registered() -> None:
    """A ``fake_request`` that nothing was registered for raises."""
    with pytest.raises(NoUrlMatching, match=r"^No URLs matching GET http://example\.com/ with"):
        await aiohttpretty.fake_request("GET", URL)


async def test_a_stream_that_is_sent() -> None:
    """A stream that is sent as ``data`` is read to its end, and recorded as it is."""
    aiohttpretty.register_uri("PUT", URL)
    stream = Stream(b"meow")
    await aiohttpretty.fake_request("PUT", URL, data=stream)
    assert stream.at_eof()
    assert aiohttpretty.has_call(URL, data=stream)


async def test_a_stream_that_reads_in_its_own_way() -> None:
    """Of a stream nothing but ``read`` is asked, and all that it returns is sent."""

    class Own(asyncio.StreamReader):
        async def read(self, n: int = -1) -> bytes:
            return b"own"

    aiohttpretty.register_uri("PUT", URL)
    await aiohttpretty.fake_request("PUT", URL, data=Own())
    (request,) = aiohttpretty.aiohttpretty.interceptor.journal.records
    assert request.captured_body == b"own"


async def test_a_stream_that_is_not_sent() -> None:
    """Where nothing was registered, nothing is read."""
    stream = Stream(b"meow")
    with pytest.raises(NoUrlMatching):
        await aiohttpretty.fake_request("PUT", URL, data=stream)
    assert not stream.at_eof()


async def test_calls_side_by_side(session: ClientSession) -> None:
    """Calls that are under way together each get their own answer."""
    for number in range(5):
        aiohttpretty.register_uri("GET", f"{URL}{number}", body=str(number))
    answers = await asyncio.gather(*(session.get(f"{URL}{number}") for number in range(5)))
    assert [await answer.text() for answer in answers] == list("01234")
    assert len(aiohttpretty.calls) == 5


def test_unknown_attributes() -> None:
    """The package has what the original's one object has, and nothing by accident."""
    with pytest.raises(AttributeError, match="has no attribute 'nonsense'"):
        getattr(aiohttpretty, "nonsense")  # noqa: B009 - typed, it could not be asked for
    assert aiohttpretty.aiohttpretty.register_uri == aiohttpretty.register_uri


MARKED = """
from {package} import aiohttpretty

def register_and_ask():
    aiohttpretty.register_json_uri("GET", URL, body=[1])
    assert asyncio.run(ask()) == [1]
    assert aiohttpretty.has_call(URL)

def test_before():
    aiohttpretty.register_uri("GET", "http://left.test/")

@pytest.mark.aiohttpretty
def test_marked():
    assert not aiohttpretty.registry
    register_and_ask()

@pytest.mark.aiohttpretty
class TestMarked:
    def test_marked_again(self):
        assert aiohttpretty.calls == []
        register_and_ask()

def test_not_marked():
    assert aiohttpretty.request is None
    assert not aiohttpretty.registry
"""


def test_the_marker(tmp_path: Any) -> None:
    """A marked test runs with the mock active, which knows nothing before and after."""
    conftest = "pytest_plugins = ['aiointercept_connector.compat.aiohttpretty.pytest_plugin']"
    (tmp_path / "conftest.py").write_text(conftest, encoding="utf-8")
    run = run_pytest(tmp_path, MARKED.format(package="aiointercept_connector.compat"))
    assert run.outcomes == {"passed": 4}


def test_taken_over(tmp_path: Any) -> None:
    """With ``--takeover`` the import is ours, and the marker works beside the suite's own hooks."""
    conftest = """
import aiohttpretty

def pytest_runtest_setup(item):
    if item.get_closest_marker("aiohttpretty") is not None:
        aiohttpretty.clear()
        aiohttpretty.activate()

def pytest_runtest_teardown(item, nextitem):
    if item.get_closest_marker("aiohttpretty") is not None:
        aiohttpretty.deactivate()
"""
    (tmp_path / "conftest.py").write_text(conftest, encoding="utf-8")
    source = MARKED.replace("from {package} import", "import")
    options = ("-p", "aiointercept_connector.takeover", "--takeover=aiohttpretty")
    run = run_pytest(tmp_path, source, *options)
    assert run.outcomes == {"passed": 4}
    assert "takeover: aiohttpretty is aiointercept_connector.compat.aiohttpretty" in run.text
