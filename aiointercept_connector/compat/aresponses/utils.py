"""What can be imported from ``aresponses.utils``."""

import re
from typing import Any, Final

from ...routing.values import is_pattern

__all__ = ("ANY", "_text_matches_pattern")

ANY: Final = re.compile(".*")
"""Fits any text, and is not looked for."""


def _text_matches_pattern(pattern: Any, text: str) -> bool:
    """Tell whether *pattern* is *text*, or an expression that is found in it.

    Custom routes use it, in spite of its name.
    """
    if is_pattern(pattern):
        return pattern.search(text) is not None
    return isinstance(pattern, str) and pattern == text
