"""Installing for the process: which sessions it reaches, and what it leaves of them."""

from __future__ import annotations

import asyncio
import inspect
import subprocess
import sys
import warnings
from pathlib import Path
from typing import Any

import pytest
from aiohttp import ClientSession, TCPConnector, UnixConnector

from aiointercept_connector import InterceptConnector, UnmatchedRequestError, aiointercept
from aiointercept_connector.serving import Wire
from tests.real import real_server

pytestmark = pytest.mark.anyio

SITE = "https://api.test/x"
ROOT = Path(__file__).parents[1]


overridden: list[TCPConnector] = []


class OwnConnect(TCPConnector):
    """Overrides ``connect``."""

    async def connect(self, *args: Any, **kwargs: Any) -> Any:
        """Take note, and go on."""
        overridden.append(self)
        return await super().connect(*args, **kwargs)


class OwnCreate(TCPConnector):
    """Overrides ``_create_connection``."""

    async def _create_connection(self, *args: Any, **kwargs: Any) -> Any:
        overridden.append(self)
        return await super()._create_connection(*args, **kwargs)


class OurSubclass(InterceptConnector):
    """Is one of ours, and overrides both."""

    async def connect(self, *args: Any, **kwargs: Any) -> Any:
        """Take note, and go on."""
        overridden.append(self)
        return await super().connect(*args, **kwargs)

    async def _create_connection(self, *args: Any, **kwargs: Any) -> Any:
        overridden.append(self)
        return await super()._create_connection(*args, **kwargs)


CONNECTORS: dict[str, Any] = {
    "TCPConnector": TCPConnector,
    "own connect": OwnConnect,
    "own _create_connection": OwnCreate,
    "UnixConnector": lambda: UnixConnector("/nowhere.sock"),
    "InterceptConnector": InterceptConnector,
    "subclass of ours": OurSubclass,
}


async def who(session: ClientSession, url: str = SITE) -> str:
    """Return who answers."""
    async with session.get(url) as response:
        return await response.text()


@pytest.mark.parametrize("make", CONNECTORS.values(), ids=CONNECTORS)
@pytest.mark.parametrize("early", [False, True], ids=["made inside", "made before"])
async def test_every_connector_is_reached(wire: Wire, make: Any, early: bool) -> None:
    """A connector of any class is intercepted, made before the install or after."""
    connector = make() if early else None
    async with aiointercept(True, wire=wire) as mock:
        connector = connector or make()
        mock.get(SITE, body="mock", repeat=True)
        async with ClientSession(connector=connector) as session:
            assert [await who(session), await who(session)] == ["mock", "mock"]
            with pytest.raises(UnmatchedRequestError):
                await who(session, "https://else.test/")


@pytest.mark.parametrize("make", [OwnConnect, OurSubclass])
async def test_overridden_connect_is_called(make: Any) -> None:
    """A subclass's own ``connect`` sees the mocked requests as it sees others."""
    connector = make()
    async with aiointercept(True) as mock, ClientSession(connector=connector) as session:
        mock.get(SITE)
        await who(session)
    assert connector in overridden


@pytest.mark.parametrize("make", CONNECTORS.values(), ids=CONNECTORS)
async def test_connector_of_the_user_is_left_as_it_was(wire: Wire, make: Any) -> None:
    """Identity, limits and attributes of a user's connector are untouched, then and afterwards."""
    connector = make()
    before = {name: vars(connector)[name] for name in ("_limit", "_limit_per_host", "_force_close")}
    names = set(vars(connector))
    async with aiointercept(True, wire=wire) as mock, ClientSession(connector=connector) as session:
        mock.get(SITE, body="mock")
        await who(session)
        assert session.connector is connector
        assert vars(connector).items() >= before.items()
        assert set(vars(connector)) == names


