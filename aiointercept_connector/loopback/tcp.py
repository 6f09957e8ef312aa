"""A connection over loopback TCP, by both its sockets.

Nothing goes on listening when it is made, so that no port outlives the loop of its client.
"""

from __future__ import annotations

import socket
from typing import Final

__all__ = ("LOCALHOST", "tcp_pair")

LOCALHOST: Final = "127.0.0.1"


def tcp_pair() -> tuple[socket.socket, socket.socket]:
    """Return two connected sockets, the client's and the server's, neither of which blocks.

    Raises:
        OSError: no socket could be made. (pytest-socket raises its own error.)
    """
    with socket.create_server((LOCALHOST, 0)) as listener:
        # The kernel answers for the listener: connect() does not wait for accept().
        near = socket.create_connection(listener.getsockname())
        far, address = listener.accept()
        while address != near.getsockname():
            # Somebody else was faster to the port.
            far.close()
            far, address = listener.accept()
    near.setblocking(False)
    far.setblocking(False)
    return near, far
