"""The fixture under every plugin that runs async tests, and beside those that repeat or shuffle."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import pytest

from tests.plugin.running import run_pytest

MODE = {"asyncio_default_fixture_loop_scope": "function"}

SOURCE = """
{mark}
async def test_async(intercept):
    intercept.get(URL, json=["Ada"])
    assert await ask() == ["Ada"]

{mark}
async def test_unused(intercept):
    intercept.get(URL)

{mark}
async def test_left_waiting(intercept):
    arrived = asyncio.Event()

    async def never(url, **kwargs):
        arrived.set()
        await asyncio.Event().wait()

    intercept.get(URL, callback=never)
    waiting = asyncio.ensure_future(ask_carelessly())
    await arrived.wait()

{mark}
async def test_seed(aiointercept_mock):
    aiointercept_mock.get(aiointercept_mock.server_url + "/users", json=["Grace"])
    assert await ask(aiointercept_mock.server_url + "/users") == ["Grace"]

{mark}
@pytest.mark.parametrize("time", [1, 2])
async def test_callback_of_the_seed_s(aiointercept_mock, time):
    loop = asyncio.get_running_loop()

    async def callback(url, **kwargs):
        assert asyncio.get_running_loop() is loop

    url = aiointercept_mock.server_url + "/callback"
    aiointercept_mock.get(url, callback=callback, json=["Mary"])
    assert await ask(url) == ["Mary"]

def test_plain(intercept):
    intercept.get(URL, json=["Ada"])
    assert asyncio.run(ask()) == ["Ada"]
"""


RUNNERS = pytest.mark.parametrize(
    ("plugins", "mark", "ini"),
    [
        pytest.param(("asyncio",), "@pytest.mark.asyncio", MODE, id="asyncio strict"),
        pytest.param(("asyncio",), "", {"asyncio_mode": "auto", **MODE}, id="asyncio auto"),
        pytest.param(("anyio", "no:asyncio"), "@pytest.mark.anyio", {}, id="anyio"),
    ],
)
ANYIO_BACKEND = "\n@pytest.fixture\ndef anyio_backend():\n    return 'asyncio'\n"


@RUNNERS
def test_async_tests(
    tmp_path: Path, plugins: tuple[str, ...], mark: str, ini: dict[str, Any]
) -> None:
    """Async and plain tests are answered, and verified, whoever runs them."""
    source = SOURCE.format(mark=mark) + ANYIO_BACKEND
    run = run_pytest(tmp_path, source, plugins=plugins, **ini)
    assert run.outcomes == {"passed": 6, "failed": 1}
    assert run.errors("test_unused").startswith(
        "aiointercept_connector.errors.VerificationError: GET https://api.test/users was never"
    )


MOUNTED = """
from aiohttp import web

told = []

async def context(app):
    told.append("up")
    yield
    await asyncio.sleep(0.01)
    told.append("down")

def mount(mock):
    async def answer(request):
        return web.json_response(["Ada"])

    app = web.Application()
    app.cleanup_ctx.append(context)
    app.router.add_get("/users", answer)
    mock.mount("https://api.test", app)

{mark}
async def test_async(intercept):
    mount(intercept)
    assert await ask() == ["Ada"]

def test_stopped():
    assert told == ["up", "down"]

def test_plain(intercept):
    mount(intercept)
    assert asyncio.run(ask()) == ["Ada"]

def test_stopped_again():
    assert told == ["up", "down"] * 2
"""


@RUNNERS
def test_mounted_applications_are_stopped(
    tmp_path: Path, plugins: tuple[str, ...], mark: str, ini: dict[str, Any]
) -> None:
    """An application that is mounted on the fixture is stopped on the test's loop, to its end."""
    source = MOUNTED.format(mark=mark) + ANYIO_BACKEND
    run = run_pytest(tmp_path, source, plugins=plugins, **ini)
    assert run.outcomes == {"passed": 4}, run.text


def test_pytest_aiohttp(tmp_path: Path) -> None:
    """A client of pytest-aiohttp reaches its server, whose own requests are answered."""
    pytest.importorskip("pytest_aiohttp")
    source = """
from aiohttp import web

async def proxied(request):
    return web.json_response(await ask())

async def test_service(aiohttp_client, intercept):
    app = web.Application()
    app.router.add_get("/", proxied)
    client = await aiohttp_client(app)
    intercept.get(URL, json=["Ada"])
    async with client.get("/") as response:
        assert await response.json() == ["Ada"]
    assert [call.url.host for call in intercept.calls] == ["api.test"]
"""
    run = run_pytest(tmp_path, source, plugins=("asyncio", "aiohttp"), asyncio_mode="auto", **MODE)
    assert run.outcomes == {"passed": 1}


TOOLS = ("xdist", "xdist.looponfail", "randomly", "timeout", "pytest_repeat")


def test_xdist_randomly_timeout_repeat(tmp_path: Path) -> None:
    """In several processes, in random order, repeated and cut short, each test has its own mock."""
    for module in ("xdist", "pytest_randomly", "pytest_timeout", "pytest_repeat"):
        pytest.importorskip(module)
    source = """
@pytest.mark.parametrize("name", ["Ada", "Grace", "Mary"])
def test_own_answers(intercept, name):
    intercept.get(URL, json=name)
    assert asyncio.run(ask()) == name

def test_unused(intercept):
    intercept.get(URL)

@pytest.mark.timeout(0.05)
def test_cut_short(intercept):
    async def never(url, **kwargs):
        await asyncio.Event().wait()

    intercept.get(URL, callback=never)
    asyncio.run(ask())
"""
    args = ("-n4", "--count=2", "--import-mode=importlib")
    run = run_pytest(tmp_path, source, *args, plugins=TOOLS)
    assert run.outcomes == {"passed": 6, "failed": 4}
    assert "was never called" in run.errors("test_unused[1-2]")
    assert "Failed: Timeout" in run.errors("test_cut_short[2-2]")
    assert "1. GET https://api.test/users" in run.report("test_cut_short[2-2]")
