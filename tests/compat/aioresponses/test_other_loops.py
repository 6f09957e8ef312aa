"""Sessions of another event loop than the running one, on ours and on the original."""

from __future__ import annotations

import asyncio
import gc
import unittest
from collections.abc import Awaitable, Callable, Iterator
from typing import Any

import aiohttp
import pytest
from aiohttp import ClientSession

URL = "http://example.com/a"


async def made(*args: Any, **kwargs: Any) -> ClientSession:
    """Return a session of the running loop."""
    return ClientSession(*args, **kwargs)


async def ask(session: ClientSession, url: str = URL, **kwargs: Any) -> tuple[int, str]:
    """Return status and text of a response."""
    async with session.get(url, **kwargs) as response:
        return response.status, await response.text()


@pytest.fixture
def session() -> Iterator[ClientSession]:
    """Return a session whose loop is closed."""
    session = asyncio.run(made())
    yield session
    asyncio.run(session.close())


def test_a_session_of_a_closed_loop(library: Any, session: ClientSession) -> None:
    """A session is answered on every loop that comes after its own."""
    with library.aioresponses() as m:
        m.get(URL, body="x", repeat=True)
        assert [asyncio.run(ask(session)) for _ in range(2)] == [(200, "x")] * 2
        m.assert_called_with(URL)


def test_a_session_of_a_loop_that_has_not_run(library: Any) -> None:
    """A session may be made outside of any loop, for one that does not run the test."""
    loop = asyncio.new_event_loop()
    session = ClientSession(loop=loop)
    with library.aioresponses() as m:
        m.get(URL, body="x")
        assert asyncio.run(ask(session)) == (200, "x")
    loop.run_until_complete(session.close())
    loop.close()


def test_a_session_that_has_asked_at_home(library: Any) -> None:
    """A session that is made by the first test that needs it serves the others, in their loops."""
    sessions: list[ClientSession] = []

    async def test() -> tuple[int, str]:
        if not sessions:
            sessions.append(ClientSession())
        with library.aioresponses() as m:
            m.get(URL, body="x")
            return await ask(sessions[0])

    assert [asyncio.run(test()) for _ in range(3)] == [(200, "x")] * 3
    asyncio.run(sessions[0].close())


def test_a_session_of_a_test_class(library: Any) -> None:
    """A session that ``setUpClass`` makes is answered in the loops of the tests."""

    class Case(unittest.IsolatedAsyncioTestCase):
        session: ClientSession

        @classmethod
        def setUpClass(cls) -> None:
            cls.session = asyncio.run(made())

        @classmethod
        def tearDownClass(cls) -> None:
            asyncio.run(cls.session.close())

        async def test_one(self) -> None:
            with library.aioresponses() as m:
                m.get(URL, status=201)
                assert await ask(self.session) == (201, "")

        test_other = test_one

    result = unittest.TestResult()
    unittest.defaultTestLoader.loadTestsFromTestCase(Case).run(result)
    assert (result.testsRun, result.failures, result.errors) == (2, [], [])


def test_at_home_and_elsewhere_at_once(library: Any) -> None:
    """While its own loop runs, a session is answered there, and in another thread's loop."""

    async def both(m: Any) -> list[tuple[int, str]]:
        async with ClientSession() as session:
            m.get(URL, body="x", repeat=True)
            elsewhere = asyncio.to_thread(asyncio.run, ask(session))
            return list(await asyncio.gather(elsewhere, ask(session)))

    with library.aioresponses() as m:
        assert asyncio.run(both(m)) == [(200, "x")] * 2


def test_what_the_session_was_made_with(library: Any) -> None:
    """Base, headers, cookies and ``raise_for_status`` of the session are its own elsewhere, too."""
    session = asyncio.run(made("http://example.com", headers={"X-A": "1"}, raise_for_status=True))
    with library.aioresponses() as m:
        m.get(URL, status=302, headers={"Location": "/b"})
        m.get("http://example.com/b", status=404)
        with pytest.raises(aiohttp.ClientResponseError, match="404"):
            asyncio.run(ask(session, "/a"))
        m.assert_called_once_with(URL, headers={"X-A": "1"})
    asyncio.run(session.close())


@pytest.mark.parametrize("error", [ValueError("x"), aiohttp.ServerDisconnectedError("x")])
def test_exceptions(library: Any, session: ClientSession, error: Exception) -> None:
    """An exception is raised as the object that it is."""
    with library.aioresponses() as m:
        m.get(URL, exception=error)
        with pytest.raises(type(error)) as raised:
            asyncio.run(ask(session))
    assert raised.value is error


def test_what_is_refused(library: Any, session: ClientSession) -> None:
    """What nothing answers is refused in the same words as at home."""
    with library.aioresponses(), pytest.raises(aiohttp.ClientConnectionError) as raised:
        asyncio.run(ask(session))
    assert str(raised.value) == f"Connection refused: GET {URL}"


