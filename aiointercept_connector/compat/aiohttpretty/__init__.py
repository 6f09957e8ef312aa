"""What ``aiohttpretty`` 19 offers, with aiohttp's real client underneath.

The package has the methods and attributes of its one mock, so that ``import aiohttpretty`` needs
``from aiointercept_connector.compat`` in front and nothing else. What differs, and why, is listed
in docs/migrating-from-aiohttpretty.md.
"""

from typing import Any, Final

from .exc import (
    AioHttPrettyError,
    ExhaustedAllResponses,
    InvalidBody,
    InvalidResponses,
    NoUrlMatching,
)
from .main import AioHttPretty, aiohttpretty
from .url import ImmutableFurl

__all__ = (
    "AioHttPretty",
    "AioHttPrettyError",
    "ExhaustedAllResponses",
    "ImmutableFurl",
    "InvalidBody",
    "InvalidResponses",
    "NoUrlMatching",
    "activate",
    "aiohttpretty",
    "clear",
    "deactivate",
    "fake_request",
    "has_call",
    "register_json_uri",
    "register_uri",
)

activate: Final = aiohttpretty.activate
clear: Final = aiohttpretty.clear
deactivate: Final = aiohttpretty.deactivate
fake_request: Final = aiohttpretty.fake_request
has_call: Final = aiohttpretty.has_call
register_json_uri: Final = aiohttpretty.register_json_uri
register_uri: Final = aiohttpretty.register_uri

_CHANGING: Final = frozenset({"calls", "registry", "request"})


def __getattr__(name: str) -> Any:
    if name in _CHANGING:
        return getattr(aiohttpretty, name)
    raise AttributeError(f"module {__name__!r} has no attribute {name!r}")
