from __future__ import annotations

import socket
from collections.abc import Iterator
from typing import Any

import pytest

from aiointercept_connector.loopback.tcp import LOCALHOST, tcp_pair


@pytest.fixture
def strangers(monkeypatch: pytest.MonkeyPatch) -> Iterator[list[socket.socket]]:
    """Have somebody else connect first to whatever is connected to; give their sockets."""
    connect = socket.create_connection
    connected: list[socket.socket] = []

    def late(address: Any) -> socket.socket:
        connected.append(connect(address))
        return connect(address)

    monkeypatch.setattr(socket, "create_connection", late)
    yield connected
    for stranger in connected:
        stranger.close()


def test_connected() -> None:
    """The two sockets are the ends of one connection on this machine, and do not block."""
    near, far = tcp_pair()
    with near, far:
        assert near.getsockname() == far.getpeername()
        assert far.getsockname() == near.getpeername()
        assert near.getsockname()[0] == LOCALHOST
        with pytest.raises(BlockingIOError):
            near.recv(1)
        with pytest.raises(BlockingIOError):
            far.recv(1)


def test_nothing_listens() -> None:
    """Nobody else can connect afterwards."""
    near, far = tcp_pair()
    with near, far, pytest.raises(ConnectionRefusedError):
        socket.create_connection(far.getsockname())


def test_no_stranger(strangers: list[socket.socket]) -> None:
    """A stranger who is faster is hung up on, and not taken for the other end."""
    near, far = tcp_pair()
    with near, far:
        assert near.getsockname() == far.getpeername()
        (stranger,) = strangers
        assert stranger.recv(1) == b""
