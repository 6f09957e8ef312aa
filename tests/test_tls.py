"""``tls="verify"``: what a client meets is what it meets over TCP, from OpenSSL on both sides."""

from __future__ import annotations

import asyncio
import gc
import os
import ssl
import subprocess
import sys
import threading
import weakref
from collections.abc import AsyncIterator, Callable
from contextlib import suppress
from datetime import datetime, timedelta, timezone
from pathlib import Path
from typing import Any, NamedTuple

import aiohttp
import aiohttp.connector
import pytest
import trustme
from aiohttp import ClientSession, Fingerprint, TCPConnector, UnixConnector

from aiointercept_connector import InterceptClosedError, InterceptConnector, aiointercept
from aiointercept_connector.serving import Wire
from tests.hosts import ToLoopback
from tests.test_readme import SLOW
from tests.tls import Outcome, met, openssl_server, server_context, set_up, shown_by_mock

pytestmark = pytest.mark.anyio

HOST = "api.example.test"
SITE = f"https://{HOST}/x"
LONG_AGO = datetime(2001, 1, 1, tzinfo=timezone.utc)
FAR_OFF = datetime(2900, 1, 1, tzinfo=timezone.utc)
ROOT = Path(__file__).parent.parent

Strangers = trustme.CA()


# Each loop has a TLS of its own.
ON_BOTH_LOOPS = pytest.mark.parametrize(
    "anyio_backend",
    [("asyncio", {"debug": True}), ("asyncio", {"use_uvloop": True})],
    ids=["asyncio", "uvloop"],
)


@pytest.fixture
async def mock(wire: Wire) -> AsyncIterator[aiointercept]:
    """Return a mock that is installed, and makes handshakes."""
    async with aiointercept(True, wire=wire, tls="verify") as mock:
        yield mock


def client_context(**settings: Any) -> ssl.SSLContext:
    """Return a context as a user makes one."""
    return set_up(ssl.create_default_context(), settings)


def unverifying() -> ssl.SSLContext:
    """Return a context that trusts anybody."""
    return client_context(check_hostname=False, verify_mode=ssl.CERT_NONE)


class Case(NamedTuple):
    """A server, and a client's ``ssl=``; the client trusts the mock's authority, if anybody."""

    server: Callable[[aiointercept], object] = lambda mock: None
    client: Callable[[], Any] = lambda: True
    name: str | None = None


def shows(leaf: Any, **settings: Any) -> Callable[[aiointercept], object]:
    """Let the host show a certificate that is not of the mock's making."""
    return lambda mock: mock.certificate(HOST, context=server_context(leaf, **settings))


def says(**what: Any) -> Callable[[aiointercept], object]:
    """Let the host show a certificate by the mock that says this."""
    return lambda mock: mock.certificate(HOST, **what)


def demands(mock: aiointercept) -> None:
    """Let the host demand a certificate of its clients."""
    mock.require_client_certificate(HOST)


def old(**settings: Any) -> Callable[[], ssl.SSLContext]:
    """Return what makes the context of a client that knows nothing newer than TLS 1.2."""
    return lambda: client_context(maximum_version=ssl.TLSVersion.TLSv1_2, **settings)


def of_strangers() -> ssl.SSLContext:
    """Return the context of a client whose certificate is by an unknown authority."""
    context = client_context()
    Strangers.issue_cert("bob@strangers.test").configure_cert(context)
    return context


LONG = b"x" * 2**20
LEAF = Strangers.issue_cert(HOST)
ONLY_12 = {"maximum_version": ssl.TLSVersion.TLSv1_2}
ONLY_13 = {"minimum_version": ssl.TLSVersion.TLSv1_3}

