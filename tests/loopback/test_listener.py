from __future__ import annotations

import asyncio
import contextlib
import contextvars
import gc
import json
import shutil
import socket
import subprocess
import threading
import time
import urllib.error
import urllib.request
from collections.abc import AsyncIterator, Iterator
from http.client import HTTPException, RemoteDisconnected
from typing import Any

import pytest
from aiohttp import web

from aiointercept_connector import CallbackResult, InterceptClosedError, aiointercept
from aiointercept_connector.loopback.listener import Listener
from tests.loopback.conftest import settle, until
from tests.loopback.http_support import handle

THREAD = "aiointercept-server"


def listeners() -> list[threading.Thread]:
    """Return the threads of listeners."""
    return [thread for thread in threading.enumerate() if thread.name == THREAD]


def fetch(
    url: str, data: bytes | None = None, headers: dict[str, str] | None = None
) -> tuple[int, str]:
    """Ask by means of urllib, which blocks, and return status and body."""
    request = urllib.request.Request(url, data, headers or {})
    try:
        with urllib.request.urlopen(request, timeout=5) as response:
            return response.status, response.read().decode()
    except urllib.error.HTTPError as exc:
        with exc:
            return exc.code, exc.read().decode()


def is_closed(sock: socket.socket) -> bool:
    """Tell whether the other end has closed the connection."""
    try:
        return sock.recv(1) == b""
    except ConnectionError:
        return True


@pytest.fixture
def mock() -> Iterator[aiointercept]:
    """Give a mock that is entered where no loop runs."""
    with aiointercept() as entered:
        yield entered


@pytest.fixture
async def home(reports: list[dict[str, Any]]) -> AsyncIterator[aiointercept]:
    """Give a mock that is entered on the test's loop."""
    async with aiointercept() as entered:
        yield entered


async def on_which_thread(url: object, **_: Any) -> CallbackResult:
    """Answer with the name of the thread that the callback runs on."""
    await asyncio.sleep(0)
    return CallbackResult(body=threading.current_thread().name)


class TestBlockingClients:
    def test_urllib(self, mock: aiointercept) -> None:
        """A client that blocks the test's thread is answered, and recorded as others are."""
        mock.post("/x?a=b", json={"c": 1})
        assert fetch(mock.server_url + "/x?a=b", b"body") == (200, '{"c": 1}')
        (request,) = mock.calls
        assert str(request.url) == mock.server_url + "/x?a=b"
        assert (request.method, request.captured_body) == ("POST", b"body")

    @pytest.mark.anyio
    async def test_blocked_loop(self, home: aiointercept) -> None:
        """So is one that blocks the loop on which the mock was entered."""
        home.get("/x", body="x")
        home.get("/y", callback=lambda *_, **__: CallbackResult(body="y"))
        assert fetch(home.server_url + "/x") == (200, "x")
        assert fetch(home.server_url + "/y") == (200, "y")

    @pytest.mark.skipif(shutil.which("curl") is None, reason="there is no curl")
    @pytest.mark.parametrize(
        "options",
        [[], ["--http1.0"], ["-H", "Expect: 100-continue"], ["-H", "Transfer-Encoding: chunked"]],
        ids=" ".join,
    )
    def test_curl(self, mock: aiointercept, options: list[str]) -> None:
        """A client of another make finds a server."""

        def echo(url: object, *, data: bytes | None, **_: Any) -> CallbackResult:
            return CallbackResult(body=data or b"", status=201)

        mock.put("/x", callback=echo)
        command = ["curl", "-sS", "-i", "-m", "5", *options]
        command += ["-X", "PUT", "-d", "body", mock.server_url + "/x"]
        answer = subprocess.run(command, check=True, capture_output=True).stdout
        head, _, body = answer.rpartition(b"\r\n\r\n")
        assert b"201 Created" in head
        assert body == b"body"

    def test_large_bodies(self, mock: aiointercept) -> None:
        """Bodies of any size go both ways."""

        def echo(url: object, *, data: bytes | None, **_: Any) -> CallbackResult:
            return CallbackResult(body=data or b"")

        mock.post("/x", callback=echo)
        sent = "0123456789abcdef" * 2**18
        assert fetch(mock.server_url + "/x", sent.encode()) == (200, sent)

    def test_many_at_once(self, mock: aiointercept) -> None:
        """Clients on many threads are answered side by side, each request once."""
        mock.get("/x", body="x", repeat=80)
        answers: list[tuple[int, str]] = []
        url = mock.server_url + "/x"

        def client() -> None:
            answers.extend(fetch(url) for _ in range(10))

        threads = [threading.Thread(target=client) for _ in range(8)]
        for thread in threads:
            thread.start()
        for thread in threads:
            thread.join()
        assert answers == [(200, "x")] * 80
        assert mock.call_count == 80


