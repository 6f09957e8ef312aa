"""``tls="verify"``: what a client meets is what it meets over TCP, from OpenSSL on both sides."""

from __future__ import annotations

import ssl
from collections.abc import Callable
from typing import Any

import aiohttp
import aiohttp.connector
import pytest

from aiointercept_connector import aiointercept
from tests.securing.comparing import Case, compare, demands
from tests.securing.site import (
    FAR_OFF,
    HOST,
    LEAF,
    LONG,
    LONG_AGO,
    ON_BOTH_LOOPS,
    SITE,
    Strangers,
    client_context,
    of_strangers,
    old,
    told,
    unverifying,
)
from tests.tls import server_context, shown_by_mock

pytestmark = pytest.mark.anyio


def shows(leaf: Any, **settings: Any) -> Callable[[aiointercept], object]:
    """Let the host show a certificate that is not of the mock's making."""
    return lambda mock: mock.certificate(HOST, context=server_context(leaf, **settings))


def says(**what: Any) -> Callable[[aiointercept], object]:
    """Let the host show a certificate by the mock that says this."""
    return lambda mock: mock.certificate(HOST, **what)


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
