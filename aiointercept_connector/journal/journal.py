"""The journal: every request that a mock received, once for each call of a client, in order."""

from __future__ import annotations

import threading
from typing import Any, TypeAlias, TypeVar, overload

from yarl import URL

from ..routing.urls import canonical_url
from .request import AiointerceptRequest

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


class Journal:
    """Keeps requests in order of arrival, and by method and URL."""

    def __init__(self) -> None:
        self._lock = threading.Lock()
        self._records: list[AiointerceptRequest] = []
        self._by_url = RequestsByUrl()
        self._filed = 0

    def __len__(self) -> int:
        return len(self._records)

    def __repr__(self) -> str:
        return f"<Journal {len(self)} requests, {len(self.unmatched)} unmatched>"

    def record(self, request: AiointerceptRequest) -> None:
        """Add *request*. Safe to call from several threads."""
        # Appending to a list is atomic; filing it is left to whoever looks.
        self._records.append(request)

    def has(self, request: AiointerceptRequest) -> bool:
        """Tell whether *request* is kept here; one that came late is found soon."""
        return any(one is request for one in reversed(self._records))

    def clear(self) -> None:
        """Forget every request."""
        with self._lock:
            self._records.clear()
            self._by_url.clear()
            self._filed = 0

    @property
    def records(self) -> list[AiointerceptRequest]:
        """The requests, in order of arrival."""
        return list(self._records)

    @property
    def last(self) -> AiointerceptRequest | None:
        """The request that came last."""
        return self._records[-1] if self._records else None

    @property
    def unmatched(self) -> list[AiointerceptRequest]:
        """The requests that met no route."""
        return [request for request in self._records if request.route is None]

    @property
    def by_url(self) -> RequestsByUrl:
        """The requests by ``(METHOD, canonical URL)``."""
        with self._lock:
            for request in self._records[self._filed :]:
                key = (request.method, request.canonical_url)
                self._by_url.setdefault(key, []).append(request)
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
