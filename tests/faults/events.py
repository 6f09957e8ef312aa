"""Every fault's real event, on loopback sockets: what a client meets where nothing of ours is.

The servers here are written by themselves, from what the faults are said to be.
"""

from __future__ import annotations

import asyncio
import base64
import contextlib
import hashlib
import re
import socket
import ssl
import struct
from collections.abc import AsyncGenerator, Callable, Mapping
from contextlib import asynccontextmanager
from datetime import datetime, timezone
from types import MappingProxyType
from typing import Any, NamedTuple, TypeAlias

import trustme
from aiohttp import ClientSession, ClientTimeout, Fingerprint, TCPConnector
from aiohttp.abc import AbstractResolver

from tests.tls import openssl_server, server_context

__all__ = ("EVENTS", "Event", "Met", "Place", "met")

AUTHORITY, STRANGER = trustme.CA(), trustme.CA()
SHORT = 0.05
BODY = b"HTTP/1.1 200 OK\r\nContent-Length: 110\r\n\r\n" + b"x" * 10
Script: TypeAlias = "list[bytes | str]"


class Met(NamedTuple):
    """What a call came to: of an exception, all that a caller can look at."""

    kind: str
    text: str = ""
    errno: int | None = None
    status: int | None = None
    os_error: str = ""
    causes: tuple[str, ...] = ()


class Place(NamedTuple):
    """Where the event happens."""

    url: str
    options: Mapping[str, Any] = MappingProxyType({})
    connector: Callable[[], TCPConnector] = TCPConnector
    attempts: Callable[[], int | None] = lambda: None


class Event(NamedTuple):
    """How a fault's event is made to happen, and the client that meets it."""

    place: Callable[[], Any]
    timeout: ClientTimeout = ClientTimeout(total=5)
    method: str = "GET"
    options: Mapping[str, Any] = MappingProxyType({})
    fault: Mapping[str, Any] = MappingProxyType({})


async def met(session: ClientSession, event: Event, url: str, **options: Any) -> Met:
    """Return what one call of *event*'s client meets."""
    options = {**event.options, **options}
    try:
        if event.method == "WS":
            async with session.ws_connect(url, **options) as socket_:
                message = await socket_.receive()
                return Met(str(message.type), repr(message.data), socket_.close_code)
        async with session.request(event.method, url, **options) as response:
            body = await response.read()
            return Met("response", repr(body), status=response.status)
    except Exception as exc:  # noqa: BLE001 - whatever it is, it is compared
        return _described(exc)


def _described(exc: BaseException) -> Met:
    causes, cause = [], exc.__cause__
    while cause is not None:
        causes.append(type(cause).__name__)
        cause = cause.__cause__
    os_error = getattr(exc, "os_error", None)
    text = str(exc)
    if type(exc).__name__ == "ServerFingerprintMismatch":
        text = repr(exc.expected)  # type: ignore[attr-defined]
    return Met(
        type(exc).__name__,
        _normal(text),
        getattr(exc, "errno", None),
        getattr(exc, "status", None),
        "" if os_error is None else _normal(repr(os_error)),
        tuple(causes),
    )


def _normal(text: str) -> str:
    text = re.sub(r"<ssl\.SSLContext object at 0x[0-9a-f]+>|ssl:default|ssl:True", "SSL", text)
    text = re.sub(r"_ssl\.c:\d+", "_ssl.c", text)
    return re.sub(r"(127\.0\.0\.1|localhost)(:|', )\d+", r"\1\2PORT", text)


_HANDSHAKE = 22  # the type of a record that a TLS client begins with


