"""The checker that every test here runs under finds what it is for.

Each kind of leak is planted in a test of a suite of its own, which ours is broken for, if need be.
"""

from __future__ import annotations

import sys

import pytest

from tests.plugin.running import Run, run_pytest

TELLS_CANCELLED = sys.version_info >= (3, 11)

PLANTED = """
import socket
import threading

from aiohttp import ClientSession
from aiointercept_connector import aiointercept, injection
from aiointercept_connector.loopback.listener import Listener
from aiointercept_connector.loopback.server import Server

kept = []

async def never(url, **kwargs):
    await asyncio.Event().wait()

async def ask_in_vain(**options):
    with aiointercept(True, **options) as mock:
        mock.get(URL, callback=never)
        call = asyncio.ensure_future(ask_carelessly())
        kept.append(call)
        while not mock.call_count:
            await asyncio.sleep(0)
    return mock

@pytest.fixture
def unclosed(monkeypatch):
    monkeypatch.setattr(Server, "close", lambda self, exc: [])

@pytest.mark.parametrize("wire", ["memory", "tcp"])
def test_tidy(wire):
    asyncio.run(ask_in_vain(wire=wire))

@pytest.mark.anyio
async def test_task(unclosed):
    await ask_in_vain()

def test_task_of_a_loop_in_a_thread(unclosed):
    thread = threading.Thread(target=asyncio.run, args=(ask_in_vain(),))
    thread.start()
    thread.join()

def test_task_of_a_loop_without_a_runner(unclosed):
    loop = asyncio.new_event_loop()
    loop.run_until_complete(ask_in_vain())
    loop.close()
    kept.append(asyncio.all_tasks(loop))

@pytest.mark.anyio
async def test_task_when_left(unclosed):
    mock = aiointercept(True)
    await mock.start()
    mock.get(URL, callback=never)
    call = asyncio.ensure_future(ask_carelessly())
    while not mock.call_count:
        await asyncio.sleep(0)
    await mock.stop()
    call.cancel()
    for _ in range(100):
        await asyncio.sleep(0)

async def leave_open(wire):
    with aiointercept(True, wire=wire) as mock:
        mock.get(URL, json=[])
        session = ClientSession()
        async with session.get(URL) as response:
            await response.read()
    kept.append(session)

@pytest.mark.anyio
async def test_transport(unclosed):
    await leave_open("memory")

@pytest.mark.anyio
async def test_connection(unclosed):
    await leave_open("tcp")

def test_socket():
    kept.append(socket.socket())

def test_mock():
    kept.append(aiointercept())
    kept[-1].start()

def test_thread(monkeypatch):
    monkeypatch.setattr(Listener, "stop", lambda self, exc: None)
    with aiointercept() as mock:
        mock.server_url

def test_patch(monkeypatch):
    monkeypatch.setattr(injection, "_take_layers", lambda: None)
    with aiointercept(True):
        pass

def test_active(monkeypatch):
    monkeypatch.setattr(injection, "detach", lambda mock: None)
    with aiointercept(True):
        pass
"""


@pytest.fixture(scope="module")
def run(tmp_path_factory: pytest.TempPathFactory) -> Run:
    """Run the planted tests under our conftest."""
    where = tmp_path_factory.mktemp("planted")
    return run_pytest(where, PLANTED, plugins=("anyio", "tests.conftest"), addopts="-rA")


@pytest.mark.parametrize(
    ("planted", "found"),
    [
        ("test_task", "task: <coroutine object ServerProtocol."),
        ("test_task_of_a_loop_in_a_thread", "task: <coroutine object ServerProtocol."),
        ("test_task_of_a_loop_without_a_runner", "task: <coroutine object ServerProtocol."),
        pytest.param(
            "test_task_when_left",
            "task: <coroutine object ServerProtocol.",
            marks=pytest.mark.skipif(not TELLS_CANCELLED, reason="a task does not tell there"),
        ),
        ("test_transport", "transport: <MemoryTransport open "),
        ("test_connection", "descriptor: "),
        ("test_socket", "descriptor: "),
        ("test_mock", "mock: <"),
        ("test_thread", "thread: <Thread(aiointercept-server, "),
        ("test_patch", "patch: __init__ is "),
        ("test_active", "active: <"),
    ],
)
def test_what_is_left_is_found(run: Run, planted: str, found: str) -> None:
    """A test that leaves something behind has an error that says what."""
    lines = run.errors(f"ERROR at teardown of {planted}").splitlines()
    assert "left behind:" in lines[0]
    assert any(line.startswith(found) for line in lines)


def test_nothing_is_found_that_is_not_left(run: Run) -> None:
    """The tests pass, all of them, and those that leave nothing have no error either."""
    assert run.outcomes == {"passed": 13, "errors": 11 if TELLS_CANCELLED else 10}
