"""A head that the client sees in place of the one on the wire."""

from __future__ import annotations

from typing import Any

import pytest
from multidict import CIMultiDict

from aiointercept_connector import aiointercept
from aiointercept_connector.loopback.shown import ShownHead
from aiointercept_connector.replies.static import StaticReply

pytestmark = pytest.mark.anyio


async def test_the_client_sees_the_shown_head(wire: Any) -> None:
    """Status, reason and headers are the shown ones, the body is the wire's, the wire is kept."""
    headers = CIMultiDict([("X-A", "1"), ("X-A", "ä"), ("Content-Length", "99")])

    async def reply(request: Any) -> Any:
        request.protocol.link.call.shown = ShownHead(204, "Shown", headers)
        return await StaticReply(200, b"body")(request)

    with aiointercept(wire=wire) as mock:
        mock.get("http://h/", reply=reply)
        mock.get("http://h/", status=201)
        async with mock.session() as session:
            async with session.get("http://h/") as response:
                assert (response.status, response.reason) == (204, "Shown")
                assert response.headers == headers
                assert response.raw_headers[1] == (b"X-A", "ä".encode())
                assert await response.read() == b"body"
            async with session.get("http://h/") as response:
                assert response.status == 201
                assert "X-A" not in response.headers
