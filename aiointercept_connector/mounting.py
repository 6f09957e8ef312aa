"""What may be mounted, and how it is told apart."""

from __future__ import annotations

import inspect
from typing import TYPE_CHECKING, Any

from aiohttp import web
from aiohttp.test_utils import BaseTestServer

from .loopback.application import ApplicationHost, HandlerHost, TestServerHost
from .replies.calling import check_is_coroutine_function
from .replies.reply import BaseReply
from .routing.target import parse_prefix

if TYPE_CHECKING:
    from yarl import URL

    from .loopback.hosting import Host
    from .routing.prefix import PathPrefix
    from .routing.target import UrlTarget

__all__ = ("mounted",)

_KINDS = (
    "an aiohttp.web.Application, a TestServer or RawTestServer, an aiohttp handler "
    "(async def handler(request)), or an ASGI application (async def app(scope, receive, send))"
)

_REPLY = " That is a reply: register it with add(url, reply=...)."


def mounted(url: str | URL, app: Any, *, strip_prefix: bool) -> tuple[UrlTarget, Host]:
    """Return what URLs *app* is for, and the reply that lets it answer them.

    Raises:
        TypeError: *app* cannot be mounted.
        ValueError: *url* cannot be the beginning of others.
        ImportError: *app* is an ASGI application, and uvicorn is not installed.
    """
    target = parse_prefix(url)
    prefix: Any = target.path
    return target, _host(app, prefix, strip_prefix=strip_prefix)


def _host(app: Any, prefix: PathPrefix, *, strip_prefix: bool) -> Host:
    if isinstance(app, web.Application):
        return ApplicationHost(app, prefix, strip_prefix=strip_prefix)
    if isinstance(app, BaseTestServer):
        return TestServerHost(app, prefix, strip_prefix=strip_prefix)
    if isinstance(app, BaseReply):
        raise TypeError(f"mount() takes {_KINDS}, not {app!r:.60}.{_REPLY}")
    parameters = 0 if isinstance(app, type) else _positional_parameters(app)
    if parameters == 3:
        check_is_coroutine_function(app, "app", "(scope, receive, send)")
        from .loopback.asgi import AsgiHost

        return AsgiHost(app, prefix, strip_prefix=strip_prefix)
    if parameters == 1:
        check_is_coroutine_function(app, "app", "(request)")
        return HandlerHost(app, prefix, strip_prefix=strip_prefix)
    raise TypeError(f"mount() takes {_KINDS}, not {app!r:.60}.{_hint(app, parameters)}")


def _hint(app: Any, parameters: int) -> str:
    if isinstance(app, type):
        return " That is a class: give an instance of it."
    if parameters == 2 or hasattr(app, "wsgi_app"):
        return " It looks like a WSGI application: a2wsgi.WSGIMiddleware makes an ASGI one of it."
    return ""


def _positional_parameters(app: Any) -> int:
    """Return how many arguments *app* must be called with; 0 if it cannot be called or told."""
    try:
        parameters = inspect.signature(app).parameters.values()
    except (TypeError, ValueError):
        return 0
    positional = (inspect.Parameter.POSITIONAL_ONLY, inspect.Parameter.POSITIONAL_OR_KEYWORD)
    return sum(one.kind in positional and one.default is one.empty for one in parameters)
