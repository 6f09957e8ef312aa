"""Sends a request that a mock has received on to its real host, as its client would have done.

The client's own connector makes the connection: with its resolver, its TLS settings, the proxy of
the call, and its pool of real connections. Only its limits do not hold: the wire to the mock may
have taken the last place, and would wait for itself.
"""

from __future__ import annotations

import asyncio
import sys
from collections.abc import AsyncGenerator, AsyncIterator, Callable, Mapping
from contextlib import asynccontextmanager
from typing import TYPE_CHECKING, Any, Final, cast

from aiohttp import ClientRequest, ClientTimeout, ConnectionTimeoutError, StreamReader, hdrs
from aiohttp.base_protocol import BaseProtocol
from aiohttp.connector import BaseConnector, Connection, TCPConnector
from aiohttp.helpers import ceil_timeout  # pyright: ignore[reportUnknownVariableType] - 3.10's
from aiohttp.http_parser import DeflateBuffer
from aiohttp.resolver import ThreadedResolver
from multidict import CIMultiDict, istr
from yarl import URL

from ..replies.checked import encode_json
from ..replies.relayed import ForwardedResponse, RelayedResponse
from ..unset import UNSET
from .hop_headers import change, end_to_end, make_fit
from .relay import relay

if TYPE_CHECKING:
    from aiohttp import ClientResponse
    from aiohttp.client_proto import ResponseHandler
    from aiohttp.web_response import StreamResponse

    from ..journal.request import AiointerceptRequest
    from .link import Call

__all__ = ("Forwarding",)

_SWITCHING_PROTOCOLS: Final = 101
_LONGEST_LINE: Final = 2**20
_NOT_ADDED: Final = (hdrs.ACCEPT, hdrs.ACCEPT_ENCODING, hdrs.CONTENT_TYPE, hdrs.USER_AGENT)
_ENCODINGS: Final = frozenset({"gzip", "deflate", "br", "zstd"})


