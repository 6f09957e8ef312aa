"""What ``asyncly.srvmocker`` 0.10 offers, on the server of this library.

Everything may be imported from where it was, with ``aiointercept_connector.compat.srvmocker`` in
place of ``asyncly.srvmocker``. What differs, and why, is in docs/migrating-from-srvmocker.md.
"""

from .exceptions import (
    MissingResponseError,
    SequenceExhausted,
    SrvMockerError,
    UnknownHandlerError,
)
from .matching import Match
from .models import MockRoute, MockService, RecordedRequest, RequestHistory
from .proxy import MockProxyService, start_proxy
from .responses.base import BaseMockResponse
from .responses.content import ContentResponse
from .responses.faults import DisconnectResponse, TruncatedResponse
from .responses.json import JsonResponse
from .responses.raw import RawResponse
from .responses.sequence import SequenceResponse
from .responses.timeout import LatencyResponse
from .service import start_service

__all__ = (
    "BaseMockResponse",
    "ContentResponse",
    "DisconnectResponse",
    "JsonResponse",
    "LatencyResponse",
    "Match",
    "MissingResponseError",
    "MockProxyService",
    "MockRoute",
    "MockService",
    "RawResponse",
    "RecordedRequest",
    "RequestHistory",
    "SequenceExhausted",
    "SequenceResponse",
    "SrvMockerError",
    "TruncatedResponse",
    "UnknownHandlerError",
    "start_proxy",
    "start_service",
)
