"""Contexts that stand in for a client's own in handshakes with mocked hosts.

A client verifies with a context that does not trust our authority, and must not be made to: a
context outlives the test, and cannot be copied. So it verifies with a shadow, a new context with
the settings of its own, which trusts our authority and no other. What cannot be read from a context
has no shadow: the certificates that the client trusts, and those that it would show itself.
"""

from __future__ import annotations

import ssl
import threading
import warnings
from typing import TYPE_CHECKING, Any, Final
from weakref import WeakKeyDictionary

from .loopback.tls import ALPN, advance, is_default

if TYPE_CHECKING:
    from .certificates import CertificateAuthority

__all__ = ("Shadows",)

# The shadow has no revocation lists, and would miss them.
_REVOCATION: Final = ssl.VERIFY_CRL_CHECK_LEAF | ssl.VERIFY_CRL_CHECK_CHAIN


class Shadows:
    """The shadows of clients' contexts.

    Args:
        authority: what they trust.
        server: some server's context, which is asked what a client offers.
    """

    def __init__(self, authority: CertificateAuthority, server: ssl.SSLContext) -> None:
        self._authority = authority
        self._der = ssl.PEM_cert_to_DER_cert(authority.pem.decode())
        self._server = server
        self._lock = threading.Lock()
        self._known: WeakKeyDictionary[ssl.SSLContext, tuple[Any, ssl.SSLContext | None]]
        self._known = WeakKeyDictionary()

    def of(self, theirs: ssl.SSLContext) -> ssl.SSLContext:
        """Return what to verify with in the place of *theirs*.

        That is *theirs* itself, if it verifies nothing, or trusts our authority already.
        """
        if theirs.verify_mode is ssl.CERT_NONE:
            return theirs
        with self._lock:
            settings = _settings(theirs)
            known = self._known.get(theirs)
            if known is None or known[0] != settings:
                known = self._known[theirs] = settings, self._cast(theirs)
            return known[1] or theirs

    def of_default(self, theirs: ssl.SSLContext) -> ssl.SSLContext:
        """Return what to verify with in the place of *theirs*, if that is not the client's own."""
        return self.of(theirs) if is_default(theirs) else theirs

    def _cast(self, theirs: ssl.SSLContext) -> ssl.SSLContext | None:
        if self._der in theirs.get_ca_certs(binary_form=True):
            return None
        shadow = ssl.SSLContext(ssl.PROTOCOL_TLS_CLIENT)
        with warnings.catch_warnings():
            # Old versions of TLS: it is for who made the context to be warned of them.
            warnings.simplefilter("ignore", DeprecationWarning)
            shadow.options = theirs.options
            shadow.minimum_version = theirs.minimum_version
            shadow.maximum_version = theirs.maximum_version
        shadow.check_hostname = theirs.check_hostname
        shadow.hostname_checks_common_name = theirs.hostname_checks_common_name
        shadow.verify_mode = theirs.verify_mode
        shadow.verify_flags = theirs.verify_flags & ~_REVOCATION
        shadow.set_ciphers(_ciphers(theirs))
        if self._offers_alpn(theirs):
            shadow.set_alpn_protocols(ALPN)
        self._authority.trust(shadow)
        return shadow

    def _offers_alpn(self, theirs: ssl.SSLContext) -> bool:
        """Tell whether a client offers HTTP/1.1 by name: its first words to a server say so."""
        to_client, to_server = ssl.MemoryBIO(), ssl.MemoryBIO()
        client = theirs.wrap_bio(to_client, to_server, server_hostname="localhost")
        server = self._server.wrap_bio(to_server, to_client, server_side=True)
        try:
            advance(client)
            advance(server)
        except ssl.SSLError:
            # The two have no version of TLS in common.
            return False
        return server.selected_alpn_protocol() is not None


def _settings(context: ssl.SSLContext) -> tuple[object, ...]:
    """Return what tells, quickly, that a context has been changed."""
    return (
        context.verify_mode,
        context.check_hostname,
        context.hostname_checks_common_name,
        context.verify_flags,
        context.options,
        context.minimum_version,
        context.maximum_version,
        *context.cert_store_stats().values(),
    )


def _ciphers(context: ssl.SSLContext) -> str:
    names = [cipher["name"] for cipher in context.get_ciphers()]
    return ":".join([*names, f"@SECLEVEL={context.security_level}"])
