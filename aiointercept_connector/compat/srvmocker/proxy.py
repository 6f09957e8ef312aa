"""``start_proxy``: a forward proxy on this machine, which records what goes through it."""

from __future__ import annotations

import re
from collections.abc import AsyncGenerator
from contextlib import asynccontextmanager
from dataclasses import dataclass, field
from http import HTTPStatus
from typing import TYPE_CHECKING, Final

from aiohttp import BasicAuth, ClientError, hdrs
from aiohttp.web_response import Response
from yarl import URL

from ...loopback.server import LOCALHOST
from ...mock import aiointercept
from ...replies.passing import passthrough
from ...replies.reply import BaseReply
from .assertions import assert_called, assert_not_called, last_call
from .recorded import RecordedRequest

if TYPE_CHECKING:
    from aiohttp.web_response import StreamResponse

    from ...journal.request import AiointerceptRequest

__all__ = ("MockProxyService", "start_proxy")

_ANYTHING: Final = re.compile("")


@dataclass(frozen=True)
class MockProxyService:
    """The handle to a proxy that ``start_proxy`` has started.

    Attributes:
        url: what clients are to take as their proxy.
        history: the requests that it received, in order of arrival.
    """

    url: URL
    history: list[RecordedRequest] = field(default_factory=list[RecordedRequest])

    def set_url(self, url: URL) -> None:
        """Set ``url``."""
        object.__setattr__(self, "url", url)

    def get_calls(self) -> list[RecordedRequest]:
        """Return the requests in order of arrival."""
        return list(self.history)

    def last_call(self) -> RecordedRequest:
        """Return the last request.

        Raises:
            AssertionError: there was none.
        """
        return last_call(self.history, "no requests recorded by proxy")

    def assert_called(
        self,
        *,
        times: int | None = None,
        target: URL | str | None = None,
        method: str | None = None,
        json: object = None,
        body: bytes | None = None,
        headers: dict[str, str] | None = None,
        query: dict[str, str] | None = None,
    ) -> None:
        """Assert that the proxy was asked.

        Args:
            times: how often in all, whatever else is given.
            target: one request was for this URL; for a tunnel, ``https://host``.
            method: that request had this method; a tunnel's is ``CONNECT``.
            json: it had this body, as a JSON value.
            body: it had this body, as bytes.
            headers: it had these headers, among others; ``Proxy-Authorization``, say.
            query: it had these parameters, among others.
        """
        criteria = {
            "target": target,
            "method": method,
            "json": json,
            "body": body,
            "headers": headers,
            "query": query,
        }
        assert_called("proxy", self.history, times, criteria)

    def assert_not_called(self) -> None:
        """Assert that the proxy was asked nothing."""
        assert_not_called("proxy", self.history)


@asynccontextmanager
async def start_proxy(*, auth: BasicAuth | None = None) -> AsyncGenerator[MockProxyService, None]:
    """Run a forward proxy on this machine while the block lasts, on the loop that runs here.

    It sends requests on as they are, and tunnels what is asked by CONNECT, which clients do for
    https. A host that cannot be reached is a 502. What it sends on, it adds nothing to.

    Args:
        auth: what clients must send as ``Proxy-Authorization``; others get a 407.
    """
    proxy = MockProxyService(URL())
    authorization = None if auth is None else auth.encode()
    async with aiointercept() as mock:
        tunnelled = _Relayed(proxy, authorization, reads_body=False)
        mock.add(_ANYTHING, hdrs.METH_CONNECT, reply=tunnelled, repeat=True, name="tunnel")
        relayed = _Relayed(proxy, authorization, reads_body=True)
        mock.add(_ANYTHING, hdrs.METH_ANY, reply=relayed, repeat=True, name="proxy")
        port = await mock.interceptor.listen()
        proxy.set_url(URL.build(scheme="http", host=LOCALHOST, port=port))
        yield proxy


class _Relayed(BaseReply):
    """The answer of the host that a request is for, or why there is none."""

    __slots__ = ("_authorization", "_proxy", "reads_body")

    def __init__(
        self, proxy: MockProxyService, authorization: str | None, *, reads_body: bool
    ) -> None:
        self._proxy = proxy
        self._authorization = authorization
        self.reads_body = reads_body

    async def __call__(self, request: AiointerceptRequest) -> StreamResponse:
        """Put *request* into the history, and send it on."""
        body = request.captured_body or b""
        self._proxy.history.append(RecordedRequest.of(request, body, "proxy"))
        if self._authorization not in (None, request.headers.get(hdrs.PROXY_AUTHORIZATION)):
            return _refusal(
                request, HTTPStatus.PROXY_AUTHENTICATION_REQUIRED, {"Proxy-Authenticate": "Basic"}
            )
        try:
            return await passthrough()(request)
        except ClientError as exc:
            if request.writer.output_size > 0:
                raise
            return _refusal(request, HTTPStatus.BAD_GATEWAY, {}, str(exc))


def _refusal(
    request: AiointerceptRequest,
    status: HTTPStatus,
    headers: dict[str, str],
    text: str | None = None,
) -> Response:
    response = Response(status=status, reason=status.phrase, headers=headers, text=text)
    if request.method == hdrs.METH_CONNECT:
        # What would come next is no HTTP, as far as aiohttp's parser knows.
        response.force_close()
    return response
