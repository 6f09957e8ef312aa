"""The servers of TLS that clients refuse, and those that refuse clients.

Each is made for a host, and says what the client is to verify with. Making a certificate takes
milliseconds: each is made once.
"""

from __future__ import annotations

import ssl
import warnings
from datetime import datetime, timedelta, timezone
from functools import lru_cache
from typing import Final

from ..certificates import Certificate, CertificateAuthority, authority
from ..extras import extra
from ..loopback.tls import ALPN, ServerSide, certificate_shown_by
from ..shadows import Shadows

__all__ = (
    "cipher_mismatch",
    "client_certificate_required",
    "expired",
    "fingerprint_mismatch",
    "not_yet_valid",
    "protocol_mismatch",
    "revoked",
    "self_signed",
    "unknown_ca",
    "wrong_host",
)

_REMEMBERED: Final = 100
_YEAR: Final = timedelta(days=365)


# What the client verifies with: its own context, or one that trusts who has issued the certificate.


def _with_its_own(theirs: ssl.SSLContext) -> ssl.SSLContext:
    return theirs


def _with_a_shadow(theirs: ssl.SSLContext) -> ssl.SSLContext:
    return _shadows().of(theirs)


@lru_cache(1)
def _shadows() -> Shadows:
    return Shadows(authority(), _issued("localhost"))


# What the server shows.


def _context() -> ssl.SSLContext:
    context = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
    context.set_alpn_protocols(ALPN)
    return context


@lru_cache(_REMEMBERED)
def _issued(
    host: str, not_before: datetime | None = None, not_after: datetime | None = None
) -> ssl.SSLContext:
    context = _context()
    authority().configure(context, Certificate((host,), not_before, not_after))
    return context


def expired(host: str) -> ServerSide:
    """Show a certificate that has expired."""
    today = datetime(2020, 1, 1, tzinfo=timezone.utc)
    return ServerSide(_issued(host, today - _YEAR, today), _with_a_shadow)


def not_yet_valid(host: str) -> ServerSide:
    """Show a certificate that is not valid yet."""
    some_day = datetime(2999, 1, 1, tzinfo=timezone.utc)
    return ServerSide(_issued(host, some_day, some_day + _YEAR), _with_a_shadow)


def wrong_host(_host: str) -> ServerSide:
    """Show a certificate for another host."""
    return ServerSide(_issued("wrong.host.invalid"), _with_a_shadow)


def fingerprint_mismatch(host: str) -> ServerSide:
    """Show a certificate that nobody has pinned, for nobody has seen it elsewhere."""
    until = datetime(2035, 1, 1, 1, tzinfo=timezone.utc)
    return ServerSide(_issued(host, None, until), _with_a_shadow)


@lru_cache(_REMEMBERED)
def unknown_ca(host: str) -> ServerSide:
    """Show a certificate by an authority that nobody knows."""
    context = _context()
    CertificateAuthority().configure(context, Certificate((host,)))
    return ServerSide(context, _with_its_own)


@lru_cache(1)
def self_signed(_host: str) -> ServerSide:
    """Show a certificate that has signed itself, as an authority's has."""
    trustme = extra("trustme", "tls")
    itself = trustme.CA(key_type=trustme.KeyType.ECDSA)
    context = _context()
    pem = trustme.Blob(itself.private_key_pem.bytes() + itself.cert_pem.bytes())
    with pem.tempfile() as path:
        context.load_cert_chain(path)
    return ServerSide(context, _with_its_own)


@lru_cache(_REMEMBERED)
def revoked(host: str) -> ServerSide:
    """Show a certificate that has been revoked, to a client that has the list of those."""
    context, issuer = _context(), _Revoking()
    issuer.configure(context, Certificate((host,)))
    return ServerSide(context, Shadows(issuer, context).of)


class _Revoking(CertificateAuthority):
    """An authority that has revoked what it has issued; who trusts it has its list."""

    _list: bytes

    def configure(self, context: ssl.SSLContext, certificate: Certificate) -> None:
        super().configure(context, certificate)
        self._list = self.revocations(certificate_shown_by(context))

    def trust(self, context: ssl.SSLContext) -> None:
        super().trust(context)
        # Python reads lists from files alone.
        with extra("trustme", "tls").Blob(self._list).tempfile() as path:
            context.load_verify_locations(path)
        context.verify_flags |= ssl.VERIFY_CRL_CHECK_LEAF


# What the server knows, and wants.


@lru_cache(1)
def protocol_mismatch(_host: str) -> ServerSide:
    """Know no version of TLS that is newer than 1.1."""
    context = _context()
    with warnings.catch_warnings():
        # That it is old is what it is for.
        warnings.simplefilter("ignore", DeprecationWarning)
        context.minimum_version = ssl.TLSVersion.TLSv1
        context.maximum_version = ssl.TLSVersion.TLSv1_1
    # OpenSSL 3 would not speak it otherwise, and say so in other words.
    context.set_ciphers("ALL:@SECLEVEL=0")
    return ServerSide(context, _with_a_shadow)


@lru_cache(1)
def cipher_mismatch(_host: str) -> ServerSide:
    """Know no cipher but one that encrypts nothing, which no client wants."""
    context = _context()
    # The ciphers of TLS 1.3 are not for Python to choose.
    context.maximum_version = ssl.TLSVersion.TLSv1_2
    context.set_ciphers("ECDHE-ECDSA-NULL-SHA:@SECLEVEL=0")
    authority().configure(context, Certificate(("localhost",)))
    return ServerSide(context, _with_a_shadow)


@lru_cache(_REMEMBERED)
def client_certificate_required(host: str) -> ServerSide:
    """Ask for a certificate by an authority that has issued none."""
    context = _context()
    authority().configure(context, Certificate((host,)))
    CertificateAuthority().trust(context)
    context.verify_mode = ssl.CERT_REQUIRED
    return ServerSide(context, _with_a_shadow)
