"""The normal form of URLs, in which aiointercept compares them."""

from __future__ import annotations

from collections.abc import Mapping

from multidict import MultiDict
from yarl import URL

__all__ = ("merge_params", "normalize_host", "normalize_url")


def normalize_host(host: str) -> str:
    """Return *host* without the dots at its end."""
    return host.rstrip(".")


def normalize_url(url: URL | str) -> URL:
    """Return *url* with its query sorted, and without a fragment or dots behind the host."""
    url = URL(url).with_fragment(None)
    query = sorted(url.query.items())
    host = url.raw_host
    if host:
        if normalize_host(host) != host:
            url = url.with_host(normalize_host(host))
        url = url.with_path(url.path or "/")
    return url.with_query(query)


def merge_params(url: URL | str, params: Mapping[str, str] | None = None) -> URL:
    """Return *url* with *params* appended to its query."""
    url = URL(url)
    if not params:
        return url
    query = MultiDict(url.query)
    query.extend(url.with_query(params).query)
    return url.with_query(query)
