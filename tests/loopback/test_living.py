from __future__ import annotations

import asyncio
import logging
import subprocess
import sys
from collections.abc import AsyncGenerator, Callable
from typing import Any

import pytest
from aiohttp import ClientTimeout, web

from aiointercept_connector import aiointercept
from aiointercept_connector.loopback import living
from tests.loopback.mounted import API, told_of
from tests.test_readme import ROOT, SLOW

pytest.importorskip("uvicorn")

AT_ONCE = ClientTimeout(total=0.01)

Mounted = Callable[[list[str]], Any]


async def moments() -> None:
    """Take some turns of the loop, and a moment of its clock."""
    await asyncio.sleep(0.01)


def application(told: list[str]) -> Any:
    """Return an aiohttp application that takes its time to end."""

    async def context(app: web.Application) -> AsyncGenerator[None, None]:
        task = asyncio.current_task()
        told.append("up")
        yield
        await moments()
        told.append("down" if asyncio.current_task() is task else "down in another task")

    async def answer(request: web.Request) -> web.Response:
        return web.json_response({})

    app = web.Application()
    app.cleanup_ctx.append(context)
    app.router.add_get("/", answer)
    return app


def asgi(told: list[str]) -> Any:
    """Return an ASGI application that takes its time to end."""

    async def app(scope: Any, receive: Any, send: Any) -> None:
        if scope["type"] == "lifespan":
            await receive()
            told.append("up")
            await send({"type": "lifespan.startup.complete"})
            assert (await receive())["type"] == "lifespan.shutdown"
            await moments()
            told.append("down")
            await send({"type": "lifespan.shutdown.complete"})
            return
        headers = [(b"content-type", b"application/json")]
        await send({"type": "http.response.start", "status": 200, "headers": headers})
        await send({"type": "http.response.body", "body": b"{}"})

    return app


@pytest.fixture(params=[application, asgi], ids=lambda made: made.__name__)
def made(request: pytest.FixtureRequest) -> Mounted:
    """Give what makes an application, of either kind."""
    mounted: Mounted = request.param
    return mounted


async def ask(mock: aiointercept) -> None:
    """Ask the application."""
    async with mock.session() as session:
        await told_of(session, API)


class TestLoopThatEnds:
    def test_before_the_mock_is_left(self, made: Mounted) -> None:
        """A loop that `asyncio.run` ends stops its applications, whole."""
        told: list[str] = []
        with aiointercept() as mock:
            mock.mount(API, made(told))
            asyncio.run(ask(mock))
            assert told == ["up", "down"]
        assert told == ["up", "down"]

    def test_right_after_the_mock_is_left(self, made: Mounted) -> None:
        """A loop that ends right behind a plain `with` stops them as well."""
        # A program of its own: here the search for leaks lets every loop turn before it ends.
        program = (
            "import asyncio\n"
            "from aiointercept_connector import aiointercept\n"
            f"from tests.loopback.test_living import API, ask, {made.__name__}\n"
            "told = []\n"
            "async def body():\n"
            "    with aiointercept() as mock:\n"
            f"        mock.mount(API, {made.__name__}(told))\n"
            "        await ask(mock)\n"
            "asyncio.run(body())\n"
            "print(told)\n"
        )
        command = [sys.executable, "-W", "error", "-X", "dev", "-c", program]
        ran = subprocess.run(command, cwd=ROOT, capture_output=True, text=True, check=False)
        assert (ran.stdout, SLOW.sub("", ran.stderr)) == ("['up', 'down']\n", "")

    def test_nothing_is_logged(self, caplog: pytest.LogCaptureFixture) -> None:
        """Nobody complains of a lifespan that was cut short, as uvicorn would."""
        with aiointercept() as mock, caplog.at_level(logging.WARNING):
            mock.mount(API, asgi([]))
            asyncio.run(ask(mock))
        assert caplog.records == []

    def test_closed_as_it_is(self, caplog: pytest.LogCaptureFixture) -> None:
        """Of a loop that was closed with its tasks on it, the mock warns when it is left."""
        told: list[str] = []
        loop = asyncio.new_event_loop()
        mock = aiointercept()
        mock.start()
        mock.mount(API, application(told))
        loop.run_until_complete(ask(mock))
        loop.run_until_complete(moments())
        loop.close()
        with pytest.warns(ResourceWarning) as warned:
            mock.stop()
        assert told == ["up"]
        (warning,) = warned
        assert str(warning.message) == (
            "<Application of 1 resources>, which was mounted, was never stopped: its loop had been "
            "closed before the mock was left, and had not cancelled its tasks. Leave the mock on "
            "that loop, or run the loop by asyncio.run()."
        )
        assert caplog.records == []

    def test_a_handler_has_no_end(self) -> None:
        """Nobody misses the end of a mounted handler."""

        async def answer(request: web.BaseRequest) -> web.Response:
            return web.json_response({})

        loop = asyncio.new_event_loop()
        with aiointercept() as mock:
            mock.mount(API, answer)
            loop.run_until_complete(ask(mock))
            loop.run_until_complete(moments())
            loop.close()


async def forever(*_: Any) -> None:
    """Wait for what never comes."""
    await asyncio.Event().wait()


async def asgi_forever(scope: Any, receive: Any, send: Any) -> None:
    """Never start."""
    await forever()


async def asgi_never_ends(scope: Any, receive: Any, send: Any) -> None:
    """Start, and never end."""
    if scope["type"] == "lifespan":
        await receive()
        await send({"type": "lifespan.startup.complete"})
        await receive()
        await forever()
    await send({"type": "http.response.start", "status": 200, "headers": []})
    await send({"type": "http.response.body", "body": b"{}"})


def never_starts() -> web.Application:
    """Return an application that never starts."""
    app = web.Application()
    app.on_startup.append(forever)
    return app


def never_ends() -> web.Application:
    """Return an application that never ends."""
    app = web.Application()
    app.on_cleanup.append(forever)
    return app


@pytest.mark.anyio
class TestHanging:
    @pytest.mark.parametrize("app", [asgi_forever, never_starts], ids=["asgi", "application"])
    async def test_start(self, wire: Any, app: Any) -> None:
        """An application that never starts is cancelled when the mock is left."""
        async with aiointercept(wire=wire) as mock, mock.session() as session:
            mock.mount(API, app if app is asgi_forever else app())
            with pytest.raises(asyncio.TimeoutError):
                await session.get(API, timeout=AT_ONCE)

    @pytest.mark.parametrize("app", [asgi_never_ends, never_ends], ids=["asgi", "application"])
    async def test_end(self, wire: Any, app: Any, monkeypatch: pytest.MonkeyPatch) -> None:
        """One that never ends is cancelled after a while, which is an error that names it."""
        monkeypatch.setattr(living, "_SECONDS_TO_END", 0.01)
        mock = aiointercept(wire=wire)
        await mock.start()
        mock.mount(API, app if app is asgi_never_ends else app())
        async with mock.session() as session:
            await session.get(API)
        with pytest.raises(RuntimeError) as info:
            await mock.stop()
        named, _, rest = str(info.value).partition(", which was mounted, ")
        assert named.startswith(("<ASGI application <function asgi_never_ends", "<Application of"))
        assert rest == (
            "has not ended within 0.01 seconds of being stopped, and was cancelled. See what its "
            "shutdown waits for: on_cleanup, or the end of its lifespan."
        )
