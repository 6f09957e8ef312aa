from __future__ import annotations

import asyncio
import sys
from collections.abc import AsyncIterator
from typing import Any

import aiohttp
import pytest
from aiohttp import ClientSession

from aiointercept_connector import aiointercept
from tests.loopback.mounted import API, told_of

pytest.importorskip("fastapi")
pytest.importorskip("uvicorn")

from starlette.responses import Response, StreamingResponse

from tests.loopback.hosting.asgi_applications import METHODS, one_route, real_uvicorn

pytestmark = pytest.mark.anyio


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