async def test_attribute_that_the_user_has_set_is_put_back(wire: Wire) -> None:
    """A ``_create_connection`` of a connector's own is kept, and not asked for mocked requests."""

    async def own(*args: Any) -> Any:
        pytest.fail("asked for a mocked request")

    connector = TCPConnector()
    vars(connector)["_create_connection"] = own
    async with aiointercept(True, wire=wire) as mock, ClientSession(connector=connector) as session:
        mock.get(SITE, body="mock")
        assert await who(session) == "mock"
        assert vars(connector)["_create_connection"] is own


async def test_patch_put_on_a_connector_in_use_stays(monkeypatch: pytest.MonkeyPatch) -> None:
    """What somebody sets on a connector while a mocked request connects is not taken away."""
    connector = TCPConnector(limit=1)

    async def own(*args: Any) -> Any:
        pytest.fail("not for this request")

    async def slow(*args: object, **kwargs: object) -> None:
        begun.set()
        await go.wait()

    begun, go = asyncio.Event(), asyncio.Event()
    async with aiointercept(True) as mock, ClientSession(connector=connector) as session:
        mock.get(SITE, callback=slow, body="mock", repeat=True)
        first = asyncio.create_task(who(session))
        await begun.wait()
        second = asyncio.create_task(who(session))
        await asyncio.sleep(0)
        assert "_create_connection" in vars(connector)
        vars(connector)["_create_connection"] = own
        go.set()
        assert [await first, await second] == ["mock", "mock"]
    assert vars(connector)["_create_connection"] is own


async def test_shared_connector_serves_both_sessions(wire: Wire) -> None:
    """Two sessions with one connector, owned by neither, share their wires and leave it open."""
    connector = TCPConnector(limit=2)
    async with aiointercept(True, wire=wire) as mock:
        mock.get(SITE, body="mock", repeat=True)
        for _ in range(2):
            async with ClientSession(connector=connector, connector_owner=False) as session:
                assert await who(session) == "mock"
        assert not connector.closed
    await connector.close()


async def test_subclass_of_session(wire: Wire) -> None:
    """A session of a class of its own is intercepted."""
    with warnings.catch_warnings():
        # aiohttp advises against it; people do it.
        warnings.simplefilter("ignore", DeprecationWarning)

        class Session(ClientSession):
            def __init__(self, **kwargs: Any) -> None:
                super().__init__(headers={"X-Own": "1"}, **kwargs)

    async with aiointercept(True, wire=wire) as mock, Session() as session:
        mock.get(SITE, body="mock")
        assert await who(session) == "mock"
    assert mock.calls[0].headers["X-Own"] == "1"


async def test_session_made_while_installed_has_our_connector() -> None:
    """A session that would make its own connector gets ours, and closes it as its own."""
    async with aiointercept(True):
        async with ClientSession(connector=None) as session:
            connector = session.connector
            assert type(connector) is InterceptConnector
        assert connector.closed


async def test_session_that_outlives_the_install_is_an_ordinary_one() -> None:
    """It reaches real servers afterwards, and is intercepted again by the next install."""
    async with real_server() as real:
        async with aiointercept(True) as mock:
            session = ClientSession()
            mock.get(real.url, body="mock")
            assert await who(session, real.url) == "mock"
        assert await who(session, real.url) == "real"
        async with aiointercept(True) as mock:
            mock.get(real.url, body="again")
            assert await who(session, real.url) == "again"
        assert await who(session, real.url) == "real"
        await session.close()
    assert len(real.connections) == 1


async def test_session_gets_the_connector_options_it_was_given() -> None:
    """What a session hands on to the connector that it makes reaches ours."""
    loop = asyncio.get_running_loop()
    async with aiointercept(True), ClientSession(loop=loop) as session:
        assert session.connector is not None
        assert session.connector._loop is loop


@pytest.mark.skipif(
    "ssl_shutdown_timeout" not in inspect.signature(ClientSession.__init__).parameters,
    reason="this aiohttp has no ssl_shutdown_timeout",
)
async def test_deprecated_options_warn_as_ever() -> None:
    """An option that aiohttp has deprecated warns as often with a mock as without."""

    async def warned() -> list[str]:
        with warnings.catch_warnings(record=True) as caught:
            warnings.simplefilter("always")
            async with ClientSession(ssl_shutdown_timeout=1):
                pass
        return [str(one.message) for one in caught]

    without = await warned()
    async with aiointercept(True):
        assert await warned() == without


