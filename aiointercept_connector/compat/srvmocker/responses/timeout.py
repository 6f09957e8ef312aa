"""A response that comes late."""

from __future__ import annotations

from asyncio import sleep
from dataclasses import dataclass
from typing import Any, TypeAlias

from aiohttp.web_response import StreamResponse

from .base import BaseMockResponse

__all__ = ("LatencyResponse", "TimeoutType")

TimeoutType: TypeAlias = int | float


@dataclass
class LatencyResponse(BaseMockResponse):
    """Another response, later.

    Attributes:
        wrapped: the other response.
        latency: how much later, in seconds.
    """

    wrapped: BaseMockResponse
    latency: TimeoutType

    async def response(self, request: Any) -> StreamResponse:
        """Wait, and return the response."""
        await sleep(self.latency)
        return await self.wrapped.response(request)
