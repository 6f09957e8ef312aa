"""Every way the network fails: replies for ``exception=`` and ``reply=``.

The table of them is in ``faults/table.py``, and, with what the client's caller gets, in
docs/faults.md.
"""

from __future__ import annotations

from importlib import import_module
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from .kind import Kind
    from .unreliable import fail_times, flaky

    dns_failure: Kind
    dns_timeout: Kind
    refused: Kind
    unreachable: Kind
    connect_timeout: Kind
    reset_on_accept: Kind
    pool_timeout: Kind
    unknown_ca: Kind
    expired: Kind
    not_yet_valid: Kind
    wrong_host: Kind
    self_signed: Kind
    revoked: Kind
    handshake_aborted: Kind
    protocol_mismatch: Kind
    cipher_mismatch: Kind
    client_certificate_required: Kind
    fingerprint_mismatch: Kind
    stall_headers: Kind
    reset_headers: Kind
    stall_request: Kind
    reset_request: Kind
    expect_refused: Kind
    disconnect: Kind
    reset: Kind
    stall: Kind
    bad_status_line: Kind
    bad_header: Kind
    header_too_long: Kind
    wrong_content_length: Kind
    unknown_encoding: Kind
    truncated: Kind
    reset_body: Kind
    stall_body: Kind
    bad_chunk: Kind
    corrupt_gzip: Kind
    extra_bytes: Kind
    slow: Kind
    close_after: Kind
    drop_idle: Kind
    ws_refused: Kind
    ws_lost: Kind
    ws_bad_frame: Kind
    ws_bad_close: Kind
    ws_no_pong: Kind
    proxy_auth_required: Kind
    proxy_bad_gateway: Kind
    proxy_tunnel_closed: Kind
    total_timeout: Kind
    sock_connect_timeout: Kind
    sock_read_timeout: Kind

__all__ = (
    "bad_chunk",
    "bad_header",
    "bad_status_line",
    "cipher_mismatch",
    "client_certificate_required",
    "close_after",
    "connect_timeout",
    "corrupt_gzip",
    "disconnect",
    "dns_failure",
    "dns_timeout",
    "drop_idle",
    "expect_refused",
    "expired",
    "extra_bytes",
    "fail_times",
    "fingerprint_mismatch",
    "flaky",
    "handshake_aborted",
    "header_too_long",
    "not_yet_valid",
    "pool_timeout",
    "protocol_mismatch",
    "proxy_auth_required",
    "proxy_bad_gateway",
    "proxy_tunnel_closed",
    "refused",
    "reset",
    "reset_body",
    "reset_headers",
    "reset_on_accept",
    "reset_request",
    "revoked",
    "self_signed",
    "slow",
    "sock_connect_timeout",
    "sock_read_timeout",
    "stall",
    "stall_body",
    "stall_headers",
    "stall_request",
    "total_timeout",
    "truncated",
    "unknown_ca",
    "unknown_encoding",
    "unreachable",
    "wrong_content_length",
    "wrong_host",
    "ws_bad_close",
    "ws_bad_frame",
    "ws_lost",
    "ws_no_pong",
    "ws_refused",
)


def __getattr__(name: str) -> object:
    # Importing the package is to stay cheap.
    if name in {"fail_times", "flaky"}:
        return getattr(import_module(".unreliable", __name__), name)
    if name in __all__:
        return import_module(".table", __name__).KINDS[name]
    raise AttributeError(f"module {__name__!r} has no attribute {name!r}")


def __dir__() -> list[str]:
    return [*globals(), *__all__]