AT_THE_CLIENT = {
    "default": Case(),
    "no verification": Case(shows(Strangers), lambda: False),
    "own context": Case(client=client_context),
    "own context, no verification": Case(shows(Strangers), unverifying),
    "no host name check": Case(
        says(hosts=["else.test"]), lambda: client_context(check_hostname=False)
    ),
    "unknown authority": Case(shows(LEAF)),
    "unknown authority, own context": Case(shows(LEAF), client_context),
    "self-signed": Case(shows(Strangers)),
    "expired": Case(says(not_after=LONG_AGO)),
    "expired, own context": Case(says(not_after=LONG_AGO), client_context),
    "not yet valid": Case(says(not_before=FAR_OFF)),
    "wrong host": Case(says(hosts=["else.test", "10.0.0.1"])),
    "wrong host, own context": Case(says(hosts=["else.test"]), client_context),
    "wildcard": Case(says(hosts=["*.example.test"])),
    "server_hostname": Case(says(hosts=["else.test"]), name="else.test"),
    "wrong server_hostname": Case(says(hosts=[HOST]), name="else.test"),
    "server_hostname with a dot": Case(says(hosts=["else.test"]), name="else.test."),
}
AT_THE_SERVER = {
    "no common version": Case(shows(LEAF, **ONLY_12), lambda: client_context(**ONLY_13)),
    "no common cipher": Case(
        shows(LEAF, **ONLY_12, ciphers="ECDHE-ECDSA-AES128-GCM-SHA256"),
        lambda: client_context(ciphers="ECDHE-ECDSA-AES256-GCM-SHA384"),
    ),
    "client certificate demanded": Case(demands),
    "client certificate demanded, TLS 1.2": Case(demands, old()),
    "client certificate of strangers": Case(demands, of_strangers),
}


async def met_for_real(
    mock: aiointercept, case: Case, monkeypatch: pytest.MonkeyPatch
) -> tuple[int, Outcome]:
    """Return the port of a real server as *case* has it, and what a client meets there."""
    theirs = case.client()
    default = ssl.create_default_context()
    default.set_alpn_protocols(["http/1.1"])
    for context in (theirs, default):
        if isinstance(context, ssl.SSLContext):
            mock.ca.trust(context)
    with openssl_server(shown_by_mock(mock, HOST)) as port, monkeypatch.context() as patch:
        patch.setattr(aiohttp.connector, "_SSL_CONTEXT_VERIFIED", default)
        async with ClientSession(connector=TCPConnector(resolver=ToLoopback())) as session:
            options = {"ssl": theirs, "server_hostname": case.name}
            return port, await met(session, f"https://{HOST}:{port}/x", **options)


async def compare(mock: aiointercept, case: Case, monkeypatch: pytest.MonkeyPatch) -> Outcome:
    """Check that a client meets the same at the mock as at a real server; return what."""
    case.server(mock)
    mock_elsewhere = aiointercept(True, passthrough=[HOST])
    async with mock_elsewhere:
        port, real = await met_for_real(mock, case, monkeypatch)
    theirs = case.client()
    if case.server is demands and theirs is not True:
        mock.ca.trust(theirs)
    mock.get(f"https://{HOST}:{port}/x", repeat=True)
    async with ClientSession() as session:
        options = {"ssl": theirs, "server_hostname": case.name}
        assert await met(session, f"https://{HOST}:{port}/x", **options) == real
    return real


@ON_BOTH_LOOPS
class TestSameAsReal:
    @pytest.mark.parametrize("name", AT_THE_CLIENT)
    async def test_what_the_client_judges(
        self, mock: aiointercept, monkeypatch: pytest.MonkeyPatch, name: str
    ) -> None:
        """The response or exception is a real server's: class, message, errno and cause."""
        met = await compare(mock, AT_THE_CLIENT[name], monkeypatch)
        fails = ("unknown", "self-signed", "expired", "not yet", "wrong")
        assert (met.kind == "response") is not name.startswith(fails)

    # asyncio's own, of the real connection, on Python 3.10.
    @pytest.mark.filterwarnings(
        "ignore:.*_SSLProtocolTransport:pytest.PytestUnraisableExceptionWarning"
    )
    @pytest.mark.parametrize("wire", ["memory"])
    @pytest.mark.parametrize("name", AT_THE_SERVER)
    async def test_what_the_server_judges(
        self, mock: aiointercept, monkeypatch: pytest.MonkeyPatch, name: str
    ) -> None:
        """The same, where it is the server that refuses, and tells the client so by an alert."""
        met = await compare(mock, AT_THE_SERVER[name], monkeypatch)
        assert "ALERT" in met.text

    @pytest.mark.parametrize(
        "protocols", [None, [], ["http/1.1"], ["h2", "http/1.1"], ["h2"]], ids=str
    )
    @pytest.mark.parametrize("wire", ["memory"])
    async def test_application_protocol(
        self,
        mock: aiointercept,
        monkeypatch: pytest.MonkeyPatch,
        protocols: list[str] | None,
    ) -> None:
        """HTTP/1.1 is agreed on where the client offers it; None is aiohttp's default."""
        context = client_context()
        default = aiohttp.connector._SSL_CONTEXT_VERIFIED if protocols is None else context
        if protocols:
            context.set_alpn_protocols(protocols)
        mock.get(SITE, body=LONG)
        async with mock.session() as session:
            chosen = await told(session, ssl=True if protocols is None else context)
        assert chosen["ssl_object"].selected_alpn_protocol() == agreed_on(default, mock)


