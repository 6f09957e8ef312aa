"""The TLS side of a mock: what its hosts show in a handshake, and what they ask of clients."""

from __future__ import annotations

import os
import ssl
from collections.abc import Iterable
from datetime import datetime, timedelta, timezone
from pathlib import Path
from typing import TYPE_CHECKING, Any, Final, Literal, TypeAlias, cast

if TYPE_CHECKING:
    from aiohttp import Fingerprint

    from .certificates import Certificate, CertificateAuthority
    from .identities import Identities
    from .interceptor import Interceptor
    from .routing.policy import Allowed

__all__ = ("TLS_MODES", "Securing", "TlsMode", "new_identities")

TlsMode: TypeAlias = Literal["assume", "verify"]
TLS_MODES: Final = ("assume", "verify")

_LONG_AGO: Final = datetime(2000, 1, 1, tzinfo=timezone.utc)


def new_identities(tls: TlsMode) -> Identities | None:
    """Return the hosts of a mock with this *tls*; None if no handshake is made with them.

    Raises:
        ImportError: trustme is not installed.
    """
    if tls == "assume":
        return None
    # Imported at its use: most mocks have none, and cryptography takes long.
    from .identities import Identities

    return Identities()


class Securing:
    """Says what the handshakes with a mock are like."""

    interceptor: Interceptor

    @property
    def ca(self) -> CertificateAuthority:
        """The authority that issues the certificates of mocked hosts: one for the process.

        Raises:
            ImportError: trustme is not installed.
        """
        from .certificates import authority

        return authority()

    def certificate(
        self,
        host: Allowed,
        *,
        hosts: Iterable[str] | None = None,
        not_before: datetime | None = None,
        not_after: datetime | None = None,
        context: ssl.SSLContext | None = None,
    ) -> None:
        """Say what certificate a host shows from here on; connections that are there stay.

        Args:
            host: the host, or all that ``passthrough`` takes for hosts, such as a glob.
            hosts: the hosts, addresses and wildcards that the certificate is for, if that is not
                the host that is asked.
            not_before: when it begins to be valid; a time without a zone is one in UTC.
            not_after: when it ends to be valid.
            context: a server's context, which says all of this and more: certificates of your own,
                versions, ciphers, whether a client has to have a certificate. Clients then verify
                with their own contexts, as they are.

        Raises:
            RuntimeError: the mock makes no handshakes.
            TypeError: an argument is of a wrong type.
            ValueError: there can be no such certificate.
        """
        identities = self._identities("certificate")
        if context is None:
            identities.show(host, _checked_certificate(hosts, not_before, not_after))
            return
        if (hosts, not_before, not_after) != (None, None, None):
            raise ValueError("context= says it all: leave out hosts, not_before and not_after")
        identities.show(host, _checked_context(context))

    def require_client_certificate(
        self,
        host: Allowed,
        *,
        ca: CertificateAuthority | bytes | str | os.PathLike[str] | None = None,
    ) -> None:
        """Let a host refuse every client that shows no certificate by *ca*.

        A client shows the certificate of the context that it was given (``load_cert_chain``). That
        context is used as it is, and so must trust the mock: ``mock.ca.trust(context)``.

        Args:
            host: as ``certificate`` takes it.
            ca: who issues the clients' certificates: PEM as bytes, or a file of it; if not given,
                ``mock.ca``.

        Raises:
            RuntimeError: the mock makes no handshakes.
            TypeError: an argument is of a wrong type.
            ValueError: *ca* has no certificate.
            OSError: the file cannot be read.
        """
        identities = self._identities("require_client_certificate")
        identities.demand(host, _checked_issuers(self.ca if ca is None else ca))

    def fingerprint(self, host: str) -> Fingerprint:
        """Return the fingerprint of the certificate that a host shows, to be given as ``ssl=``.

        Raises:
            RuntimeError: the mock makes no handshakes.
            TypeError: *host* is no text.
            ValueError: *host* is empty.
        """
        identities = self._identities("fingerprint")
        if not isinstance(host, str):
            raise TypeError(f"fingerprint() takes the name of a host, not {host!r:.60}")
        if not host:
            raise ValueError("fingerprint() takes the name of a host, and this one is empty")
        return identities.fingerprint(host)

    def _identities(self, method: str) -> Identities:
        identities = self.interceptor.identities
        if identities is None:
            raise RuntimeError(
                f"{method}() is about handshakes, and with tls='assume' none is made. "
                f"Make the mock with tls='verify'."
            )
        return identities


def _checked_certificate(
    hosts: Any, not_before: datetime | None, not_after: datetime | None
) -> Certificate:
    from .certificates import Certificate

    begins = _checked_date("not_before", not_before)
    ends = _checked_date("not_after", not_after)
    if begins is None and ends is not None:
        begins = min(_LONG_AGO, ends - timedelta(days=1))
    if begins is not None and ends is not None and begins >= ends:
        raise ValueError(f"not_after={not_after} must be later than not_before={not_before}")
    return Certificate(_checked_hosts(hosts), begins, ends)


def _checked_hosts(hosts: Any) -> tuple[str, ...]:
    if hosts is None:
        return ()
    if isinstance(hosts, str) or not isinstance(hosts, Iterable):
        raise TypeError(f"hosts must be a sequence of names, such as ['a.test'], not {hosts!r:.60}")
    names = tuple(cast("Iterable[object]", hosts))
    for name in names:
        if not isinstance(name, str):
            raise TypeError(f"hosts must be names; one is {name!r:.60}")
        if not name:
            raise ValueError(f"hosts has an empty name: {names!r:.60}")
    if not names:
        raise ValueError("hosts=[] would be a certificate for nobody: leave it out, or name one")
    return cast("tuple[str, ...]", names)


def _checked_date(argument: str, date: Any) -> datetime | None:
    if date is None:
        return None
    if not isinstance(date, datetime):
        raise TypeError(f"{argument} must be a datetime, not {type(date).__name__}: {date!s}")
    return date if date.tzinfo is not None else date.replace(tzinfo=timezone.utc)


def _checked_context(context: Any) -> ssl.SSLContext:
    if not isinstance(context, ssl.SSLContext):
        raise TypeError(f"context must be an ssl.SSLContext, not {context!r:.60}")
    if context.protocol is ssl.PROTOCOL_TLS_CLIENT:
        raise ValueError(
            "context must be a server's, and this is a client's: "
            "make it with ssl.create_default_context(ssl.Purpose.CLIENT_AUTH)"
        )
    return context


def _checked_issuers(ca: Any) -> bytes:
    from .certificates import CertificateAuthority

    if isinstance(ca, CertificateAuthority):
        return ca.pem
    if isinstance(ca, (str, os.PathLike)):
        return Path(cast("str | os.PathLike[str]", ca)).read_bytes()
    if isinstance(ca, bytes):
        return ca
    raise TypeError(f"ca must be PEM as bytes, or a file of it, not {ca!r:.60}")
