"""The work that is measured: one function for each."""

from __future__ import annotations

import gc
import os
import tempfile
import tracemalloc
from collections.abc import AsyncGenerator, Callable, Mapping
from contextlib import AbstractAsyncContextManager, asynccontextmanager
from pathlib import Path
from typing import Final

from aiohttp import ClientSession, TCPConnector, web
from aiohttp.test_utils import TestServer

from aiointercept_connector import InterceptConnector, Match, aiointercept, install, uninstall

from . import peers
from .child import measured
from .exchange import ANSWER, HOST, PATH, URL, Exchange, Opened, Stack, calling
from .floor import memory_floor, tcp_floor
from .harness import MICROSECONDS, Call, Options, Sample, Work, timed
from .stacks import encrypted, explicit, installed, mounted, register, server_for_tests
from .suite import SUITES, running
from .websockets import conversing, mocked_echo, served_echo

__all__ = ("WORKS",)

Subjects = Mapping[str, Sample]

GET: Final = Exchange()
POST: Final = Exchange("POST", sent={"name": "Ada", "tags": ["a", "b", "c"]})
MEGABYTES: Final = 10
BIG: Final = os.urandom(2**20) * MEGABYTES
MANY_TEMPLATES: Final = 10_000
MANY_ROUTES: Final = 100_000
MESSAGES: Final = 10_000

FLOORS: Final[dict[str, Stack]] = {"floor": memory_floor, "floor over tcp": tcp_floor}
OURS: Final[dict[str, Stack]] = {"explicit": explicit, "install()": installed}
TEST_SERVER: Final[dict[str, Stack]] = {"TestServer": server_for_tests}

WORKS: Final[dict[str, Work]] = {}
"""Every work, by its name."""


def work(
    title: str, unit: str = "µs", rounds: float = 1.0
) -> Callable[[Callable[[Options], AsyncGenerator[Subjects]]], None]:
    """Add the decorated function's work to ``WORKS``, under the function's name."""

    def add(function: Callable[[Options], AsyncGenerator[Subjects]]) -> None:
        name = function.__name__.replace("_", "-")
        WORKS[name] = Work(name, title, unit, asynccontextmanager(function), rounds)

    return add


def requests(
    exchange: Exchange, stacks: Mapping[str, Stack], options: Options, calls: int, at_once: int = 1
) -> Subjects:
    """Return the time of one request, for each of *stacks*."""
    return {
        name: timed(calling(stack, exchange), options, calls, at_once)
        for name, stack in stacks.items()
    }


def others(options: Options) -> dict[str, Stack]:
    """Return TestServer, and the peers if they are wanted."""
    return TEST_SERVER | (peers.available() if options.peers else {})


@work("GET, static JSON, one after the other")
async def get(options: Options) -> AsyncGenerator[Subjects]:
    yield requests(GET, FLOORS | OURS | others(options), options, 200)


@work("GET, static JSON, 50 at once")
async def get_50(options: Options) -> AsyncGenerator[Subjects]:
    yield requests(GET, FLOORS | OURS | others(options), options, 500, 50)


@work("GET, static JSON, 1,000 at once")
async def get_1000(options: Options) -> AsyncGenerator[Subjects]:
    # Over TCP this would measure how many files a process may open.
    exchange = Exchange(limit=0)
    yield requests(exchange, {"floor": memory_floor} | OURS, options, 2000, 1000)


@work("POST, JSON both ways")
async def post(options: Options) -> AsyncGenerator[Subjects]:
    yield requests(POST, FLOORS | OURS | others(options), options, 200)


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
    stacks = {"floor": memory_floor} | OURS | others(options)
    yield {name: timed(_living(stack), options, 20) for name, stack in stacks.items()}


def _living(stack: Stack) -> Callable[[], AbstractAsyncContextManager[Call]]:
    """Return what has nothing to open: each call is a whole life."""
    whole = calling(stack, GET)

    async def life() -> None:
        async with whole() as call:
            await call()

    @asynccontextmanager
    async def opened() -> AsyncGenerator[Call]:
        yield life

    return opened


@work(f"{MEGABYTES} MB down", unit="MB/s")
async def download(options: Options) -> AsyncGenerator[Subjects]:
    yield _throughputs(Exchange(download=BIG), options)


@work(f"{MEGABYTES} MB down, in pieces of 256 KiB", unit="MB/s")
async def stream(options: Options) -> AsyncGenerator[Subjects]:
    yield _throughputs(Exchange(download=BIG, pieces=len(BIG) // 2**18), options)


@work(f"{MEGABYTES} MB up", unit="MB/s")
async def upload(options: Options) -> AsyncGenerator[Subjects]:
    yield _throughputs(Exchange("POST", upload=BIG), options)


def _throughputs(exchange: Exchange, options: Options) -> Subjects:
    times = requests(exchange, OURS | TEST_SERVER, options, 3)
    return {name: _as_throughput(sample) for name, sample in times.items()}


def _as_throughput(sample: Sample) -> Sample:
    async def throughput() -> float:
        # Bytes in a microsecond are megabytes in a second.
        return len(BIG) / await sample()

    return throughput


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
        stacks = {"1 route": _session_of(one), f"{MANY_ROUTES} routes": _session_of(many)}
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
            "1 template": _session_of(one),
            f"{MANY_TEMPLATES} templates": _session_of(many),
            f"{MANY_TEMPLATES} globs": _session_of(globs),
        }
        yield requests(GET, stacks, options, 200)


@work("POST, with and without a condition on its JSON", rounds=2)
async def match(options: Options) -> AsyncGenerator[Subjects]:
    with aiointercept() as plain, aiointercept() as matching:
        register(plain, POST)
        matching.post(URL, match=Match(json=POST.sent), json=ANSWER, repeat=True)
        stacks = {"no condition": _session_of(plain), "Match(json=...)": _session_of(matching)}
        yield requests(POST, stacks, options, 200)


def _session_of(mock: aiointercept) -> Stack:
    @asynccontextmanager
    async def opened(exchange: Exchange) -> AsyncGenerator[Opened]:
        before = mock.call_count
        async with mock.session() as session:
            yield Opened(session, URL, lambda: mock.call_count - before)

    return opened


@work("a recorded GET keeps", unit="bytes", rounds=0.2)
async def record_size(options: Options) -> AsyncGenerator[Subjects]:
    yield {name: _kept(calling(stack, GET), options.calls(1000)) for name, stack in OURS.items()}


def _kept(opened: Callable[[], AbstractAsyncContextManager[Call]], calls: int) -> Sample:
    async def sample() -> float:
        async with opened() as call:
            await call()
            gc.collect()
            tracemalloc.start()
            try:
                for _ in range(calls):
                    await call()
                gc.collect()
                kept, _ = tracemalloc.get_traced_memory()
            finally:
                tracemalloc.stop()
        return kept / calls

    return sample


@work("pytest runs 1,000 small async tests", unit="ms", rounds=0.2)
async def suite(options: Options) -> AsyncGenerator[Subjects]:
    left_out = set(peers.PEERS) - set(others(options))
    with tempfile.TemporaryDirectory() as where:
        yield {
            name: running(name, _directory(where, name), options)
            for name in SUITES
            if name not in left_out
        }


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