def agreed_on(context: ssl.SSLContext, mock: aiointercept) -> str | None:
    """Return the protocol that the mock's server takes from a client's first words."""
    to_client, to_server = ssl.MemoryBIO(), ssl.MemoryBIO()
    client = context.wrap_bio(to_client, to_server, server_hostname=HOST)
    server = shown_by_mock(mock, HOST).wrap_bio(to_server, to_client, server_side=True)
    for side in (client, server):
        with pytest.raises(ssl.SSLWantReadError):
            side.do_handshake()
    return server.selected_alpn_protocol()


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


def tls_of(request: Any) -> Any:
    """Return the server's TLS object of a request's connection."""
    return request.transport.get_extra_info("ssl_object")


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


class TestWaysIn:
    async def test_wss(self, mock: aiointercept) -> None:
        """A WebSocket's connection begins with the same handshake."""
        url = f"wss://{HOST}/ws"

        async def echo(ws: Any, request: Any) -> None:
            async for message in ws:
                await ws.send_str(message.data)

        mock.ws(url, echo)
        async with mock.session() as session:
            async with session.ws_connect(url) as ws:
                await ws.send_str("hello")
                assert await ws.receive_str() == "hello"
                assert names_in(ws.get_extra_info("peercert")) == [HOST]
            mock.certificate(HOST, not_after=LONG_AGO)
            with pytest.raises(aiohttp.ClientConnectorCertificateError, match="has expired"):
                await session.ws_connect(url)

    async def test_through_a_proxy(self, mock: aiointercept) -> None:
        """The handshake is with the host, as it would be through a tunnel."""
        mock.get(SITE, body=LONG, repeat=True)
        async with mock.session() as session:
            info = await told(session, proxy="http://proxy.test:3128")
            assert names_in(info["peercert"]) == [HOST]
            mock.certificate(HOST, hosts=["proxy.test"])
            outcome = await met(session, SITE, proxy="http://proxy.test:3128", ssl=client_context())
        assert "Hostname mismatch" in outcome.text

    async def test_explicit_connector(self, wire: Wire) -> None:
        """A mock that is not installed makes handshakes too."""
        async with aiointercept(wire=wire, tls="verify") as mock:
            mock.get(SITE, body=LONG)
            async with ClientSession(connector=InterceptConnector(mock, ssl=False)) as session:
                info = await told(session)
        assert info["peercert"] == {}

    async def test_session_from_before(self, wire: Wire) -> None:
        """A session that is older than the mock verifies with its own connector's settings."""
        async with ClientSession(connector=TCPConnector(ssl=client_context())) as session:
            async with aiointercept(True, wire=wire, tls="verify") as mock:
                mock.get(SITE, repeat=True)
                assert (await met(session, SITE)).kind == "response"
            async with aiointercept(True, wire=wire, tls="verify") as mock:
                mock.certificate(HOST, not_after=LONG_AGO)
                mock.get(SITE)
                assert "has expired" in (await met(session, SITE)).text

    @pytest.mark.parametrize("wire", ["memory"])
    async def test_unix_socket_has_no_handshake(self, mock: aiointercept) -> None:
        """To aiohttp, a Unix socket is never encrypted, whatever the URL says."""
        mock.get(SITE, body=LONG)
        async with ClientSession(connector=UnixConnector("/nowhere")) as session:
            info = await told(session)
        assert info["ssl_object"] is None

    async def test_the_mocks_mode_decides(self, mock: aiointercept, wire: Wire) -> None:
        """Of two mocks, the one whose route answers says whether there is a handshake."""
        mock.get(SITE, body=LONG)
        async with aiointercept(True, wire=wire) as inner, ClientSession() as session:
            inner.get("https://inner.test/", body=LONG)
            outer_info = await told(session)
            inner_info = await told(session, "https://inner.test/")
        assert outer_info["ssl_object"] is not None
        assert inner_info["ssl_object"] is None

    async def test_server_url_is_not_encrypted(self, mock: aiointercept) -> None:
        """It is for clients of every kind, which do not know our authority."""
        assert mock.server_url.startswith("http://")

    @pytest.mark.parametrize("wire", ["memory"])
    async def test_threads(self, mock: aiointercept) -> None:
        """Loops in many threads ask for the same new host at once, and meet one certificate."""
        mock.get("/x", body=LONG, repeat=True)
        seen: list[Any] = []

        async def ask() -> None:
            context = client_context()
            async with ClientSession() as session:
                info = await told(session, "https://threads.test/x", ssl=context)
                seen.append(info["peercert"]["serialNumber"])

        threads = [threading.Thread(target=asyncio.run, args=[ask()]) for _ in range(8)]
        for thread in threads:
            thread.start()
        for thread in threads:
            await asyncio.get_running_loop().run_in_executor(None, thread.join)
        assert len(seen) == 8
        assert len(set(seen)) == 1


