"""Routes, and the handle to a running server."""

from __future__ import annotations

from collections.abc import MutableMapping, MutableSequence
from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Any

from yarl import URL

from .assertions import assert_called, assert_not_called, last_call
from .exceptions import UnknownHandlerError
from .recorded import RecordedRequest, RequestHistory

if TYPE_CHECKING:
    from ...mock import aiointercept
    from .matching import Match, Matching

__all__ = ("MockRoute", "MockService", "RecordedRequest", "RequestHistory")


@dataclass(frozen=True)
class MockRoute:
    """Gives a method and a path a name, which responses are registered for.

    Attributes:
        method: the HTTP method; ``*`` is any.
        path: the path, perhaps with holes: ``/items/{id}``, ``/{rest:.*}``.
        handler_name: the name; several routes may have the same.
        match: what else a request must have. Of several routes with one method and path, the
            first that a request has this for answers.
    """

    method: str
    path: str
    handler_name: str
    match: Match | Matching | None = None


@dataclass(frozen=True)
class MockService:
    """The handle to a server that ``start_service`` has started.

    Attributes:
        history: the requests that met a route, in order of arrival.
        history_map: the same by the names of routes.
        url: what clients are to be pointed at.
        handlers: the responses by the names of routes.
        mock: this library's own mock behind it, with its ``calls``, ``unmatched`` and so on.
    """

    history: MutableSequence[RecordedRequest]
    history_map: MutableMapping[str, MutableSequence[RecordedRequest]]
    url: URL
    handlers: MutableMapping[str, Any]
    _handler_names: frozenset[str] = frozenset()
    mock: aiointercept | None = field(default=None, compare=False, repr=False)

    def register(self, name: str, resp: Any) -> None:
        """Let the routes of a name answer with *resp*, from now on.

        Args:
            name: the name of a route.
            resp: a ``BaseMockResponse``; or whatever ``reply=`` of this library takes, such as
                ``replies.sse([...])``.

        Raises:
            UnknownHandlerError: no route has this name.
        """
        if name not in self._handler_names:
            raise UnknownHandlerError(
                f"register() called with unknown handler_name {name!r}; "
                f"declared handlers: {sorted(self._handler_names)}"
            )
        self.handlers[name] = resp

    def set_url(self, url: URL) -> None:
        """Set ``url``."""
        object.__setattr__(self, "url", url)

    def record(self, request: RecordedRequest) -> None:
        """Add *request* to the history."""
        self.history.append(request)
        self.history_map[request.handler_name].append(request)

    def get_calls(self, name: str) -> list[RecordedRequest]:
        """Return the requests that met a route of this name, in order of arrival."""
        return list(self.history_map.get(name, ()))

    def last_call(self, name: str) -> RecordedRequest:
        """Return the last of them.

        Raises:
            AssertionError: there was none.
        """
        return last_call(self.get_calls(name), f"no calls recorded for handler {name!r}")

    def assert_called(
        self,
        name: str,
        *,
        times: int | None = None,
        json: object = None,
        body: bytes | None = None,
        headers: dict[str, str] | None = None,
        query: dict[str, str] | None = None,
    ) -> None:
        """Assert that routes of a name were called.

        Args:
            name: the name.
            times: how often in all, whatever else is given.
            json: one call had this body, as a JSON value.
            body: that call had this body, as bytes.
            headers: it had these headers, among others.
            query: it had these parameters, among others.
        """
        criteria = {"json": json, "body": body, "headers": headers, "query": query}
        assert_called(f"handler {name!r}", self.get_calls(name), times, criteria)

    def assert_not_called(self, name: str) -> None:
        """Assert that no route of this name was called."""
        assert_not_called(f"handler {name!r}", self.get_calls(name))
