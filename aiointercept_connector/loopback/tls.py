"""The TLS handshake on a new wire.

It is a real one: OpenSSL on both sides judges chain, host name, dates, versions and ciphers, and
what it raises reaches the client as aiohttp raises it. In memory the two sides talk through two
buffers, to the end, before the wire is there; what goes over the wire then is not encrypted, for
nobody could look. Over sockets it is asyncio's own TLS, all the way.
"""

from __future__ import annotations

import asyncio
import socket
import ssl
from collections.abc import Callable, Generator
from contextlib import contextmanager, suppress
from typing import TYPE_CHECKING, Any, Final, NamedTuple, cast

import aiohttp.connector
from aiohttp import (
    ClientConnectorCertificateError,
    ClientConnectorError,
    ClientConnectorSSLError,
    Fingerprint,
    ServerFingerprintMismatch,
    TCPConnector,
)

if TYPE_CHECKING:
    from .link import Call, ClientEnd
    from .memory import MemoryTransport

__all__ = (
    "ALPN",
    "Handshake",
    "Refusing",
    "ServerSide",
    "advance",
    "certificate_shown_by",
    "handshake_for",
    "is_default",
    "server_name",
)

ALPN: Final = ("http/1.1",)


class ServerSide(NamedTuple):
    """The server in a handshake.

    Attributes:
        context: what it shows, knows and asks for.
        client_context: returns what the client is to verify with, given its own context.
    """

    context: ssl.SSLContext
    client_context: Callable[[ssl.SSLContext], ssl.SSLContext]


def handshake_for(call: Call, side: ServerSide) -> Handshake | None:
    """Return the handshake that *call* begins with; None if its connector makes none."""
    connector = call.connector
    if not isinstance(connector, TCPConnector):
        # To aiohttp, what a Unix socket leads to is never encrypted.
        return None
    # Private, both: what a connection takes from the request, else from the connector.
    # Watched by TestClientSettings and TestFingerprint in tests/securing/test_clients.py.
    theirs = connector._get_ssl_context(call.client_request)
    if theirs is None:
        return None
    return Handshake(call, side, theirs, connector._get_fingerprint(call.client_request))


class Handshake:
    """A handshake that is to be made.

    Args:
        call: the call that the connection is for.
        side: the server.
        theirs: the client's own context.
        fingerprint: what the client wants the certificate's hash to be.

    Attributes:
        client: the context that the client verifies with.
        server: the server's context.
        name: the server that the client asks for, and whose name it verifies.
    """

    def __init__(
        self,
        call: Call,
        side: ServerSide,
        theirs: ssl.SSLContext,
        fingerprint: Fingerprint | None = None,
    ) -> None:
        self.client = side.client_context(theirs)
        self.server = side.context
        self.name = server_name(call)
        self._key = call.client_request.connection_key
        self._theirs = theirs
        self._fingerprint = fingerprint

    def in_memory(self, near: dict[str, Any], far: dict[str, Any]) -> bool:
        """Make the handshake, and tell whether the server accepts the client.

        With TLS 1.3 a client has its connection before the server has seen its certificate, and
        hears of a refusal when it reads.

        Args:
            near: gets what the client's transport is to tell of it.
            far: gets what the server's transport is to tell of it.

        Raises:
            aiohttp.ClientConnectorCertificateError: the client does not trust the certificate.
            aiohttp.ClientConnectorSSLError: the two sides find no way to talk.
        """
        with self.errors():
            client, server, accepted = _shake_hands(self.client, self.server, self.name)
        near.update(_extra(client, self._theirs))
        if accepted:
            far.update(_extra(server, self.server))
        return accepted

    async def over_sockets(
        self,
        near: socket.socket,
        far: socket.socket,
        client_end: Callable[[], ClientEnd],
        server_end: Callable[[], asyncio.Protocol],
    ) -> ClientEnd:
        """Make the handshake over two sockets, the client's and the server's.

        Raises:
            aiohttp.ClientConnectorCertificateError: the client does not trust the certificate.
            aiohttp.ClientConnectorSSLError: the two sides find no way to talk.
        """
        loop = asyncio.get_running_loop()
        accepting = loop.create_task(loop.connect_accepted_socket(server_end, far, ssl=self.server))
        # What the server fails with is not ours to raise: the client hears of it over the wire.
        accepted = asyncio.gather(accepting, return_exceptions=True)
        try:
            with self.errors():
                transport, client = await loop.create_connection(
                    client_end, sock=near, ssl=self.client, server_hostname=self.name
                )
        except BaseException:
            await accepted
            raise
        try:
            await accepted
        except BaseException:
            transport.abort()
            raise
        return client

    @contextmanager
    def errors(self) -> Generator[None]:
        """Raise what goes wrong as ``TCPConnector`` does."""
        try:
            yield
        except ssl.CertificateError as exc:
            raise ClientConnectorCertificateError(self._key, exc) from exc
        except ssl.SSLError as exc:
            raise ClientConnectorSSLError(self._key, exc) from exc
        except OSError as exc:
            raise ClientConnectorError(self._key, exc) from exc

    def check_fingerprint(self, client: ClientEnd) -> None:
        """Close the wire if the certificate is not the one that the client has pinned.

        Raises:
            aiohttp.ServerFingerprintMismatch: it is another one.
        """
        transport = client.transport
        if self._fingerprint is None or transport is None:
            return
        try:
            self._fingerprint.check(transport)
        except ServerFingerprintMismatch:
            transport.close()
            raise