@ON_BOTH_LOOPS
class TestLeaving:
    async def test_open_connections_are_closed(self, wire: Wire) -> None:
        """A session may keep its connection longer than the mock is there."""
        async with ClientSession() as session:
            async with aiointercept(True, wire=wire, tls="verify") as mock:
                mock.get(SITE, body=LONG)
                response = await session.get(SITE)
            with pytest.raises(aiohttp.ClientError):
                await response.read()

    @pytest.mark.parametrize("turns", range(8))
    async def test_a_call_is_cancelled_meanwhile(self, wire: Wire, turns: int) -> None:
        """Wherever a handshake stands when its caller gives up, nothing of it is left."""
        async with aiointercept(wire=wire, tls="verify") as mock, mock.session() as session:
            mock.get(SITE)
            asking = asyncio.ensure_future(session.get(SITE))
            for _ in range(turns):
                await asyncio.sleep(0)
            asking.cancel()
            with suppress(asyncio.CancelledError):
                await asking

    @pytest.mark.parametrize("wire", ["tcp"])
    async def test_the_mock_is_left_meanwhile(self, wire: Wire) -> None:
        """A call whose handshake is under way hears that the mock is gone."""
        mock = aiointercept(wire=wire, tls="verify")
        async with mock, mock.session() as session:
            mock.get(SITE)
            asking = asyncio.ensure_future(session.get(SITE))
            for _ in range(2):
                await asyncio.sleep(0)
            await mock.stop()
            with pytest.raises(InterceptClosedError):
                await asking

    async def test_no_mock_is_kept_alive(self, wire: Wire) -> None:
        """Nothing that lasts as long as the process holds on to a mock."""

        async def used() -> weakref.ref[Any]:
            async with aiointercept(True, wire=wire, tls="verify") as mock:
                mock.get(SITE)
                async with ClientSession() as session:
                    await session.get(SITE, ssl=client_context())
                return weakref.ref(mock.interceptor)

        interceptor = await used()
        for _ in range(5):
            # Connections end one turn after they are closed.
            await asyncio.sleep(0)
        gc.collect()
        assert interceptor() is None