async def test_wrong_arguments_are_refused_by_aiohttp() -> None:
    """An argument that ClientSession does not have gets aiohttp's own error."""
    wrong: dict[str, Any] = {"nonsense": 1}
    with pytest.raises(TypeError) as without:
        ClientSession(**wrong)
    async with aiointercept(True):
        with pytest.raises(TypeError) as caught:
            ClientSession(**wrong)
    assert str(caught.value) == str(without.value)


def test_session_outside_of_a_loop_gets_aiohttps_error() -> None:
    """Without a running loop a session is refused as ever."""
    with aiointercept(True), pytest.raises(RuntimeError, match="no running event loop"):
        ClientSession()


async def test_real_traffic_under_an_install_is_the_same() -> None:
    """Requests that pass reach their server with the same headers as without a mock."""
    async with real_server() as real:
        async with ClientSession() as session:
            await who(session, real.url)
        async with aiointercept(True), ClientSession() as session:
            await who(session, real.url)
    first, second = real.requests
    assert first.raw_headers == second.raw_headers


MODULE = """
import asyncio, aiohttp
from aiointercept_connector import install, uninstall

mock = install()
mock.get("https://api.test/x", body="mock", repeat=True)


async def who():
    async with aiohttp.ClientSession() as session, session.get("https://api.test/x") as response:
        return await response.text()


def test_it():
    assert asyncio.run(who()) == "mock"


def teardown_module():
    uninstall()
"""


def run_pytest(folder: Path, source: str, *options: str) -> subprocess.CompletedProcess[str]:
    """Run pytest on a file in a process of its own."""
    (folder / "test_it.py").write_text(source)
    command = [sys.executable, "-W", "error", "-m", "pytest", "-q", "-p", "anyio.pytest_plugin"]
    return subprocess.run(
        [*command, *options, "test_it.py"],
        cwd=folder,
        env={"PYTHONPATH": str(ROOT), "PYTEST_DISABLE_PLUGIN_AUTOLOAD": "1"},
        capture_output=True,
        text=True,
        timeout=60,
        check=False,
    )


def test_install_while_a_module_is_imported(tmp_path: Path) -> None:
    """``install()`` at a module's top, where no loop runs, serves all of its tests."""
    run = run_pytest(tmp_path, MODULE)
    assert run.returncode == 0, run.stdout + run.stderr


NO_SOCKETS = """
import asyncio, socket
import aiohttp, pytest
from aiointercept_connector import aiointercept

URL = "https://api.test/x"
pytestmark = pytest.mark.anyio


@pytest.fixture
def anyio_backend():
    return "asyncio"


async def test_installed():
    with pytest.raises(Exception, match="socket"):
        socket.socket(socket.AF_INET)
    async with aiointercept(True) as mock, aiohttp.ClientSession() as session:
        mock.post(URL, json={"a": 1})
        async with session.post(URL, json={}) as response:
            assert await response.json() == {"a": 1}
        mock.assert_called_once_with(URL, "POST", json={})


async def test_explicit():
    async with aiointercept() as mock, mock.session() as session:
        mock.get("http://127.0.0.1:1/", body=b"x" * 1_000_000)
        async with session.get("http://127.0.0.1:1/") as response:
            assert len(await response.read()) == 1_000_000
"""


def test_memory_wire_needs_no_socket(tmp_path: Path) -> None:
    """Under ``pytest --disable-socket`` the memory wire works."""
    pytest.importorskip("pytest_socket")
    # asyncio's own loop is woken through a pair of Unix sockets.
    options = ["-p", "pytest_socket", "--disable-socket", "--allow-unix-socket"]
    run = run_pytest(tmp_path, NO_SOCKETS, *options)
    assert run.returncode == 0, run.stdout + run.stderr
    assert "2 passed" in run.stdout
