"""TOML, by tomli-w (extra ``toml``)."""

from typing import Final

from ....replies.serializers import TOML, Serializer

__all__ = ("TomlSerializer",)

TomlSerializer: Final[Serializer] = TOML
