"""Two marks: of an argument that was not given (``None`` is a value), and of any value."""

from __future__ import annotations

import sys
from typing import Final

__all__ = ("UNSET", "Unset", "is_any")


class Unset:
    """The type of ``UNSET``."""

    def __repr__(self) -> str:
        return "UNSET"


UNSET: Final = Unset()


def is_any(value: object) -> bool:
    """Tell whether *value* is ``unittest.mock.ANY``.

    Nobody has that object without its module, which takes too long to import for its sake.
    """
    mock = sys.modules.get("unittest.mock")
    return mock is not None and value is mock.ANY
