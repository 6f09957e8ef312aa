from __future__ import annotations

import asyncio
import contextlib
import gzip
import json
import sys
from collections.abc import AsyncGenerator, AsyncIterator
from typing import Annotated, Any
from urllib.request import urlopen

import aiohttp
import pytest
from aiohttp import ClientSession

from aiointercept_connector import aiointercept, install, uninstall
from aiointercept_connector.errors import InterceptClosedError
from tests.loopback.mounted import (
    API,
    BIG,
    Endless,
    continued_answer,
    mocked,
    told_of,
    two_pieces,
)

pytest.importorskip("fastapi")
pytest.importorskip("uvicorn")

from fastapi import BackgroundTasks, Depends, FastAPI, HTTPException, Request, UploadFile
from pydantic import BaseModel
from starlette.applications import Starlette
from starlette.responses import JSONResponse, PlainTextResponse, Response, StreamingResponse
from starlette.routing import Route, WebSocketRoute
from starlette.websockets import WebSocket, WebSocketDisconnect

pytestmark = pytest.mark.anyio


async def told(request: Any) -> JSONResponse:
    """Answer with what is seen of the request."""
    scope = {name: request.scope.get(name) for name in ("path", "root_path", "scheme", "server")}
    raw = [[name.decode(), value.decode()] for name, value in request.scope["headers"]]
    return JSONResponse(
        {
            **scope,
            "method": request.method,
            "url": str(request.url),
            "client": request.client.host,
            "headers": raw,
            "body": (await request.body()).decode("latin-1"),
        }
    )


METHODS = ["GET", "POST", "PUT", "DELETE", "OPTIONS"]


def one_route(endpoint: Any = told, path: str = "/{path:path}", **kwargs: Any) -> Starlette:
    """Return an application with one endpoint."""
    return Starlette(routes=[Route(path, endpoint, methods=METHODS)], **kwargs)


@pytest.fixture
async def entered(wire: Any) -> AsyncIterator[tuple[aiointercept, ClientSession]]:
    """Enter a mock on every wire."""
    async with mocked(wire) as both:
        yield both


@pytest.fixture
def mock(entered: tuple[aiointercept, ClientSession]) -> aiointercept:
    """Give the mock."""
    return entered[0]


@pytest.fixture
def session(entered: tuple[aiointercept, ClientSession]) -> ClientSession:
    """Give a session that asks the mock."""
    return entered[1]


@contextlib.asynccontextmanager
async def real_uvicorn(app: Any) -> AsyncGenerator[str, None]:
    """Run *app* in uvicorn on a port of its own, and give its URL."""
    import uvicorn

    config = uvicorn.Config(app, port=0, log_config=None, access_log=False, proxy_headers=False)
    server = uvicorn.Server(config)
    server.capture_signals = contextlib.nullcontext  # type: ignore[method-assign,assignment]
    serving = asyncio.ensure_future(server.serve())
    while not server.started:  # noqa: ASYNC110 - uvicorn has no event for it
        await asyncio.sleep(0.01)
    yield f"http://127.0.0.1:{server.servers[0].sockets[0].getsockname()[1]}"
    server.should_exit = True
    await serving


