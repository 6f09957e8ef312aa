"""TLS for tests: what a client meets, at a mock and at a real server that OpenSSL itself runs."""

from __future__ import annotations

import contextlib
import re
import socket
import ssl
import threading
from collections.abc import Generator, Iterator, Mapping
from contextlib import contextmanager
from typing import Any, NamedTuple

import trustme
from aiohttp import ClientSession
from yarl import URL

from aiointercept_connector import aiointercept
from aiointercept_connector.routing.target import Asked

__all__ = ("Outcome", "met", "openssl_server", "server_context", "set_up", "shown_by_mock")

ANSWER = b"HTTP/1.1 200 OK\r\nContent-Length: 4\r\n\r\nreal"


class Outcome(NamedTuple):
    """What a request came to: of an exception, all that a caller can look at."""

    kind: str
    text: str
    errno: int | None = None
    cause: str = ""


async def met(session: ClientSession, url: str, **options: Any) -> Outcome:
    """Return what a GET meets."""
    try:
        async with session.get(url, **options) as response:
            await response.read()
            return Outcome("response", str(response.status))
    except Exception as exc:  # noqa: BLE001 - whatever it is, it is compared
        args = [arg for arg in exc.args if not isinstance(arg, tuple)]
        text = re.sub(" at 0x[0-9a-f]+", "", str(exc) or repr(args))
        return Outcome(type(exc).__name__, text, getattr(exc, "errno", None), repr(exc.__cause__))


@contextmanager
def openssl_server(context: ssl.SSLContext) -> Generator[int]:
    """Run a server in a thread, one connection after the other, and yield its port.

    OpenSSL writes to its socket, and so tells clients why it refuses them. A server of asyncio's
    does not.
    """
    with socket.create_server(("127.0.0.1", 0)) as listener:
        thread = threading.Thread(target=_serve, args=(listener, context))
        thread.start()
        try:
            yield listener.getsockname()[1]
        finally:
            with contextlib.suppress(OSError):
                listener.shutdown(socket.SHUT_RDWR)
            thread.join()


def _serve(listener: socket.socket, context: ssl.SSLContext) -> None:
    for near in _accepted(listener):
        near.settimeout(5)
        secured = context.wrap_socket(near, server_side=True, do_handshake_on_connect=False)
        with secured, contextlib.suppress(OSError):
            _answer(secured)


def _accepted(listener: socket.socket) -> Iterator[socket.socket]:
    with contextlib.suppress(OSError):
        while True:
            yield listener.accept()[0]


def _answer(secured: ssl.SSLSocket) -> None:
    try:
        secured.do_handshake()
    except ssl.SSLError:
        # Closed with something unread, it would be reset, and the client not hear the alert.
        secured.shutdown(socket.SHUT_WR)
        while secured.recv(4096):
            pass
        return
    while b"\r\n\r\n" in secured.recv(65536):
        secured.sendall(ANSWER)


def server_context(leaf: trustme.LeafCert | trustme.CA, **settings: Any) -> ssl.SSLContext:
    """Return the context of a server that shows *leaf*; an authority shows itself."""
    context = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
    if isinstance(leaf, trustme.CA):
        pem = trustme.Blob(leaf.private_key_pem.bytes() + leaf.cert_pem.bytes())
        with pem.tempfile() as path:
            context.load_cert_chain(path)
    else:
        leaf.configure_cert(context)
    return set_up(context, settings)


def set_up(context: ssl.SSLContext, settings: Mapping[str, Any]) -> ssl.SSLContext:
    """Set the attributes of a context, and its ``ciphers``."""
    for name, value in settings.items():
        if name == "ciphers":
            context.set_ciphers(value)
        else:
            setattr(context, name, value)
    return context


def shown_by_mock(mock: aiointercept, host: str) -> ssl.SSLContext:
    """Return the context of the server that the mock is for *host*."""
    assert mock.interceptor.identities is not None
    return mock.interceptor.identities._side(Asked("GET", URL(f"https://{host}")), host).context
