"""Recorded requests without a connection, for the rooms that need none."""

from __future__ import annotations

import asyncio
import json as _json
from collections.abc import Iterable, Mapping
from typing import Any, cast
from urllib.parse import urlencode

from aiohttp import web
from multidict import CIMultiDict
from yarl import URL

from aiointercept_connector.journal.request import AiointerceptRequest
from aiointercept_connector.journal.unsent import request_without_wire
from aiointercept_connector.routing.route import Asked, Route, parse_target
from aiointercept_connector.unset import UNSET

Headers = Mapping[str, str] | Iterable[tuple[str, str]]

BOUNDARY = "frontier"


def recorded(
    method: str = "GET",
    url: str | URL = "https://api.example.com/",
    *,
    headers: Headers = (),
    body: bytes = b"",
    json: Any = UNSET,
    form: Iterable[tuple[str, str]] | None = None,
) -> AiointerceptRequest:
    """Return the record of a request, as a mock keeps it."""
    known = CIMultiDict(headers)
    if json is not UNSET:
        known["Content-Type"], body = "application/json", _json.dumps(json).encode()
    if form is not None:
        known["Content-Type"] = "application/x-www-form-urlencoded"
        body = urlencode(list(form)).encode()
    no_loop = cast("asyncio.AbstractEventLoop", None)
    return request_without_wire(method, URL(url), known, body, no_loop)


def recorded_parts(*parts: tuple[Headers, bytes]) -> AiointerceptRequest:
    """Return the record of a request with a multipart body, each part given as headers and body."""
    body = b""
    for headers, content in parts:
        lines = "".join(f"{name}: {value}\r\n" for name, value in CIMultiDict(headers).items())
        body += f"--{BOUNDARY}\r\n{lines}\r\n".encode() + content + b"\r\n"
    kind = f"multipart/form-data; boundary={BOUNDARY}"
    return recorded(
        "POST", headers={"Content-Type": kind}, body=body + f"--{BOUNDARY}--\r\n".encode()
    )


async def no_reply(request: object) -> web.StreamResponse:
    """Stand for the reply of a route that nobody asks."""
    raise AssertionError(request)


def route(url: Any, method: str = "GET", *, params: Any = None, **kwargs: Any) -> Route:
    """Return a route for *url*, with a reply that is never asked for."""
    return Route(method, parse_target(url, params), no_reply, **kwargs)


def asked(url: str | URL, method: str = "GET") -> Asked:
    """Return what a request for *url* asks."""
    return Asked(method, URL(url))
