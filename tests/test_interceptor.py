"""What a mock is to connectors and servers: what passes, what is refused, and how it ends."""

from __future__ import annotations

import asyncio
import threading
from collections.abc import AsyncIterator
from contextlib import suppress
from io import BytesIO
from typing import Any

import pytest
from aiohttp import ClientSession, FormData, web
from aiohttp.test_utils import TestClient, TestServer

from aiointercept_connector import InterceptClosedError, UnmatchedRequestError, aiointercept
from aiointercept_connector.serving import Wire
from tests.real import RealServer, real_server

pytestmark = pytest.mark.anyio

SITE = "https://api.test/x"


@pytest.fixture
async def real() -> AsyncIterator[RealServer]:
    """Return a real server."""
    async with real_server() as real:
        yield real


async def who(url: str, **kwargs: Any) -> str:
    """Return who answers a new session."""
    async with ClientSession() as session, session.get(url, **kwargs) as response:
        return await response.text()


@pytest.mark.parametrize("host", ["localhost", "127.0.0.1", "LOCALHOST"])
async def test_loopback_hosts_pass(real: RealServer, host: str) -> None:
    """A server on this machine is reached while a mock is installed."""
    async with aiointercept(True) as mock:
        assert await who(f"http://{host}:{real.port}/") == "real"
    assert not mock.called


async def test_loopback_origin_that_a_route_names_is_mocked(real: RealServer) -> None:
    """A loopback origin with a route is the mock's: other paths there are refused."""
    async with aiointercept(True) as mock:
        mock.get(f"{real.url}/mocked", body="mock")
        assert await who(f"{real.url}/mocked") == "mock"
        with pytest.raises(UnmatchedRequestError):
            await who(f"{real.url}/other")
        # Used up, it names the origin still.
        with pytest.raises(UnmatchedRequestError):
            await who(f"{real.url}/mocked")
    assert real.requests == []


async def test_route_of_another_loopback_port_does_not_matter(real: RealServer) -> None:
    """An origin has a port: the user's other servers go on passing."""
    async with aiointercept(True) as mock:
        mock.get("http://127.0.0.1:1/mocked")
        assert await who(real.url) == "real"


async def test_loopback_origin_that_an_outer_mock_names_is_refused(real: RealServer) -> None:
    """An origin is mocked if any of the active mocks has a route there."""
    async with aiointercept(True) as outer, aiointercept(True):
        outer.get(f"{real.url}/mocked")
        with pytest.raises(UnmatchedRequestError):
            await who(f"{real.url}/other")


async def test_origin_that_passed_is_mocked_once_a_route_names_it(real: RealServer) -> None:
    """That a request has passed before does not let it pass a route registered since."""
    async with aiointercept(True) as mock, ClientSession() as session:
        for _ in range(2):
            assert await (await session.get(real.url)).text() == "real"
        mock.get(real.url, body="mock")
        assert await (await session.get(real.url)).text() == "mock"
        with pytest.raises(UnmatchedRequestError):
            await session.get(real.url)


async def test_request_that_passed_is_refused_through_a_proxy(real: RealServer) -> None:
    """That a request has passed by itself does not let it pass through a proxy elsewhere."""
    async with aiointercept(True), ClientSession() as session:
        await session.get(real.url)
        with pytest.raises(UnmatchedRequestError):
            await session.get(real.url, proxy="http://proxy.test:3128")


async def test_request_that_passed_is_refused_by_a_stricter_mock() -> None:
    """That a request has passed an outer mock does not let it pass an inner one."""
    lenient = aiointercept(True, passthrough_unmatched=True)
    async with real_server() as real, ClientSession() as session, lenient:
        await session.get(real.url)
        async with aiointercept(True) as strict:
            strict.get(f"{real.url}/mocked")
            with pytest.raises(UnmatchedRequestError):
                await session.get(real.url)


async def test_test_server_goes_on_working() -> None:
    """The user's TestServer and TestClient work as without a mock, and may call mocked hosts."""

    async def handler(request: web.Request) -> web.Response:
        return web.Response(text=await who(SITE))

    app = web.Application()
    app.router.add_get("/", handler)
    async with aiointercept(True) as mock, TestClient(TestServer(app)) as client:
        mock.get(SITE, body="mock")
        async with client.get("/") as response:
            assert await response.text() == "mock"