class _Scripted(asyncio.Protocol):
    def __init__(self, script: Callable[[bytes], Script], seen: list[Any], *, early: bool) -> None:
        self._script, self._seen, self._early = script, seen, early
        self._head = b""
        self.lost = asyncio.Event()
        self._task: asyncio.Task[None] | None = None

    def connection_made(self, transport: Any) -> None:
        self._transport = transport
        self._seen.append(self)
        if self._early:
            _reset(transport)

    def data_received(self, data: bytes) -> None:
        self._head += data
        if self._task is None and (b"\r\n\r\n" in self._head or self._head[0] == _HANDSHAKE):
            self._task = asyncio.ensure_future(self._play())

    def eof_received(self) -> bool:
        return False

    async def _play(self) -> None:
        for step in self._script(self._head):
            if isinstance(step, bytes):
                self._transport.write(step)
            elif step == "close":
                self._transport.close()
            elif step == "reset":
                await asyncio.sleep(0.01)
                _reset(self._transport)
            elif step == "deaf":
                self._transport.pause_reading()

    def connection_lost(self, exc: BaseException | None) -> None:
        self.lost.set()

    async def stop(self) -> None:
        if self._task is not None:
            self._task.cancel()
        if not self._transport.is_closing():
            # A client that has closed is still to get rid of what it has written.
            self._transport.resume_reading()
            with contextlib.suppress(asyncio.TimeoutError):
                await asyncio.wait_for(self.lost.wait(), 1)
        self._transport.abort()


def _reset(transport: Any) -> None:
    sock = transport.get_extra_info("socket")
    sock.setsockopt(socket.SOL_SOCKET, socket.SO_LINGER, struct.pack("ii", 1, 0))
    transport.abort()


def plays(*steps: bytes | str, scheme: str = "http", early: bool = False) -> Callable[[], Any]:
    """Return the place of a server that answers by a script."""
    return server(lambda head: list(steps), scheme=scheme, early=early)


def server(
    script: Callable[[bytes], Script], *, scheme: str = "http", early: bool = False
) -> Callable[[], Any]:
    @asynccontextmanager
    async def place() -> AsyncGenerator[Place]:
        seen: list[_Scripted] = []
        loop = asyncio.get_running_loop()
        listener = await loop.create_server(
            lambda: _Scripted(script, seen, early=early), "127.0.0.1", 0
        )
        port = listener.sockets[0].getsockname()[1]
        try:
            yield Place(f"{scheme}://127.0.0.1:{port}/", attempts=lambda: len(seen))
        finally:
            listener.close()
            for one in seen:
                await one.stop()
            await listener.wait_closed()

    return place


def websocket(*steps: bytes | str) -> Callable[[], Any]:
    """Return the place of a server that accepts a WebSocket, and goes on by a script."""

    def script(head: bytes) -> Script:
        found = re.search(rb"(?i)sec-websocket-key: *(\S+)", head)
        assert found is not None
        guid = b"258EAFA5-E914-47DA-95CA-C5AB0DC85B11"
        accept = base64.b64encode(hashlib.sha1(found[1] + guid).digest())
        lines = [b"HTTP/1.1 101 Switching Protocols", b"Upgrade: websocket", b"Connection: upgrade"]
        lines += [b"Sec-WebSocket-Accept: " + accept, b"", b""]
        return [b"\r\n".join(lines), *steps]

    return server(script)


def proxied(*steps: bytes | str, url: str = "https://localhost/") -> Callable[[], Any]:
    """Return the place of a host behind a proxy that answers by a script."""

    @asynccontextmanager
    async def place() -> AsyncGenerator[Place]:
        async with plays(*steps)() as proxy:
            yield Place(url, {"proxy": proxy.url}, attempts=proxy.attempts)

    return place


def secured(context: Callable[[], ssl.SSLContext], **client: Any) -> Callable[[], Any]:
    """Return the place of a server of OpenSSL's own, and of a client that trusts AUTHORITY."""

    @asynccontextmanager
    async def place() -> AsyncGenerator[Place]:
        trusting = ssl.create_default_context()
        AUTHORITY.configure_trust(trusting)
        with openssl_server(context()) as port:
            yield Place(f"https://localhost:{port}/", {"ssl": trusting, **client})

    return place


