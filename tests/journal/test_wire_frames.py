"""The reader of frames, beside wsproto, which has written them."""

from __future__ import annotations

from collections.abc import Sequence
from itertools import pairwise
from typing import Any

import pytest
from aiohttp import WSMsgType
from hypothesis import given
from hypothesis import strategies as st
from wsproto.extensions import PerMessageDeflate
from wsproto.frame_protocol import CloseReason, FrameProtocol

from aiointercept_connector.journal.wire_frames import Made, WireReader

TEXT, BINARY = WSMsgType.TEXT, WSMsgType.BINARY


def writer(*, client: bool, **compression: Any) -> FrameProtocol:
    """Make what writes the frames of one end, compressed if that is agreed."""
    if not compression:
        return FrameProtocol(client, [])
    deflate = PerMessageDeflate(**compression)
    if client:
        offer = deflate.offer()
        deflate.finalize(offer if isinstance(offer, str) else "")
    else:
        deflate.accept("permessage-deflate")
    return FrameProtocol(client, [deflate])


def read(data: bytes | bytearray, cuts: Sequence[int] = ()) -> list[Made]:
    """Return the frames of *data*, given in pieces."""
    data, reader = bytes(data), WireReader()
    ends = [0, *sorted(cut % (len(data) + 1) for cut in cuts), len(data)]
    return [made for start, end in pairwise(ends) for made in reader.feed(data[start:end])]


BOTH_ENDS = pytest.mark.parametrize("client", [True, False], ids=["client", "server"])


@BOTH_ENDS
@pytest.mark.parametrize("size", [0, 1, 125, 126, 65_535, 65_536, 200_000])
def test_lengths(size: int, client: bool) -> None:
    """A length has three forms; what is masked is unmasked."""
    payload = (bytes(range(256)) * (size // 256 + 1))[:size]
    assert read(writer(client=client).send_data(payload)) == [(BINARY, payload, "")]


@BOTH_ENDS
def test_kinds(client: bool) -> None:
    """Texts are str, pings and pongs bytes; a close has its code and reason."""
    end = writer(client=client)
    data = end.send_data("é") + end.ping(b"p") + end.pong() + end.close(4000, "bye")
    assert read(data) == [
        (TEXT, "é", ""),
        (WSMsgType.PING, b"p", ""),
        (WSMsgType.PONG, b"", ""),
        (WSMsgType.CLOSE, 4000, "bye"),
    ]


def test_a_close_without_a_code() -> None:
    """It has the code 0."""
    data = writer(client=False).close(CloseReason.NO_STATUS_RCVD)
    assert read(data) == [(WSMsgType.CLOSE, 0, "")]


def test_a_message_in_several_frames() -> None:
    """It is one, behind the control frames that stand within it."""
    end = writer(client=True)
    first, ping, last = end.send_data("a", fin=False), end.ping(b"p"), end.send_data("b", fin=True)
    assert read(first + ping + last) == [(WSMsgType.PING, b"p", ""), (TEXT, "ab", "")]


@BOTH_ENDS
@pytest.mark.parametrize("takeover", [True, False], ids=["one context", "a context each"])
@pytest.mark.parametrize("bits", [9, 15])
def test_compressed(client: bool, takeover: bool, bits: int) -> None:
    """Compressed messages are unpacked, whether they refer to those before them or not."""
    end = writer(
        client=client,
        client_no_context_takeover=not takeover,
        server_no_context_takeover=not takeover,
        client_max_window_bits=bits,
        server_max_window_bits=bits,
    )
    texts = ["hello " * 100, "hello " * 100, "", "other"]
    data = b"".join(map(end.send_data, texts))
    assert len(data) < 400
    assert read(data) == [(TEXT, text, "") for text in texts]


def test_a_compressed_message_in_several_frames() -> None:
    """Only its first frame says that it is compressed."""
    end = writer(client=True, client_no_context_takeover=False)
    data = end.send_data("hello " * 100, fin=False) + end.send_data("world", fin=True)
    assert read(data) == [(TEXT, "hello " * 100 + "world", "")]


def test_text_that_is_none() -> None:
    """What is no UTF-8 becomes U+FFFD."""
    assert read(b"\x81\x02\xff!") == [(TEXT, "\ufffd!", "")]


@pytest.mark.parametrize(
    "garbage", [b"\x83\x00", b"\xb1\x00", b"\xc1\x02\xff\xff", b"HTTP/1.1 200 OK\r\n\r\n"]
)
def test_garbage(garbage: bytes) -> None:
    """Behind bytes that are no WebSocket's there are no frames; those before them are there."""
    text = b"\x81\x01a"
    assert read(text + garbage + text, [1, 4, 5]) == [(TEXT, "a", "")]


messages = st.one_of(st.text(), st.binary(max_size=300))


@given(st.lists(messages, max_size=5), st.booleans(), st.lists(st.integers(0)))
def test_any_pieces(sent: list[Any], client: bool, cuts: list[int]) -> None:
    """However the bytes are cut into pieces, the frames are the same."""
    end = writer(client=client, client_no_context_takeover=False)
    data = b"".join(map(end.send_data, sent))
    assert [made[1] for made in read(data, cuts)] == sent


@given(st.binary(), st.lists(st.integers(0), max_size=3))
def test_any_bytes(data: bytes, cuts: list[int]) -> None:
    """Any bytes can be read, and are the same frames in any pieces."""
    assert read(data, cuts) == read(data)
