from __future__ import annotations

from typing import Any

import pytest
from aiohttp import web

from aiointercept_connector import aiointercept, replies
from tests.loopback.mounted import API


def handler(request: Any) -> None:
    """Return nothing to await."""


def asgi(scope: Any, receive: Any, send: Any) -> None:
    """Return nothing to await."""


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

    def test_a_reply(self) -> None:
        """A reply is for `add`, and the message says so."""
        with pytest.raises(TypeError) as caught:
            aiointercept().mount(API, replies.text("x"))
        assert str(caught.value).endswith(" That is a reply: register it with add(url, reply=...).")

    @pytest.mark.parametrize(
        ("app", "shape"), [(handler, "handler(request)"), (asgi, "asgi(scope, receive, send)")]
    )
    def test_a_plain_function(self, app: Any, shape: str) -> None:
        """A handler and an ASGI application are coroutine functions."""
        mock = aiointercept()
        with pytest.raises(TypeError) as caught:
            mock.mount(API, app)
        assert str(caught.value) == (
            f"app must be a coroutine function, async def {shape}, and {app.__name__} is a plain "
            f"one."
        )
        assert len(mock.interceptor.registry) == 0

    @pytest.mark.parametrize(
        ("given", "text"),
        [
            ({"strip_prefix": "no"}, "strip_prefix must be True or False, not str: 'no'"),
            ({"name": 5}, "name must be a str, not int: 5"),
        ],
    )
    def test_an_option(self, given: dict[str, Any], text: str) -> None:
        """What cannot be meant is named."""
        mock = aiointercept()
        with pytest.raises(TypeError) as caught:
            mock.mount(API, web.Application(), **given)
        assert str(caught.value) == text
        assert len(mock.interceptor.registry) == 0
