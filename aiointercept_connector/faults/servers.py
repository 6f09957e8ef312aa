"""The servers of TLS that clients refuse, and those that refuse clients."""

from __future__ import annotations

import ssl
import warnings
from datetime import datetime, timedelta, timezone
from functools import lru_cache
from typing import Any, Final

from ..certificates import Certificate, authority
from ..extras import extra
from ..loopback.tls import ALPN
from ..shadows import Shadows

__all__ = (
    "as_it_is",
    "client_certificate_required",
    "expired",
    "fingerprint_mismatch",
    "not_yet_valid",
    "protocol_mismatch",
    "self_signed",
    "shadow",
    "unknown_ca",
    "wrong_host",
)

_REMEMBERED: Final = 100
_YEAR: Final = timedelta(days=365)


def as_it_is(theirs: ssl.SSLContext) -> ssl.SSLContext:
    """Have the client verify with its own context."""
    return theirs


def shadow(theirs: ssl.SSLContext) -> ssl.SSLContext:
    """Have the client verify with one that trusts our authority."""
    return _shadows().of(theirs)


@lru_cache(1)
def _shadows() -> Shadows:
    return Shadows(authority(), _issued("localhost"))


# What servers show. Making a certificate takes milliseconds: each is made once for a host.


def _context() -> ssl.SSLContext:
    context = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
    context.set_alpn_protocols(ALPN)
    return context


def _trustme() -> tuple[Any, dict[str, Any]]:
    """Return trustme, and what has it make its keys quickly."""
    trustme = extra("trustme", "tls")
    return trustme, {"key_type": trustme.KeyType.ECDSA}


@lru_cache(_REMEMBERED)
def _issued(
    host: str, not_before: datetime | None = None, not_after: datetime | None = None
) -> ssl.SSLContext:
    context = _context()
    authority().configure(context, Certificate((host,), not_before, not_after))
    return context


def expired(host: str) -> ssl.SSLContext:
    """Show a certificate that has expired."""
    today = datetime(2020, 1, 1, tzinfo=timezone.utc)
    return _issued(host, today - _YEAR, today)


def not_yet_valid(host: str) -> ssl.SSLContext:
    """Show a certificate that is not valid yet."""
    some_day = datetime(2999, 1, 1, tzinfo=timezone.utc)
    return _issued(host, some_day, some_day + _YEAR)


def wrong_host(_host: str) -> ssl.SSLContext:
    """Show a certificate for another host."""
    return _issued("wrong.host.invalid")


@lru_cache(_REMEMBERED)
def unknown_ca(host: str) -> ssl.SSLContext:
    """Show a certificate by an authority that nobody knows."""
    trustme, keys = _trustme()
    context = _context()
    trustme.CA(**keys).issue_cert(host, **keys).configure_cert(context)
    return context


@lru_cache(1)
def self_signed(_host: str) -> ssl.SSLContext:
    """Show a certificate that has signed itself, as an authority's has."""
    trustme, keys = _trustme()
    itself = trustme.CA(**keys)
    context = _context()
    pem = trustme.Blob(itself.private_key_pem.bytes() + itself.cert_pem.bytes())
    with pem.tempfile() as path:
        context.load_cert_chain(path)
    return context


@lru_cache(1)
def _old() -> ssl.SSLContext:
    context = _context()
    with warnings.catch_warnings():
        # That it is old is what it is for.
        warnings.simplefilter("ignore", DeprecationWarning)
        context.minimum_version = ssl.TLSVersion.TLSv1
        context.maximum_version = ssl.TLSVersion.TLSv1_1
    # OpenSSL 3 would not speak it otherwise, and say so in other words.
    context.set_ciphers("ALL:@SECLEVEL=0")
    return context


def protocol_mismatch(_host: str) -> ssl.SSLContext:
    """Know no version of TLS that is newer than 1.1."""
    return _old()


@lru_cache(_REMEMBERED)
def client_certificate_required(host: str) -> ssl.SSLContext:
    """Ask for a certificate by an authority that has issued none."""
    context = _context()
    authority().configure(context, Certificate((host,)))
    trustme, keys = _trustme()
    trustme.CA(**keys).configure_trust(context)
    context.verify_mode = ssl.CERT_REQUIRED
    return context


def fingerprint_mismatch(host: str) -> ssl.SSLContext:
    """Show a certificate that nobody has pinned, for nobody has seen it elsewhere."""
    return _issued(host, None, datetime(2035, 1, 1, 1, tzinfo=timezone.utc))
