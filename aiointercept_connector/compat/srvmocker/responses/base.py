"""What every response is."""

from __future__ import annotations

from abc import ABC, abstractmethod
from typing import Any

from aiohttp.web_response import StreamResponse

__all__ = ("BaseMockResponse",)


class BaseMockResponse(ABC):
    """A response: given the request, it returns aiohttp's response to it."""

    @abstractmethod
    async def response(self, request: Any) -> StreamResponse:
        """Return the response to *request*, a ``web.Request``; it may have been sent already."""
