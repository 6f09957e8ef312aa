"""The journal: every request that a mock received, once for each call of a client, in order.

It keeps all of them, or the last ones and the beginnings of their bodies. What it keeps no longer
it still counts.
"""

from __future__ import annotations

import threading
from typing import TYPE_CHECKING, Any, TypeAlias, TypeVar, overload

from yarl import URL

from ..routing.urls import canonical_url
from .request import AiointerceptRequest

if TYPE_CHECKING:
    from .frames import Conversation

__all__ = ("Journal", "RequestKey", "RequestsByUrl")

T = TypeVar("T")

RequestKey: TypeAlias = "tuple[str, URL]"
AnyKey: TypeAlias = "tuple[str, URL | str]"


class RequestsByUrl(dict[RequestKey, list[AiointerceptRequest]]):
    """Requests by ``(METHOD, URL)``; any spelling of the method and the URL finds them."""

    def __getitem__(self, key: AnyKey) -> list[AiointerceptRequest]:
        return super().__getitem__(_normal(key))

    def __contains__(self, key: object) -> bool:
        return dict[Any, Any].__contains__(self, _normal(key))

    @overload
    def get(self, key: AnyKey, default: None = None, /) -> list[AiointerceptRequest] | None: ...
    @overload
    def get(
        self, key: AnyKey, default: list[AiointerceptRequest], /
    ) -> list[AiointerceptRequest]: ...
    @overload
    def get(self, key: AnyKey, default: T, /) -> list[AiointerceptRequest] | T: ...
    def get(self, key: AnyKey, default: Any = None, /) -> Any:
        """Return the requests for *key*, in order of arrival, or *default* if there are none."""
        return super().get(_normal(key), default)

    def put_in(self, request: AiointerceptRequest) -> None:
        """File *request*."""
        self.setdefault((request.method, request.canonical_url), []).append(request)

    def take_out(self, request: AiointerceptRequest) -> None:
        """Take out *request*, which is the oldest."""
        key = (request.method, request.canonical_url)
        del self[key][0]
        if not self[key]:
            del self[key]


class Journal:
    """Keeps requests in order of arrival, and by method and URL.

    Its length is the number of requests that came, whether they are still kept or not.

    Args:
        max_requests: how many requests are kept, the last ones; None for all.
        max_body: how many bytes of a body are kept once it is answered; None for all.
    """

    def __init__(self, max_requests: int | None = None, max_body: int | None = None) -> None:
        self.max_requests = max_requests
        self.max_body = max_body
        self.dropped = 0
        self.dropped_unmatched = 0
        self._bounded = max_requests is not None or max_body is not None
        self._lock = threading.Lock()
        self._old_talks: list[Conversation] = []
        self._records: list[AiointerceptRequest] = []
        self._by_url = RequestsByUrl()
        self._filed = 0

    def __len__(self) -> int:
        return self.dropped + len(self._records)

    def __repr__(self) -> str:
        unmatched = self.dropped_unmatched + len(self.unmatched)
        missing = f", {self.missing}" if self.dropped else ""
        return f"<Journal {len(self)} requests, {unmatched} unmatched{missing}>"

    @property
    def missing(self) -> str:
        """Which requests are not kept any more, in words; nothing if all are."""
        if not self.dropped:
            return ""
        return f"the first {self.dropped} not kept (max_requests={self.max_requests})"

    def record(self, request: AiointerceptRequest) -> None:
        """Add *request*. Safe to call from several threads."""
        # Appending to a list is atomic; filing it is left to whoever looks.
        self._records.append(request)
        if self._bounded:
            request.bound_body(self.max_body)
            self._drop_oldest()

    def _drop_oldest(self) -> None:
        if self.max_requests is not None:
            with self._lock:
                while len(self._records) > self.max_requests:
                    self._drop(self._records.pop(0))

    def _drop(self, request: AiointerceptRequest) -> None:
        self.dropped += 1
        if self._filed:
            self._by_url.take_out(request)
            self._filed -= 1
        if request.route is None:
            self.dropped_unmatched += 1
        else:
            request.route.forget(request, self)
        if request.conversation is not None:
            # It may go on, and come to an end that is to be complained of.
            self._old_talks.append(request.conversation)

    def has(self, request: AiointerceptRequest) -> bool:
        """Tell whether *request* is kept here; one that came late is found soon."""
        return any(one is request for one in reversed(self._records))

    def clear(self) -> None:
        """Forget every request."""
        with self._lock:
            self._records.clear()
            self._old_talks.clear()
            self._by_url.clear()
            self._filed = self.dropped = self.dropped_unmatched = 0

    @property
    def records(self) -> list[AiointerceptRequest]:
        """The requests, in order of arrival."""
        return list(self._records)

    @property
    def last(self) -> AiointerceptRequest | None:
        """The request that came last."""
        return self._records[-1] if self._records else None

    @property
    def conversations(self) -> list[Conversation]:
        """The WebSockets that requests became, also those of requests that are not kept."""
        talks = (request.conversation for request in self.records)
        return [*self._old_talks, *(talk for talk in talks if talk is not None)]

    @property
    def unmatched(self) -> list[AiointerceptRequest]:
        """The requests that met no route."""
        return [request for request in self._records if request.route is None]

    @property
    def by_url(self) -> RequestsByUrl:
        """The requests by ``(METHOD, canonical URL)``."""
        with self._lock:
            for request in self._records[self._filed :]:
                self._by_url.put_in(request)
                self._filed += 1
            return self._by_url

    def to(self, method: str, url: URL) -> list[AiointerceptRequest]:
        """Return the requests for *method* and *url*, in order of arrival."""
        return self.by_url.get((method, url), [])


def _normal(key: object) -> Any:
    """Return *key* as the journal files it, or as it is if it is no such key."""
    match key:
        case (str() as method, str() | URL() as url) if (whole := URL(url)).absolute:
            return method.upper(), canonical_url(whole)
        case _:
            return key
