"""Formats that a value can be sent in: JSON and others, of which some need a package."""

from __future__ import annotations

import json as _json
from collections.abc import Callable
from dataclasses import dataclass
from typing import Any, Final, cast

from ..extras import extra
from .calling import check_takes
from .checked import checked_text, encode_text

__all__ = ("JSON", "MSGPACK", "TOML", "YAML", "Serializer")


@dataclass(frozen=True)
class Serializer:
    """A format for ``replies.serialized``.

    Args:
        dumps: returns a value as text (sent as UTF-8) or bytes.
        content_type: the ``Content-Type`` of what it returns.

    Raises:
        TypeError: one of them is of a wrong type, or *dumps* takes something else.
        ValueError: *content_type* cannot be sent as a header.
    """

    dumps: Callable[[Any], str | bytes]
    content_type: str

    def __post_init__(self) -> None:
        if not callable(self.dumps):
            raise TypeError(
                f"dumps must be a function of the value, not {type(self.dumps).__name__}: "
                f"{self.dumps!r:.60}"
            )
        check_takes(self.dumps, "dumps", "value")
        checked_text("content_type", self.content_type)

    def serialize(self, value: Any) -> bytes:
        """Return *value* as it is sent.

        Raises:
            ImportError: a package is missing; the message says what to install.
            TypeError: it cannot be serialised.
        """
        try:
            data: Any = self.dumps(value)
        except ImportError:
            raise
        except Exception as exc:
            raise TypeError(f"value cannot be sent as {self.content_type}: {exc}") from exc
        if isinstance(data, str):
            return encode_text("value", data)
        if isinstance(data, (bytes, bytearray, memoryview)):
            return bytes(cast("bytes", data))
        raise TypeError(f"dumps must return str or bytes, not {type(data).__name__}: {data!r:.60}")

    def __repr__(self) -> str:
        return f"<Serializer {self.content_type}>"


def _msgpack(value: Any) -> bytes:
    encoded: bytes = extra("msgspec.msgpack", "msgpack").encode(value)
    return encoded


def _yaml(value: Any) -> str:
    text: str = extra("yaml", "yaml").safe_dump(value, allow_unicode=True, sort_keys=False)
    return text


def _toml(value: Any) -> str:
    text: str = extra("tomli_w", "toml").dumps(value)
    return text


JSON: Final = Serializer(_json.dumps, "application/json")
"""JSON, by the standard library."""

MSGPACK: Final = Serializer(_msgpack, "application/msgpack")
"""MessagePack, by msgspec (extra ``msgpack``)."""

YAML: Final = Serializer(_yaml, "application/yaml")
"""YAML, by PyYAML's safe dumper (extra ``yaml``)."""

TOML: Final = Serializer(_toml, "application/toml")
"""TOML, by tomli-w (extra ``toml``); the value is a dict."""