class Forwarding:
    """The way from one received request to its real host.

    Args:
        request: the request, which is being answered.
        call: the client's call, if the client is one of ours.
        let_out: is told of the request that is about to leave, and raises if it may not.
        loop: the loop that the request's connection lives on.
    """

    def __init__(
        self,
        request: AiointerceptRequest,
        call: Call | None,
        let_out: Callable[[AiointerceptRequest, Call | None, ClientRequest], None],
        loop: asyncio.AbstractEventLoop,
    ) -> None:
        self._request = request
        self._call = call
        self._let_out = let_out
        self._loop = loop

    async def forward(
        self,
        url: URL | str | None = None,
        *,
        headers: Mapping[str, str | None] | None = None,
        body: bytes | str | None = None,
        json: Any = UNSET,
    ) -> ForwardedResponse:
        """Return the real host's response; see ``AiointerceptRequest.forward``."""
        where, changed = _checked_url(url), _checked_body(body, json)
        # A callback for a client of `server_url` runs on the loop of the test.
        if asyncio.get_running_loop() is not self._loop:
            work = self.forward(where, headers=headers, body=body, json=json)
            return await asyncio.wrap_future(asyncio.run_coroutine_threadsafe(work, self._loop))
        content = await self._request.read() if changed is None else changed
        kept = self._headers()
        if changed is not None:
            make_fit(kept, changed)
        if json is not UNSET:
            kept[hdrs.CONTENT_TYPE] = "application/json"
        if where is not None:
            kept.popall(hdrs.HOST, None)
        change(kept, headers or {})
        sent = self._client_request(where, kept, _once(content) if content else None)
        async with self._answered(sent) as real:
            raw = await real.read()
        kept = end_to_end(real.raw_headers)
        return ForwardedResponse(real.status, real.reason, kept, _decoded(raw, kept), raw)

    async def pass_through(self) -> StreamResponse:
        """Send the request on as it arrives, and the response as it comes back."""
        if self._request.method == hdrs.METH_CONNECT:
            return await self._tunnel()
        sent = self._client_request(None, self._headers(), self._body())
        async with self._answered(sent) as real:
            switches = real.status == _SWITCHING_PROTOCOLS
            headers = end_to_end(real.raw_headers, upgrade=switches)
            response = RelayedResponse(status=real.status, reason=real.reason, headers=headers)
            await response.prepare(self._request)
            if switches:
                await self._relayed(cast("Connection", real.connection))
            else:
                async for chunk in real.content.iter_any():
                    await response.write(chunk)
                await response.write_eof()
        return response

    async def _tunnel(self) -> StreamResponse:
        """Connect to the host that CONNECT names, for whatever the client wants to say to it."""
        url = self._request.asked_url
        plain = url.with_scheme("http").with_port(url.port)
        sent = ClientRequest(hdrs.METH_CONNECT, plain, loop=self._loop)
        self._let_out(self._request, self._call, sent)
        async with self._connected(sent) as connection:
            response = RelayedResponse(status=200, reason="Connection established")
            try:
                await response.prepare(self._request)
                await self._relayed(connection)
            finally:
                connection.close()
        return response

    def _headers(self) -> CIMultiDict[str]:
        """Return the headers that are for the real host."""
        message = self._request._message
        headers = end_to_end(message.raw_headers, upgrade=message.upgrade)
        if self._call is None and message.url.absolute:
            # It was for the proxy that the client takes us for.
            headers.popall(hdrs.PROXY_AUTHORIZATION, None)
        if message.compression:
            # aiohttp's parser has undone it.
            headers.popall(hdrs.CONTENT_ENCODING, None)
            captured = self._request.captured_body
            if captured is None:
                headers.popall(hdrs.CONTENT_LENGTH, None)
            elif hdrs.CONTENT_LENGTH in headers:
                headers[hdrs.CONTENT_LENGTH] = str(len(captured))
        return headers

    def _body(self) -> AsyncIterator[bytes] | None:
        """Return the body, which may be arriving still."""
        request = self._request
        if request.captured_body is not None:
            return _once(request.captured_body)
        # Of a WebSocket's handshake, aiohttp takes for the body what comes behind it.
        has_length = request.headers.get(hdrs.CONTENT_LENGTH, "0") != "0"
        if request.can_read_body and (has_length or hdrs.TRANSFER_ENCODING in request.headers):
            return request.content.iter_any()
        return None

    def _client_request(
        self, url: URL | None, headers: CIMultiDict[str], body: AsyncIterator[bytes] | None
    ) -> ClientRequest:
        """Return the request to the real host, with these headers and no others."""
        asked = self._request
        theirs = None if self._call is None else self._call.client_request
        length = headers.get(hdrs.CONTENT_LENGTH)
        chunked = hdrs.TRANSFER_ENCODING in headers or (body is not None and length is None)
        sent = ClientRequest(
            asked.method,
            asked.asked_url if url is None else url,
            skip_auto_headers=map(istr, _NOT_ADDED),
            data=_once(b"") if body is None and chunked else body,
            version=asked.version,
            chunked=chunked or None,
            expect100=hdrs.EXPECT in headers,
            loop=self._loop,
            ssl=True if theirs is None else theirs.ssl,
            proxy=None if theirs is None else theirs.proxy,
            proxy_auth=None if theirs is None else theirs.proxy_auth,
            proxy_headers=None if theirs is None else theirs.proxy_headers,
            server_hostname=None if theirs is None or url is not None else theirs.server_hostname,
        )
        headers.setdefault(hdrs.HOST, sent.headers[hdrs.HOST])
        if chunked:
            headers.setdefault(hdrs.TRANSFER_ENCODING, "chunked")
        sent.headers = headers
        # Private: it looks into the headers for it, and would add a length to a body that is.
        sent.chunked = chunked or None
        return sent

    @asynccontextmanager
    async def _answered(self, sent: ClientRequest) -> AsyncGenerator[ClientResponse]:
        """Send a request, and give the response, whose body is yet to be read."""
        self._let_out(self._request, self._call, sent)
        async with self._connected(sent) as connection:
            protocol = cast("ResponseHandler", connection.protocol)
            protocol.set_response_params(
                skip_payload=sent.method == hdrs.METH_HEAD,
                read_until_eof=True,
                auto_decompress=False,
                max_line_size=_LONGEST_LINE,
                max_field_size=_LONGEST_LINE,
            )
            response = await sent.send(connection)
            try:
                yield await response.start(connection)
            finally:
                response.close()
                # It reads what the client sends, and is to have ended before anybody else does.
                await sent.close()

    @asynccontextmanager
    async def _connected(self, sent: ClientRequest) -> AsyncGenerator[Connection]:
        call = self._call
        if call is not None and call.connector is not None:
            connection = await _connect(call.connector, sent, call.timeout or ClientTimeout())
            try:
                yield connection
            except BaseException:
                connection.close()
                raise
            return
        # A client of another make has no connector that we knew of.
        connector = TCPConnector(resolver=ThreadedResolver(self._loop))
        try:
            yield await _connect(connector, sent, ClientTimeout())
        finally:
            await connector.close()

    async def _relayed(self, connection: Connection) -> None:
        theirs = cast("ResponseHandler", connection.protocol)
        await relay(theirs, self._request.protocol, self._loop)


