"""One response after the other."""

from __future__ import annotations

from collections.abc import Iterable
from typing import Any, Literal, TypeAlias

from aiohttp.web_response import StreamResponse

from ..exceptions import SequenceExhausted
from .base import BaseMockResponse

__all__ = ("OnExhausted", "SequenceResponse")

OnExhausted: TypeAlias = Literal["raise", "cycle", "last"]


class SequenceResponse(BaseMockResponse):
    """Another response each time it is asked; where it has got to is known to the object.

    Args:
        responses: the responses.
        on_exhausted: what comes behind the last: ``"raise"``: ``SequenceExhausted``, a 500 to the
            client; ``"cycle"``: the first again; ``"last"``: the last, for ever.

    Raises:
        ValueError: there are no responses.
    """

    def __init__(
        self, responses: Iterable[BaseMockResponse], on_exhausted: OnExhausted = "raise"
    ) -> None:
        self._responses = list(responses)
        if not self._responses:
            raise ValueError("SequenceResponse requires at least one response")
        self._on_exhausted = on_exhausted
        self._asked = 0

    async def response(self, request: Any) -> StreamResponse:
        """Return the next response."""
        index, self._asked = self._asked, self._asked + 1
        count = len(self._responses)
        if index >= count and self._on_exhausted == "raise":
            raise SequenceExhausted(f"SequenceResponse exhausted after {count} response(s)")
        place = index % count if self._on_exhausted == "cycle" else min(index, count - 1)
        return await self._responses[place].response(request)
