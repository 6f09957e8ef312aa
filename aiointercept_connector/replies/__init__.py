"""What is answered. A reply is an aiohttp handler: ``async (request) -> web.StreamResponse``.

The constructors here are for ``add(..., reply=)``, and for callbacks to return.
"""

from __future__ import annotations

from importlib import import_module
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from .conversion import as_reply

_HOME = {
    "as_reply": "conversion",
}

__all__ = ("as_reply",)


def __getattr__(name: str) -> object:
    # A test uses a few of these; importing the package is to stay cheap.
    if name in _HOME:
        return getattr(import_module(f".{_HOME[name]}", __name__), name)
    raise AttributeError(f"module {__name__!r} has no attribute {name!r}")


def __dir__() -> list[str]:
    return [*globals(), *__all__]