async def _connect(
    connector: BaseConnector, sent: ClientRequest, timeout: ClientTimeout
) -> Connection:
    """Get a connection to the real host, one of the connector's pool if it has one.

    ``connect`` would wait for a place in the pool, and ask the mocks.
    """
    # Private, all of it: what `BaseConnector.connect` does without a limit.
    # Watched by TestConnection in tests/forwarding/test_connection.py.
    key = sent.connection_key
    pooled = await connector._get(key, [])
    if pooled is not None:
        if sent.proxy is not None:
            # What newer versions of aiohttp do for a pooled connection, to put in a header.
            getattr(connector, "_update_proxy_auth_header_and_build_proxy_req", _nothing)(sent)
        return pooled
    try:
        async with ceil_timeout(timeout.connect, timeout.ceil_threshold):
            protocol = await connector._create_connection(sent, [], timeout)
    except asyncio.TimeoutError as exc:
        raise ConnectionTimeoutError(f"Connection timeout to host {sent.url}") from exc
    connector._acquired.add(protocol)
    return Connection(connector, key, protocol, connector._loop)


def _nothing(_: object) -> None:
    """Do nothing."""


def _checked_url(url: Any) -> URL | None:
    if url is None:
        return None
    if not isinstance(url, (str, URL)):
        raise TypeError(f"forward(url=) must be a str or a URL, not {type(url).__name__}: {url!r}")
    where = URL(url)
    if where.raw_host is None or where.scheme not in {"http", "https"}:
        raise ValueError(f"forward(url=) must be a whole URL of http or https, not {str(where)!r}")
    return where


def _checked_body(body: Any, json: Any) -> bytes | None:
    """Return the body to be sent in place of the client's, or None."""
    if json is not UNSET:
        if body is not None:
            raise ValueError("forward() takes body= or json=, not both")
        return encode_json(json, "forward(json=)")
    if isinstance(body, str):
        return body.encode()
    if body is None or isinstance(body, bytes):
        return body
    raise TypeError(
        f"forward(body=) must be str or bytes, not {type(body).__name__}: {body!r:.60}. "
        f"For a JSON body use json=."
    )


def _decoded(body: bytes, headers: CIMultiDict[str]) -> bytes:
    """Undo the Content-Encoding, or leave it, if it is none that aiohttp could undo."""
    encoding = headers.get(hdrs.CONTENT_ENCODING, "").lower()
    if encoding not in _ENCODINGS or not body:
        return body
    # Nothing is to be told to pause, and there is no limit.
    stream = StreamReader(
        BaseProtocol(asyncio.get_running_loop()), sys.maxsize, loop=asyncio.get_running_loop()
    )
    try:
        # Private: what aiohttp's own client undoes it with.
        undoing = DeflateBuffer(stream, encoding)
        undoing.feed_data(body, len(body))
        undoing.feed_eof()
    except Exception:  # noqa: BLE001 - it has no class of its own for an encoding it cannot undo
        return body
    return stream.read_nowait()


async def _once(body: bytes) -> AsyncIterator[bytes]:
    if body:
        yield body