class TestBadInput:
    @pytest.fixture
    def mock(self) -> aiointercept:
        """Return a mock that is not started: all of it is refused before."""
        return aiointercept(tls="verify")

    def test_unknown_mode(self) -> None:
        """Only the two modes are taken."""
        with pytest.raises(ValueError, match="tls must be 'assume' or 'verify', not 'full'"):
            aiointercept(tls="full")  # type: ignore[arg-type]

    @pytest.mark.parametrize(
        ("use", "name"),
        [
            (lambda mock: mock.certificate(HOST), "certificate"),
            (lambda mock: mock.require_client_certificate(HOST), "require_client_certificate"),
            (lambda mock: mock.fingerprint(HOST), "fingerprint"),
        ],
    )
    def test_no_handshake_to_speak_of(
        self, use: Callable[[aiointercept], object], name: str
    ) -> None:
        """A mock that makes none refuses to be told about them."""
        with pytest.raises(RuntimeError) as caught:
            use(aiointercept())
        assert str(caught.value) == (
            f"{name}() is about handshakes, and with tls='assume' none is made. "
            f"Make the mock with tls='verify'."
        )

    @pytest.mark.parametrize(
        ("options", "error", "text"),
        [
            ({"not_after": "2001-01-01"}, TypeError, "not_after must be a datetime, not str"),
            ({"not_before": 0}, TypeError, "not_before must be a datetime, not int: 0"),
            ({"not_before": FAR_OFF, "not_after": LONG_AGO}, ValueError, "must be later than"),
            ({"not_after": LONG_AGO.replace(year=1940)}, ValueError, "1950"),
            ({"hosts": "else.test"}, TypeError, "hosts must be a sequence of names"),
            ({"hosts": 1}, TypeError, "hosts must be a sequence of names"),
            ({"hosts": [b"else.test"]}, TypeError, "hosts must be names; one is b'else.test'"),
            ({"hosts": []}, ValueError, "a certificate for nobody"),
            ({"hosts": ["a..test", "b.test"]}, ValueError, "what is no host's name"),
            ({"context": "cert.pem"}, TypeError, "context must be an ssl.SSLContext"),
            ({"context": ssl.create_default_context()}, ValueError, "must be a server's"),
            (
                {"context": server_context(LEAF), "not_after": LONG_AGO},
                ValueError,
                "context= says it all",
            ),
        ],
    )
    def test_certificate(
        self, mock: aiointercept, options: Any, error: type[Exception], text: str
    ) -> None:
        """What cannot be is refused at once, with the argument's name."""
        with pytest.raises(error, match=text):
            mock.certificate(HOST, **options)

    def test_host(self, mock: aiointercept) -> None:
        """A host is what ``passthrough`` takes for one."""
        with pytest.raises(TypeError, match="certificate takes hosts, globs of hosts"):
            mock.certificate(7)  # type: ignore[arg-type]

    @pytest.mark.parametrize(
        ("ca", "error", "text"),
        [
            (b"no PEM", ValueError, "ca has no certificate in PEM: b'no PEM'"),
            (7, TypeError, "ca must be PEM as bytes, or a file of it, not 7"),
            ("/nowhere.pem", FileNotFoundError, "nowhere"),
        ],
    )
    def test_issuers(self, mock: aiointercept, ca: Any, error: type[Exception], text: str) -> None:
        """Who issues clients' certificates must be there."""
        with pytest.raises(error, match=text):
            mock.require_client_certificate(HOST, ca=ca)

    @pytest.mark.parametrize("name", ["", "x" * 65, 7])
    def test_name_of_a_client(self, mock: aiointercept, name: Any) -> None:
        """A common name is a short text."""
        with pytest.raises((TypeError, ValueError), match=r"1 to 64 characters|takes a name"):
            mock.ca.issue_client(name)

    def test_trust(self, mock: aiointercept) -> None:
        """Only a context can be made to trust."""
        with pytest.raises(TypeError, match=r"takes an ssl\.SSLContext, not True"):
            mock.ca.trust(True)  # type: ignore[arg-type]

    def test_fingerprint(self, mock: aiointercept) -> None:
        """A fingerprint is a named host's."""
        with pytest.raises(TypeError, match="takes the name of a host, not None"):
            mock.fingerprint(None)  # type: ignore[arg-type]


WITHOUT = """
import sys
sys.modules["trustme"] = None
from aiointercept_connector import aiointercept
try:
    {}
except ImportError as exc:
    print(exc)
"""


class TestExtra:
    @pytest.mark.parametrize("use", ["aiointercept(tls='verify')", "aiointercept().ca"])
    def test_missing_trustme(self, use: str) -> None:
        """The message says what to install."""
        assert output_of(WITHOUT.format(use)) == (
            "'trustme' is not installed, which this needs: "
            "pip install 'aiointercept-connector[tls]'\n"
        )

    def test_assume_imports_nothing(self) -> None:
        """A mock that makes no handshakes brings nothing of them along."""
        source = """
import asyncio, sys
from aiointercept_connector import aiointercept
async def main():
    async with aiointercept() as mock, mock.session() as session:
        mock.get("https://api.test/")
        assert (await session.get("https://api.test/")).status == 200
asyncio.run(main())
ours = "aiointercept_connector."
print({"trustme", "cryptography", ours + "loopback.tls", ours + "identities"} & set(sys.modules))
"""
        assert output_of(source) == "set()\n"


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
