"""``build_dispatcher``: the routes of a service in an application of the test's own."""

from __future__ import annotations

from collections import defaultdict
from collections.abc import AsyncIterator
from importlib import import_module
from typing import Any

import aiohttp
import pytest
from aiohttp import web
from aiohttp.test_utils import TestServer
from yarl import URL

pytestmark = pytest.mark.anyio


@pytest.fixture
def service(library: Any) -> Any:
    """Return a service that nothing runs."""
    return library.MockService([], defaultdict(list), URL(), {}, frozenset({"one", "other"}))


@pytest.fixture
async def server(library: Any, service: Any) -> AsyncIterator[TestServer]:
    """Run an application that asks the service."""
    build_dispatcher = import_module(f"{library.__name__}.handlers").build_dispatcher
    routes = [
        library.MockRoute("POST", "/x/{id}", "one", library.Match(json=1)),
        library.MockRoute("POST", "/x/{id}", "other", library.Match(json=2)),
    ]
    app = web.Application()
    app[import_module(f"{library.__name__}.constants").SERVICE_KEY] = service
    app.router.add_post("/x/{id}", build_dispatcher(routes))
    running = TestServer(app)
    async with running:
        yield running


async def ask(session: aiohttp.ClientSession, server: TestServer, value: int) -> Any:
    """Return the answer to a request."""
    return await session.post(server.make_url("/x/7?q=1"), json=value)


async def test_the_first_that_matches(
    library: Any, service: Any, server: TestServer, session: aiohttp.ClientSession
) -> None:
    """Of several routes the first that matches answers, and its request is recorded."""
    service.register("one", library.JsonResponse("one"))
    service.register("other", library.JsonResponse("other"))
    answers = [await (await ask(session, server, value)).json() for value in (2, 1)]
    assert answers == ["other", "one"]
    assert [call.handler_name for call in service.history] == answers
    call = service.last_call("one")
    assert (call.method, call.path, call.body) == ("POST", "/x/7", b"1")
    assert (call.query["q"], call.path_params["id"]) == ("1", "7")


async def test_none_matches(
    service: Any, server: TestServer, session: aiohttp.ClientSession
) -> None:
    """Where none matches it is a 404, and nothing is recorded."""
    response = await ask(session, server, 3)
    assert (response.status, response.reason) == (404, "No MockRoute matched the request")
    assert service.history == []


async def test_nothing_registered(
    service: Any, server: TestServer, session: aiohttp.ClientSession
) -> None:
    """Where nothing is registered it is a 500, and recorded."""
    assert (await ask(session, server, 1)).status == 500
    service.assert_called("one", times=1)
