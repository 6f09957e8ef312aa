"""A value as TOML."""

from ..serialization.toml import TomlSerializer
from .content import SerializedResponse

__all__ = ("TomlResponse",)


class TomlResponse(SerializedResponse):
    """A value, sent as TOML; see ``SerializedResponse``."""

    serializer = TomlSerializer
