"""What is answered. A reply is an aiohttp handler: ``async (request) -> web.StreamResponse``.

The constructors here are for ``add(..., reply=)``, and for callbacks to return.
"""

from __future__ import annotations

from importlib import import_module
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from .choices import choice
    from .content import bytes, form, html, json, serialized, text  # noqa: A004 - as `replies.bytes`
    from .conversion import as_reply
    from .delay import delayed, lognormal, uniform
    from .events import event, sse
    from .files import file
    from .passing import passthrough
    from .scripting import (
        close,
        drop,
        expect,
        expect_close,
        expect_ping,
        expect_pong,
        ping,
        pong,
        send,
        wait,
    )
    from .sequences import cycle, sequence
    from .serializers import JSON, MSGPACK, TOML, YAML, Serializer
    from .streams import dribble, stream
    from .websockets import echo, websocket

# No module may have the name of what is in it: once imported, it would stand in its place.
_HOME = {
    "JSON": "serializers",
    "MSGPACK": "serializers",
    "Serializer": "serializers",
    "TOML": "serializers",
    "YAML": "serializers",
    "as_reply": "conversion",
    "bytes": "content",
    "choice": "choices",
    "close": "scripting",
    "cycle": "sequences",
    "delayed": "delay",
    "dribble": "streams",
    "drop": "scripting",
    "echo": "websockets",
    "event": "events",
    "expect": "scripting",
    "expect_close": "scripting",
    "expect_ping": "scripting",
    "expect_pong": "scripting",
    "file": "files",
    "form": "content",
    "html": "content",
    "json": "content",
    "lognormal": "delay",
    "passthrough": "passing",
    "ping": "scripting",
    "pong": "scripting",
    "send": "scripting",
    "sequence": "sequences",
    "serialized": "content",
    "sse": "events",
    "stream": "streams",
    "text": "content",
    "uniform": "delay",
    "wait": "scripting",
    "websocket": "websockets",
}

__all__ = (
    "JSON",
    "MSGPACK",
    "TOML",
    "YAML",
    "Serializer",
    "as_reply",
    "bytes",
    "choice",
    "close",
    "cycle",
    "delayed",
    "dribble",
    "drop",
    "echo",
    "event",
    "expect",
    "expect_close",
    "expect_ping",
    "expect_pong",
    "file",
    "form",
    "html",
    "json",
    "lognormal",
    "passthrough",
    "ping",
    "pong",
    "send",
    "sequence",
    "serialized",
    "sse",
    "stream",
    "text",
    "uniform",
    "wait",
    "websocket",
)


def __getattr__(name: str) -> object:
    # A test uses a few of these; importing the package is to stay cheap.
    if name in _HOME:
        return getattr(import_module(f".{_HOME[name]}", __name__), name)
    raise AttributeError(f"module {__name__!r} has no attribute {name!r}")


def __dir__() -> list[str]:
    return [*globals(), *__all__]
