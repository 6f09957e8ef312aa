"""The work that is measured, a function each. Bodies, pages and memory have files of their own."""

from __future__ import annotations

import re
import tempfile
from collections.abc import AsyncGenerator, Mapping
from contextlib import asynccontextmanager
from pathlib import Path
from typing import Final

from aiohttp import ClientSession, TCPConnector, web
from aiohttp.test_utils import TestServer

from aiointercept_connector import InterceptConnector, Match, aiointercept, install, uninstall

from . import remote
from .child import measured
from .exchange import ANSWER, HOST, PATH, URL, Exchange, Opened, Stack, living
from .floor import memory_floor, tcp_floor
from .harness import MICROSECONDS, Options, Sample, timed
from .peers import PEERS
from .stacks import encrypted, mounted, register
from .suite import SUITES, running
from .websockets import conversing, mocked_echo, served_echo
from .worker import Task
from .works import OURS, TEST_SERVER, WORKS, Subjects, requests, session_of, work

__all__ = ("WORKS", "bodies", "memory", "pages")

GET: Final = Exchange()
POST: Final = Exchange("POST", sent={"name": "Ada", "tags": ["a", "b", "c"]})
MANY_TEMPLATES: Final = 10_000
MANY_ROUTES: Final = 100_000
MANY_EXPRESSIONS: Final = 1000
MESSAGES: Final = 10_000

FLOORS: Final[dict[str, Stack]] = {"floor": memory_floor, "floor over tcp": tcp_floor}


@asynccontextmanager
async def all_of(
    exchange: Exchange, stacks: Mapping[str, Stack], options: Options, calls: int, at_once: int = 1
) -> AsyncGenerator[Subjects]:
    """Yield the time of one request, for each of *stacks* and for the peers."""
    async with remote.peers(Task(exchange, options, calls, at_once)) as peers:
        yield requests(exchange, stacks, options, calls, at_once) | dict(peers)


@work("GET, static JSON, one after the other")
async def get(options: Options) -> AsyncGenerator[Subjects]:
    async with all_of(GET, FLOORS | OURS | TEST_SERVER, options, 200) as subjects:
        yield subjects


@work("GET, static JSON, 50 at once", rounds=0.6)
async def get_50(options: Options) -> AsyncGenerator[Subjects]:
    async with all_of(GET, FLOORS | OURS | TEST_SERVER, options, 500, 50) as subjects:
        yield subjects


@work("GET, static JSON, 1,000 at once", rounds=0.3)
async def get_1000(options: Options) -> AsyncGenerator[Subjects]:
    # Over TCP this measures also how many files a process may open.
    exchange = Exchange(limit=0)
    async with all_of(exchange, {"floor": memory_floor} | OURS, options, 2000, 1000) as subjects:
        yield subjects


@work("POST, JSON both ways, with a condition on it where the library has one")
async def post(options: Options) -> AsyncGenerator[Subjects]:
    async with all_of(POST, FLOORS | OURS | TEST_SERVER, options, 200) as subjects:
        yield subjects


@work("GET, plain callback")
async def callback(options: Options) -> AsyncGenerator[Subjects]:
    yield requests(Exchange(handler="sync"), OURS | TEST_SERVER, options, 200)


@work("GET, coroutine callback")
async def async_callback(options: Options) -> AsyncGenerator[Subjects]:
    yield requests(Exchange(handler="async"), OURS | TEST_SERVER, options, 200)


@work("GET, answered by an aiohttp Application")
async def mount(options: Options) -> AsyncGenerator[Subjects]:
    yield requests(GET, {"mounted": mounted} | TEST_SERVER, options, 200)


@work(f"WebSocket, {MESSAGES:,} messages of 100 bytes echoed", unit="messages/s", rounds=0.3)
async def messages(options: Options) -> AsyncGenerator[Subjects]:
    yield {
        name: _as_rate(timed(conversing(stack), options, MESSAGES))
        for name, stack in {"explicit": mocked_echo, "TestServer": served_echo}.items()
    }


def _as_rate(sample: Sample) -> Sample:
    async def rate() -> float:
        return MICROSECONDS / await sample()

    return rate


@work("GET over https, with and without a handshake before the first", rounds=2)
async def tls(options: Options) -> AsyncGenerator[Subjects]:
    stacks: dict[str, Stack] = {"assume": encrypted("assume"), "verify": encrypted("verify")}
    yield requests(GET, stacks, options, 200)


@work("GET over https, each over a new connection")
async def tls_handshake(options: Options) -> AsyncGenerator[Subjects]:
    stacks: dict[str, Stack] = {
        "assume": encrypted("assume", force_close=True),
        "verify": encrypted("verify", force_close=True),
    }
    yield requests(GET, stacks, options, 50)


@work("enter, session, one request, close, leave")
async def lifecycle(options: Options) -> AsyncGenerator[Subjects]:
    stacks = {"floor": memory_floor} | OURS | TEST_SERVER
    ours = {name: timed(living(stack, GET), options, 20) for name, stack in stacks.items()}
    async with remote.peers(Task(GET, options, 20, lives=True)) as peers:
        yield ours | dict(peers)


