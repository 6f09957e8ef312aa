"""A value as YAML."""

from ..serialization.yaml import YamlSerializer
from .content import SerializedResponse

__all__ = ("YamlResponse",)


class YamlResponse(SerializedResponse):
    """A value, sent as YAML; see ``SerializedResponse``."""

    serializer = YamlSerializer