class TestScope:
    async def test_the_scope_is_the_real_one(
        self, mock: aiointercept, session: ClientSession
    ) -> None:
        """Scheme, host, server and client are what a server of that name would see."""
        mock.mount(API, one_route())
        seen = await told_of(session, f"{API}/a/b?c=d")
        assert seen["url"] == f"{API}/a/b?c=d"
        assert (seen["scheme"], seen["server"]) == ("https", ["api.example.com", 443])
        assert seen["client"] == "127.0.0.1"
        assert (seen["path"], seen["root_path"]) == ("/a/b", "")

    async def test_a_prefix_is_the_root_path(
        self, mock: aiointercept, session: ClientSession
    ) -> None:
        """As behind a gateway: own paths are behind the prefix, and the URL is the whole one."""
        mock.mount(f"{API}/v2", one_route(path="/users/{id}"))
        seen = await told_of(session, f"{API}/v2/users/1?a=b")
        assert (seen["path"], seen["root_path"]) == ("/v2/users/1", "/v2")
        assert seen["url"] == f"{API}/v2/users/1?a=b"

    async def test_the_prefix_can_stay(self, mock: aiointercept, session: ClientSession) -> None:
        """With `strip_prefix=False` it is a part of the application's own paths."""
        mock.mount(f"{API}/v2", one_route(path="/v2/users"), strip_prefix=False)
        assert (await told_of(session, f"{API}/v2/users"))["root_path"] == ""

    @pytest.mark.parametrize("method", METHODS)
    async def test_the_application_sees_what_uvicorn_shows(
        self, mock: aiointercept, session: ClientSession, method: str
    ) -> None:
        """Method, headers and body are as over a socket, for every method."""
        mock.mount(API, one_route())
        async with real_uvicorn(one_route()) as url, ClientSession() as plain:
            real = await told_of(plain, f"{url}/x", method, data=b"hello")
        ours = await told_of(session, f"{API}/x", method, data=b"hello")
        for seen in (real, ours):
            seen["headers"] = [pair for pair in seen["headers"] if pair[0] != "host"]
            del seen["url"], seen["scheme"], seen["server"]
        assert ours == real

    async def test_the_client_is_told_what_uvicorn_tells(
        self, mock: aiointercept, session: ClientSession
    ) -> None:
        """The response is uvicorn's own, header for header."""
        mock.mount(API, one_route())
        async with (
            real_uvicorn(one_route()) as url,
            ClientSession() as plain,
            plain.get(f"{url}/x") as response,
        ):
            real = set(response.headers)
        async with session.get(f"{API}/x") as response:
            assert set(response.headers) == real
            assert response.headers["Server"] == "uvicorn"

    async def test_forwarded_headers_are_not_believed(
        self, mock: aiointercept, session: ClientSession
    ) -> None:
        """They are the client's, which is no proxy."""
        mock.mount(API, one_route())
        sent = {"X-Forwarded-For": "10.1.2.3", "X-Forwarded-Proto": "http"}
        seen = await told_of(session, f"{API}/x", headers=sent)
        assert (seen["client"], seen["scheme"]) == ("127.0.0.1", "https")