class TestRouting:
    @pytest.mark.parametrize("name", ["127.0.0.1", "localhost"])
    def test_names_of_this_machine(self, mock: aiointercept, name: str) -> None:
        """The server answers for its URL by whatever name the client knows this machine."""
        mock.get(mock.server_url + "/x", body="x")
        port = mock.server_port
        assert fetch(f"{mock.server_url}/x", headers={"Host": f"{name}:{port}"}) == (200, "x")

    def test_any_host(self, mock: aiointercept) -> None:
        """A `Host` that names another machine asks for that one's routes."""
        mock.get("http://api.example.com/x", body="x")
        headers = {"Host": "api.example.com"}
        assert fetch(f"{mock.server_url}/x", headers=headers) == (200, "x")
        assert str(mock.calls[0].url) == "http://api.example.com/x"

    def test_unmatched(self, mock: aiointercept) -> None:
        """A request that meets no route gets 404, and the explanation as text."""
        mock.get("/y")
        status, text = fetch(mock.server_url + "/x")
        assert status == 404
        lines = text.splitlines()
        assert lines[0].startswith(f"GET {mock.server_url}/x met no route of the mock")
        assert any("/y" in line for line in lines[1:])
        assert [str(request.url) for request in mock.unmatched] == [mock.server_url + "/x"]

    @pytest.mark.anyio
    async def test_intercepted_session(self, home: aiointercept) -> None:
        """An intercepted session that asks for the server's URL takes its own wire."""

        def where(url: object, **_: Any) -> CallbackResult:
            return CallbackResult(body=threading.current_thread().name)

        home.get("/x", callback=where)
        async with home.session() as session, session.get(home.server_url + "/x") as response:
            assert await response.text() == threading.current_thread().name


