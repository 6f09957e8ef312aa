"""The response that stands for one that has been written already, or is not to be."""

from __future__ import annotations

from aiohttp.web_request import BaseRequest
from aiohttp.web_response import StreamResponse

__all__ = ("SentResponse", "send")


class SentResponse(StreamResponse):
    """Writes nothing: the request has had its answer.

    Args:
        keep_alive: whether the connection stays.
    """

    def __init__(self, *, keep_alive: bool) -> None:
        super().__init__()
        self._stays = keep_alive

    @property
    def keep_alive(self) -> bool:
        """Whether the connection stays."""
        return self._stays

    async def prepare(self, request: BaseRequest) -> None:
        """Write nothing."""

    async def write_eof(self, data: bytes = b"") -> None:
        """Write nothing."""


async def send(response: StreamResponse, request: BaseRequest) -> SentResponse:
    """Send a response; aiohttp would do so later, where what goes wrong is nobody's to raise."""
    try:
        await response.prepare(request)
        await response.write_eof()
    except ConnectionError:
        if request.transport is not None and not request.transport.is_closing():
            raise
        return SentResponse(keep_alive=False)
    return SentResponse(keep_alive=bool(response.keep_alive))