def leaf(*hosts: str, ca: trustme.CA = AUTHORITY, **dates: Any) -> Callable[[], ssl.SSLContext]:
    return lambda: server_context(ca.issue_cert(*(hosts or ("localhost",)), **dates))


def demanding() -> ssl.SSLContext:
    context = leaf()()
    STRANGER.configure_trust(context)
    context.verify_mode = ssl.CERT_REQUIRED
    return context


def old() -> ssl.SSLContext:
    import warnings

    context = leaf()()
    with warnings.catch_warnings():
        warnings.simplefilter("ignore", DeprecationWarning)
        context.minimum_version = ssl.TLSVersion.TLSv1
        context.maximum_version = ssl.TLSVersion.TLSv1_1
    context.set_ciphers("ALL:@SECLEVEL=0")
    return context


class _Resolver(AbstractResolver):
    """The system's resolver, which is asked for what it can tell without a network."""

    async def resolve(self, host: str, port: int = 0, family: int = 0) -> Any:
        loop = asyncio.get_running_loop()
        return await loop.getaddrinfo(host, port, flags=socket.AI_NUMERICHOST)

    async def close(self) -> None:
        pass


class _GivesUp(_Resolver):
    async def resolve(self, host: str, port: int = 0, family: int = 0) -> Any:
        raise socket.gaierror(socket.EAI_AGAIN, "Temporary failure in name resolution")


class _Waits(_Resolver):
    async def resolve(self, host: str, port: int = 0, family: int = 0) -> Any:
        await asyncio.sleep(5)


def resolved(resolver: type[AbstractResolver]) -> Callable[[], Any]:
    @asynccontextmanager
    async def place() -> AsyncGenerator[Place]:
        yield Place("http://nobody.invalid/", connector=lambda: TCPConnector(resolver=resolver()))

    return place


@asynccontextmanager
async def nobody_listens() -> AsyncGenerator[Place]:
    with socket.socket() as held:
        held.bind(("127.0.0.1", 0))
        yield Place(f"http://127.0.0.1:{held.getsockname()[1]}/")


@asynccontextmanager
async def nobody_answers() -> AsyncGenerator[Place]:
    """Give the port of a listener whose queue is full."""
    with contextlib.ExitStack() as held, socket.socket() as listener:
        listener.bind(("127.0.0.1", 0))
        listener.listen(0)
        for _ in range(4):
            one = held.enter_context(socket.socket())
            one.setblocking(False)
            with contextlib.suppress(BlockingIOError):
                one.connect(listener.getsockname())
        yield Place(f"http://127.0.0.1:{listener.getsockname()[1]}/")


@asynccontextmanager
async def no_way() -> AsyncGenerator[Place]:
    # A group of hosts: TCP has no way to one.
    yield Place("http://224.0.0.1/")


@asynccontextmanager
async def full_pool() -> AsyncGenerator[Place]:
    """Give a connector whose one connection somebody has."""
    async with plays("hold")() as place:
        connector = TCPConnector(limit=1)
        async with ClientSession(connector=connector, connector_owner=False) as other:
            holding = asyncio.ensure_future(other.get(place.url))
            await asyncio.sleep(0.02)
            yield Place(place.url, connector=lambda: connector)
            holding.cancel()
            with contextlib.suppress(asyncio.CancelledError):
                await holding


def waits(**timeout: float) -> ClientTimeout:
    return ClientTimeout(**{"total": 5, **timeout})


