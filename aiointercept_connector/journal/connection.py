"""What a recorded request asks of its connection, and what stands there when it has none."""

from __future__ import annotations

from collections.abc import Mapping
from typing import TYPE_CHECKING, Any, Protocol

from ..unset import UNSET

if TYPE_CHECKING:
    from aiohttp.web_response import StreamResponse
    from yarl import URL

    from ..replies.relayed import ForwardedResponse

__all__ = ("Arriving", "NoProtocol", "RealHost")


class Arriving(Protocol):
    """The body of a request that is still arriving: a stream that keeps what was read of it."""

    size: int
    max_body: int | None

    @property
    def so_far(self) -> bytes:
        """What was read, as far as ``max_body`` allows to keep it; ``size`` bytes were."""
        ...

    async def whole(self) -> bytes:
        """Read what is left, and return all of the body."""
        ...

    def is_eof(self) -> bool:
        """Tell whether all of it has arrived."""
        ...


class RealHost(Protocol):
    """The way to the host that a request is for."""

    async def forward(
        self,
        url: URL | str | None = None,
        *,
        headers: Mapping[str, str | None] | None = None,
        body: bytes | str | None = None,
        json: Any = UNSET,
    ) -> ForwardedResponse:
        """Send the request, perhaps changed, and return the whole response."""
        ...

    async def pass_through(self) -> StreamResponse:
        """Send the request on as it arrives, and the response as it comes back."""
        ...


class NoProtocol:
    """Stands for the connection of a request that has none, or none any more."""

    transport = None
    ssl_context = None
    peername = None
    sockname = None

    def __init__(self) -> None:
        self.transport = self

    def get_extra_info(self, name: str, default: Any = None) -> Any:
        """Return *default*."""
        return default
