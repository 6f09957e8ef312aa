"""Every fault: when it happens, what happens, and how that is brought about.

The constructors in ``faults``, the page in the documentation and the tests are all made of this
table. A fault never says what the client's caller gets: that is for aiohttp to make of it.
"""

from __future__ import annotations

import errno
import socket
from typing import Final

from . import scripts
from .connected import Dropping, ResettingUnread, StallingUnread
from .connecting import Dialling, LookingUp, Queueing, Resetting
from .kind import Kind
from .playing import Talked, Written
from .shaking import Aborting, Shaking
from .tunnels import Tunnelling

__all__ = ("KINDS", "TABLE")

# fmt: off
TABLE: Final[tuple[Kind, ...]] = (
    # Before there is a connection.
    Kind("dns_failure", "connect", "the host's name is not found",
         LookingUp(socket.EAI_NONAME)),
    Kind("dns_timeout", "connect", "no name server answers, until the resolver gives up",
         LookingUp(socket.EAI_AGAIN), seconds=10.0, virtual=True),
    Kind("refused", "connect", "nobody listens at the host's port",
         Dialling(errno.ECONNREFUSED)),
    Kind("unreachable", "connect", "there is no way to the network (to the host: host=True)",
         Dialling(errno.ENETUNREACH, errno.EHOSTUNREACH), host=False),
    Kind("connect_timeout", "connect", "nobody answers, until the client gives up, or the system",
         Dialling(errno.ETIMEDOUT), seconds=130.0, virtual=True),
    Kind("sock_connect_timeout", "timeout", "the same, for a client with sock_connect=",
         Dialling(errno.ETIMEDOUT), seconds=130.0, virtual=True),
    Kind("pool_timeout", "timeout", "no connection of the pool becomes free in time",
         Queueing(), seconds=None, status=200, headers=None, virtual=True),
    Kind("reset_on_accept", "connect", "the connection is reset as soon as it is made",
         Resetting(), attempts=None, then=None),

    # In the handshake of TLS.
    Kind("unknown_ca", "TLS", "the certificate is by an authority that nobody knows",
         Shaking("unknown_ca")),
    Kind("expired", "TLS", "the certificate has expired",
         Shaking("expired")),
    Kind("not_yet_valid", "TLS", "the certificate is not valid yet",
         Shaking("not_yet_valid")),
    Kind("wrong_host", "TLS", "the certificate is for another host",
         Shaking("wrong_host")),
    Kind("self_signed", "TLS", "the certificate has signed itself",
         Shaking("self_signed")),
    Kind("revoked", "TLS", "the certificate has been revoked, and the client has the list of those",
         Shaking("revoked")),
    Kind("handshake_aborted", "TLS", "the server closes the connection in the handshake",
         Aborting()),
    Kind("protocol_mismatch", "TLS", "the server knows no version of TLS newer than 1.1",
         Shaking("protocol_mismatch")),
    Kind("cipher_mismatch", "TLS", "the server knows no cipher that the client knows",
         Shaking("cipher_mismatch")),
    Kind("client_certificate_required", "TLS", "the server wants another certificate, or any",
         Shaking("client_certificate_required")),
    Kind("fingerprint_mismatch", "TLS", "the certificate is not the one that the client has pinned",
         Shaking("fingerprint_mismatch")),

    # At a proxy.
    Kind("proxy_auth_required", "proxy", "the proxy wants to know who asks",
         Tunnelling(), status=407, headers={"Proxy-Authenticate": "Basic"}),
    Kind("proxy_bad_gateway", "proxy", "the proxy does not reach the host",
         Tunnelling(), status=502, headers=None),
    Kind("proxy_tunnel_closed", "proxy", "the tunnel is there, and closed at once",
         Tunnelling()),

    # While the request is read.
    Kind("stall_headers", "request", "the server ceases to read in the middle of the headers",
         StallingUnread(), seconds=None, status=200, headers=None, virtual=True),
    Kind("reset_headers", "request", "the connection is reset in the middle of the headers",
         ResettingUnread(), attempts=None, then=None),
    Kind("stall_request", "request", "the server ceases to read after so much of the body",
         Written(scripts.stall_request, reads_body=False),
         after=0, seconds=None, status=200, headers=None, virtual=True),
    Kind("reset_request", "request", "the connection is reset after so much of the body",
         Written(scripts.reset_request, reads_body=False), after=0, attempts=None, then=None),
    Kind("expect_refused", "request", "the server answers before it reads the body, and closes",
         Written(scripts.answer_early, reads_body=False), status=417, headers=None),

    # In the head of the response.
    Kind("disconnect", "head", "the server closes the connection after so much of the head",
         Written(scripts.close_before_answer),
         after=0, status=200, headers=None, attempts=None, then=None),
    Kind("reset", "head", "the connection is reset after so much of the head",
         Written(scripts.reset_before_answer),
         after=0, status=200, headers=None, attempts=None, then=None),
    Kind("stall", "head", "nothing comes after so much of the head",
         Written(scripts.stall_before_answer),
         after=0, seconds=None, status=200, headers=None, virtual=True),
    Kind("bad_status_line", "head", "the status line is none",
         Written(scripts.bad_status_line)),
    Kind("bad_header", "head", "a header has no colon",
         Written(scripts.bad_header), status=200, headers=None),
    Kind("header_too_long", "head", "a header has so many bytes",
         Written(scripts.header_too_long), after=65_536, status=200, headers=None),
    Kind("wrong_content_length", "head", "Content-Length is no number (or a wrong one: length=)",
         Written(scripts.wrong_content_length),
         length=None, body=b"x" * 10, status=200, headers=None, virtual=True),
    Kind("unknown_encoding", "head",
         "Transfer-Encoding is none that anybody knows (content=True: Content-Encoding)",
         Written(scripts.unknown_encoding), content=False, status=200, headers=None),

    # In the body of the response.
    Kind("truncated", "body", "the server closes the connection after so much of the body",
         Written(scripts.truncated), after=10, chunked=False, status=200, headers=None),
    Kind("reset_body", "body", "the connection is reset after so much of the body",
         Written(scripts.reset_body), after=10, chunked=False, status=200, headers=None),
    Kind("stall_body", "body", "nothing comes after so much of the body",
         Written(scripts.stall_body),
         after=10, chunked=False, seconds=None, status=200, headers=None, virtual=True),
    Kind("bad_chunk", "body", "the size of a chunk is no number, after so much of the body",
         Written(scripts.bad_chunk), after=10, status=200, headers=None),
    Kind("corrupt_gzip", "body", "the body is said to be gzip, and is not",
         Written(scripts.corrupt_gzip), status=200, headers=None),
    Kind("extra_bytes", "body", "bytes follow the end of the response",
         Written(scripts.extra_bytes), body=b"x" * 10, status=200, headers=None),
    Kind("slow", "body", "the body comes at so many bytes per second",
         Written(scripts.slow),
         bytes_per_second=10.0, body=b"x" * 100, status=200, headers=None, virtual=True),

    # After the response.
    Kind("close_after", "after", "the server closes the connection, and has not said so",
         Written(scripts.close_after), body=b"", status=200, headers=None),
    Kind("drop_idle", "after", "an idle connection is closed just before the request comes",
         Dropping(), attempts=1, then=None),

    # On a WebSocket.
    Kind("ws_refused", "WebSocket", "the handshake is answered with another status",
         Talked(scripts.ws_refused), status=403, headers=None),
    Kind("ws_lost", "WebSocket", "the connection is reset after the handshake",
         Talked(scripts.ws_lost)),
    Kind("ws_bad_frame", "WebSocket", "a frame has an opcode that is reserved",
         Talked(scripts.ws_bad_frame)),
    Kind("ws_bad_close", "WebSocket", "a close frame has a code that must not be sent",
         Talked(scripts.ws_bad_close), code=1005),
    Kind("ws_no_pong", "WebSocket", "pings are not answered",
         Talked(scripts.ws_no_pong)),

    # Time, as the client measures it.
    Kind("total_timeout", "timeout", "the response does not come before total= is over",
         Written(scripts.expire_total), virtual=True),
    Kind("sock_read_timeout", "timeout", "nothing is heard for as long as sock_read= says",
         Written(scripts.expire_sock_read), virtual=True),
)
"""Name, phase, what happens, how, and the arguments with their defaults."""
# fmt: on

KINDS: Final = {kind.name: kind for kind in TABLE}
