"""JSON."""

from typing import Final

from ....replies.serializers import JSON, Serializer

__all__ = ("JsonSerializer",)

JsonSerializer: Final[Serializer] = JSON
