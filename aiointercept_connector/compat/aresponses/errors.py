"""What can be imported from ``aresponses.errors``."""

__all__ = (
    "AresponsesAssertionError",
    "NoRouteFoundError",
    "UnorderedRouteCallError",
    "UnusedRouteError",
)


class AresponsesAssertionError(AssertionError):
    """What was asked was not what was planned."""


class NoRouteFoundError(AresponsesAssertionError):
    """A request met no route."""


class UnusedRouteError(AresponsesAssertionError):
    """A route was not used as often as it could be."""


class UnorderedRouteCallError(AresponsesAssertionError):
    """A route was used before one that had been added earlier."""