OK = b"HTTP/1.1 200 OK\r\n"
EMPTY = b"\r\nContent-Length: 0\r\n\r\n"
AUTH = b"HTTP/1.1 407 Proxy Authentication Required" + EMPTY
GATEWAY = b"HTTP/1.1 502 Bad Gateway" + EMPTY
REFUSED = b"HTTP/1.1 417 Expectation Failed\r\nConnection: close" + EMPTY
CHUNKED = OK + b"Transfer-Encoding: chunked\r\n\r\na\r\nxxxxxxxxxx\r\n"
PART = b"HTTP/1.1 200 OK\r\nContent-"
GZIP = OK + b"Content-Length: 20\r\nContent-Encoding: gzip\r\n\r\n\x1f\x8b" + b"\0" * 18


class Long:
    """A body that no buffer holds, made anew for every request."""

    async def __aiter__(self) -> AsyncGenerator[bytes]:
        for _ in range(64):
            yield b"x" * 2**18


LONG_AGO = datetime(2019, 1, 1, tzinfo=timezone.utc)
LATER = datetime(3000, 1, 1, tzinfo=timezone.utc)
THE_PAST = datetime(2020, 1, 1, tzinfo=timezone.utc)
THE_FUTURE = datetime(2999, 1, 1, tzinfo=timezone.utc)