class TestBodies:
    async def test_an_upload_arrives_while_it_is_sent(
        self, mock: aiointercept, session: ClientSession
    ) -> None:
        """The application reads a piece before the client makes the next one."""
        arrived = asyncio.Event()

        async def endpoint(request: Any) -> Response:
            pieces = []
            async for piece in request.stream():
                pieces.append(piece)
                arrived.set()
            return Response(b"|".join(filter(None, pieces)))

        route = mock.mount(API, one_route(endpoint))
        async with session.post(API, data=two_pieces(arrived)) as response:
            assert await response.read() == b"one|two"
        assert route.calls[0].captured_body == b"onetwo"

    @pytest.mark.parametrize("chunked", [False, True])
    async def test_a_large_body_goes_both_ways(
        self, mock: aiointercept, session: ClientSession, *, chunked: bool
    ) -> None:
        """Nothing is lost in either direction, of whatever length it is said to be."""

        async def echo(request: Any) -> Response:
            return Response(await request.body())

        async def pieces() -> AsyncIterator[bytes]:
            for start in range(0, len(BIG), 50_000):
                yield BIG[start : start + 50_000]

        mock.mount(API, one_route(echo))
        async with session.post(API, data=pieces() if chunked else BIG) as response:
            assert await response.read() == BIG

    async def test_an_upload_is_held_up(self, mock: aiointercept, session: ClientSession) -> None:
        """A client cannot send much more than the application reads."""
        sent = 0
        go = asyncio.Event()

        async def endpoint(request: Any) -> Response:
            await go.wait()
            return Response(str(len(await request.body())))

        async def pieces() -> AsyncIterator[bytes]:
            nonlocal sent
            for _ in range(256):
                sent += 2**16
                yield bytes(2**16)

        mock.mount(API, one_route(endpoint))
        call = asyncio.ensure_future(session.post(API, data=pieces()))
        before = -1
        while sent != before:
            before = sent
            await asyncio.sleep(0.03)
        held_at = sent
        go.set()
        async with await call as response:
            assert await response.text() == str(256 * 2**16)
        assert held_at < 256 * 2**16

    async def test_a_response_is_streamed(self, mock: aiointercept, session: ClientSession) -> None:
        """The client has a piece before the application makes the next one."""
        read = asyncio.Event()

        async def endpoint(request: Any) -> Response:
            return StreamingResponse(two_pieces(read))

        mock.mount(API, one_route(endpoint))
        async with session.get(API) as response:
            assert await response.content.readany() == b"one"
            read.set()
            assert await response.read() == b"two"

    async def test_a_response_is_held_up(self, mock: aiointercept, session: ClientSession) -> None:
        """An application cannot write much more than the client reads."""
        made = 0

        async def pieces() -> AsyncIterator[bytes]:
            nonlocal made
            for _ in range(256):
                made += 1
                yield bytes(2**16)

        async def endpoint(request: Any) -> Response:
            return StreamingResponse(pieces())

        mock.mount(API, one_route(endpoint))
        async with session.get(API) as response:
            before = -1
            while made != before:
                before = made
                await asyncio.sleep(0.03)
            assert made < 256
            assert len(await response.read()) == 256 * 2**16

    async def test_a_compressed_body_arrives_unpacked(
        self, mock: aiointercept, session: ClientSession
    ) -> None:
        """It has been unpacked on the way; no header says otherwise."""
        mock.mount(API, one_route())
        packed = gzip.compress(b"hello")
        sent = {"Content-Encoding": "gzip"}
        seen = await told_of(session, API, "POST", data=packed, headers=sent)
        assert seen["body"] == "hello"
        assert "content-encoding" not in dict(seen["headers"])

    async def test_a_client_that_waits_for_continue(
        self, mock: aiointercept, session: ClientSession
    ) -> None:
        """It is told to go on when the application reads."""
        mock.mount(API, one_route())
        assert (await told_of(session, API, "POST", data=b"x", expect100=True))["body"] == "x"

    async def test_no_other_server_says_continue(self, mock: aiointercept) -> None:
        """It is on the wire once."""

        async def echo(request: Any) -> Response:
            return Response(await request.body())

        mock.mount("/", one_route(echo))
        before, after = await continued_answer(mock)
        assert b" 100 " in before
        assert after.startswith(b"HTTP/1.1 200 OK\r\n")

    async def test_head_has_no_body(self, mock: aiointercept, session: ClientSession) -> None:
        """The headers of GET alone, and the connection goes on."""
        mock.mount(API, one_route())
        async with session.head(f"{API}/x") as response:
            assert response.headers["Content-Length"] != "0"
        assert (await told_of(session, f"{API}/y"))["path"] == "/y"

    async def test_one_connection_serves_many_requests(
        self, mock: aiointercept, session: ClientSession
    ) -> None:
        """It is kept alive, unless the application closes it."""
        mock.mount(API, one_route())
        transports = set()
        for _ in range(3):
            async with session.post(API, data=b"x") as response:
                transports.add(response.connection and id(response.connection.transport))
                await response.read()
        assert len(transports) == 1

    async def test_connection_close_closes(
        self, mock: aiointercept, session: ClientSession
    ) -> None:
        """The client is told, and the next request has a connection of its own."""
        mock.mount(API, one_route())
        for _ in range(2):
            async with session.get(API, headers={"Connection": "close"}) as response:
                assert response.headers["Connection"] == "close"
                assert (await response.json())["method"] == "GET"


