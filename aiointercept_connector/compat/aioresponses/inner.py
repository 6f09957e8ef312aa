"""The mock of this library below a facade's, and what it claims of the calls."""

from __future__ import annotations

import sys
from collections.abc import Iterable
from itertools import chain
from typing import TYPE_CHECKING, Any

from aiohttp import ClientConnectionError, hdrs

from ...interceptor import Interceptor
from ...mock import aiointercept
from ...routing.policy import Policy, Verdict
from ...routing.registry import Registry
from ...routing.route import Asked, Route
from .calls import MockedCall

if TYPE_CHECKING:
    from ...journal.request import AiointerceptRequest
    from .mock import aioresponses

__all__ = ("InnerMock",)


class InnerMock(aiointercept):
    """The mock of this library that a facade's mock is made of."""

    def __init__(self, outer: aioresponses) -> None:
        self._outer = outer
        super().__init__(mock_external_urls=True)

    def _new_interceptor(self) -> Interceptor:
        return _Interceptor(self._outer)


class _Interceptor(Interceptor):
    """Leaves alone what is to pass, and refuses the rest in the words of aioresponses."""

    def __init__(self, mock: aioresponses) -> None:
        super().__init__(policy=Policy(unmatched=self._verdict, local=False))
        self.registry = _Registry(mock)
        self._mock = mock

    def claims(self, asked: Asked) -> bool:
        return not self._passes() and super().claims(asked)

    def _passes(self) -> bool:
        call = MockedCall.current(self._mock)
        return call is not None and call.passes

    def _verdict(self, request: object) -> Verdict:
        call = MockedCall.current(self._mock)
        passes = self._mock.passthrough_unmatched
        if call is not None:
            passes = call.passes or (passes and not call.by_hand)
        return "passthrough" if passes else "raise"

    def _unmatched(self, request: AiointerceptRequest, asked: Asked) -> Any:
        unmatched = super()._unmatched(request, asked)
        call = MockedCall.current(self._mock)
        what = f"{asked.method} {asked.url}"
        if call is not None:
            what = f"{call.method} {call.url}"
            call.refused = True
        error: Any = ClientConnectionError(f"Connection refused: {what}")
        if sys.version_info >= (3, 11):
            error.add_note(str(unmatched))
        return error


class _Registry(Registry):
    """Has what is registered for GET answer redirected requests that nothing else is for.

    aioresponses makes a GET of each. A client keeps the method of some, and suites do not know it.
    """

    def __init__(self, mock: aioresponses) -> None:
        super().__init__()
        self._mock = mock

    def candidates(self, asked: Asked) -> Iterable[Route]:
        fitting = super().candidates(asked)
        call = MockedCall.current(self._mock)
        if call is None or not call.redirected:
            return fitting
        return chain(fitting, super().candidates(Asked(hdrs.METH_GET, asked.url)))
