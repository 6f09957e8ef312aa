"""``install`` and ``uninstall``: a mock for the whole process, without a block around it."""

from __future__ import annotations

from typing import Any

from .mock import aiointercept

__all__ = ("install", "uninstall")

_installed: list[aiointercept] = []


def install(mock: aiointercept | None = None, **options: Any) -> aiointercept:
    """Intercept every session of the process until ``uninstall``, and return the mock.

    Installs stack: the last one is asked first.

    Args:
        mock: a mock to be started for the purpose.
        **options: arguments of ``aiointercept``, if *mock* is not given.

    Raises:
        TypeError: both *mock* and *options* are given, or an option is unknown.
        ValueError: *mock* was made without ``mock_external_urls=True``.
        RuntimeError: *mock* has been started already.
    """
    if mock is None:
        mock = aiointercept(mock_external_urls=True, **options)
    elif options:
        raise TypeError(f"install() takes a mock or options for one, not both: {sorted(options)}")
    elif not mock.mock_external_urls:
        raise ValueError("install() needs a mock made with mock_external_urls=True")
    mock.start()
    _installed.append(mock)
    return mock


def uninstall(mock: aiointercept | None = None) -> None:
    """Stop what ``install`` has started: *mock*, or the last one. Does nothing if there is none."""
    _installed[:] = [one for one in _installed if one.active]
    if mock is None:
        mock = _installed[-1] if _installed else None
    if mock is not None:
        mock.stop()