class TestWebSockets:
    async def test_frames_go_both_ways(self, mock: aiointercept, session: ClientSession) -> None:
        """Text, bytes and the close code; the scope is a WebSocket's."""

        async def endpoint(ws: WebSocket) -> None:
            await ws.accept(subprotocol="chat")
            await ws.send_text(f"{ws.url} {await ws.receive_text()}")
            await ws.send_bytes(await ws.receive_bytes())
            await ws.close(code=4000)

        mock.mount(f"{API}/v2", Starlette(routes=[WebSocketRoute("/ws", endpoint)]))
        async with session.ws_connect(f"{API}/v2/ws", protocols=("chat",)) as ws:
            assert ws.protocol == "chat"
            await ws.send_str("hi")
            assert await ws.receive_str() == "wss://api.example.com/v2/ws hi"
            await ws.send_bytes(BIG)
            assert await ws.receive_bytes() == BIG
            await ws.receive()
            assert ws.close_code == 4000

    async def test_the_application_hears_that_the_client_has_gone(
        self, mock: aiointercept, session: ClientSession
    ) -> None:
        """With the code of the client's close frame."""
        codes: asyncio.Queue[int] = asyncio.Queue()

        async def endpoint(ws: WebSocket) -> None:
            await ws.accept()
            try:
                await ws.receive_text()
            except WebSocketDisconnect as gone:
                await codes.put(gone.code)

        mock.mount(API, Starlette(routes=[WebSocketRoute("/ws", endpoint)]))
        async with session.ws_connect(f"{API}/ws") as ws:
            await ws.close(code=4001)
        assert await asyncio.wait_for(codes.get(), 5) == 4001

    async def test_a_refused_handshake(self, mock: aiointercept, session: ClientSession) -> None:
        """The client sees the 403 that uvicorn answers."""

        async def endpoint(ws: WebSocket) -> None:
            await ws.close()

        mock.mount(API, Starlette(routes=[WebSocketRoute("/ws", endpoint)]))
        with pytest.raises(aiohttp.WSServerHandshakeError) as caught:
            await session.ws_connect(f"{API}/ws")
        assert caught.value.status == 403


class TestErrors:
    async def test_an_exception_is_a_500_and_logged(
        self, mock: aiointercept, session: ClientSession, caplog: pytest.LogCaptureFixture
    ) -> None:
        """As in production; the traceback is in uvicorn's log."""

        async def endpoint(request: Any) -> Response:
            raise ValueError("broken")

        mock.mount(API, one_route(endpoint))
        async with session.get(API) as response:
            assert response.status == 500
        assert "ValueError: broken" in caplog.text

    async def test_an_exception_in_the_middle_of_a_response_breaks_it(
        self, mock: aiointercept, session: ClientSession, caplog: pytest.LogCaptureFixture
    ) -> None:
        """The client sees a body that is cut off."""

        async def pieces() -> AsyncIterator[bytes]:
            yield b"one"
            raise ValueError("broken")

        async def endpoint(request: Any) -> Response:
            return StreamingResponse(pieces())

        mock.mount(API, one_route(endpoint))
        async with session.get(API) as response:
            with pytest.raises(aiohttp.ClientPayloadError):
                await response.read()
        assert "ValueError: broken" in caplog.text

    async def test_a_client_that_goes_away_is_noticed(
        self, mock: aiointercept, session: ClientSession
    ) -> None:
        """The application is told `http.disconnect`."""
        began, gone = asyncio.Event(), asyncio.Event()

        async def app(scope: Any, receive: Any, send: Any) -> None:
            assert scope["type"] == "http"
            await receive()
            began.set()
            if (await receive())["type"] == "http.disconnect":
                gone.set()

        mock.mount(API, app)
        call = asyncio.ensure_future(session.get(API))
        await began.wait()
        call.cancel()
        await asyncio.wait_for(gone.wait(), 5)


