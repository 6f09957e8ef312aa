"""Every fault's real event: what a client meets where nothing of ours is."""

from __future__ import annotations

from collections.abc import AsyncGenerator

from aiohttp import ClientTimeout, Fingerprint

from tests.faults.meeting import Event
from tests.faults.places import (
    far_away,
    full_pool,
    no_way,
    no_way_to_host,
    nobody_answers,
    nobody_knows,
    nobody_listens,
    plays,
    proxied,
    resolver_gives_up,
    resolver_waits,
    websocket,
)
from tests.faults.secured import (
    LATER,
    LONG_AGO,
    STRANGER,
    THE_FUTURE,
    THE_PAST,
    demanding,
    leaf,
    old,
    other_ciphers,
    revoked,
    secured,
)
from tests.tls import server_context

__all__ = ("EVENTS", "Long")

SHORT = 0.05
OK = b"HTTP/1.1 200 OK\r\n"
HEAD = OK + b"Content-Length: 110\r\n\r\n"
BODY = HEAD + b"x" * 10
EMPTY = b"\r\nContent-Length: 0\r\n\r\n"
AUTH = b"HTTP/1.1 407 Proxy Authentication Required" + EMPTY
GATEWAY = b"HTTP/1.1 502 Bad Gateway" + EMPTY
TUNNEL = b"HTTP/1.1 200 Connection established\r\n\r\n"
REFUSED = b"HTTP/1.1 417 Expectation Failed\r\nConnection: close" + EMPTY
CHUNKED_HEAD = OK + b"Transfer-Encoding: chunked\r\n\r\n"
CHUNKED = CHUNKED_HEAD + b"a\r\nxxxxxxxxxx\r\n"
PART = b"HTTP/1.1 200 OK\r\nContent-"
GZIP = OK + b"Content-Length: 20\r\nContent-Encoding: gzip\r\n\r\n\x1f\x8b" + b"\0" * 18


# Long, and yet within what a kernel takes at once.
HEADERS = {"X-Long": "x" * 2**16}


class Long:
    """A body that no buffer holds, made anew for every request."""

    async def __aiter__(self) -> AsyncGenerator[bytes]:
        for _ in range(64):
            yield b"x" * 2**18


def waits(**timeout: float) -> ClientTimeout:
    return ClientTimeout(**{"total": 5, **timeout})