async def test_passthrough_host_passes_unless_a_route_answers(real: RealServer) -> None:
    """A host that may pass is reached for real; its routes answer all the same."""
    proxy = {"proxy": real.url}
    async with aiointercept(True, passthrough=["api.test"]) as mock:
        mock.get("http://api.test/mocked", body="mock")
        assert await who("http://api.test/mocked", **proxy) == "mock"
        assert await who("http://api.test/other", **proxy) == "real"
        with pytest.raises(UnmatchedRequestError):
            await who("http://else.test/", **proxy)


async def test_passthrough_unmatched_lets_everything_pass(real: RealServer) -> None:
    """With ``passthrough_unmatched=True`` whatever no route answers reaches its host."""
    async with aiointercept(True, passthrough_unmatched=True) as mock:
        mock.get("http://api.test/mocked", body="mock")
        assert await who("http://api.test/mocked") == "mock"
        assert await who("http://api.test/other", proxy=real.url) == "real"
    assert mock.call_count == 1


async def test_policy_is_the_innermost_mocks(real: RealServer) -> None:
    """A strict mock inside a lenient one refuses, and the other way round lets pass."""
    async with aiointercept(True, passthrough_unmatched=True), aiointercept(True):
        with pytest.raises(UnmatchedRequestError):
            await who("http://api.test/", proxy=real.url)
    async with aiointercept(True), aiointercept(True, passthrough_unmatched=True):
        assert await who("http://api.test/", proxy=real.url) == "real"


async def test_own_server_url_is_never_dialled_by_a_session() -> None:
    """A session that asks for the mock's own ``server_url`` is answered, or refused, in memory."""
    async with aiointercept(True) as mock:
        mock.get("/x", body="mock")
        assert await who(f"{mock.server_url}/x") == "mock"
        with pytest.raises(UnmatchedRequestError):
            await who(f"{mock.server_url}/other")
        async with aiointercept(True):
            with pytest.raises(UnmatchedRequestError):
                await who(f"{mock.server_url}/other")


BODIES: dict[str, tuple[Any, bytes | None]] = {
    "none": (None, None),
    "bytes": (b"\xff\x00", b"\xff\x00"),
    "text": ("é", "é".encode()),
    "form": ({"a": "1"}, b"a=1"),
    "empty": (b"", None),
    "multipart": (FormData({"file": BytesIO(b"1")}), None),
}


@pytest.mark.parametrize(("data", "body"), BODIES.values(), ids=BODIES)
async def test_refused_request_is_recorded_once(data: Any, body: bytes | None) -> None:
    """What was to be sent is recorded, its body as far as it is known without sending it."""
    async with aiointercept(True) as mock, ClientSession() as session:
        with pytest.raises(UnmatchedRequestError) as caught:
            await session.put(SITE, data=data, headers={"X-Own": "1"})
    (record,) = mock.unmatched
    assert record is caught.value.request
    assert (record.method, str(record.url), record.headers["X-Own"]) == ("PUT", SITE, "1")
    assert record.captured_body == body
    assert record.attempts == 1


async def test_route_used_up_meanwhile_is_refused_by_the_server(wire: Wire) -> None:
    """Of two requests that both saw the last answer, one gets it and the other is refused."""
    async with aiointercept(True, wire=wire) as mock:
        mock.get(SITE, body="mock")
        ends = await asyncio.gather(who(SITE), who(SITE), return_exceptions=True)
    assert sorted(type(end).__name__ for end in ends) == ["UnmatchedRequestError", "str"]
    assert (mock.call_count, len(mock.unmatched)) == (2, 1)


class Slow:
    """A callback that never returns."""

    def __init__(self) -> None:
        self.begun = asyncio.Event()
        self.cancelled = False

    async def __call__(self, *args: object, **kwargs: object) -> None:
        """Wait for ever."""
        self.begun.set()
        try:
            await asyncio.Event().wait()
        except asyncio.CancelledError:
            self.cancelled = True
            raise


async def test_leaving_cancels_what_is_in_flight(wire: Wire) -> None:
    """A callback that runs is cancelled, and its client gets an error that says why."""
    slow = Slow()
    mock = aiointercept(True, wire=wire)
    await mock.start()
    mock.get(SITE, callback=slow)
    call = asyncio.create_task(who(SITE))
    await slow.begun.wait()
    await mock.stop()
    assert slow.cancelled
    with pytest.raises(InterceptClosedError) as caught:
        await call
    assert str(caught.value) == "The mock was left before it had answered this request."
    assert mock.call_count == 1