class TestLifespan:
    async def test_it_is_started_once_and_stopped_on_leaving(self, wire: Any) -> None:
        """What it puts into the state is in every request's."""
        life: list[str] = []

        @contextlib.asynccontextmanager
        async def lifespan(app: Any) -> AsyncGenerator[dict[str, str], None]:
            life.append("in")
            yield {"database": "open"}
            life.append("out")

        async def endpoint(request: Any) -> Response:
            return PlainTextResponse(request.state.database)

        async with aiointercept(wire=wire) as mock, mock.session() as session:
            mock.mount(API, one_route(endpoint, lifespan=lifespan))
            assert life == []
            for _ in range(2):
                async with session.get(API) as response:
                    assert await response.text() == "open"
            assert life == ["in"]
        assert life == ["in", "out"]

    async def test_an_error_of_its_start_reaches_the_caller(
        self, mock: aiointercept, session: ClientSession
    ) -> None:
        """The very exception."""

        @contextlib.asynccontextmanager
        async def lifespan(app: Any) -> AsyncGenerator[None, None]:
            if app is not None:
                raise LookupError("no database")
            yield

        mock.mount(API, one_route(lifespan=lifespan))
        with pytest.raises(LookupError, match="no database"):
            await session.get(API)

    async def test_an_error_of_its_end_is_raised_on_leaving(self) -> None:
        """It is not lost."""

        @contextlib.asynccontextmanager
        async def lifespan(app: Any) -> AsyncGenerator[None, None]:
            yield
            raise LookupError("no end")

        mock = aiointercept()
        async with mock.session() as session:
            await mock.start()
            mock.mount(API, one_route(lifespan=lifespan))
            await told_of(session, API)
            with pytest.raises(LookupError, match="no end"):
                await mock.stop()

    async def test_an_application_without_a_lifespan(
        self, mock: aiointercept, session: ClientSession
    ) -> None:
        """It need not know of one."""

        async def app(scope: Any, receive: Any, send: Any) -> None:
            if scope["type"] != "http":
                raise NotImplementedError
            await send({"type": "http.response.start", "status": 200, "headers": []})
            await send({"type": "http.response.body", "body": b"hello"})

        mock.mount(API, app)
        async with session.get(API) as response:
            assert await response.read() == b"hello"

    async def test_background_tasks_run_after_the_response(
        self, mock: aiointercept, session: ClientSession
    ) -> None:
        """And the client does not wait for them."""
        answered, done = asyncio.Event(), asyncio.Event()

        async def work() -> None:
            await answered.wait()
            done.set()

        app = FastAPI()

        @app.get("/")
        async def root(tasks: BackgroundTasks) -> str:
            tasks.add_task(work)
            return "soon"

        mock.mount(API, app)
        async with session.get(API) as response:
            assert await response.json() == "soon"
        answered.set()
        await asyncio.wait_for(done.wait(), 5)

    async def test_background_tasks_end_with_the_mock(self) -> None:
        """One that goes on for ever is cancelled on leaving."""
        cancelled = asyncio.Event()

        async def work() -> None:
            try:
                await asyncio.Event().wait()
            except asyncio.CancelledError:
                cancelled.set()
                raise

        app = FastAPI()

        @app.get("/")
        async def root(tasks: BackgroundTasks) -> str:
            tasks.add_task(work)
            return "soon"

        async with aiointercept() as mock, mock.session() as session:
            mock.mount(API, app)
            async with session.get(API) as response:
                await response.read()
            await asyncio.sleep(0.01)
        assert cancelled.is_set()

    async def test_leaving_does_not_wait_for_a_request(self, wire: Any) -> None:
        """What answers it is cancelled, and its client told that the mock was left."""
        endpoint = Endless()
        async with aiointercept(wire=wire) as mock, mock.session() as session:
            mock.mount(API, one_route(endpoint.__call__))
            call = asyncio.ensure_future(session.get(API))
            await endpoint.began.wait()
            await mock.stop()
            assert endpoint.ended.is_set()
            with pytest.raises(InterceptClosedError):
                await call

    async def test_an_application_can_be_mounted_again(self) -> None:
        """It is bound to no loop and no mock."""
        app = one_route()
        for _ in range(2):
            async with aiointercept() as mock, mock.session() as session:
                mock.mount(API, app)
                assert (await told_of(session, f"{API}/x"))["path"] == "/x"


class Item(BaseModel):
    """What the shop sells."""

    name: str
    price: float


def token(request: Request) -> str:
    """Return who is asking."""
    return request.headers["Authorization"]


