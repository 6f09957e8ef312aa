"""YAML, by PyYAML (extra ``yaml``)."""

from typing import Final

from ....replies.serializers import YAML, Serializer

__all__ = ("YamlSerializer",)

YamlSerializer: Final[Serializer] = YAML
