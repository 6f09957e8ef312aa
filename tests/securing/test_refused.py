"""What is refused, and what is not imported where there are no handshakes."""

from __future__ import annotations

import ssl
from collections.abc import Callable
from typing import Any

import pytest

from aiointercept_connector import aiointercept
from tests.securing.site import FAR_OFF, HOST, LEAF, LONG_AGO, output_of
from tests.tls import server_context

pytestmark = pytest.mark.anyio


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
            ({"hosts": ["a.test", ""]}, ValueError, "hosts has an empty name"),
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
        with pytest.raises(ValueError, match="the name of a host, and this one is empty"):
            mock.fingerprint("")


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
