"""What a client's code asked for: the record of a call, and the calls that are under way."""

from __future__ import annotations

import copy
from collections.abc import Generator, Mapping
from contextlib import contextmanager, suppress
from contextvars import ContextVar
from typing import TYPE_CHECKING, Any, Final, NamedTuple

from aiohttp import ClientError, ClientResponse, ClientResponseError
from multidict import CIMultiDict
from yarl import URL

from ...client_calls import ClientCall, tell_as_made_by_hand
from .overridable import merge_params, normalize_url

if TYPE_CHECKING:
    from typing_extensions import Self

    from .mock import aioresponses

__all__ = ("STAND_IN", "MockedCall", "RequestCall", "request_call")


STAND_IN: Final = URL("http://aioresponses.invalid/")
"""Asked in place of what is no URL that could be asked: a path alone, a scheme of the suite's own.

aioresponses answers these as any other, so suites have them. (RFC 2606 keeps the name free.)
"""


class _Arguments(NamedTuple):
    args: tuple[Any, ...]
    kwargs: dict[str, Any]


class RequestCall(_Arguments):
    """The arguments of one call of a session; two calls are equal if these are.

    Attributes:
        args: the positional arguments after method and URL.
        kwargs: the keyword arguments, the session's headers among them, copied at the call.
        method: the HTTP method, as the caller has written it.
        url: the URL with its ``params``, in the order of ``normalize_url``.
        number: tells which of two calls was made first.
    """

    method: str = ""
    url: str = ""
    number: int = 0


def request_call(
    method: str = "GET", *args: Any, allow_redirects: bool = True, **kwargs: Any
) -> RequestCall:
    """Return the record of a call with these arguments, as one that was made would have it."""
    kwargs.setdefault("allow_redirects", allow_redirects)
    if method == "POST":
        kwargs.setdefault("data", None)
    with suppress(TypeError, ValueError):  # streams, open files and the like stay as they are
        kwargs = copy.deepcopy(kwargs)
    return RequestCall(args, kwargs)


class MockedCall:
    """A call of a session while a mock is active, from its beginning to its response.

    Attributes:
        mock: the mock.
        method: the HTTP method, as the caller has written it.
        url: the URL with its ``params``, normalised.
        args: the positional arguments after these.
        kwargs: the keyword arguments, the session's headers among them.
        by_hand: whether no session of the code under test makes it.
        passes: whether it is to reach its host whatever is registered.
        answered: whether the mock has answered it; what has passed is none of its business.
        is_whole: whether all of its response is known, as that of a stream is not.
        failure: the exception that the call is to raise.
        response_class: what its response is to be an instance of.
        status: the status of its response, if it is none that aiohttp's client lets anybody see.
        refused: whether nothing is registered for it, or for what it was redirected to.
        redirected: whether it has been answered with a redirect.
    """

    def __init__(
        self,
        mock: aioresponses,
        method: str,
        url: URL,
        args: tuple[Any, ...],
        kwargs: Mapping[str, Any],
    ) -> None:
        self.mock = mock
        self.method = method
        self.url = url
        self.args = args
        self.kwargs = dict(kwargs)
        self.by_hand = False
        self.passes = False
        self.answered = False
        self.is_whole = False
        self.failure: BaseException | None = None
        self.response_class: type | None = None
        self.status: Any = None
        self.refused = False
        self.redirected = False

    @classmethod
    def of(cls, mock: aioresponses, call: ClientCall, args: tuple[Any, ...]) -> Self:
        """Return *call* as *mock* sees it, with the further positional arguments *args*."""
        url = normalize_url(merge_params(call.url, call.kwargs.get("params")))
        mocked = cls(mock, call.method, url, args, call.kwargs)
        if call.session.headers:
            mocked.kwargs["headers"] = call.headers()
        return mocked

    @classmethod
    def current(cls, mock: aioresponses) -> MockedCall | None:
        """Return the call of *mock* that is under way here, also where it is answered."""
        return next((call for call in _under_way.get() if call.mock is mock), None)

    @contextmanager
    def under_way(self) -> Generator[None]:
        """Let ``current`` find this call, here and wherever it is answered."""
        token = _under_way.set((self, *_under_way.get()))
        try:
            yield
        finally:
            _under_way.reset(token)

    def finished(self, response: ClientResponse) -> ClientResponse:
        """Return *response*, which is that of this call, as its caller gets it."""
        if self.response_class is not None:
            response.__class__ = self.response_class
        if self.status is not None:
            response.status = self.status
        if self.answered:
            tell_as_made_by_hand(response, self.headers())
        return response

    def raised(self, error: ClientError) -> BaseException:
        """Return what its caller gets in the place of *error*, which aiohttp's client raises."""
        if self.failure is not None and error.__cause__ is self.failure:
            # What aiohttp makes of an OSError, say; aioresponses raises the object itself.
            return self.failure
        if self.answered and isinstance(error, ClientResponseError):
            tell_as_made_by_hand(error, self.headers())
        return error

    def headers(self) -> CIMultiDict[str]:
        """Return the headers of the call and its session, without those that aiohttp adds."""
        return CIMultiDict(self.kwargs.get("headers") or ())

    def callback_kwargs(self) -> Mapping[str, Any]:
        """Return what a callback is given beside the URL."""
        return self.kwargs if self.by_hand else {"allow_redirects": True, **self.kwargs}

    def asked_as(self, url: URL) -> URL:
        """Return *url*, that of a request, as the caller has written it, or else normalised.

        aiohttp takes the fragment and the user away before it asks; a redirect has its own URL.
        """
        url = normalize_url(url)
        if url == STAND_IN:
            return self.url
        return self.url if _as_asked(self.url) == url else url


# Of several active mocks each has its own. A callback may make calls while its own is under way.
_under_way: ContextVar[tuple[MockedCall, ...]] = ContextVar("_under_way", default=())


def _as_asked(url: URL) -> URL:
    return url.with_fragment(None).with_user(None) if url.absolute else url