class TestCallbacks:
    def test_raises(self, mock: aiointercept) -> None:
        """What a callback raises is 500, with the traceback as text."""

        def broken(url: object, **_: Any) -> CallbackResult:
            raise LookupError("nothing here")

        mock.get("/x", callback=broken)
        status, text = fetch(mock.server_url + "/x")
        assert status == 500
        assert text.startswith("Traceback (most recent call last):\n")
        assert 'raise LookupError("nothing here")' in text
        assert text.endswith("LookupError: nothing here\n")

    @pytest.mark.parametrize("exc", [SystemExit(3), KeyboardInterrupt(), asyncio.CancelledError()])
    def test_raises_what_ends_programs(self, mock: aiointercept, exc: BaseException) -> None:
        """The server goes on, whatever a callback raises."""

        def broken(url: object, **_: Any) -> CallbackResult:
            raise exc

        mock.get("/x", callback=broken)
        mock.get("/x", body="x")
        status, text = fetch(mock.server_url + "/x")
        assert (status, type(exc).__name__ in text) == (500, True)
        assert fetch(mock.server_url + "/x") == (200, "x")

    @pytest.mark.parametrize("exc", [True, ValueError("x"), KeyboardInterrupt()])
    def test_exception_argument(self, mock: aiointercept, exc: Any) -> None:
        """`exception=` closes the connection without an answer."""
        mock.get("/x", exception=exc)
        with pytest.raises((urllib.error.URLError, HTTPException, ConnectionError)) as caught:
            fetch(mock.server_url + "/x")
        reason = getattr(caught.value, "reason", caught.value)
        assert isinstance(reason, (RemoteDisconnected, ConnectionError))
        assert mock.call_count == 1

    @pytest.mark.anyio
    async def test_coroutine_runs_at_home(self, home: aiointercept) -> None:
        """A coroutine callback runs on the loop that entered the mock, a plain one does not."""
        seen: list[tuple[str, object, str]] = []

        async def coroutine(url: object, **_: Any) -> None:
            await asyncio.sleep(0)
            seen.append(("async", asyncio.get_running_loop(), threading.current_thread().name))

        def plain(url: object, **_: Any) -> None:
            seen.append(("sync", None, threading.current_thread().name))

        home.get("/x", callback=coroutine)
        home.get("/x", callback=plain)
        for _ in range(2):
            assert await asyncio.to_thread(fetch, home.server_url + "/x") == (200, "")
        here = threading.current_thread().name
        assert seen == [("async", asyncio.get_running_loop(), here), ("sync", None, THREAD)]

    @pytest.mark.anyio
    async def test_uses_the_primitives_of_home(self, home: aiointercept) -> None:
        """So it may wait for what the test's own loop does."""
        event = asyncio.Event()

        async def coroutine(url: object, **_: Any) -> CallbackResult:
            await event.wait()
            return CallbackResult(body="x")

        home.get("/x", callback=coroutine)
        asked = asyncio.create_task(asyncio.to_thread(fetch, home.server_url + "/x"))
        await until(lambda: home.call_count == 1)
        event.set()
        assert await asked == (200, "x")

    def test_home_is_where_a_test_asks_for_the_url(self, mock: aiointercept) -> None:
        """A mock that serves many tests runs coroutine callbacks on the loop of each in turn."""
        mock.get("/x", callback=on_which_thread, repeat=True)
        assert fetch(mock.server_url + "/x") == (200, THREAD)

        async def ask() -> tuple[int, str]:
            return await asyncio.to_thread(fetch, mock.server_url + "/x")

        for _ in range(2):
            assert asyncio.run(ask()) == (200, threading.current_thread().name)

    def test_home_is_where_a_test_registers(self, mock: aiointercept) -> None:
        """The URL may have been asked for once and for all, before there was a loop."""
        url = mock.server_url + "/x"

        async def ask() -> tuple[int, str]:
            mock.get("/x", callback=on_which_thread)
            return await asyncio.to_thread(fetch, url)

        for _ in range(2):
            assert asyncio.run(ask()) == (200, threading.current_thread().name)

    def test_home_is_kept_while_it_runs(self, mock: aiointercept) -> None:
        """Another loop that asks for the URL meanwhile does not become the test's."""
        mock.get("/x", callback=on_which_thread)

        async def look() -> str:
            return mock.server_url

        async def ask() -> tuple[int, str]:
            url = mock.server_url
            assert await asyncio.to_thread(asyncio.run, look()) == url
            return await asyncio.to_thread(fetch, url + "/x")

        assert asyncio.run(ask()) == (200, threading.current_thread().name)

    def test_the_listener_s_own_loop_is_no_home(self, mock: aiointercept) -> None:
        """A plain callback, which runs on the listener's thread, may ask for the URL too."""

        def plain(url: object, **_: Any) -> CallbackResult:
            return CallbackResult(body=mock.server_url)

        async def ask() -> tuple[int, str]:
            return await asyncio.to_thread(fetch, mock.server_url + "/y")

        mock.get("/x", callback=plain)
        mock.get("/y", callback=on_which_thread)
        assert fetch(mock.server_url + "/x") == (200, mock.server_url)
        assert asyncio.run(ask()) == (200, threading.current_thread().name)

    def test_coroutine_without_a_home(self, mock: aiointercept) -> None:
        """A mock entered where no loop runs has its coroutine callbacks run by the server."""
        mock.get("/x", callback=on_which_thread)
        assert fetch(mock.server_url + "/x") == (200, THREAD)

    @pytest.mark.parametrize("is_async", [False, True], ids=["sync", "async"])
    @pytest.mark.anyio
    async def test_context(self, is_async: bool, reports: object) -> None:
        """Callbacks see the context in which the mock was entered."""
        variable = contextvars.ContextVar("variable", default="unset")

        def plain(url: object, **_: Any) -> CallbackResult:
            seen = variable.get()
            variable.set("set by a callback")
            return CallbackResult(body=seen)

        async def coroutine(url: object, **_: Any) -> CallbackResult:
            await asyncio.sleep(0)
            return plain(url)

        variable.set("at entry")
        async with aiointercept() as mock:
            variable.set("after entry")
            mock.get("/x", callback=coroutine if is_async else plain, repeat=True)
            for _ in range(2):
                answer = await asyncio.to_thread(fetch, mock.server_url + "/x")
                assert answer == (200, "at entry")

    def test_handlers(self, mock: aiointercept) -> None:
        """A streaming handler streams to any client, and its WebSockets are open to all."""

        async def stream(request: web.Request) -> web.StreamResponse:
            response = web.StreamResponse()
            await response.prepare(request)
            for number in range(3):
                await response.write(b"%d" % number)
            return response

        handle(mock, stream, "/x")
        assert fetch(mock.server_url + "/x") == (200, "012")

    def test_raises_after_100_continue(self, mock: aiointercept) -> None:
        """A `100 Continue` is no answer yet: what is raised after it can still be told."""

        def broken(url: object, **_: Any) -> CallbackResult:
            raise LookupError("nothing here")

        mock.post("/x", callback=broken)
        status, text = fetch(mock.server_url + "/x", b"body", {"Expect": "100-continue"})
        assert (status, text.splitlines()[-1]) == (500, "LookupError: nothing here")

    def test_raises_in_the_middle(self, mock: aiointercept) -> None:
        """A stream that fails midway ends the connection before the body is whole."""

        async def stream(request: web.Request) -> web.StreamResponse:
            response = web.StreamResponse(headers={"Content-Length": "100"})
            await response.prepare(request)
            await response.write(b"begun")
            raise ValueError("x")

        handle(mock, stream, "/x")
        with pytest.raises((HTTPException, ConnectionError)):
            fetch(mock.server_url + "/x")


