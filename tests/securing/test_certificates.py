"""The certificates of hosts and of clients, and who has issued them."""

from __future__ import annotations

import os
import ssl
from datetime import datetime, timedelta, timezone
from pathlib import Path
from typing import Any

import aiohttp
import pytest

from aiointercept_connector import aiointercept
from aiointercept_connector.serving import Wire
from tests.securing.site import (
    HOST,
    LONG,
    LONG_AGO,
    ON_BOTH_LOOPS,
    SITE,
    Strangers,
    client_context,
    of_strangers,
    output_of,
    told,
)
from tests.tls import met

pytestmark = pytest.mark.anyio


class TestCertificate:
    async def test_the_last_one_holds(self, mock: aiointercept) -> None:
        """A certificate takes the place of the one that the host has shown before."""
        mock.get(SITE, repeat=True)
        mock.certificate(HOST, hosts=["else.test"])
        mock.certificate(HOST)
        async with mock.session() as session:
            assert (await met(session, SITE)).kind == "response"

    async def test_a_glob_is_for_many_hosts(self, mock: aiointercept) -> None:
        """Each shows a certificate of its own, unless *hosts* says whom it is for."""
        mock.get("/x", repeat=True)
        mock.certificate("*.example.test", not_after=LONG_AGO)
        async with mock.session() as session:
            expired = await met(session, SITE)
            fine = await met(session, "https://else.test/x")
        assert "certificate has expired" in expired.text
        assert fine.kind == "response"

    async def test_other_mocks_are_not_affected(self, mock: aiointercept, wire: Wire) -> None:
        """What a host shows is the mock's own affair."""
        mock.certificate(HOST, not_after=LONG_AGO)
        async with aiointercept(wire=wire, tls="verify") as other, other.session() as session:
            other.get(SITE)
            assert (await met(session, SITE)).kind == "response"

    @pytest.mark.parametrize("how", ["clear", "stop"])
    async def test_it_is_forgotten_with_the_routes(self, mock: aiointercept, how: str) -> None:
        """After ``clear`` or a new start, the host shows what it would have shown."""
        mock.certificate(HOST, not_after=LONG_AGO)
        if how == "clear":
            mock.clear()
        else:
            await mock.stop()
            mock.start()
        mock.get(SITE)
        async with mock.session() as session:
            assert (await met(session, SITE)).kind == "response"

    async def test_times_without_a_zone_are_utc(self, mock: aiointercept) -> None:
        """An hour from now is later than now, wherever the test runs."""
        now = datetime.now(timezone.utc).replace(tzinfo=None)
        mock.certificate(
            HOST, not_before=now - timedelta(hours=1), not_after=now + timedelta(hours=1)
        )
        mock.get(SITE, body=LONG)
        async with mock.session() as session:
            info = await told(session)
        ends = ssl.cert_time_to_seconds(info["peercert"]["notAfter"])
        assert ends == int((now + timedelta(hours=1)).replace(tzinfo=timezone.utc).timestamp())

    @pytest.mark.parametrize("year", [1990, 2001, 2025])
    async def test_any_past_time_has_expired(self, mock: aiointercept, year: int) -> None:
        """A certificate begins to be valid early enough to have expired at any time."""
        mock.certificate(HOST, not_after=LONG_AGO.replace(year=year))
        mock.get(SITE)
        async with mock.session() as session:
            assert "certificate has expired" in (await met(session, SITE)).text

    async def test_a_failed_handshake_consumes_nothing(self, mock: aiointercept) -> None:
        """The route answers the next request, and nothing is recorded of this one."""
        route = mock.get(SITE)
        mock.certificate(HOST, not_after=LONG_AGO)
        async with mock.session() as session:
            assert (await met(session, SITE)).kind == "ClientConnectorCertificateError"
            mock.certificate(HOST)
            assert (await met(session, SITE)).kind == "response"
        assert route.call_count == mock.call_count == 1


