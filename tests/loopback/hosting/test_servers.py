"""What is mounted beside applications: test servers, and bare handlers."""

from __future__ import annotations

import pytest
from aiohttp import ClientSession, web
from aiohttp.test_utils import RawTestServer, TestServer

from aiointercept_connector import aiointercept
from tests.loopback.hosting.applications import one_route, told
from tests.loopback.mounted import API, told_of

pytestmark = pytest.mark.anyio


class _Teller:
    async def tell(self, request: web.BaseRequest) -> web.Response:
        return await told(request)


class TestTestServers:
    @pytest.mark.parametrize("started", [False, True])
    async def test_a_test_server(
        self, mock: aiointercept, session: ClientSession, *, started: bool
    ) -> None:
        """It answers, started or not, and by its own URL too."""
        server = TestServer(one_route())
        if started:
            await server.start_server()
        mock.mount(API, server)
        assert (await told_of(session, f"{API}/x"))["url"] == f"{API}/x"
        async with ClientSession() as plain:
            assert (await told_of(plain, str(server.make_url("/y"))))["path"] == "/y"
        await mock.stop()
        assert server.closed is not started
        await server.close()

    async def test_a_raw_test_server(self, mock: aiointercept, session: ClientSession) -> None:
        """A bare handler's server is one too."""
        mock.mount(API, RawTestServer(told))
        assert (await told_of(session, f"{API}/x"))["url"] == f"{API}/x"

    async def test_one_that_was_closed_says_so(
        self, mock: aiointercept, session: ClientSession
    ) -> None:
        """The caller is told what is wrong."""
        server = TestServer(one_route())
        await server.start_server()
        mock.mount(API, server)
        await server.close()
        with pytest.raises(RuntimeError, match=r"^The mounted TestServer has been closed\.$"):
            await session.get(API)


class TestHandlers:
    async def test_a_bare_handler(self, mock: aiointercept, session: ClientSession) -> None:
        """A function of the request is an application of one handler."""
        mock.mount(f"{API}/v2", told)
        assert (await told_of(session, f"{API}/v2/x"))["path"] == "/x"

    async def test_a_method_is_a_handler(self, mock: aiointercept, session: ClientSession) -> None:
        """`self` does not count."""
        mock.mount(API, _Teller().tell)
        assert (await told_of(session, f"{API}/x"))["path"] == "/x"
