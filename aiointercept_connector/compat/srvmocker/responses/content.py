"""A response of a value and what serialises it."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from http import HTTPStatus
from typing import Any, ClassVar

from aiohttp import hdrs
from aiohttp.web_response import Response

from ..serialization.base import Serializer
from .base import BaseMockResponse

__all__ = ("ContentResponse", "SerializedResponse")


@dataclass
class ContentResponse(BaseMockResponse):
    """A body, serialised or as it is.

    Attributes:
        body: a value for *serializer*; without one, text or bytes.
        status: the status code.
        headers: response headers, but for a serializer's ``Content-Type``.
        serializer: what makes the body of the value, and says its ``Content-Type``.
    """

    body: Any = None
    status: int = HTTPStatus.OK
    headers: Mapping[str, str] | None = None
    serializer: Serializer | None = None

    async def response(self, request: Any) -> Response:
        """Return the response."""
        headers = dict(self.headers or {})
        if self.serializer is not None:
            headers[hdrs.CONTENT_TYPE] = self.serializer.content_type
        return Response(status=self.status, body=self.serialize(), headers=headers)

    def serialize(self) -> Any:
        """Return the body as it is sent."""
        return self.body if self.serializer is None else self.serializer.dumps(self.body)


class SerializedResponse(BaseMockResponse):
    """A value in the format of a class.

    Args:
        body: the value.
        status: the status code.
        headers: response headers, but for the ``Content-Type``.
    """

    serializer: ClassVar[Serializer]

    def __init__(
        self,
        body: Any,
        status: int = HTTPStatus.OK,
        headers: Mapping[str, str] | None = None,
    ) -> None:
        self._content = ContentResponse(body, status, headers, self.serializer)

    async def response(self, request: Any) -> Response:
        """Return the response."""
        return await self._content.response(request)
