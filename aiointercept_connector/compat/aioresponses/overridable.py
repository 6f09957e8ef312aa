"""How URLs are compared: by what ``core`` has, where suites put functions of their own."""

from __future__ import annotations

from typing import Any

from yarl import URL

__all__ = ("merge_params", "normalize_url")


def merge_params(url: URL | str, params: Any = None) -> URL:
    """Return what ``core.merge_params`` makes of *url* and *params*."""
    # Imported at its use: it imports whoever uses this.
    from . import core

    return core.merge_params(url, params)


def normalize_url(url: URL | str) -> URL:
    """Return what ``core.normalize_url`` makes of *url*."""
    from . import core

    return core.normalize_url(url)