@work("GET that passes to a local server", rounds=4)
async def passthrough(options: Options) -> AsyncGenerator[Subjects]:
    async def handler(request: web.Request) -> web.Response:
        return web.json_response(ANSWER)

    app = web.Application()
    app.router.add_get(PATH, handler)
    async with TestServer(app, host="127.0.0.1") as server:
        url = str(server.make_url(PATH))

        @asynccontextmanager
        async def nothing(exchange: Exchange) -> AsyncGenerator[Opened]:
            async with ClientSession() as session:
                yield Opened(session, url)

        @asynccontextmanager
        async def under_install(exchange: Exchange) -> AsyncGenerator[Opened]:
            mock = install()
            try:
                register(mock, exchange)
                async with ClientSession() as session:
                    yield Opened(session, url)
            finally:
                uninstall(mock)

        @asynccontextmanager
        async def older_session(exchange: Exchange) -> AsyncGenerator[Opened]:
            async with ClientSession(connector=TCPConnector()) as session:
                mock = install()
                try:
                    register(mock, exchange)
                    yield Opened(session, url)
                finally:
                    uninstall(mock)

        @asynccontextmanager
        async def explicit_connector(exchange: Exchange) -> AsyncGenerator[Opened]:
            with aiointercept() as mock:
                register(mock, exchange)
                async with ClientSession(connector=InterceptConnector(mock)) as session:
                    yield Opened(session, url)

        stacks: dict[str, Stack] = {
            "no install": nothing,
            "install()": under_install,
            "install(), older session": older_session,
            "explicit": explicit_connector,
        }
        yield requests(GET, stacks, options, 100)


@work(f"GET, one of {MANY_ROUTES:,} routes", rounds=2)
async def routes(options: Options) -> AsyncGenerator[Subjects]:
    with aiointercept() as one, aiointercept() as many:
        register(one, GET)
        for number in range(MANY_ROUTES - 1):
            many.get(f"{URL}/{number}", json=ANSWER)
        register(many, GET)
        stacks = {"1 route": session_of(one), f"{MANY_ROUTES} routes": session_of(many)}
        yield requests(GET, stacks, options, 200)


@work(f"GET, one of {MANY_TEMPLATES:,} templates", rounds=2)
async def templates(options: Options) -> AsyncGenerator[Subjects]:
    named, globbed = f"http://{HOST}", f"http://*{HOST[1:]}"
    with aiointercept() as one, aiointercept() as many, aiointercept() as globs:
        for number in range(MANY_TEMPLATES - 1):
            many.get(f"{named}/users/{{name}}/{number}", json=ANSWER)
            globs.get(f"{globbed}/{number}", json=ANSWER)
        for mock in (one, many):
            mock.get(f"{named}/users/{{name}}", json=ANSWER, repeat=True)
        globs.get(f"{globbed}{PATH}", json=ANSWER, repeat=True)
        stacks = {
            "1 template": session_of(one),
            f"{MANY_TEMPLATES} templates": session_of(many),
            f"{MANY_TEMPLATES} globs": session_of(globs),
        }
        yield requests(GET, stacks, options, 200)


@work(f"GET, one of {MANY_EXPRESSIONS:,} expressions, tried one after the other", rounds=0.4)
async def expressions(options: Options) -> AsyncGenerator[Subjects]:
    with aiointercept() as one, aiointercept() as many:
        for number in range(MANY_EXPRESSIONS - 1):
            many.get(re.compile(rf"http://api[.]example[.]com/pages/{number}$"), json=ANSWER)
        for mock in (one, many):
            mock.get(re.compile(rf"http://api[.]example[.]com{PATH}$"), json=ANSWER, repeat=True)
        stacks = {
            "1 expression": session_of(one),
            f"{MANY_EXPRESSIONS} expressions": session_of(many),
        }
        yield requests(GET, stacks, options, 100)


@work("POST, with and without a condition on its JSON", rounds=2)
async def match(options: Options) -> AsyncGenerator[Subjects]:
    with aiointercept() as plain, aiointercept() as matching:
        plain.post(URL, json=ANSWER, repeat=True)
        matching.post(URL, match=Match(json=POST.sent), json=ANSWER, repeat=True)
        stacks = {"no condition": session_of(plain), "Match(json=...)": session_of(matching)}
        yield requests(POST, stacks, options, 200)


@work("pytest runs 1,000 small async tests", unit="ms", rounds=0.2)
async def suite(options: Options) -> AsyncGenerator[Subjects]:
    wanted = [name for name in SUITES if options.peers or name not in PEERS]
    with tempfile.TemporaryDirectory() as where:
        yield {name: running(name, _directory(where, name), options) for name in wanted}


def _directory(parent: str, name: str) -> Path:
    directory = Path(parent, name)
    directory.mkdir()
    return directory


@work("import, in a process of its own", unit="ms")
async def imports(options: Options) -> AsyncGenerator[Subjects]:
    with tempfile.TemporaryDirectory() as cache:
        # Where the environment forbids bytecode, this would measure the compiler.
        environment = {"PYTHONPYCACHEPREFIX": cache, "PYTHONDONTWRITEBYTECODE": ""}
        yield {
            name: _importing(module, environment, options)
            for name, module in (("aiohttp", "aiohttp"), ("ours", "aiointercept_connector"))
        }


_IMPORT = """
import sys, time
clock = getattr(time, sys.argv[2])
began = clock()
__import__(sys.argv[1])
print(1000 * (clock() - began))
"""


def _importing(module: str, environment: Mapping[str, str], options: Options) -> Sample:
    async def sample() -> float:
        return await measured(_IMPORT, module, options.clock.__name__, environment=environment)

    return sample


# The works of these files stand behind those of this one.
from . import bodies, memory, pages  # noqa: E402
