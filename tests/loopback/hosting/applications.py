"""An application of aiohttp's that tells what it sees."""

from __future__ import annotations

from collections.abc import AsyncGenerator
from typing import Any

from aiohttp import web

TOLD = web.AppKey("TOLD", list[str])


async def told(request: web.BaseRequest) -> web.Response:
    """Answer with what is seen of the request."""
    return web.json_response(
        {
            "method": request.method,
            "url": str(request.url),
            "path": request.path,
            "headers": [[name, value] for name, value in request.headers.items()],
            "body": await request.text(),
            "exists": request.body_exists,
            "remote": request.remote,
            "secure": request.secure,
        }
    )


def one_route(handler: Any = told, path: str = "/{tail:.*}", **kwargs: Any) -> web.Application:
    """Return an application with one handler."""
    app = web.Application(**kwargs)
    app.router.add_route("*", path, handler)
    return app


def watched() -> web.Application:
    """Return an application that keeps account of its life."""
    app = one_route(_account)
    app[TOLD] = []

    async def note(name: str, app: web.Application) -> None:
        app[TOLD].append(name)

    async def context(app: web.Application) -> AsyncGenerator[None, None]:
        app[TOLD].append("context in")
        yield
        app[TOLD].append("context out")

    app.cleanup_ctx.append(context)
    app.on_startup.append(lambda app: note("startup", app))
    app.on_shutdown.append(lambda app: note("shutdown", app))
    app.on_cleanup.append(lambda app: note("cleanup", app))
    return app


async def _account(request: web.Request) -> web.Response:
    """Answer with the account."""
    return web.json_response(request.app[TOLD])