@ON_BOTH_LOOPS
class TestClientCertificate:
    async def test_it_is_seen_on_the_request(self, mock: aiointercept) -> None:
        """A record keeps the certificate; a callback finds it at the transport, too."""
        seen: list[Any] = []
        mock.require_client_certificate(HOST)
        mock.get(SITE, callback=lambda request: seen.append(request.get_extra_info("peercert")))
        mock.post(SITE)
        context = client_context()
        mock.ca.trust(context)
        context.load_cert_chain(mock.ca.issue_client("bob").path)
        async with mock.session() as session:
            assert (await session.get(SITE, ssl=context)).status == 200
            assert (await session.post(SITE, ssl=context)).status == 200
        got, posted = (call.client_certificate for call in mock.calls)
        assert got is not None
        assert (("commonName", "bob"),) in got["subject"]
        assert seen == [got]
        assert posted == got

    @pytest.mark.parametrize("given", ["bytes", "path"])
    async def test_it_may_be_by_another_authority(
        self, mock: aiointercept, tmp_path: Path, given: str
    ) -> None:
        """*ca* is PEM, or a file of it."""
        pem = Strangers.cert_pem.bytes()
        file = tmp_path / "ca.pem"
        file.write_bytes(pem)
        mock.require_client_certificate("*", ca=pem if given == "bytes" else file)
        mock.get(SITE)
        context = of_strangers()
        mock.ca.trust(context)
        async with mock.session() as session:
            assert (await met(session, SITE, ssl=context)).kind == "response"

    @pytest.mark.parametrize("wire", ["memory"])
    async def test_a_client_without_is_refused(self, mock: aiointercept) -> None:
        """The request reaches no route: the alert is what comes back."""
        route = mock.get(SITE)
        mock.require_client_certificate(HOST)
        async with mock.session() as session:
            outcome = await met(session, SITE)
        assert outcome.kind == "ClientOSError"
        assert "CERTIFICATE_REQUIRED" in outcome.text
        assert not route.called

    # asyncio's own, on Python 3.10.
    @pytest.mark.filterwarnings(
        "ignore:.*_SSLProtocolTransport:pytest.PytestUnraisableExceptionWarning"
    )
    @pytest.mark.parametrize("wire", ["tcp"])
    async def test_over_sockets_it_is_not_told_why(self, mock: aiointercept) -> None:
        """A server of asyncio's ends the connection without an alert."""
        route = mock.get(SITE)
        mock.require_client_certificate(HOST)
        async with mock.session() as session:
            with pytest.raises(aiohttp.ClientConnectionError):
                await session.get(SITE)
        assert not route.called

    async def test_its_context_is_used_as_it_is(self, mock: aiointercept) -> None:
        """A context that does not trust the mock fails, for no shadow could show a certificate."""
        mock.get(SITE)
        mock.require_client_certificate(HOST)
        async with mock.session() as session:
            outcome = await met(session, SITE, ssl=of_strangers())
        assert outcome.kind == "ClientConnectorCertificateError"


class TestAuthority:
    def test_there_is_one(self) -> None:
        """All mocks of the process have the same, whatever they do with https."""
        assert aiointercept().ca is aiointercept(tls="verify").ca

    def test_its_file_has_its_certificate(self) -> None:
        """The file is there as long as the process."""
        ca = aiointercept().ca
        assert Path(ca.path).read_bytes() == ca.pem
        assert ca.path == ca.path
        assert ssl.create_default_context(cafile=ca.path).cert_store_stats()["x509_ca"] == 1

    def test_a_client_certificate_is_a_file_too(self) -> None:
        """It has key and certificate, for ``load_cert_chain``, and is for nobody else's eyes."""
        bob = aiointercept().ca.issue_client("bob")
        assert (bob.name, repr(bob)) == ("bob", "<ClientCertificate 'bob'>")
        assert Path(bob.path).read_bytes() == bob.pem
        assert os.name != "posix" or Path(bob.path).stat().st_mode & 0o077 == 0
        client_context().load_cert_chain(bob.path)

    def test_files_are_gone_afterwards(self) -> None:
        """They end with the process."""
        source = "from aiointercept_connector import aiointercept as a; print(a().ca.path)"
        path = output_of(source).strip()
        assert path
        assert not Path(path).exists()
