from __future__ import annotations

from typing import Any

import pytest
from aiohttp import web

from aiointercept_connector import aiointercept
from tests.loopback.mounted import API


class TestRefused:
    @pytest.mark.parametrize(
        ("app", "hint"),
        [
            (None, ""),
            ("app", ""),
            (lambda: None, ""),
            (web.Application, " That is a class: give an instance of it."),
            (
                lambda environ, start_response: None,
                " It looks like a WSGI application: a2wsgi.WSGIMiddleware makes an ASGI one of it.",
            ),
        ],
    )
    def test_what_is_no_application(self, app: Any, hint: str) -> None:
        """The message says what is one."""
        with pytest.raises(TypeError) as caught:
            aiointercept().mount(API, app)
        assert str(caught.value) == (
            f"mount() takes an aiohttp.web.Application, a TestServer or RawTestServer, an aiohttp "
            f"handler (async def handler(request)), or an ASGI application "
            f"(async def app(scope, receive, send)), not {app!r:.60}.{hint}"
        )
