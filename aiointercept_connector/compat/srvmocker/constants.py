"""Where an application keeps the service that ``build_dispatcher`` asks."""

from typing import Final

from aiohttp.web import AppKey

from .models import MockService

__all__ = ("SERVICE_KEY",)

SERVICE_KEY: Final = AppKey("service", MockService)