def is_default(context: ssl.SSLContext) -> bool:
    """Tell whether *context* is what aiohttp takes for a client that has none of its own."""
    # Private. Watched by TestClientCertificate in tests/securing/test_certificates.py.
    return context is aiohttp.connector._SSL_CONTEXT_VERIFIED


def server_name(call: Call) -> str:
    """Return the name of the server that *call* asks for in its handshake."""
    request = call.client_request
    # Certificates name hosts without the dot at the end: https://github.com/aio-libs/aiohttp/issues/3636
    return (request.server_hostname or request.url.raw_host or "").rstrip(".")


def _extra(side: ssl.SSLObject, context: ssl.SSLContext) -> dict[str, Any]:
    """Return what asyncio's transports tell of an encrypted connection."""
    return {
        "sslcontext": context,
        "ssl_object": side,
        "peercert": side.getpeercert(),
        "cipher": side.cipher(),
        "compression": side.compression(),
    }


def certificate_shown_by(context: ssl.SSLContext) -> bytes:
    """Return, in DER, the certificate that a server with *context* shows."""
    anyone = ssl.SSLContext(ssl.PROTOCOL_TLS_CLIENT)
    anyone.check_hostname = False
    anyone.verify_mode = ssl.CERT_NONE
    client, _, _ = _shake_hands(anyone, context, "localhost")
    return cast("bytes", client.getpeercert(binary_form=True))


def _shake_hands(
    client_context: ssl.SSLContext, server_context: ssl.SSLContext, name: str
) -> tuple[ssl.SSLObject, ssl.SSLObject, bool]:
    """Return both sides after their handshake, and whether the server accepts the client.

    Raises:
        ssl.SSLError: the client has failed, by itself or because the server told it so.
    """
    to_client, to_server = ssl.MemoryBIO(), ssl.MemoryBIO()
    client = client_context.wrap_bio(to_client, to_server, server_hostname=name)
    server = server_context.wrap_bio(to_server, to_client, server_side=True)
    refusal: ssl.SSLError | None = None
    done = accepted = False
    while not (done and accepted):
        done = advance(client)
        if refusal is not None:
            # It was to have read the server's alert, and have raised it.
            raise refusal
        try:
            accepted = advance(server)
        except ssl.SSLError as exc:
            refusal = exc
            if done:
                break
    if refusal is None:
        _read(client)
    return client, server, refusal is None


def advance(side: ssl.SSLObject) -> bool:
    """Take the handshake as far as it goes without the other side; tell whether it is done."""
    try:
        side.do_handshake()
    except ssl.SSLWantReadError:
        return False
    return True


def _read(client: ssl.SSLObject) -> None:
    """Let a client read what the server has sent behind its handshake.

    Raises:
        ssl.SSLError: that is an alert.
    """
    # Else it is tickets, to resume the session with.
    with suppress(ssl.SSLWantReadError):
        client.read(1)


class Refusing(asyncio.Protocol):
    """The server's end of a wire whose client it refuses: what it sends is met by an alert."""

    def __init__(self, client: MemoryTransport) -> None:
        self._client = client

    def data_received(self, data: bytes) -> None:
        """End the connection as asyncio does when it has read the alert."""
        try:
            _read(self._client.get_extra_info("ssl_object"))
        except ssl.SSLError as exc:
            self._client._force_close(exc)
