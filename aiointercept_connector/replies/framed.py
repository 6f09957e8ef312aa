"""What may stand around a response: interim responses before it, trailers behind its body."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from typing import Any, Final, TypeAlias

from aiohttp import hdrs
from multidict import CIMultiDict

from .checked import checked_headers
from .static import StaticReply, default_reason, is_bodiless, serialise_head

__all__ = ("FramedReply", "Interim", "Trailers")

Interim: TypeAlias = "Iterable[int | tuple[int, Mapping[str, str]]]"
"""Interim responses, such as ``[102, (103, {"Link": "</a.css>; rel=preload"})]``."""

Trailers: TypeAlias = "Mapping[str, str]"
"""Fields that are sent behind the body."""

# RFC 9110 sections 6.5.1 and 8.6: whoever needs these needs them before the body.
_NOT_BEHIND: Final = frozenset(
    {
        hdrs.CONNECTION,
        hdrs.CONTENT_ENCODING,
        hdrs.CONTENT_LENGTH,
        hdrs.CONTENT_RANGE,
        hdrs.CONTENT_TYPE,
        hdrs.TRAILER,
        hdrs.TRANSFER_ENCODING,
    }
)
_NOT_BEFORE: Final = frozenset({hdrs.CONTENT_LENGTH, hdrs.TRANSFER_ENCODING})


class FramedReply(StaticReply):
    """A static reply with interim responses before it, and trailers behind its body.

    Args:
        reply: what it is otherwise. With trailers, its body is sent in chunks.
        interim: the interim responses, 1xx but for 101.
        trailers: the trailers; a multidict may repeat a name.

    Raises:
        TypeError: something is of a wrong type.
        ValueError: HTTP has no such interim response or trailer, or no body to have it behind.
    """

    __slots__ = ("interim", "trailers")

    def __init__(
        self, reply: StaticReply, interim: Interim = (), trailers: Trailers | None = None
    ) -> None:
        self.interim = b"".join(map(_interim_response, interim))
        self.trailers = _checked_fields("trailers", trailers, _NOT_BEHIND)
        headers = CIMultiDict(reply.headers)
        if self.trailers:
            if is_bodiless(reply.status):
                raise ValueError(f"trailers: HTTP has no body with status={reply.status}.")
            headers[hdrs.TRANSFER_ENCODING] = "chunked"
            headers.setdefault(hdrs.TRAILER, ", ".join(dict.fromkeys(self.trailers)))
        super().__init__(reply.status, reply.body, headers, reply.reason)
        if self.trailers:
            lines = "".join(f"{name}: {value}\r\n" for name, value in self.trailers.items())
            self.content = self.content.removesuffix(b"\r\n") + lines.encode() + b"\r\n"
        self._head = self.interim + self._head
        self._finish()

    def __repr__(self) -> str:
        before = f"{len(self.interim)} bytes before" if self.interim else ""
        behind = ", ".join(dict.fromkeys(self.trailers))
        around = filter(None, [before, f"{behind} behind" if behind else ""])
        return f"<FramedReply {', '.join(around)}: {super().__repr__()}>"


def _interim_response(given: Any) -> bytes:
    match given:
        case bool() | (bool(), _):
            pass
        case int() as status:
            return _one_interim(status, None)
        case (int() as status, headers):
            return _one_interim(status, headers)
        case _:
            pass
    raise TypeError(
        f"interim must hold statuses or (status, headers) pairs, "
        f"not {type(given).__name__}: {given!r:.60}"
    )


def _one_interim(status: int, headers: Mapping[str, str] | None) -> bytes:
    # 101 is final: another protocol begins behind it.
    if not 100 <= status <= 199 or status == 101:
        raise ValueError(f"interim must hold statuses from 100 to 199, but not 101: {status}")
    fields = _checked_fields(f"interim, {status}", headers, _NOT_BEFORE)
    return serialise_head(status, default_reason(status), fields) + b"\r\n"


def _checked_fields(
    argument: str, headers: Mapping[str, str] | None, forbidden: frozenset[str]
) -> CIMultiDict[str]:
    fields = checked_headers(headers, argument)
    for name in forbidden:
        if name in fields:
            raise ValueError(f"{argument}: HTTP does not allow {name} there")
    return fields
