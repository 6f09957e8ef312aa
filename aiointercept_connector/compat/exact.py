"""A response whose head is exactly what a test has written, whether or not a server could send it.

A body with 204, a ``Content-Length`` that is not the body's, none at all: such a response goes over
the wire as one that can be sent, and its head beside the wire.
"""

from __future__ import annotations

from collections.abc import Mapping
from typing import TYPE_CHECKING, cast

from ..loopback.shown import ShownHead

if TYPE_CHECKING:
    from aiohttp.web import StreamResponse

    from ..journal.request import AiointerceptRequest
    from ..loopback.protocol import ServerProtocol
    from ..routing.route import Reply

__all__ = ("exact_response",)


async def exact_response(
    request: AiointerceptRequest,
    content: Reply,
    *,
    status: int,
    reason: str,
    headers: Mapping[str, str],
) -> StreamResponse:
    """Answer *request* with *content*, under a head that is exactly this one."""
    call = cast("ServerProtocol", request.protocol).link.call
    if call is not None:
        call.shown = ShownHead(status, reason, headers)
    return await content(request)
