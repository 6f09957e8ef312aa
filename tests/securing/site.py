"""The site that the tests of handshakes ask, and what they ask it with."""

from __future__ import annotations

import os
import ssl
import subprocess
import sys
from collections.abc import Callable
from datetime import datetime, timezone
from pathlib import Path
from typing import Any

import pytest
import trustme
from aiohttp import ClientSession

from tests.test_readme import SLOW
from tests.tls import set_up

HOST = "api.example.test"


SITE = f"https://{HOST}/x"


LONG_AGO = datetime(2001, 1, 1, tzinfo=timezone.utc)


FAR_OFF = datetime(2900, 1, 1, tzinfo=timezone.utc)


ROOT = Path(__file__).parent.parent.parent


Strangers = trustme.CA()
LEAF = Strangers.issue_cert(HOST)


# Each loop has a TLS of its own.
ON_BOTH_LOOPS = pytest.mark.parametrize(
    "anyio_backend",
    [("asyncio", {"debug": True}), ("asyncio", {"use_uvloop": True})],
    ids=["asyncio", "uvloop"],
)


def client_context(**settings: Any) -> ssl.SSLContext:
    """Return a context as a user makes one."""
    return set_up(ssl.create_default_context(), settings)


def unverifying() -> ssl.SSLContext:
    """Return a context that trusts anybody."""
    return client_context(check_hostname=False, verify_mode=ssl.CERT_NONE)


def of_strangers() -> ssl.SSLContext:
    """Return the context of a client whose certificate is by an unknown authority."""
    context = client_context()
    Strangers.issue_cert("bob@strangers.test").configure_cert(context)
    return context


LONG = b"x" * 2**20


async def told(session: ClientSession, url: str = SITE, **options: Any) -> dict[str, Any]:
    """Return what the transport of a response tells, of which there is more to come."""
    names = ("peercert", "cipher", "compression", "ssl_object", "sslcontext", "peername")
    async with session.get(url, **options) as response:
        assert response.connection is not None
        transport = response.connection.transport
        assert transport is not None
        info = {name: transport.get_extra_info(name) for name in names}
        if info["ssl_object"] is not None:
            info["version"] = info["ssl_object"].version()
            info["ssl_object's"] = info["ssl_object"].getpeercert(), info["ssl_object"].cipher()
        return info


def names_in(certificate: Any) -> list[str]:
    """Return the alternative names of a certificate."""
    return [name for _, name in certificate["subjectAltName"]]


def output_of(source: str) -> str:
    """Run *source* in a process of its own, and return what it prints."""
    environment = {**os.environ, "PYTHONPATH": str(ROOT)}
    result = subprocess.run(
        [sys.executable, "-X", "dev", "-W", "error", "-c", source],
        capture_output=True,
        text=True,
        env=environment,
        check=False,
        timeout=60,
    )
    assert (result.returncode, SLOW.sub("", result.stderr)) == (0, "")
    return result.stdout


def old(**settings: Any) -> Callable[[], ssl.SSLContext]:
    """Return what makes the context of a client that knows nothing newer than TLS 1.2."""
    return lambda: client_context(maximum_version=ssl.TLSVersion.TLSv1_2, **settings)


def tls_of(request: Any) -> Any:
    """Return the server's TLS object of a request's connection."""
    return request.transport.get_extra_info("ssl_object")
