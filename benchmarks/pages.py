"""The works of more than one answer: events on one connection, and a redirect with a cookie."""

from __future__ import annotations

from collections.abc import AsyncGenerator, Awaitable, Callable
from contextlib import AbstractAsyncContextManager, asynccontextmanager
from typing import Any, Final, TypeAlias

from aiohttp import ClientSession, CookieJar, web
from aiohttp.test_utils import TestServer

from aiointercept_connector import Match, aiointercept, replies

from .harness import Call, Options, WrongAnswerError, timed
from .works import Subjects, work

__all__ = ()

HOST: Final = "http://api.example.com"
EVENTS: Final = [{"n": number} for number in range(1000)]
STREAM: Final = b"".join(b'data: {"n": %d}\n\n' % event["n"] for event in EVENTS)
COOKIE: Final = {"session": "ada"}

Site: TypeAlias = "Callable[[], AbstractAsyncContextManager[tuple[ClientSession, str]]]"
"""Opens a session, and who answers it at a URL."""


@work(f"{len(EVENTS):,} server-sent events", rounds=0.4)
async def sse(options: Options) -> AsyncGenerator[Subjects]:
    def register(mock: aiointercept) -> None:
        mock.get(f"{HOST}/", reply=replies.sse(EVENTS), repeat=True)

    async def events(request: web.Request) -> web.StreamResponse:
        response = web.StreamResponse(headers={"Content-Type": "text/event-stream"})
        await response.prepare(request)
        for event in EVENTS:
            await response.write(b'data: {"n": %d}\n\n' % event["n"])
        return response

    sites = {"explicit": _mocked(register), "TestServer": _served({"/": events})}
    yield {name: timed(_visiting(site, STREAM), options, 3) for name, site in sites.items()}


@work("a redirect that sets a cookie, and the page that wants it")
async def redirect(options: Options) -> AsyncGenerator[Subjects]:
    cookie = {"Location": "/home", "Set-Cookie": "session=ada"}

    def register(mock: aiointercept) -> None:
        mock.get(f"{HOST}/", status=302, headers=cookie, repeat=True)
        mock.get(f"{HOST}/home", match=Match(cookies=COOKIE), body=b"Ada", repeat=True)

    async def door(request: web.Request) -> web.Response:
        return web.Response(status=302, headers=cookie)

    async def home(request: web.Request) -> web.Response:
        return web.Response(body=b"Ada" if request.cookies == COOKIE else b"")

    sites = {"explicit": _mocked(register), "TestServer": _served({"/": door, "/home": home})}
    yield {name: timed(_visiting(site, b"Ada"), options, 50) for name, site in sites.items()}


def _mocked(register: Callable[[aiointercept], Any]) -> Site:
    @asynccontextmanager
    async def opened() -> AsyncGenerator[tuple[ClientSession, str]]:
        async with aiointercept() as mock, mock.session() as session:
            register(mock)
            yield session, HOST

    return opened


def _served(handlers: dict[str, Callable[[web.Request], Awaitable[web.StreamResponse]]]) -> Site:
    @asynccontextmanager
    async def opened() -> AsyncGenerator[tuple[ClientSession, str]]:
        app = web.Application()
        for path, handler in handlers.items():
            app.router.add_get(path, handler)
        jar = CookieJar(unsafe=True)  # the host is an address
        async with TestServer(app) as server, ClientSession(cookie_jar=jar) as session:
            yield session, str(server.make_url("")).rstrip("/")

    return opened


def _visiting(site: Site, wanted: bytes) -> Callable[[], AbstractAsyncContextManager[Call]]:
    """Return what opens *site*; a call of it visits it, with no cookie yet."""

    @asynccontextmanager
    async def opened() -> AsyncGenerator[Call]:
        async with site() as (session, url):

            async def call() -> None:
                session.cookie_jar.clear()
                async with session.get(f"{url}/") as response:
                    body = await response.read()
                if body != wanted:
                    raise WrongAnswerError(f"{body[:100]!r}, not {wanted[:100]!r}")

            yield call

    return opened