class TestLifecycle:
    def test_bound_on_first_use(self, mock: aiointercept) -> None:
        """There is no thread until the URL is asked for, and one from then on."""
        assert listeners() == []
        urls = {mock.server_url for _ in range(3)}
        assert len(urls) == 1
        assert len(listeners()) == 1

    def test_stopped(self) -> None:
        """Leaving ends the thread, and the port is free."""
        with aiointercept() as mock:
            port = mock.server_port
            mock.get("/x")
            fetch(mock.server_url + "/x")
            assert len(listeners()) == 1
        assert listeners() == []
        with pytest.raises(ConnectionRefusedError):
            socket.create_connection(("127.0.0.1", port), timeout=1)

    def test_stopped_with_connections_open(self) -> None:
        """Connections that are open when the mock is left are closed, used or not."""
        with aiointercept() as mock:
            address = (mock.server_host, mock.server_port)
            mock.get("/x", body="x")
            silent, used = (socket.create_connection(address, timeout=5) for _ in range(2))
            used.sendall(b"GET /x HTTP/1.1\r\nHost: h\r\n\r\n")
            assert used.recv(2**16).startswith(b"HTTP/1.1 200 OK")
        with silent, used:
            assert listeners() == []
            assert is_closed(silent)
            assert is_closed(used)

    @pytest.mark.anyio
    async def test_stopped_with_a_request_in_flight(self, reports: object) -> None:
        """A callback at work when the mock is left is cancelled, and its client hung up on."""
        ended = asyncio.Event()

        async def waiting(url: object, **_: Any) -> None:
            try:
                await asyncio.Event().wait()
            finally:
                ended.set()

        async with aiointercept() as mock:
            mock.get("/x", callback=waiting)
            asked = asyncio.create_task(asyncio.to_thread(fetch, mock.server_url + "/x"))
            await until(lambda: mock.call_count == 1)
            await settle()
        await asyncio.wait_for(ended.wait(), 5)
        assert listeners() == []
        with pytest.raises((urllib.error.URLError, HTTPException, ConnectionError)):
            await asked

    def test_stopped_with_an_upload_in_flight(self) -> None:
        """A request that has not arrived whole does not hold leaving up."""
        with aiointercept() as mock:
            address = (mock.server_host, mock.server_port)
            sock = socket.create_connection(address, timeout=5)
            sock.sendall(b"POST /x HTTP/1.1\r\nHost: h\r\nContent-Length: 9\r\n\r\nbegun")
        with sock:
            assert listeners() == []
            assert is_closed(sock)
        assert mock.call_count == 0

    def test_stopped_with_an_answer_unread(self) -> None:
        """Nor does a client that does not read its answer, of which it gets no more then."""
        body = b"x" * 2**25
        with aiointercept() as mock:
            mock.get("/x", body=body)
            sock = socket.create_connection((mock.server_host, mock.server_port), timeout=5)
            sock.sendall(b"GET /x HTTP/1.1\r\nHost: h\r\n\r\n")
            assert sock.recv(1) == b"H"
        received = 0
        with sock, contextlib.suppress(ConnectionError):
            while piece := sock.recv(2**20):
                received += len(piece)
        gc.collect()
        assert received < len(body)

    def test_stopped_twice(self) -> None:
        """Stopping a listener that has been stopped does nothing."""
        with aiointercept() as mock:
            listener: Listener = mock.interceptor.listener
        listener.stop(InterceptClosedError("again"))
        assert listeners() == []

    def test_stopped_in_a_blocking_callback(self) -> None:
        """A plain callback that blocks the thread for a moment is let end."""
        go_on, asked = threading.Event(), threading.Event()

        def blocking(url: object, **_: Any) -> None:
            asked.set()
            go_on.wait(10)

        with aiointercept() as mock:
            mock.get("/x", callback=blocking)
            address = (mock.server_host, mock.server_port)
            sock = socket.create_connection(address, timeout=5)
            sock.sendall(b"GET /x HTTP/1.1\r\nHost: h\r\n\r\n")
            assert asked.wait(5)
            threading.Timer(0.02, go_on.set).start()
        with sock:
            assert listeners() == []

    def test_started_again(self) -> None:
        """A mock that is entered again has a new server."""
        mock = aiointercept()
        for _ in range(2):
            with mock:
                mock.get("/x", body="x")
                assert fetch(mock.server_url + "/x") == (200, "x")

    def test_cannot_bind(self, monkeypatch: pytest.MonkeyPatch) -> None:
        """What goes wrong on the listener's thread is raised to who asked for the URL."""

        def refuse(loop: object) -> Any:
            raise OSError("no port for you")

        with pytest.raises(OSError, match="no port for you"):
            Listener(refuse)
        until_gone = time.monotonic() + 5
        while listeners() and time.monotonic() < until_gone:
            time.sleep(0.001)

    def test_every_kind_of_json(self, mock: aiointercept) -> None:
        """What is recorded of a foreign client can be looked at as any other request."""
        mock.post("/x")
        body = json.dumps({"a": [1]}).encode()
        fetch(mock.server_url + "/x", body, {"Content-Type": "application/json"})
        mock.assert_called_once_with(mock.server_url + "/x", "POST", json={"a": [1]})


def test_home_loop_is_closed() -> None:
    """A coroutine callback runs on the listener's loop once the test's own is closed."""
    mock = aiointercept()

    async def enter() -> None:
        await mock.start()

    async def answer(url: Any, **kwargs: Any) -> CallbackResult:
        await asyncio.sleep(0)
        return CallbackResult(body="here")

    asyncio.run(enter())
    try:
        mock.get("/", callback=answer)
        with urllib.request.urlopen(f"{mock.server_url}/") as response:
            assert response.read() == b"here"
    finally:
        mock.stop()