@pytest.mark.parametrize("options", [{"passthrough": ["http://"]}, {"passthrough_unmatched": True}])
def test_what_passes(library: Any, session: ClientSession, options: dict[str, Any]) -> None:
    """A real host can be asked on the session's own loop alone."""
    with library.aioresponses(**options), pytest.raises(RuntimeError, match="closed"):
        asyncio.run(ask(session, "http://127.0.0.1:1/"))


def test_a_closed_session(library: Any, session: ClientSession) -> None:
    """A session that is closed refuses calls in its own words."""
    asyncio.run(session.close())
    with library.aioresponses(), pytest.raises(RuntimeError, match="Session is closed"):
        asyncio.run(ask(session))


def test_a_closed_connector(library: Any) -> None:
    """So does one whose connector, which is not its own, is closed."""

    async def make() -> ClientSession:
        connector = aiohttp.TCPConnector()
        session = ClientSession(connector=connector, connector_owner=False)
        await connector.close()
        return session

    session = asyncio.run(make())
    with library.aioresponses() as m:
        m.get(URL)
        with pytest.raises(RuntimeError, match="Session is closed"):
            asyncio.run(ask(session))


def test_callbacks(library: Any, session: ClientSession) -> None:
    """A coroutine callback runs on the loop of the call."""
    loops: list[asyncio.AbstractEventLoop] = []

    async def callback(url: Any, **kwargs: Any) -> None:
        await asyncio.sleep(0)
        loops.append(asyncio.get_running_loop())

    async def test() -> bool:
        await ask(session)
        return loops == [asyncio.get_running_loop()]

    with library.aioresponses() as m:
        m.get(URL, callback=callback)
        assert asyncio.run(test())


def test_a_response_that_is_read_later(library: Any, session: ClientSession) -> None:
    """A response may be read on another loop than that of the call."""

    async def call() -> aiohttp.ClientResponse:
        return await session.get(URL)

    with library.aioresponses() as m:
        m.get(URL, body="x")
        assert asyncio.run(asyncio.run(call()).text()) == "x"


@pytest.mark.filterwarnings("ignore:Inheritance class:DeprecationWarning")
def test_a_session_class_of_the_suite(library: Any) -> None:
    """What a subclass does around its calls is done once."""
    seen: list[str] = []

    class Session(ClientSession):
        async def _request(self, *args: Any, **kwargs: Any) -> aiohttp.ClientResponse:
            seen.append(args[0])
            return await super()._request(*args, **kwargs)

    async def make() -> ClientSession:
        return Session()

    with library.aioresponses() as m:
        session = asyncio.run(make())
        m.get(URL, body="x")
        assert asyncio.run(ask(session)) == (200, "x")
    asyncio.run(session.close())
    assert seen == ["GET"]


def test_cookies_are_shared(session: ClientSession) -> None:
    """A cookie that is set elsewhere is the session's; the original keeps none."""
    from aiointercept_connector.compat.aioresponses import aioresponses

    with aioresponses() as m:
        m.get(URL, headers={"Set-Cookie": "a=1; Path=/"})
        asyncio.run(ask(session))
    assert [cookie.value for cookie in session.cookie_jar] == ["1"]


def test_timeouts_hold(session: ClientSession) -> None:
    """A timeout of the client's ends a callback that takes too long; the original waits."""
    from aiointercept_connector.compat.aioresponses import aioresponses

    async def never(url: Any, **kwargs: Any) -> None:
        await asyncio.Event().wait()

    with aioresponses() as m:
        m.get(URL, callback=never)
        with pytest.raises(asyncio.TimeoutError):
            asyncio.run(ask(session, timeout=aiohttp.ClientTimeout(total=0.02)))


def test_what_is_sent_is_what_is_sent_at_home() -> None:
    """A request from elsewhere does not tell that its connection is used once."""
    from aiointercept_connector import aiointercept
    from aiointercept_connector.compat.aioresponses import aioresponses

    async def at_home() -> None:
        async with ClientSession() as session:
            await ask(session)

    session = asyncio.run(made())
    with aiointercept(mock_external_urls=True) as outer, aioresponses():
        outer.get(URL, repeat=True)
        asyncio.run(at_home())
        asyncio.run(ask(session))
        first, second = (call.headers for call in outer.calls)
        assert first == second
    asyncio.run(session.close())


@pytest.mark.parametrize("read", [True, False])
def test_nothing_is_left(read: bool) -> None:
    """A call from elsewhere leaves nothing open, also if its response is not read."""
    from aiointercept_connector.compat.aioresponses import aioresponses

    async def unread(session: ClientSession) -> None:
        await session.get(URL)

    session = asyncio.run(made())
    call: Callable[[ClientSession], Awaitable[Any]] = ask if read else unread
    with aioresponses() as m:
        m.get(URL, body="x" * 200_000)

        async def main() -> None:
            await call(session)

        asyncio.run(main())
    assert not session.closed
    asyncio.run(session.close())
    gc.collect()
