"""The plan of a mock server, which is the order of its routes, and what became of it."""

from __future__ import annotations

import sys
from typing import TYPE_CHECKING, Any, cast

from ...routing import route as core
from ...routing.target import Asked
from .answering import Answer, RoutingLog
from .errors import NoRouteFoundError, UnorderedRouteCallError, UnusedRouteError

if TYPE_CHECKING:
    from ...interceptor import Interceptor
    from ...journal.request import AiointerceptRequest
    from .route import Route

__all__ = ("Asserting", "route_of")


class Asserting:
    """Asserts that the plan was followed."""

    _interceptor: Interceptor
    _history: list[RoutingLog]

    @property
    def history(self) -> list[RoutingLog]:
        """The requests, in the order in which they were answered; tests may change it."""
        return self._history

    def assert_no_unused_routes(self, ignore_infinite_repeats: bool = False) -> None:
        """Assert that every route was used as often as it could be.

        A route for any number of requests counts as unused, unless these are to be ignored.
        """
        for route in self._interceptor.registry:
            if not route.used_up and not (route.endless and ignore_infinite_repeats):
                raise UnusedRouteError(f"Unused Route: {route_of(route)}")

    def assert_called_in_order(self) -> None:
        """Assert that no route was used while one that was added earlier had answers left."""
        left = {
            route: None if route.remaining is None else route.remaining + route.call_count
            for route in self._interceptor.registry
        }
        for request in self._interceptor.journal.records:
            route = request.route
            if route is None:
                continue
            first = next(one for one, answers in left.items() if one is route or answers != 0)
            if first is not route:
                raise UnorderedRouteCallError(f"Route used out of order: {route_of(route)}")
            answers = left[route]
            left[route] = None if answers is None else answers - 1

    def assert_all_requests_matched(self) -> None:
        """Assert that every request met a route."""
        unmatched = self._interceptor.journal.unmatched
        if unmatched:
            raise self._no_route(unmatched[0])

    def _no_route(self, request: AiointerceptRequest) -> NoRouteFoundError:
        error: Any = NoRouteFoundError(
            f"No match found for request: {request.method} {request.host} {request.path}"
        )
        if sys.version_info >= (3, 11):
            asked = Asked(request.method, request.url)
            error.add_note(str(self._interceptor.explain(request, asked)))
        return cast("NoRouteFoundError", error)

    def assert_plan_strictly_followed(self) -> None:
        """Assert all of that."""
        self.assert_no_unused_routes()
        self.assert_called_in_order()
        self.assert_all_requests_matched()


def route_of(route: core.Route) -> Route:
    """Return the route that *route* of the registry stands for."""
    return cast("Answer", route.reply).route
