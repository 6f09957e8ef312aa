"""What the hosts of one mock show in a TLS handshake, and what they ask of their clients.

A host shows, if nothing else was said, a certificate for the name that it was asked by, issued by
our authority. Certificates and contexts are made once in a process for all mocks.
"""

from __future__ import annotations

import hashlib
import ssl
import threading
from collections.abc import Callable
from functools import lru_cache
from typing import TYPE_CHECKING, Any, Final, TypeAlias, TypeVar

from aiohttp import Fingerprint
from yarl import URL

from .certificates import Certificate, authority
from .loopback.tls import ALPN, ServerSide, certificate_shown_by, server_name
from .routing.policy import Allowed, parse_allowed
from .routing.target import Asked
from .shadows import Shadows

if TYPE_CHECKING:
    from .loopback.link import Call

__all__ = ("Identities",)

T = TypeVar("T")
Test: TypeAlias = "Callable[[Asked], Any]"

_ANY: Final = ("localhost",)
_REMEMBERED: Final = 1000
_lock: Final = threading.RLock()


class Identities:
    """The hosts' side of every handshake with a mock.

    Raises:
        ImportError: trustme is not installed.
    """

    def __init__(self) -> None:
        authority()
        # The latest first.
        self._shown: list[tuple[Test, Certificate | ssl.SSLContext]] = []
        self._demanded: list[tuple[Test, bytes]] = []

    def show(self, host: Allowed, certificate: Certificate | ssl.SSLContext) -> None:
        """Let *host* show this, in place of what it has shown before."""
        if isinstance(certificate, Certificate):
            # Whatever is wrong with it is to be said here.
            _server_context(certificate._replace(hosts=certificate.hosts or _ANY), None)
        self._shown.insert(0, (_test("certificate", host), certificate))

    def demand(self, host: Allowed, issuers: bytes) -> None:
        """Let *host* accept clients with a certificate by *issuers*, in PEM, and no others."""
        try:
            _server_context(Certificate(_ANY), issuers)
        except (ssl.SSLError, UnicodeDecodeError) as exc:
            raise ValueError(f"ca has no certificate in PEM: {issuers!r:.60} ({exc})") from exc
        self._demanded.insert(0, (_test("require_client_certificate", host), issuers))

    def clear(self) -> None:
        """Forget what hosts show and demand."""
        self._shown.clear()
        self._demanded.clear()

    def side(self, call: Call) -> ServerSide:
        """Return the server that *call* meets in its handshake."""
        return self._side(call.asked, server_name(call))

    def fingerprint(self, host: str) -> Fingerprint:
        """Return the fingerprint of the certificate that *host* shows."""
        asked = Asked("GET", URL.build(scheme="https", host=host))
        der = certificate_shown_by(self._side(asked, asked.key.origin.host).context)
        return Fingerprint(hashlib.sha256(der).digest())

    def _side(self, asked: Asked, name: str) -> ServerSide:
        shown = _first(self._shown, asked) or Certificate(())
        if isinstance(shown, ssl.SSLContext):
            return ServerSide(shown, _as_it_is)
        if not shown.hosts:
            shown = shown._replace(hosts=(name,))
        issuers = _first(self._demanded, asked)
        context, shadows = _server_context(shown, issuers), _shadows()
        # Only the client's own context has a certificate to show.
        return ServerSide(context, shadows.of if issuers is None else shadows.of_default)


def _test(argument: str, host: Allowed) -> Test:
    """Return what tells whether a request is for *host*."""
    parsed = parse_allowed(host, argument)
    return parsed if callable(parsed) else lambda asked: asked.key.origin.host == parsed


def _first(held: list[tuple[Test, T]], asked: Asked) -> T | None:
    return next((what for test, what in held if test(asked)), None)


def _as_it_is(theirs: ssl.SSLContext) -> ssl.SSLContext:
    return theirs


def _server_context(certificate: Certificate, issuers: bytes | None) -> ssl.SSLContext:
    with _lock:
        return _cached_server_context(certificate, issuers)


@lru_cache(_REMEMBERED)
def _cached_server_context(certificate: Certificate, issuers: bytes | None) -> ssl.SSLContext:
    context = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
    context.set_alpn_protocols(ALPN)
    authority().configure(context, certificate)
    if issuers is not None:
        context.load_verify_locations(cadata=issuers.decode())
        context.verify_mode = ssl.CERT_REQUIRED
    return context


def _shadows() -> Shadows:
    with _lock:
        return _cached_shadows()


@lru_cache(None)
def _cached_shadows() -> Shadows:
    return Shadows(authority(), _server_context(Certificate(_ANY), None))