def shop() -> FastAPI:
    """Return an application that uses what FastAPI is used for."""
    app = FastAPI()

    @app.post("/items/{number}", status_code=201)
    async def create(number: int, item: Item, user: Annotated[str, Depends(token)]) -> Any:
        if number == 13:
            raise HTTPException(409, "taken")
        return {"number": number, "item": item, "user": user}

    @app.post("/files")
    async def upload(file: UploadFile) -> Any:
        return {"name": file.filename, "size": len(await file.read())}

    @app.get("/plain")
    def plain() -> str:
        return "from a thread"

    return app


class TestFastAPI:
    async def test_validation_and_dependencies(
        self, mock: aiointercept, session: ClientSession
    ) -> None:
        """A model, a path parameter and a dependency come in, JSON goes out."""
        mock.mount(f"{API}/v1", shop())
        headers = {"Authorization": "Ada"}
        item = {"name": "tea", "price": 2.5}
        async with session.post(f"{API}/v1/items/7", json=item, headers=headers) as response:
            assert response.status == 201
            assert await response.json() == {"number": 7, "item": item, "user": "Ada"}
        async with session.post(f"{API}/v1/items/x", json={}, headers=headers) as response:
            assert response.status == 422
        async with session.post(f"{API}/v1/items/13", json=item, headers=headers) as response:
            assert (response.status, await response.json()) == (409, {"detail": "taken"})

    async def test_uploads_threads_and_the_schema(
        self, mock: aiointercept, session: ClientSession
    ) -> None:
        """Multipart forms, plain functions and the OpenAPI document work."""
        mock.mount(f"{API}/v1", shop())
        form = aiohttp.FormData()
        form.add_field("file", b"hello", filename="a.txt")
        async with session.post(f"{API}/v1/files", data=form) as response:
            assert await response.json() == {"name": "a.txt", "size": 5}
        async with session.get(f"{API}/v1/plain") as response:
            assert await response.json() == "from a thread"
        async with session.get(f"{API}/v1/openapi.json") as response:
            assert (await response.json())["servers"] == [{"url": "/v1"}]


class TestElsewhere:
    async def test_install(self) -> None:
        """A session that knows nothing of the mock reaches the application."""
        mock = install()
        try:
            mock.mount(API, one_route())
            async with ClientSession() as session:
                assert (await told_of(session, f"{API}/x"))["path"] == "/x"
        finally:
            uninstall(mock)
        await asyncio.sleep(0.01)

    async def test_another_loop(self, wire: Any) -> None:
        """The application stays on the loop that it was started on."""
        loops = []

        async def endpoint(request: Any) -> Response:
            loops.append(asyncio.get_running_loop())
            return Response(await request.body())

        async with aiointercept(wire=wire) as mock:
            mock.mount(API, one_route(endpoint))

            async def ask() -> bytes:
                async with mock.session() as session, session.post(API, data=BIG) as response:
                    return await response.read()

            assert await ask() == BIG
            assert await asyncio.to_thread(lambda: asyncio.run(ask())) == BIG
        assert loops == [asyncio.get_running_loop()] * 2

    def test_a_client_of_another_make(self) -> None:
        """Clients of `server_url` reach an application that is mounted at a path."""
        with aiointercept() as mock:
            mock.mount("/v1", one_route())
            with urlopen(f"{mock.server_url}/v1/x", timeout=5) as response:
                assert json.load(response)["root_path"] == "/v1"

    def test_uvloop(self, wire: Any) -> None:
        """On another make of loop."""
        uvloop = pytest.importorskip("uvloop")

        async def main() -> None:
            async with aiointercept(wire=wire) as mock, mock.session() as session:
                mock.mount(API, one_route())
                assert (await told_of(session, API, "POST", data=b"hello"))["body"] == "hello"

        loop = uvloop.new_event_loop()
        try:
            loop.run_until_complete(main())
        finally:
            loop.close()


class TestWithoutUvicorn:
    def test_the_message_says_what_to_install(self, monkeypatch: pytest.MonkeyPatch) -> None:
        """At registration."""
        monkeypatch.setitem(sys.modules, "uvicorn", None)
        with pytest.raises(ImportError) as caught:
            aiointercept().mount(API, one_route())
        assert str(caught.value) == (
            "To mount an ASGI application, install uvicorn: "
            "pip install 'aiointercept-connector[asgi]'"
        )
