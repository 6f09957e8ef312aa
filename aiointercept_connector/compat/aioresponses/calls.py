"""What a client's code asked for: the record of a call, and the calls that are under way."""

from __future__ import annotations

import copy
from collections.abc import Generator, Mapping
from contextlib import contextmanager, suppress
from contextvars import ContextVar
from typing import Any, Final, NamedTuple

from yarl import URL

from ...client_calls import ClientCall
from .compat import merge_params, normalize_url

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
        passes: whether it is to reach its host whatever is registered.
        answered: whether the mock has answered it; what has passed is none of its business.
        failure: the exception that the call is to raise.
        response_class: what its response is to be an instance of.
        status: the status of its response; aiohttp's client lets nobody see one below 200.
    """

    def __init__(self, mock: object, call: ClientCall, args: tuple[Any, ...]) -> None:
        self.mock = mock
        self.method = call.method
        self.url = normalize_url(merge_params(call.url, call.kwargs.get("params")))
        self.args = args
        self.kwargs = dict(call.kwargs)
        if call.session.headers:
            self.kwargs["headers"] = call.headers()
        self.passes = False
        self.answered = False
        self.failure: BaseException | None = None
        self.response_class: type | None = None
        self.status: int | None = None

    @classmethod
    def current(cls, mock: object) -> MockedCall | None:
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

    def callback_kwargs(self) -> Mapping[str, Any]:
        """Return what a callback is given beside the URL."""
        return {"allow_redirects": True, **self.kwargs}

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
