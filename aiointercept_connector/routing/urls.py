"""URLs as values to compare.

Two URLs are the same to a route when their *keys* are equal: whether the connection is
encrypted, host (lower case, no trailing dot), port, path as percent-encoded (``%2F`` is not
``/``), and the query as a multiset. Fragment and userinfo play no part. How the client spelled
the scheme plays none either: ``ws``, ``tcp`` and ``unix`` are asked as ``http``, ``wss`` as
``https``.
"""

from __future__ import annotations

import re
from collections.abc import Mapping, Sequence
from functools import lru_cache
from typing import Any, NamedTuple, TypeAlias

from yarl import URL

__all__ = (
    "Origin",
    "QueryParams",
    "UrlKey",
    "UrlSpec",
    "canonical_url",
    "is_loopback",
    "merge_params",
    "normal_path",
    "query_key",
    "url_key",
)

UrlSpec: TypeAlias = "str | URL | re.Pattern[str]"
"""What a route's URL may be given as: exact, path only (``/users``), or a pattern."""

QueryParams: TypeAlias = "str | Mapping[str, Any] | Sequence[tuple[str, Any]]"

_SECURE_SCHEMES = frozenset({"https", "wss"})
_DEFAULT_PORTS = {False: 80, True: 443}
_LOOPBACK_HOSTS = frozenset({"localhost", "127.0.0.1", "::1"})
_CACHE_SIZE = 4096
# Characters that stand for themselves in a path (RFC 3986, section 3.3).
_is_plain = re.compile(r"[A-Za-z0-9\-._~!$&'()*+,;=:@/]*").fullmatch


class Origin(NamedTuple):
    """Where a connection goes."""

    secure: bool
    host: str
    port: int


class UrlKey(NamedTuple):
    """All of a URL that takes part in matching."""

    origin: Origin
    path: str
    query: tuple[tuple[str, str], ...]


@lru_cache(_CACHE_SIZE)
def url_key(url: URL) -> UrlKey:
    """Return what of *url*, which must be absolute, takes part in matching."""
    secure = url.scheme in _SECURE_SCHEMES
    host = (url.raw_host or "").rstrip(".").lower()
    port = url.explicit_port or _DEFAULT_PORTS[secure]
    return UrlKey(Origin(secure, host, port), normal_path(url), query_key(url))


def normal_path(url: URL) -> str:
    """Return the path in the one percent-encoding that equal paths share."""
    path = url.raw_path or "/"
    if _is_plain(path) is None or "/." in path:
        # A URL built with `encoded=True` skips yarl's own normalisation.
        path = URL("http://h" + path).raw_path
    return path


def query_key(url: URL) -> tuple[tuple[str, str], ...]:
    """Return the query's pairs in an order that does not depend on how they were written."""
    return tuple(sorted(url.query.items())) if url.raw_query_string else ()


@lru_cache(_CACHE_SIZE)
def canonical_url(url: URL) -> URL:
    """Return the one spelling that all URLs with the key of *url* share."""
    key = url_key(url)
    scheme = "https" if key.origin.secure else "http"
    port = None if key.origin.port == _DEFAULT_PORTS[key.origin.secure] else key.origin.port
    bare = URL.build(scheme=scheme, host=key.origin.host, port=port)
    return bare.with_path(key.path, encoded=True).with_query(key.query)


def merge_params(url: URL, params: QueryParams | None) -> URL:
    """Return *url* with *params* appended to the query it already has."""
    return url.extend_query(params) if params else url


def is_loopback(host: str) -> bool:
    """Tell whether *host* names this machine."""
    return host in _LOOPBACK_HOSTS
