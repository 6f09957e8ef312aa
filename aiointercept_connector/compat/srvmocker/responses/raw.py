"""Bytes as they are."""

from __future__ import annotations

from http import HTTPStatus
from typing import Any

from aiohttp.web_response import Response

from .base import BaseMockResponse

__all__ = ("RawResponse",)


class RawResponse(BaseMockResponse):
    """A body with no format, and no headers but those that are given.

    Args:
        body: bytes, sent as ``application/octet-stream``; or text, as ``text/plain``.
        status: the status code.
        headers: response headers; a multidict may repeat a name.
    """

    def __init__(
        self,
        body: bytes = b"",
        status: int = HTTPStatus.OK,
        headers: dict[str, str] | None = None,
    ) -> None:
        self._body = body
        self._status = status
        self._headers = headers or {}

    async def response(self, request: Any) -> Response:
        """Return the response."""
        return Response(body=self._body, status=self._status, headers=self._headers)
