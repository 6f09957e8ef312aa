"""What can be imported from ``aioresponses.core``."""

from ...replies.callback import CallbackResult
from .calls import RequestCall
from .match import RequestMatch
from .mock import aioresponses

__all__ = ("CallbackResult", "RequestCall", "RequestMatch", "aioresponses")
