"""The throw-away authority that issues the certificates of mocked hosts.

There is one for the process, made when it is first asked for: an authority and a certificate take
milliseconds to make, a suite would feel that in every test. It is in no system's trust store, and
its key is never written anywhere. trustme, which the extra ``tls`` brings, does the work.
"""

from __future__ import annotations

import atexit
import os
import ssl
import tempfile
import threading
from contextlib import suppress
from datetime import datetime
from functools import lru_cache
from typing import Any, Final, NamedTuple

from .extras import extra

__all__ = ("Certificate", "CertificateAuthority", "ClientCertificate", "authority")

_REMEMBERED: Final = 1000
_NOWHERE: Final = "0.0.0.0"  # noqa: S104 - nothing is bound to it
_lock: Final = threading.RLock()


class PemFile:
    """PEM text, and a file that has it.

    Attributes:
        pem: the text, as bytes.
    """

    def __init__(self, pem: bytes) -> None:
        self.pem = pem
        self._path: str | None = None

    @property
    def path(self) -> str:
        """A file with the text, for what takes nothing else; gone when the process has ended."""
        with _lock:
            if self._path is None:
                file, self._path = tempfile.mkstemp(".pem", "aiointercept-")
                # Not sooner: `context.load_cert_chain(ca.issue_client(...).path)` is one line.
                atexit.register(_remove, self._path)
                with os.fdopen(file, "wb") as opened:
                    opened.write(self.pem)
            return self._path


def _remove(path: str) -> None:
    with suppress(FileNotFoundError):
        os.unlink(path)  # noqa: PTH108 - a path that mkstemp has made, as text


class ClientCertificate(PemFile):
    """A certificate for a client, with its key.

    A client shows it once its context has it: ``context.load_cert_chain(certificate.path)``.

    Attributes:
        name: whom it names.
        pem: the key and the certificate, as bytes.
    """

    def __init__(self, name: str, pem: bytes) -> None:
        super().__init__(pem)
        self.name = name

    def __repr__(self) -> str:
        return f"<ClientCertificate {self.name!r}>"


class Certificate(NamedTuple):
    """What a host's certificate says.

    Attributes:
        hosts: the hosts, addresses and wildcards that it is for.
        not_before: when it begins to be valid; None for long ago.
        not_after: when it ends to be valid; None for a time far off.
    """

    hosts: tuple[str, ...]
    not_before: datetime | None = None
    not_after: datetime | None = None


class CertificateAuthority(PemFile):
    """The authority that has issued the certificates of mocked hosts: ``aiointercept.ca``.

    Attributes:
        pem: its certificate, as bytes.

    Raises:
        ImportError: trustme is not installed.
    """

    def __init__(self) -> None:
        self._trustme = extra("trustme", "tls")
        # RSA keys would take 30 times as long to make.
        self._keys: dict[str, Any] = {"key_type": self._trustme.KeyType.ECDSA}
        self._ca = self._trustme.CA(**self._keys)
        super().__init__(self._ca.cert_pem.bytes())

    def __repr__(self) -> str:
        return "<CertificateAuthority of mocked hosts>"

    def trust(self, context: ssl.SSLContext) -> None:
        """Make *context* trust the certificates of mocked hosts, beside those it trusts already.

        Raises:
            TypeError: *context* is no ``ssl.SSLContext``.
        """
        if not isinstance(context, ssl.SSLContext):
            raise TypeError(f"trust() takes an ssl.SSLContext, not {context!r:.60}")
        context.load_verify_locations(cadata=self.pem.decode())

    def issue_client(self, name: str) -> ClientCertificate:
        """Issue a certificate for a client, which hosts that ask for one accept.

        Args:
            name: its common name.

        Raises:
            TypeError: *name* is no text.
            ValueError: *name* is empty, or longer than the 64 characters of a common name.
        """
        if not isinstance(name, str):
            raise TypeError(f"issue_client() takes a name, not {name!r:.60}")
        if not 0 < len(name) <= 64:
            raise ValueError(f"a common name has 1 to 64 characters; {name!r:.80} has {len(name)}")
        leaf = self._issued_to_name(name, Certificate(()))
        return ClientCertificate(name, leaf.private_key_and_cert_chain_pem.bytes())

    def revocations(self, certificate: bytes) -> bytes:
        """Return, in PEM, a list on which *certificate*, one in DER, is the only one.

        RFC 5280 section 5.
        """
        # trustme has brought it.
        from cryptography import x509
        from cryptography.hazmat.primitives import hashes, serialization

        issuer = x509.load_pem_x509_certificate(self.pem)
        key: Any = serialization.load_pem_private_key(self._ca.private_key_pem.bytes(), None)
        revoked = (
            x509.RevokedCertificateBuilder()
            .serial_number(x509.load_der_x509_certificate(certificate).serial_number)
            .revocation_date(issuer.not_valid_before_utc)
            .build()
        )
        signed = (
            x509.CertificateRevocationListBuilder()
            .issuer_name(issuer.subject)
            .last_update(issuer.not_valid_before_utc)
            .next_update(issuer.not_valid_after_utc)
            .add_revoked_certificate(revoked)
            .sign(key, hashes.SHA256())
        )
        return signed.public_bytes(serialization.Encoding.PEM)

    def configure(self, context: ssl.SSLContext, certificate: Certificate) -> None:
        """Let the server that has *context* show *certificate*.

        Raises:
            ValueError: the certificate cannot be made.
        """
        with _lock:
            leaf = self._leaf(certificate)
        leaf.configure_cert(context)

    @lru_cache(_REMEMBERED)  # noqa: B019 - it lives as long as the process anyway
    def _leaf(self, certificate: Certificate) -> Any:
        hosts, not_before, not_after = certificate
        try:
            return self._ca.issue_cert(
                *hosts, not_before=not_before, not_after=not_after, **self._keys
            )
        except UnicodeError as exc:
            if len(hosts) != 1 or not hosts[0].isascii():
                raise ValueError(f"hosts has what is no host's name: {hosts} ({exc})") from exc
            # No public name has an underscore, but those of containers do.
            return self._issued_to_name(hosts[0], certificate)

    def _issued_to_name(self, name: str, certificate: Certificate) -> Any:
        """Issue a certificate whose common name is *name*; OpenSSL looks there if it must."""
        _, not_before, not_after = certificate
        # Strictly speaking there must be an alternative name.
        return self._ca.issue_cert(
            _NOWHERE, common_name=name, not_before=not_before, not_after=not_after, **self._keys
        )


_made: CertificateAuthority | None = None


def authority() -> CertificateAuthority:
    """Return the authority of the process.

    Raises:
        ImportError: trustme is not installed.
    """
    global _made  # noqa: PLW0603 - the process has one
    with _lock:
        if _made is None:
            _made = CertificateAuthority()
        return _made
