"""MessagePack, by msgspec (extra ``msgpack``)."""

from typing import Final

from ....replies.serializers import MSGPACK, Serializer

__all__ = ("MsgpackSerializer",)

MsgpackSerializer: Final[Serializer] = MSGPACK
