"""The TLS of a client: its settings, fingerprints and pool, and the transports that carry it."""

from __future__ import annotations

import asyncio
import ssl
from typing import Any

import pytest
from aiohttp import ClientSession, Fingerprint, TCPConnector

from aiointercept_connector import aiointercept
from aiointercept_connector.serving import Wire
from tests.securing.comparing import Case, compare
from tests.securing.site import (
    HOST,
    LEAF,
    LONG,
    ON_BOTH_LOOPS,
    SITE,
    client_context,
    names_in,
    old,
    tls_of,
    told,
    unverifying,
)
from tests.tls import Outcome, met, server_context

pytestmark = pytest.mark.anyio


@ON_BOTH_LOOPS
class TestTransports:
    async def test_the_clients_tells_what_asyncios_does(self, mock: aiointercept) -> None:
        """Certificate, cipher, compression and the TLS object are those of the connection."""
        mock.get(SITE, body=LONG)
        async with mock.session() as session:
            info = await told(session)
        assert names_in(info["peercert"]) == [HOST]
        assert info["cipher"][1] == info["version"] == "TLSv1.3"
        assert info["compression"] is None
        assert info["ssl_object's"] == (info["peercert"], info["cipher"])

    @pytest.mark.parametrize("wire", ["memory"])
    async def test_the_context_is_the_users_own(self, mock: aiointercept) -> None:
        """What stands in for it in the handshake is not shown."""
        mock.get(SITE, body=LONG)
        context = client_context()
        async with mock.session() as session:
            info = await told(session, ssl=context)
        assert info["sslcontext"] is context

    async def test_the_servers_tells_it_too(self, mock: aiointercept) -> None:
        """A callback finds the TLS object at the transport of its request, which is secure."""
        seen: list[Any] = []

        def look(request: Any) -> None:
            seen.append(request.secure)
            seen.append(request.transport.get_extra_info("ssl_object").version())
            seen.append(request.transport.get_extra_info("peercert"))

        mock.get(SITE, callback=look)
        async with mock.session() as session:
            assert (await session.get(SITE)).status == 200
        assert seen == [True, "TLSv1.3", None]
        assert mock.calls[0].scheme == "https"
        assert mock.calls[0].client_certificate is None

    async def test_http_has_none(self, mock: aiointercept) -> None:
        """A plain connection makes no handshake."""
        url = f"http://{HOST}/"
        mock.get(url, body=LONG)
        async with mock.session() as session:
            info = await told(session, url)
        assert info["ssl_object"] is None

    async def test_assume_makes_none(self, wire: Wire) -> None:
        """Without ``tls="verify"`` nothing is verified, and replies still see ``https``."""
        async with aiointercept(wire=wire) as mock, mock.session() as session:
            mock.get(SITE, body=LONG)
            info = await told(session, ssl=Fingerprint(b"0" * 32))
            assert info["ssl_object"] is None
            assert mock.calls[0].secure


