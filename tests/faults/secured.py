"""Where handshakes fail: servers of OpenSSL's own, and clients that trust their authority."""

from __future__ import annotations

import ssl
import warnings
from collections.abc import AsyncGenerator, Callable
from contextlib import asynccontextmanager
from datetime import datetime, timezone
from typing import Any

import trustme
from cryptography import x509
from cryptography.hazmat.primitives.hashes import SHA256
from cryptography.hazmat.primitives.serialization import Encoding, load_pem_private_key

from tests.faults.meeting import Place
from tests.tls import openssl_server, server_context, set_up

__all__ = (
    "LATER",
    "LONG_AGO",
    "STRANGER",
    "THE_FUTURE",
    "THE_PAST",
    "demanding",
    "leaf",
    "old",
    "other_ciphers",
    "revoked",
    "secured",
)

AUTHORITY, STRANGER = trustme.CA(), trustme.CA()
LONG_AGO = datetime(2019, 1, 1, tzinfo=timezone.utc)
LATER = datetime(3000, 1, 1, tzinfo=timezone.utc)
THE_PAST = datetime(2020, 1, 1, tzinfo=timezone.utc)
THE_FUTURE = datetime(2999, 1, 1, tzinfo=timezone.utc)


def secured(context: Callable[[], ssl.SSLContext], **client: Any) -> Callable[[], Any]:
    """Return the place of a server of OpenSSL's own, and of a client that trusts AUTHORITY."""

    @asynccontextmanager
    async def place() -> AsyncGenerator[Place]:
        with openssl_server(context()) as port:
            yield Place(f"https://localhost:{port}/", {"ssl": trusting(), **client})

    return place


def trusting() -> ssl.SSLContext:
    context = ssl.create_default_context()
    AUTHORITY.configure_trust(context)
    return context


def leaf(*hosts: str, ca: trustme.CA = AUTHORITY, **dates: Any) -> Callable[[], ssl.SSLContext]:
    """Return what makes the context of a server with a new certificate."""
    return lambda: server_context(ca.issue_cert(*(hosts or ("localhost",)), **dates))


def with_list(revoked: trustme.LeafCert) -> ssl.SSLContext:
    """Return the context of a client that has the list of what AUTHORITY has revoked."""
    issuer = x509.load_pem_x509_certificate(AUTHORITY.cert_pem.bytes())
    key: Any = load_pem_private_key(AUTHORITY.private_key_pem.bytes(), None)
    serial = x509.load_pem_x509_certificate(revoked.cert_chain_pems[0].bytes()).serial_number
    entry = x509.RevokedCertificateBuilder().serial_number(serial).revocation_date(THE_PAST)
    signed = (
        x509.CertificateRevocationListBuilder()
        .issuer_name(issuer.subject)
        .last_update(THE_PAST)
        .next_update(THE_FUTURE)
        .add_revoked_certificate(entry.build())
        .sign(key, SHA256())
    )
    context = trusting()
    with trustme.Blob(signed.public_bytes(Encoding.PEM)).tempfile() as path:
        context.load_verify_locations(path)
    context.verify_flags |= ssl.VERIFY_CRL_CHECK_LEAF
    return context


def revoked() -> Any:
    """Return the place of a server whose certificate has been revoked, and of who knows that."""
    shown = AUTHORITY.issue_cert("localhost")
    return secured(lambda: server_context(shown), ssl=with_list(shown))


def other_ciphers() -> ssl.SSLContext:
    """Return the context of a server that knows ciphers of another country alone."""
    return set_up(
        leaf()(),
        {"maximum_version": ssl.TLSVersion.TLSv1_2, "ciphers": "CAMELLIA:ARIA"},
    )


def demanding() -> ssl.SSLContext:
    """Return the context of a server that wants to know its clients."""
    context = leaf()()
    STRANGER.configure_trust(context)
    context.verify_mode = ssl.CERT_REQUIRED
    return context


def old() -> ssl.SSLContext:
    """Return the context of a server from before TLS 1.2."""
    context = leaf()()
    with warnings.catch_warnings():
        warnings.simplefilter("ignore", DeprecationWarning)
        context.minimum_version = ssl.TLSVersion.TLSv1
        context.maximum_version = ssl.TLSVersion.TLSv1_1
    context.set_ciphers("ALL:@SECLEVEL=0")
    return context
