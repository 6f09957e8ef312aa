"""What ``aiohttpretty`` 19 offers, with aiohttp's real client underneath.

The package has the methods and attributes of its one mock, so that ``import aiohttpretty`` needs
``from aiointercept_connector.compat`` in front and nothing else. What differs, and why, is listed
in docs/migrating-from-aiohttpretty.md.
"""

import sys
from collections.abc import Mapping
from types import ModuleType
from typing import Any, Final

from .exc import (
    AioHttPrettyError,
    ExhaustedAllResponses,
    InvalidBody,
    InvalidResponses,
    NoUrlMatching,
)
from .main import AioHttPretty, aiohttpretty
from .registered import Registry
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

# These change, or may be set: they are attributes of the package's class.
calls: list[dict[str, Any]]
registry: Registry
request: Any


class _Package(ModuleType):
    """This package, with the attributes of the mock that change, or may be set."""

    @property
    def calls(self) -> list[dict[str, Any]]:
        """The calls that something was registered for."""
        return aiohttpretty.calls

    @calls.setter
    def calls(self, calls: list[dict[str, Any]]) -> None:
        aiohttpretty.calls = calls

    @property
    def registry(self) -> Registry:
        """What is registered, by method and URL."""
        return aiohttpretty.registry

    @registry.setter
    def registry(self, registered: Mapping[Any, Any]) -> None:
        aiohttpretty.registry = registered

    @property
    def request(self) -> Any:
        """The method of ``ClientSession`` that was replaced; None if it is in its place."""
        return aiohttpretty.request


sys.modules[__name__].__class__ = _Package
