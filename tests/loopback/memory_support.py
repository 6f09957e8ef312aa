"""What the tests of memory transports share."""

from __future__ import annotations

import asyncio
from typing import Any

Reports = list[dict[str, Any]]


class ProtocolFailedError(Exception):
    """What a protocol under test raises."""


def fail() -> None:
    """Raise `ProtocolFailedError`, from whichever call it is hooked into."""
    raise ProtocolFailedError


def is_uvloops(transport: asyncio.Transport) -> bool:
    """Tell whether *transport* is one of uvloop's own."""
    return type(transport).__module__.startswith("uvloop")
