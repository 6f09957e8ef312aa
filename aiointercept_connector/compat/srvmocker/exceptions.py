"""What can go wrong, by the original's names."""

__all__ = (
    "MissingResponseError",
    "NoMatchError",
    "SequenceExhausted",
    "SrvMockerError",
    "UnknownHandlerError",
)


class SrvMockerError(Exception):
    """Any of these."""


class SequenceExhausted(SrvMockerError):  # noqa: N818 - the promised name
    """A ``SequenceResponse`` has no response left; the client gets a 500."""


class UnknownHandlerError(SrvMockerError):
    """A response was registered for a name that no route has."""


class MissingResponseError(SrvMockerError):
    """A request met a route that no response is registered for; the client gets a 500."""


class NoMatchError(SrvMockerError):
    """Not raised: a request that no route answers gets a 404."""