EVENTS: dict[str, Event] = {
    "dns_failure": Event(nobody_knows),
    "dns_timeout": Event(resolver_gives_up, waits(total=60)),
    "dns_timeout, connect": Event(resolver_waits, waits(connect=SHORT)),
    "dns_timeout, total": Event(resolver_waits, waits(total=SHORT)),
    "refused": Event(nobody_listens),
    "unreachable": Event(no_way),
    "unreachable, host": Event(no_way_to_host, fault={"host": True}),
    "connect_timeout": Event(nobody_answers, waits(connect=SHORT)),
    "connect_timeout, total": Event(nobody_answers, waits(total=SHORT)),
    "sock_connect_timeout": Event(nobody_answers, waits(sock_connect=SHORT)),
    "pool_timeout": Event(full_pool, waits(connect=SHORT)),
    "pool_timeout, total": Event(full_pool, waits(total=SHORT)),
    "reset_on_accept": Event(plays("hold", at="connection")),
    "reset_on_accept, far away": Event(far_away),
    "reset_on_accept, TLS": Event(plays("hold", at="connection", scheme="https")),
    "unknown_ca": Event(secured(leaf(ca=STRANGER))),
    "expired": Event(secured(leaf(not_before=LONG_AGO, not_after=THE_PAST))),
    "not_yet_valid": Event(secured(leaf(not_before=THE_FUTURE, not_after=LATER))),
    "wrong_host": Event(secured(leaf("wrong.host.invalid"))),
    "self_signed": Event(secured(lambda: server_context(STRANGER))),
    "revoked": Event(revoked()),
    "handshake_aborted": Event(plays("close", scheme="https")),
    "protocol_mismatch": Event(secured(old)),
    "cipher_mismatch": Event(secured(other_ciphers)),
    "client_certificate_required": Event(secured(demanding)),
    "fingerprint_mismatch": Event(secured(leaf(), ssl=Fingerprint(b"0" * 32))),
    "proxy_auth_required": Event(proxied(AUTH, "close")),
    "proxy_auth_required, http": Event(proxied(AUTH, "close", url="http://localhost/")),
    "proxy_bad_gateway": Event(proxied(GATEWAY, "close")),
    "proxy_bad_gateway, http": Event(proxied(GATEWAY, "close", url="http://localhost/")),
    "proxy_tunnel_closed": Event(proxied(TUNNEL, "close")),
    "proxy_tunnel_closed, http": Event(proxied("close", url="http://localhost/")),
    "refused, proxy": Event(nobody_listens),
    "reset_on_accept, proxy": Event(proxied("deaf", "reset")),
    "handshake_aborted, proxy": Event(proxied(TUNNEL, "close")),
    "stall_headers": Event(
        plays("deaf", at="byte"), waits(sock_read=SHORT), options={"headers": HEADERS}
    ),
    "stall_headers, POST": Event(
        plays("deaf", at="byte"), waits(total=0.2), "POST", {"data": Long(), "headers": HEADERS}
    ),
    "reset_headers": Event(plays("deaf", "reset", at="byte"), options={"headers": HEADERS}),
    "reset_headers, POST": Event(
        plays("deaf", "reset", at="byte"), method="POST", options={"headers": HEADERS}
    ),
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
    "wrong_content_length, HEAD": Event(
        plays(OK + b"Content-Length: banana\r\n\r\n"), method="HEAD"
    ),
    "wrong_content_length, too long": Event(
        plays(BODY), waits(sock_read=SHORT), fault={"length": 110}
    ),
    "wrong_content_length, too short": Event(
        plays(OK + b"Content-Length: 4\r\n\r\n" + b"x" * 10), fault={"length": 4}
    ),
    "wrong_content_length, too long for HEAD": Event(
        plays(HEAD), method="HEAD", fault={"length": 110}
    ),
    "unknown_encoding": Event(
        plays(OK + b"Transfer-Encoding: banana\r\n\r\n" + b"x" * 10, "close")
    ),
    "unknown_encoding, HEAD": Event(
        plays(OK + b"Transfer-Encoding: banana\r\n\r\n", "close"), method="HEAD"
    ),
    "unknown_encoding, content": Event(
        plays(OK + b"Content-Encoding: banana\r\nContent-Length: 10\r\n\r\n" + b"x" * 10),
        fault={"content": True},
    ),
    "truncated": Event(plays(BODY, "close")),
    "truncated, HEAD": Event(plays(HEAD, "close"), method="HEAD"),
    "truncated, chunked, HEAD": Event(
        plays(CHUNKED_HEAD, "close"), method="HEAD", fault={"chunked": True}
    ),
    "truncated, chunked": Event(plays(CHUNKED, "close"), fault={"chunked": True}),
    "reset_body": Event(plays(BODY, "reset")),
    "reset_body, HEAD": Event(plays(HEAD, "reset"), method="HEAD"),
    "stall_body": Event(plays(BODY), waits(sock_read=SHORT)),
    "stall_body, total": Event(plays(BODY), waits(total=SHORT)),
    "stall_body, HEAD": Event(plays(HEAD), waits(sock_read=SHORT), method="HEAD"),
    "bad_chunk": Event(plays(CHUNKED + b"ZZ\r\n")),
    "bad_chunk, HEAD": Event(plays(CHUNKED_HEAD), method="HEAD"),
    "corrupt_gzip": Event(plays(GZIP)),
    "corrupt_gzip, HEAD": Event(plays(GZIP[:-20]), method="HEAD"),
    "extra_bytes, HEAD": Event(
        plays(OK + b"Content-Length: 10\r\n\r\n" + b"HTTP/1.1 500 Surplus\r\n\r\n"), method="HEAD"
    ),
    "extra_bytes": Event(
        plays(OK + b"Content-Length: 10\r\n\r\nxxxxxxxxxxHTTP/1.1 500 Surplus\r\n\r\n")
    ),
    "slow": Event(plays(OK + b"Content-Length: 100\r\n\r\n" + b"x" * 10), waits(total=SHORT)),
    "slow, in time": Event(
        plays(OK + b"Content-Length: 100\r\n\r\n" + b"x" * 100), waits(total=60)
    ),
    "slow, HEAD": Event(
        plays(OK + b"Content-Length: 100\r\n\r\n"), waits(total=1), method="HEAD"
    ),
    "close_after, HEAD": Event(
        plays(OK + b"Content-Length: 3\r\n\r\n", "close"), method="HEAD", fault={"body": "bye"}
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
