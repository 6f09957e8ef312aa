"""A value as MessagePack."""

from ..serialization.msgpack import MsgpackSerializer
from .content import SerializedResponse

__all__ = ("MsgpackResponse",)


class MsgpackResponse(SerializedResponse):
    """A value, sent as MessagePack; see ``SerializedResponse``."""

    serializer = MsgpackSerializer