class TestClientSettings:
    async def test_nothing_of_ours_gets_into_a_context(self, mock: aiointercept) -> None:
        """The user's context trusts afterwards whom it has trusted before."""
        mock.get(SITE)
        context = client_context()
        before = context.cert_store_stats()
        async with mock.session() as session:
            await session.get(SITE, ssl=context)
        assert context.cert_store_stats() == before

    @pytest.mark.parametrize("wire", ["memory"])
    async def test_a_context_that_needs_no_stand_in_is_used(self, mock: aiointercept) -> None:
        """One that verifies nothing, or trusts the mock, makes the handshake itself."""
        mock.get(SITE, body=LONG, repeat=True)
        trusting = client_context()
        mock.ca.trust(trusting)
        async with mock.session() as session:
            for context in (unverifying(), trusting):
                info = await told(session, ssl=context)
                assert info["ssl_object"].context is context

    async def test_the_certificate_is_for_who_is_asked_for(self, mock: aiointercept) -> None:
        """With ``server_hostname`` the host answers to that name."""
        mock.get(SITE, body=LONG)
        async with mock.session() as session:
            info = await told(session, server_hostname="else.test")
        assert names_in(info["peercert"]) == ["else.test"]

    @pytest.mark.parametrize("version", ["TLSv1_2", "TLSv1_3"])
    async def test_versions_of_a_context_hold(self, mock: aiointercept, version: str) -> None:
        """A context's ``maximum_version`` is that of the connection."""
        mock.get(SITE, body=LONG)
        context = client_context(maximum_version=ssl.TLSVersion[version])
        async with mock.session() as session:
            info = await told(session, ssl=context)
        assert info["version"] == version.replace("_", ".")

    async def test_ciphers_of_a_context_hold(self, mock: aiointercept) -> None:
        """What ``set_ciphers`` has left of them is what the client offers."""
        mock.get(SITE, body=LONG)
        chosen = "ECDHE-ECDSA-CHACHA20-POLY1305"
        async with mock.session() as session:
            info = await told(session, ssl=old(ciphers=chosen)())
        assert info["cipher"][0] == chosen

    async def test_a_changed_context_is_seen(self, mock: aiointercept) -> None:
        """What is set between two connections holds for the second."""
        mock.get(SITE, body=LONG, repeat=True)
        mock.certificate(HOST, hosts=["else.test"])
        context = client_context()
        async with mock.session() as session:
            assert (await met(session, SITE, ssl=context)).kind.endswith("CertificateError")
            context.check_hostname = False
            assert (await met(session, SITE, ssl=context)).kind == "response"

    @pytest.mark.parametrize("flag", ["VERIFY_CRL_CHECK_LEAF", "VERIFY_X509_STRICT"])
    async def test_verification_flags_can_be_met(self, mock: aiointercept, flag: str) -> None:
        """Our certificates are strictly right, and revocation lists that we lack not asked for."""
        mock.get(SITE)
        context = client_context()
        context.verify_flags |= ssl.VerifyFlags[flag]
        async with mock.session() as session:
            assert (await met(session, SITE, ssl=context)).kind == "response"

    @pytest.mark.parametrize("setting", ["context", "no verification", "fingerprint"])
    async def test_the_connectors_ssl_holds(self, mock: aiointercept, setting: str) -> None:
        """What is given to a connector is what its requests are verified with."""
        mock.get(SITE, repeat=True)
        mock.certificate(HOST, hosts=["else.test"])
        choices: dict[str, Any] = {
            "context": client_context(check_hostname=False),
            "no verification": False,
            "fingerprint": mock.fingerprint(HOST),
        }
        given = choices[setting]
        async with ClientSession(connector=TCPConnector(ssl=given)) as session:
            assert (await met(session, SITE)).kind == "response"
        async with ClientSession(connector=mock.connector(ssl=given)) as session:
            assert (await met(session, SITE)).kind == "response"
        async with ClientSession(connector=TCPConnector()) as session:
            assert (await met(session, SITE)).kind == "ClientConnectorCertificateError"

    @pytest.mark.parametrize(
        "host",
        ["10.1.2.3", "[2001:db8::1]", "localhost", "my_service", "a_b.example.test", "bücher.test"],
    )
    async def test_every_kind_of_host_has_a_certificate(
        self, mock: aiointercept, host: str
    ) -> None:
        """Addresses, names that are no public ones, and international ones are verified."""
        url = f"https://{host}/"
        mock.get(url)
        async with mock.session() as session:
            assert await met(session, url, ssl=client_context()) == Outcome("response", "200")

    async def test_host_with_a_dot_at_its_end(self, mock: aiointercept) -> None:
        """It is verified without the dot."""
        mock.get(SITE)
        async with mock.session() as session:
            assert (await met(session, f"https://{HOST}./x")).kind == "response"


class TestFingerprint:
    async def test_that_of_the_host_passes(self, mock: aiointercept) -> None:
        """``fingerprint`` is that of what the host shows, whatever that is."""
        mock.get(SITE, repeat=True)
        for leaf in (None, LEAF):
            if leaf is not None:
                mock.certificate(HOST, context=server_context(leaf))
            async with mock.session() as session:
                assert (await met(session, SITE, ssl=mock.fingerprint(HOST))).kind == "response"

    @pytest.mark.parametrize("wire", ["memory"])
    async def test_another_is_a_mismatch(
        self, mock: aiointercept, monkeypatch: pytest.MonkeyPatch
    ) -> None:
        """The exception is that of a real server: what was expected, what was shown, and where."""
        case = Case(client=lambda: Fingerprint(b"0" * 32))
        met = await compare(mock, case, monkeypatch)
        assert met.kind == "ServerFingerprintMismatch"

    async def test_a_mismatch_closes_the_connection(self, mock: aiointercept) -> None:
        """Neither end stays, and the route was not asked."""
        route = mock.get(SITE)
        async with mock.session() as session:
            outcome = await met(session, SITE, ssl=Fingerprint(b"0" * 32))
            assert outcome.kind == "ServerFingerprintMismatch"
            assert session.connector is not None
            assert not session.connector._conns
            (server,) = mock.interceptor._servers.values()
            # Over sockets the two ends say goodbye to each other, which takes a while.
            for _ in range(100):
                if server.connections:
                    await asyncio.sleep(0.001)
            assert not server.connections
        assert not route.called


class TestPool:
    async def test_a_connection_is_kept_alive(self, mock: aiointercept) -> None:
        """One handshake serves many requests."""
        seen: list[Any] = []
        mock.get(SITE, callback=lambda request: seen.append(tls_of(request)), repeat=True)
        async with mock.session() as session:
            for _ in range(3):
                await (await session.get(SITE)).read()
        assert len(seen) == 3
        assert len({id(one) for one in seen}) == 1

    async def test_another_ssl_is_another_connection(self, mock: aiointercept) -> None:
        """The pool tells connections apart by ``ssl=``, as aiohttp's does."""
        seen: list[Any] = []
        mock.get(SITE, callback=lambda request: seen.append(tls_of(request)), repeat=True)
        async with mock.session() as session:
            for ssl_option in (True, False, client_context(), True):
                await (await session.get(SITE, ssl=ssl_option)).read()
        assert len({id(one) for one in seen}) == 3
        assert seen[0] is seen[3]
