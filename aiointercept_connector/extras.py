"""Packages that are there only if the user has asked for them."""

from __future__ import annotations

from importlib import import_module
from typing import Any

__all__ = ("extra",)

_PROJECT = "aiointercept-connector"


def extra(module: str, name: str) -> Any:
    """Return *module*, which the extra *name* of this package brings.

    Raises:
        ImportError: it is not installed; the message says what to install.
    """
    try:
        return import_module(module)
    except ModuleNotFoundError as exc:
        package = module.partition(".")[0]
        raise ImportError(
            f"{package!r} is not installed, which this needs: pip install '{_PROJECT}[{name}]'"
        ) from exc
