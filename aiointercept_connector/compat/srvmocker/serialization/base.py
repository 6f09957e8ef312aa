"""What a format is."""

from ....replies.serializers import Serializer

__all__ = ("Serializer",)
