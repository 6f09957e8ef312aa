"""The servers of TLS, for hosts and clients of every kind."""

from __future__ import annotations

import ssl
from typing import Any

import aiohttp
import pytest
from aiohttp import ClientSession

from aiointercept_connector import aiointercept, faults
from aiointercept_connector.faults.table import TABLE
from tests.faults.meeting import Event, met

pytestmark = pytest.mark.anyio

SHOWN = [kind.name for kind in TABLE if kind.phase == "TLS" and kind.name != "handshake_aborted"]
EVENT = Event(lambda: None)


@pytest.mark.parametrize("host", ["my_service", "a_b.example.com", "127.0.0.1", "[::1]"])
@pytest.mark.parametrize("name", SHOWN)
async def test_hosts_of_every_kind(name: str, host: str) -> None:
    """Names of containers, with an underscore, and addresses meet what every name meets."""
    seen = []
    for url in ("https://api.example.com/", f"https://{host}/"):
        async with aiointercept() as mock, mock.session() as session:
            mock.get(url, exception=getattr(faults, name)())
            seen.append(await met(session, EVENT, url))
    assert (seen[0].kind, seen[0].causes) == (seen[1].kind, seen[1].causes)


class TestRevoked:
    async def test_every_host_is_revoked(self) -> None:
        """One client meets it at one host after the other."""
        async with aiointercept() as mock, mock.session() as session:
            for host in ("a.test", "b.test", "a.test"):
                mock.get(f"https://{host}/", exception=faults.revoked())
                with pytest.raises(
                    aiohttp.ClientConnectorCertificateError, match="certificate revoked"
                ):
                    await session.get(f"https://{host}/")

    async def test_the_context_of_a_client_is_left_alone(self) -> None:
        """A client's own context gets neither the list nor the will to look into it."""
        context = ssl.create_default_context()
        known, flags = context.cert_store_stats(), context.verify_flags
        async with aiointercept() as mock, mock.session() as session:
            mock.get("https://a.test/", exception=faults.revoked())
            with pytest.raises(aiohttp.ClientConnectorCertificateError):
                await session.get("https://a.test/", ssl=context)
        assert (context.cert_store_stats(), context.verify_flags) == (known, flags)

    async def test_who_verifies_nothing_does_not_mind(self) -> None:
        """A client that verifies nothing has its connection."""
        async with aiointercept() as mock, mock.session() as session:
            mock.get("https://a.test/", exception=faults.revoked())
            async with session.get("https://a.test/", ssl=False) as response:
                assert response.status == 200


async def test_ciphers_are_no_versions() -> None:
    """A client is told of ciphers in other words than of versions, whether it verifies or not."""
    for verified in (True, False):
        texts = []
        for fault in (faults.cipher_mismatch(), faults.protocol_mismatch()):
            async with aiointercept() as mock, mock.session() as session:
                mock.get("https://a.test/", exception=fault)
                with pytest.raises(aiohttp.ClientConnectorSSLError) as caught:
                    await _get(session, "https://a.test/", ssl=verified)
                texts.append(str(caught.value))
        assert "handshake failure" in texts[0]
        assert "protocol version" in texts[1]


async def _get(session: ClientSession, url: str, **options: Any) -> None:
    async with session.get(url, **options):
        pass
