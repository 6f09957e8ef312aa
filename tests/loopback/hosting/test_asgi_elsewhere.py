"""ASGI applications asked from other loops, and by clients that are not ours."""

from __future__ import annotations

import asyncio
import json
from typing import Any
from urllib.request import urlopen

import pytest
from aiohttp import ClientSession

from aiointercept_connector import aiointercept, install, uninstall
from tests.loopback.mounted import API, BIG, told_of

pytest.importorskip("fastapi")
pytest.importorskip("uvicorn")

from starlette.responses import Response

from tests.loopback.hosting.asgi_applications import one_route

pytestmark = pytest.mark.anyio


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
