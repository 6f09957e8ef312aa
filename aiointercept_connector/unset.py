"""The mark of an argument that was not given; ``None`` is a value, JSON's null."""

from __future__ import annotations

from typing import Final

__all__ = ("UNSET", "Unset")


class Unset:
    """The type of ``UNSET``."""

    def __repr__(self) -> str:
        return "UNSET"


UNSET: Final = Unset()