EVENTS: dict[str, Event] = {
    "dns_failure": Event(resolved(_Resolver)),
    "dns_timeout": Event(resolved(_GivesUp), waits(total=60)),
    "dns_timeout, connect": Event(resolved(_Waits), waits(connect=SHORT)),
    "dns_timeout, total": Event(resolved(_Waits), waits(total=SHORT)),
    "refused": Event(nobody_listens),
    "unreachable": Event(no_way),
    "connect_timeout": Event(nobody_answers, waits(connect=SHORT)),
    "connect_timeout, total": Event(nobody_answers, waits(total=SHORT)),
    "sock_connect_timeout": Event(nobody_answers, waits(sock_connect=SHORT)),
    "pool_timeout": Event(full_pool, waits(connect=SHORT)),
    "pool_timeout, total": Event(full_pool, waits(total=SHORT)),
    "reset_on_accept": Event(plays("hold", early=True)),
    "reset_on_accept, TLS": Event(plays("hold", early=True, scheme="https")),
    "unknown_ca": Event(secured(leaf(ca=STRANGER))),
    "expired": Event(secured(leaf(not_before=LONG_AGO, not_after=THE_PAST))),
    "not_yet_valid": Event(secured(leaf(not_before=THE_FUTURE, not_after=LATER))),
    "wrong_host": Event(secured(leaf("wrong.host.invalid"))),
    "self_signed": Event(secured(lambda: server_context(STRANGER))),
    "handshake_aborted": Event(plays("close", scheme="https")),
    "protocol_mismatch": Event(secured(old)),
    "client_certificate_required": Event(secured(demanding)),
    "fingerprint_mismatch": Event(secured(leaf(), ssl=Fingerprint(b"0" * 32))),
    "proxy_auth_required": Event(proxied(AUTH, "close")),
    "proxy_auth_required, http": Event(proxied(AUTH, "close", url="http://localhost/")),
    "proxy_bad_gateway": Event(proxied(GATEWAY, "close")),
    "proxy_bad_gateway, http": Event(proxied(GATEWAY, "close", url="http://localhost/")),
    "proxy_tunnel_closed": Event(proxied(b"HTTP/1.1 200 Connection established\r\n\r\n", "close")),
    "proxy_tunnel_closed, http": Event(proxied("close", url="http://localhost/")),
    "refused, proxy": Event(nobody_listens),
    "stall_request": Event(plays("deaf"), waits(total=0.2), "POST", {"data": Long()}),
    "stall_request, sock_read": Event(
        plays("deaf"), waits(sock_read=SHORT), "POST", {"data": b"x"}
    ),
    "reset_request": Event(plays("deaf", "reset"), method="POST", options={"data": b"x"}),
    "reset_request, GET": Event(plays("deaf", "reset")),
    "expect_refused": Event(
        plays(REFUSED, "close"), method="POST", options={"data": b"x", "expect100": True}
    ),
    "disconnect": Event(plays("close")),
    "disconnect, POST": Event(plays("close"), method="POST"),
    "disconnect, in the head": Event(plays(PART, "close"), method="POST", fault={"after": 25}),
    "reset": Event(plays("reset")),
    "reset, POST": Event(plays("reset"), method="POST"),
    "reset, in the head": Event(plays(PART, "reset"), method="POST", fault={"after": 25}),
    "stall": Event(plays("hold"), waits(sock_read=SHORT)),
    "stall, total": Event(plays("hold"), waits(total=SHORT)),
    "bad_status_line": Event(plays(b"HTTP/9.9 banana\r\n\r\n")),
    "bad_header": Event(plays(OK + b"Bad Header\r\n\r\n")),
    "header_too_long": Event(
        plays(OK + b"X-Long: " + b"a" * 65536 + b"\r\nContent-Length: 0\r\n\r\n")
    ),
    "wrong_content_length": Event(plays(OK + b"Content-Length: banana\r\n\r\n")),
    "unknown_encoding": Event(
        plays(OK + b"Transfer-Encoding: banana\r\n\r\n" + b"x" * 10, "close")
    ),
    "truncated": Event(plays(BODY, "close")),
    "truncated, chunked": Event(plays(CHUNKED, "close"), fault={"chunked": True}),
    "reset_body": Event(plays(BODY, "reset")),
    "stall_body": Event(plays(BODY), waits(sock_read=SHORT)),
    "stall_body, total": Event(plays(BODY), waits(total=SHORT)),
    "bad_chunk": Event(plays(CHUNKED + b"ZZ\r\n")),
    "corrupt_gzip": Event(plays(GZIP)),
    "extra_bytes": Event(
        plays(OK + b"Content-Length: 10\r\n\r\nxxxxxxxxxxHTTP/1.1 500 Surplus\r\n\r\n")
    ),
    "slow": Event(plays(OK + b"Content-Length: 100\r\n\r\n" + b"x" * 10), waits(total=SHORT)),
    "slow, in time": Event(
        plays(OK + b"Content-Length: 100\r\n\r\n" + b"x" * 100), waits(total=60)
    ),
    "close_after": Event(plays(OK + b"Content-Length: 0\r\n\r\n", "close")),
    "ws_refused": Event(plays(b"HTTP/1.1 403 Forbidden\r\nContent-Length: 0\r\n\r\n"), method="WS"),
    "ws_lost": Event(websocket("reset"), method="WS"),
    "ws_bad_frame": Event(websocket(b"\x83\x00"), method="WS"),
    "ws_bad_close": Event(websocket(b"\x88\x02\x03\xed"), method="WS"),
    "ws_no_pong": Event(websocket(), method="WS", options={"heartbeat": 0.05}),
    "total_timeout": Event(plays("hold"), waits(total=SHORT)),
    "sock_read_timeout": Event(plays("hold"), waits(sock_read=SHORT)),
}  # fmt: skip
"""By the name of the fault, and what is particular about its client."""


@asynccontextmanager
async def real_session() -> AsyncGenerator[tuple[ClientSession, str, Callable[[], None]]]:
    """Give a session, where it finds a server, and what closes the server's idle connections."""
    seen: list[Any] = []

    class _Server(asyncio.Protocol):
        def connection_made(self, transport: Any) -> None:
            self._transport = transport
            seen.append(transport)

        def data_received(self, data: bytes) -> None:
            self._transport.write(OK + b"Content-Length: 0\r\n\r\n")

    def drop() -> None:
        for transport in seen:
            transport.close()

    loop = asyncio.get_running_loop()
    listener = await loop.create_server(_Server, "127.0.0.1", 0)
    try:
        async with ClientSession() as session:
            yield session, f"http://127.0.0.1:{listener.sockets[0].getsockname()[1]}/", drop
    finally:
        drop()
        listener.close()
        await listener.wait_closed()
