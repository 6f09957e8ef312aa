"""What ``aioresponses`` 0.7 offers, with aiohttp's real client underneath.

Everything may be imported from where it was, with ``aiointercept_connector.compat.`` in front. What
differs, and why, is listed in docs/migrating-from-aioresponses.md.
"""

from typing import Final

from .core import CallbackResult, aioresponses

__version__: Final = "0.7.9"
"""The version of aioresponses whose behaviour this is."""

__all__ = ("CallbackResult", "aioresponses", "taken_over")


def taken_over() -> None:
    """Do what aioresponses does, from here on: the suite that follows was written for that."""
    aioresponses.legacy_by_default = True
