"""Responses that can be registered, each in a module by its original's name."""

from .faults import DisconnectResponse, TruncatedResponse
from .raw import RawResponse
from .timeout import LatencyResponse

__all__ = (
    "DisconnectResponse",
    "LatencyResponse",
    "RawResponse",
    "TruncatedResponse",
)
