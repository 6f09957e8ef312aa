"""Which URLs aiointercept takes for one.

Where a host was registered or asked by https, http means https. Paths are compared decoded, so that
``%2F`` is ``/``. An expression is tried with both schemes.
"""

from __future__ import annotations

from collections.abc import Iterable
from functools import lru_cache
from typing import TYPE_CHECKING

from yarl import URL

from ...journal.journal import Journal
from ...routing.registry import Registry
from ...routing.target import Asked, UrlTarget
from ...routing.urls import Origin, canonical_url
from .compat import normalize_url

if TYPE_CHECKING:
    from ...journal.request import AiointerceptRequest
    from ...routing.route import Route

__all__ = ("HttpsHosts", "HttpsJournal", "HttpsRegistry")

_HTTPS = "https"


class HttpsHosts:
    """The hosts that are known by https."""

    def __init__(self) -> None:
        self._known: set[str] = set()

    def add(self, host: str) -> None:
        """Know *host*, with its port unless that is the usual one, by https."""
        self._known.add(host)

    def clear(self) -> None:
        """Know none."""
        self._known.clear()

    def named(self, url: URL) -> URL:
        """Return the one form of all the URLs that are *url* to aiointercept."""
        one = _decoded(url)
        return one.with_scheme(_HTTPS) if _authority(one) in self._known else one


class HttpsRegistry(Registry):
    """Finds routes by the one form of a URL.

    Attributes:
        https_hosts: the hosts that are known by https.
    """

    def __init__(self) -> None:
        self.https_hosts = HttpsHosts()
        super().__init__()

    def clear(self) -> None:
        """Forget every route, the state, and the hosts."""
        super().clear()
        self.https_hosts.clear()

    def add(self, route: Route) -> None:
        """Register *route*; of an https URL the host is known by https, on any port but another."""
        super().add(route)
        host = route.target.host if isinstance(route.target, UrlTarget) else None
        if isinstance(host, Origin) and host.secure:
            self.https_hosts.add(host.host)

    def candidates(self, asked: Asked) -> Iterable[Route]:
        """Return the routes whose method and URL fit, in the order in which to try them."""
        return super().candidates(_AskedByEither(asked, self.https_hosts.named(asked.url)))


class HttpsJournal(Journal):
    """Files requests under the one form of their URLs.

    Args:
        https_hosts: the hosts that are known by https.
        like: a journal that keeps as much as this one is to keep.
    """

    def __init__(self, https_hosts: HttpsHosts, like: Journal) -> None:
        super().__init__(like.max_requests, like.max_body)
        self._https_hosts = https_hosts

    def record(self, request: AiointerceptRequest) -> None:
        """Add *request*."""
        if request.url.scheme == _HTTPS:
            self._https_hosts.add(_authority(request.url))
        request.file_under(self._https_hosts.named(request.url))
        super().record(request)

    def to(self, method: str, url: URL) -> list[AiointerceptRequest]:
        """Return the requests for *method* and *url*, in order of arrival."""
        return super().to(method, normalize_url(url))


class _AskedByEither(Asked):
    """What was asked, as by http and by https."""

    __slots__ = ("_sent",)

    def __init__(self, asked: Asked, named: URL) -> None:
        super().__init__(asked.method, named)
        self._sent = asked.url

    @property
    def spellings(self) -> tuple[str, ...]:
        """The URL as sent, by both schemes; then its normal form."""
        return (
            *(str(self._sent.with_scheme(scheme)) for scheme in (_HTTPS, "http")),
            *super().spellings,
        )


@lru_cache(4096)
def _decoded(url: URL) -> URL:
    return canonical_url(normalize_url(url))


def _authority(url: URL) -> str:
    host = (url.raw_host or "").rstrip(".")
    return host if url.is_default_port() else f"{host}:{url.port}"
