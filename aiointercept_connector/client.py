"""Where the relative URLs of ``mock.client(...)`` go."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from yarl import URL

from .routing.prefix import PathPrefix
from .routing.route import Route
from .routing.target import UrlTarget
from .routing.urls import Origin

if TYPE_CHECKING:
    from .mock import aiointercept

__all__ = ("base_url",)


def base_url(mock: aiointercept, target: Any) -> URL:
    """Return *target* if it is a URL, or else the URL that it is mounted at.

    Raises:
        TypeError: it cannot be mounted.
        ValueError: it is mounted below a path, or on no host of its own.
    """
    if isinstance(target, (str, URL)):
        return URL(target)
    mounted = [
        one for one in mock.interceptor.registry if getattr(one.reply, "app", None) is target
    ]
    if not mounted:
        # RFC 6761: nothing else has such a name.
        mounted = [mock.mount(f"http://app{len(mock.interceptor.hosts)}.test", target)]
    origins = [url for one in mounted if (url := _origin(one)) is not None]
    if not origins:
        raise ValueError(
            f"client(): {mounted[0]} has no URL that relative ones could go on from. Mount the "
            f"application on a host ('https://api.example.com'), or give such a URL."
        )
    return origins[0]


def _origin(route: Route) -> URL | None:
    """Return the host that all of is the route's."""
    target = route.target
    if not isinstance(target, UrlTarget) or not isinstance(target.host, Origin):
        return None
    if target.path != PathPrefix(""):
        return None
    secure, host, port = target.host
    return URL.build(scheme="https" if secure else "http", host=host, port=port)
