"""Connections that break."""

from __future__ import annotations

from collections.abc import Mapping
from http import HTTPStatus
from typing import Any

from aiohttp.web_response import Response, StreamResponse

from .base import BaseMockResponse

__all__ = ("DisconnectResponse", "TruncatedResponse")


class DisconnectResponse(BaseMockResponse):
    """Ends the connection before anything is answered.

    An aiohttp client asks again, once, after a request that may be repeated, such as a GET.
    """

    async def response(self, request: Any) -> Response:
        """Abort the connection."""
        request.transport.abort()
        return Response()


class TruncatedResponse(BaseMockResponse):
    """Ends the connection before all of the body has been sent.

    Args:
        body: what is sent of it.
        declared_length: how long it is to be, in bytes; one more than is sent, if not given.
        status: the status code.
        headers: response headers.

    Raises:
        ValueError: it is no longer than what is sent.
    """

    def __init__(
        self,
        body: bytes = b"",
        *,
        declared_length: int | None = None,
        status: int = HTTPStatus.OK,
        headers: Mapping[str, str] | None = None,
    ) -> None:
        length = len(body) + 1 if declared_length is None else declared_length
        if length <= len(body):
            raise ValueError("declared_length must be greater than the body length")
        self._body = body
        self._declared_length = length
        self._status = status
        self._headers = dict(headers or {})

    async def response(self, request: Any) -> StreamResponse:
        """Send the response, and close the connection."""
        response = StreamResponse(status=self._status, headers=self._headers)
        response.content_length = self._declared_length
        await response.prepare(request)
        if self._body:
            await response.write(self._body)
        request.transport.close()
        return response