async def test_leaving_in_another_thread_reaches_every_loop(wire: Wire) -> None:
    """Clients on other loops get their error too, though another thread stops the mock."""
    errors: list[BaseException] = []
    begun = threading.Barrier(3)

    async def slow(*args: object, **kwargs: object) -> None:
        await asyncio.to_thread(begun.wait, 5)
        await asyncio.Event().wait()

    def client() -> None:
        try:
            asyncio.run(who(SITE))
        except InterceptClosedError as exc:
            errors.append(exc)

    with aiointercept(True, wire=wire) as mock:
        mock.get(SITE, callback=slow, repeat=True)
        threads = [threading.Thread(target=client) for _ in range(2)]
        for thread in threads:
            thread.start()
        await asyncio.to_thread(begun.wait, 5)
    for thread in threads:
        await asyncio.to_thread(thread.join, 5)
    assert len(errors) == 2
    assert errors[0] is not errors[1]


async def test_leaving_waits_for_no_reply_that_refuses_to_end() -> None:
    """A callback that swallows its cancellation does not hold up the one who leaves."""
    begun, go = asyncio.Event(), asyncio.Event()

    async def stubborn(*args: object, **kwargs: object) -> None:
        begun.set()
        while not go.is_set():
            with suppress(asyncio.CancelledError):
                await go.wait()

    async with aiointercept(True) as mock:
        mock.get(SITE, callback=stubborn)
        call = asyncio.create_task(who(SITE))
        await begun.wait()
    assert not go.is_set()
    go.set()
    with pytest.raises(InterceptClosedError):
        await call


async def test_connection_wanted_while_leaving_is_refused(wire: Wire) -> None:
    """A request on its way to a new wire when the mock is left does not get one."""
    async with ClientSession() as session:
        for _ in range(3):
            mock = aiointercept(True, wire=wire)
            await mock.start()
            mock.get(SITE, repeat=True)
            calls = [asyncio.ensure_future(session.get(SITE)) for _ in range(20)]
            await asyncio.sleep(0)
            await mock.stop()
            ends = await asyncio.gather(*calls, return_exceptions=True)
            wrong = [
                end
                for end in ends
                if isinstance(end, BaseException) and not isinstance(end, InterceptClosedError)
            ]
            assert wrong == []


def test_closed_loops_are_forgotten(wire: Wire) -> None:
    """A mock that is used by one loop after another keeps none that is closed."""

    async def ask() -> None:
        assert await who(SITE) == "mock"

    with aiointercept(True, wire=wire) as mock:
        mock.get(SITE, body="mock", repeat=True)
        for _ in range(3):
            asyncio.run(ask())
        assert len(mock.interceptor._servers) == 1
    assert mock.interceptor._servers == {}


def test_many_threads_may_be_the_first_to_ask(wire: Wire) -> None:
    """Threads that come all at once get a server for each loop, and every call is recorded."""
    start = threading.Barrier(8)
    answers: list[str] = []

    async def ask() -> None:
        answers.extend([await who(SITE) for _ in range(5)])

    def client() -> None:
        start.wait(5)
        asyncio.run(ask())

    with aiointercept(True, wire=wire) as mock:
        mock.get(SITE, body="mock", repeat=True)
        threads = [threading.Thread(target=client) for _ in range(8)]
        for thread in threads:
            thread.start()
        for thread in threads:
            thread.join(10)
    assert answers == ["mock"] * 40
    assert mock.call_count == 40


def test_finite_route_is_shared_out_among_threads() -> None:
    """Of eight threads asking for a route with four answers, four get one."""
    start = threading.Barrier(8)
    ends: list[str] = []

    def client() -> None:
        start.wait(5)
        try:
            ends.append(asyncio.run(who(SITE)))
        except UnmatchedRequestError:
            ends.append("refused")

    with aiointercept(True) as mock:
        mock.get(SITE, body="mock", repeat=4)
        threads = [threading.Thread(target=client) for _ in range(8)]
        for thread in threads:
            thread.start()
        for thread in threads:
            thread.join(10)
    assert sorted(ends) == ["mock"] * 4 + ["refused"] * 4
