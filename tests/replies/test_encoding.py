from __future__ import annotations

import gzip
import sys
import zlib
from importlib import import_module
from typing import Any

import pytest
from aiohttp import ClientSession

from aiointercept_connector import aiointercept, replies
from aiointercept_connector.replies import encoding as module
from aiointercept_connector.replies.encoding import accepts
from tests.replies.support import API, WAYS, asked_of, exchanged

# Without types, or with another name in another version.
brotli: Any = import_module("brotli")
zstd: Any = import_module("compression.zstd" if sys.version_info >= (3, 14) else "backports.zstd")

pytestmark = pytest.mark.anyio

BODY = "zoë " * 1000
DECODE = {
    "gzip": gzip.decompress,
    "deflate": zlib.decompress,
    "br": brotli.decompress,
    "zstd": zstd.decompress,
}
ENCODINGS: list[Any] = list(DECODE)


def asking_for(encoding: str) -> dict[str, Any]:
    """Return the arguments of a request that accepts *encoding* alone."""
    return {"headers": {"Accept-Encoding": encoding}}


class TestCompressed:
    """A body is compressed for the clients that accept it."""

    @pytest.mark.parametrize("way", WAYS)
    @pytest.mark.parametrize("encoding", ["gzip", "deflate"])
    async def test_client(self, encoding: Any, way: str) -> None:
        """The client of aiohttp, which accepts them, reads what was sent."""
        answer = await asked_of(replies.text(BODY, encoding=encoding), way)
        assert answer.body.decode() == BODY
        assert answer.headers["Content-Encoding"] == encoding
        assert answer.headers["Vary"] == "Accept-Encoding"
        assert int(answer.headers["Content-Length"]) < 200

    @pytest.mark.parametrize("encoding", ENCODINGS)
    async def test_bytes(self, encoding: Any, wire: Any) -> None:
        """The bytes are what the coding's own library reads."""
        async with (
            aiointercept(wire=wire) as mock,
            ClientSession(connector=mock.connector(), auto_decompress=False) as session,
        ):
            mock.get("/x", reply=replies.text(BODY, encoding=encoding))
            async with session.get(API + "/x", **asking_for(encoding)) as response:
                assert DECODE[encoding](await response.read()).decode() == BODY

    @pytest.mark.parametrize("encoding", ENCODINGS)
    async def test_plain(self, encoding: Any, wire: Any) -> None:
        """A client that does not accept it gets the body as it is, and may know why."""
        answer = await asked_of(
            replies.text(BODY, encoding=encoding), wire, **asking_for("identity")
        )
        assert answer.body.decode() == BODY
        assert "Content-Encoding" not in answer.headers
        assert answer.headers["Vary"] == "Accept-Encoding"

    async def test_no_header(self) -> None:
        """So does one that does not say what it accepts."""
        async with aiointercept() as mock:
            mock.get("/x", reply=replies.text("plain", encoding="gzip"))
            sent = await exchanged(mock, b"GET /x HTTP/1.1\r\nHost: h\r\nConnection: close\r\n\r\n")
        assert sent.endswith(b"\r\n\r\nplain")

    async def test_head(self, wire: Any) -> None:
        """HEAD is answered with the length of what GET would get."""
        reply = replies.text(BODY, encoding="gzip")
        lengths = []
        for method in ("GET", "HEAD"):
            answer = await asked_of(reply, wire, method=method)
            lengths.append(answer.headers["Content-Length"])
        assert lengths[0] == lengths[1]

    async def test_in_a_sequence(self, wire: Any) -> None:
        """A sequence may hold such replies."""
        answer = await asked_of(replies.cycle([replies.text(BODY, encoding="gzip")]), wire)
        assert (answer.body.decode(), answer.headers["Content-Encoding"]) == (BODY, "gzip")

    async def test_beside_a_vary(self, wire: Any) -> None:
        """What else the reply varies with stays."""
        reply = replies.text("t", encoding="gzip", headers={"Vary": "Cookie"})
        answer = await asked_of(reply, wire)
        assert answer.headers.getall("Vary") == ["Cookie", "Accept-Encoding"]


class TestOnce:
    """Compressing is the work of registration."""

    async def test_once(self, wire: Any, monkeypatch: pytest.MonkeyPatch) -> None:
        """However often it is asked."""
        times: list[bytes] = []

        def compress(body: bytes) -> bytes:
            times.append(body)
            return gzip.compress(body)

        monkeypatch.setattr(module, "_COMPRESS", {"gzip": compress})
        async with aiointercept(wire=wire) as mock, mock.session() as session:
            mock.get("/x", reply=replies.text("t", encoding="gzip"), repeat=True)
            for _ in range(3):
                async with session.get(API + "/x") as response:
                    assert await response.text() == "t"
        assert times == [b"t"]


@pytest.mark.parametrize(
    ("header", "yes"),
    [
        ("gzip", True),
        ("deflate, gzip", True),
        ("GZIP;Q=0.5", True),
        ("x-gzip", True),
        ("*", True),
        ("br;q=1.0, *;q=0.1", True),
        ("", False),
        ("br", False),
        ("gzip;q=0", False),
        ("gzip; q=0.000, *", False),
        ("*;q=0", False),
        ("gzip;q=x", False),
    ],
)
def test_accepts(header: str, yes: bool) -> None:
    """A coding is accepted by its name, or else by the asterisk, unless its weight is 0."""
    assert accepts(header, "gzip") is yes


class TestBadInput:
    """What cannot be done is refused when the reply is made."""

    @pytest.mark.parametrize(
        ("encoding", "missing", "package"),
        [("br", "brotli", "brotli"), ("zstd", "backports.zstd", "backports")],
    )
    def test_missing_package(
        self, encoding: Any, missing: str, package: str, monkeypatch: pytest.MonkeyPatch
    ) -> None:
        """A coding whose package is missing says what to install."""
        name = "compression.zstd" if encoding == "zstd" and sys.version_info >= (3, 14) else missing
        monkeypatch.setitem(sys.modules, name, None)
        with pytest.raises(ImportError) as raised:
            replies.text("t", encoding=encoding)
        assert str(raised.value).endswith(
            f"is not installed, which this needs: pip install 'aiointercept-connector[{encoding}]'"
        )

    def test_unknown(self) -> None:
        """A coding that there is not."""
        with pytest.raises(ValueError, match=r"^encoding must be 'gzip' or .*, not 'rot13'$"):
            replies.text("t", encoding="rot13")  # type: ignore[arg-type] # on purpose

    def test_twice(self) -> None:
        """A body that is said to be compressed already."""
        with pytest.raises(ValueError) as raised:  # noqa: PT011 - the text is compared below
            replies.bytes(b"", encoding="br", headers={"content-encoding": "gzip"})
        assert str(raised.value) == (
            "encoding='br': headers say already that the body is compressed "
            "(Content-Encoding: gzip). Leave out one of the two."
        )


def test_value() -> None:
    """Such replies are equal if they send the same, and their repr tells the coding."""
    reply = replies.text("t", encoding="gzip")
    assert reply == replies.text("t", encoding="gzip") != replies.text("t", encoding="br")
    assert len({reply, replies.text("t", encoding="gzip")}) == 1
    assert reply != replies.text("t")
    assert repr(reply) == (
        "<EncodedReply gzip of <StaticReply 200 OK, text/plain; charset=utf-8, 1 bytes>>"
    )
