"""What is recorded of a request: a snapshot, in the shape of asyncly 0.9 or in the earlier one."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field, replace
from types import MappingProxyType
from typing import Any, overload

from aiohttp.web_request import BaseRequest
from multidict import CIMultiDict, CIMultiDictProxy, MultiDict, MultiDictProxy
from yarl import URL

__all__ = ("RecordedRequest", "RequestHistory")


@dataclass(frozen=True)
class _Snapshot:
    method: str
    url: URL
    path: str
    headers: Mapping[str, str]
    query: Mapping[str, str]
    path_params: Mapping[str, str]
    body: bytes
    handler_name: str
    request: Any = field(default=None, compare=False, repr=False)

    def __post_init__(self) -> None:
        copies: dict[str, Any] = {
            "headers": CIMultiDictProxy(CIMultiDict(self.headers)),
            "query": MultiDictProxy(MultiDict(self.query)),
            "path_params": MappingProxyType(dict(self.path_params)),
            "body": bytes(self.body),
        }
        for name, value in copies.items():
            object.__setattr__(self, name, value)


class RecordedRequest(_Snapshot):
    """A request that met a route, as it was.

    It is made of its attributes; or as ``RequestHistory(request, body)``, as before asyncly 0.9.

    Attributes:
        method: the HTTP method.
        url: the whole URL.
        path: its path, decoded.
        headers: the headers, in any case.
        query: the parameters.
        path_params: what stood in the holes of the route's path.
        body: the body; empty if there was none.
        handler_name: the name of the route; empty if it was not told.
        request: the request itself; of one that a server of ours has recorded, this library's own
            record of it. None of one made by hand.
    """

    @overload
    def __init__(
        self,
        method: str,
        url: URL,
        path: str,
        headers: Mapping[str, str],
        query: Mapping[str, str],
        path_params: Mapping[str, str],
        body: bytes,
        handler_name: str,
        request: Any = None,
    ) -> None: ...
    @overload
    def __init__(self, request: BaseRequest, body: bytes) -> None: ...
    def __init__(self, *values: Any, **named: Any) -> None:
        if isinstance(values[0], BaseRequest) if values else "method" not in named:
            values, named = (), _attributes(*values, **named)
        super().__init__(*values, **named)

    @classmethod
    def of(cls, request: Any, body: bytes, handler_name: str) -> RecordedRequest:
        """Return what is recorded of *request*, which met the route of this name."""
        return replace(cls(request, body), handler_name=handler_name)


RequestHistory = RecordedRequest
"""The name that it had before asyncly 0.9."""


def _attributes(request: Any, body: bytes) -> dict[str, Any]:
    return {
        "method": request.method,
        "url": request.url,
        "path": request.path,
        "headers": request.headers,
        "query": request.url.query,
        "path_params": getattr(request, "match_info", {}),
        "body": body,
        "handler_name": "",
        "request": request,
    }
