"""An ASGI application that tells what it sees, and uvicorn itself beside it."""

from __future__ import annotations

import asyncio
import contextlib
from collections.abc import AsyncGenerator
from typing import Any

import pytest

pytest.importorskip("fastapi")
pytest.importorskip("uvicorn")

from starlette.applications import Starlette
from starlette.responses import JSONResponse
from starlette.routing import Route


async def told(request: Any) -> JSONResponse:
    """Answer with what is seen of the request."""
    scope = {name: request.scope.get(name) for name in ("path", "root_path", "scheme", "server")}
    raw = [[name.decode(), value.decode()] for name, value in request.scope["headers"]]
    return JSONResponse(
        {
            **scope,
            "method": request.method,
            "url": str(request.url),
            "client": request.client.host,
            "headers": raw,
            "body": (await request.body()).decode("latin-1"),
        }
    )


METHODS = ["GET", "POST", "PUT", "DELETE", "OPTIONS"]


def one_route(endpoint: Any = told, path: str = "/{path:path}", **kwargs: Any) -> Starlette:
    """Return an application with one endpoint."""
    return Starlette(routes=[Route(path, endpoint, methods=METHODS)], **kwargs)


@contextlib.asynccontextmanager
async def real_uvicorn(app: Any) -> AsyncGenerator[str, None]:
    """Run *app* in uvicorn on a port of its own, and give its URL."""
    import uvicorn

    config = uvicorn.Config(app, port=0, log_config=None, access_log=False, proxy_headers=False)
    server = uvicorn.Server(config)
    server.capture_signals = contextlib.nullcontext  # type: ignore[method-assign,assignment]
    serving = asyncio.ensure_future(server.serve())
    while not server.started:  # noqa: ASYNC110 - uvicorn has no event for it
        await asyncio.sleep(0.01)
    yield f"http://127.0.0.1:{server.servers[0].sockets[0].getsockname()[1]}"
    server.should_exit = True
    await serving
