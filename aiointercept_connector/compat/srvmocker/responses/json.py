"""A value as JSON."""

from ..serialization.json import JsonSerializer
from .content import SerializedResponse

__all__ = ("JsonResponse",)


class JsonResponse(SerializedResponse):
    """A value, sent as JSON; see ``SerializedResponse``."""

    serializer = JsonSerializer
