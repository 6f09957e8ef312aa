"""Installing for the process: what it patches, and that nothing of it is left."""

from __future__ import annotations

import asyncio
import threading
from collections.abc import Callable, Iterator
from typing import Any

import pytest
import wrapt
from aiohttp import ClientSession, TCPConnector
from aiohttp.connector import BaseConnector

from aiointercept_connector import (
    InterceptConnector,
    UnmatchedRequestError,
    aiointercept,
    injection,
    install,
    uninstall,
)
from aiointercept_connector.serving import Wire

pytestmark = pytest.mark.anyio

SITE = "https://api.test/x"
METHODS: list[tuple[type, str]] = [(ClientSession, "__init__"), (BaseConnector, "connect")]


def patched() -> tuple[object, object]:
    """Return what stands on the two classes."""
    return ClientSession.__dict__["__init__"], BaseConnector.__dict__["connect"]


UNPATCHED = patched()


def is_unpatched() -> bool:
    """Tell whether the classes are as they were: themselves, for a wrapper equals what it wraps."""
    return all(one is other for one, other in zip(patched(), UNPATCHED, strict=True))


async def who(url: str = SITE) -> str:
    """Return who answers a new session."""
    async with ClientSession() as session, session.get(url) as response:
        return await response.text()


async def test_install_and_uninstall() -> None:
    """A session made while installed is answered; afterwards nothing is patched."""
    mock = install()
    mock.get(SITE, body="mock")
    assert await who() == "mock"
    uninstall()
    assert is_unpatched()
    assert not mock.active


async def test_importing_patches_nothing() -> None:
    """No patch stands before something is installed, an explicit mock included."""
    async with aiointercept() as mock, mock.session():
        assert is_unpatched()


async def test_installs_nest() -> None:
    """The innermost mock that has a route answers; the outer ones answer the rest."""
    outer, inner = install(), install()
    for mock, sites in ((outer, (SITE, "https://api.test/outer")), (inner, (SITE,))):
        for site in sites:
            mock.get(site, body="outer" if mock is outer else "inner", repeat=True)
    assert [await who(), await who("https://api.test/outer")] == ["inner", "outer"]
    uninstall()
    assert await who() == "outer"
    uninstall()
    assert is_unpatched()


async def test_installs_leave_in_any_order() -> None:
    """The outer mock may leave first; the inner one stays."""
    outer, inner = install(), install()
    inner.get(SITE, body="inner")
    uninstall(outer)
    assert await who() == "inner"
    uninstall(inner)
    assert is_unpatched()


async def test_uninstall_twice_does_nothing() -> None:
    """What is not installed, any more or ever, may be uninstalled."""
    mock = install()
    uninstall(mock)
    uninstall(mock)
    uninstall()
    assert is_unpatched()


async def test_mock_cannot_be_installed_twice() -> None:
    """A mock that is installed is refused, and remains installed once."""
    mock = install()
    mock.get(SITE, body="mock", repeat=True)
    with pytest.raises(RuntimeError, match="has been started already"):
        install(mock)
    assert await who() == "mock"
    uninstall()
    assert is_unpatched()


async def test_mock_may_be_installed_again() -> None:
    """A mock that was uninstalled can be installed again."""
    mock = install()
    uninstall()
    install(mock).get(SITE, body="again")
    assert await who() == "again"
    uninstall()


async def test_unmatched_request_is_the_innermost_mocks() -> None:
    """What nobody answers is refused and recorded by the innermost mock."""
    async with aiointercept(True) as outer, aiointercept(True) as inner:
        with pytest.raises(UnmatchedRequestError):
            await who()
    assert (len(inner.unmatched), outer.call_count) == (1, 0)


class Stop(BaseException):
    """Neither an Exception nor a cancellation."""


@pytest.mark.parametrize("error", [ValueError, KeyboardInterrupt, SystemExit, Stop])
async def test_block_that_raises_leaves_nothing(error: type[BaseException]) -> None:
    """Whatever the body of a block raises is raised, and no patch stays."""
    with pytest.raises(error):
        async with aiointercept(True):
            raise error
    assert is_unpatched()
    with pytest.raises(error), aiointercept(True):
        raise error
    assert is_unpatched()


async def test_block_that_is_cancelled_leaves_nothing() -> None:
    """A block whose task is cancelled while it waits for an answer leaves no patch."""
    waiting = asyncio.Event()

    async def slow(*args: object, **kwargs: object) -> None:
        waiting.set()
        await asyncio.Event().wait()

    async def block() -> None:
        async with aiointercept(True) as mock:
            mock.get(SITE, callback=slow)
            await who()

    task = asyncio.create_task(block())
    await waiting.wait()
    task.cancel()
    with pytest.raises(asyncio.CancelledError):
        await task
    assert is_unpatched()


@pytest.mark.parametrize("failing", [1, 2])
@pytest.mark.parametrize("error", [ValueError, KeyboardInterrupt])
async def test_start_that_fails_leaves_nothing(
    monkeypatch: pytest.MonkeyPatch, failing: int, error: type[BaseException]
) -> None:
    """If patching fails half-way, what was done is undone."""
    wrap, calls = wrapt.wrap_object, []

    def broken(*args: Any) -> Any:
        calls.append(args)
        if len(calls) == failing:
            raise error
        return wrap(*args)

    monkeypatch.setattr(wrapt, "wrap_object", broken)
    with pytest.raises(error):
        injection.attach(aiointercept().interceptor, "process")
    assert is_unpatched()
    monkeypatch.undo()
    async with aiointercept(True) as mock:
        mock.get(SITE, body="mock")
        assert await who() == "mock"


def test_block_without_a_loop_around_runs_with_their_own() -> None:
    """``with`` needs no loop: the loops run inside it are intercepted, one after the other."""
    with aiointercept(True) as mock:
        mock.get(SITE, body="mock", repeat=True)
        assert [asyncio.run(who()), asyncio.run(who())] == ["mock", "mock"]
    assert mock.call_count == 2


async def test_other_threads_are_answered_while_this_loop_is_blocked(wire: Wire) -> None:
    """Sessions on four threads' own loops are intercepted, though this loop does not turn."""
    answers: list[str] = []
    async with aiointercept(True, wire=wire) as mock:
        mock.get(SITE, body="mock", repeat=True)
        threads = [
            threading.Thread(target=lambda: answers.append(asyncio.run(who()))) for _ in range(4)
        ]
        for thread in threads:
            thread.start()
        for thread in threads:
            thread.join(5)
        assert answers == ["mock"] * 4
    assert mock.call_count == 4


class Theirs:
    """Another library's layers on the same methods."""

    def __init__(self) -> None:
        self.calls = 0
        self._layers: list[tuple[type, str, Any]] = []

    def _wrapper(self, wrapped: Callable[..., Any], instance: Any, args: Any, kwargs: Any) -> Any:
        self.calls += 1
        return wrapped(*args, **kwargs)

    def wrap(self) -> None:
        """Wrap both methods."""
        for owner, name in METHODS:
            self._layers.append(
                (owner, name, wrapt.wrap_function_wrapper(owner, name, self._wrapper))
            )

    def unlink(self) -> None:
        """Take the layers away, wherever they are, as one should."""
        for owner, name, theirs in self._layers:
            layer = owner.__dict__[name]
            if layer is theirs:
                setattr(owner, name, theirs.__wrapped__)
            while layer is not theirs and layer.__wrapped__ is not theirs:
                layer = layer.__wrapped__
            if layer is not theirs:
                layer.__wrapped__ = theirs.__wrapped__
        self._layers.clear()

    def pop(self) -> None:
        """Take the layer on top away, whosever it is, as OpenTelemetry's ``unwrap`` does."""
        for owner, name in METHODS:
            setattr(owner, name, getattr(owner, name).__wrapped__)
        self._layers.clear()


@pytest.fixture
def restored() -> Iterator[None]:
    """Put the classes back as they were, whatever others have left on them."""
    yield
    for (owner, name), method in zip(METHODS, UNPATCHED, strict=True):
        setattr(owner, name, method)


def our_layers() -> int:
    """Count our layers among those that can be found."""
    ours = {layer[2] for layer in injection._LAYERS}
    found = 0
    for method in patched():
        layer: Any = method
        while hasattr(layer, "__wrapped__"):
            found += getattr(layer, "_self_wrapper", None) in ours
            layer = layer.__wrapped__
    return found


ORDERS = [
    "us them -us -them",
    "us them -them -us",
    "them us -us -them",
    "them us -them -us",
    "them us other -them -us -other",
    "them us other -us -other -them",
    "us them us2 -us -them -us2",
    "us us2 them -us2 -them -us",
]


@pytest.mark.usefixtures("restored")
@pytest.mark.parametrize("order", ORDERS)
async def test_only_our_own_layer_is_removed(order: str) -> None:
    """Whatever was wrapped below or above, in every order of leaving, others' layers stay."""
    libraries = {"them": Theirs(), "other": Theirs()}
    mocks = {"us": aiointercept(True), "us2": aiointercept(True)}
    there: set[str] = set()
    for step in order.split():
        name = step.removeprefix("-")
        there ^= {name}
        if name in libraries:
            (libraries[name].unlink if step[0] == "-" else libraries[name].wrap)()
        else:
            (uninstall if step[0] == "-" else install)(mocks[name])
            mocks[name].add(SITE, body="mock", repeat=True)
        active = there & mocks.keys()
        assert our_layers() == (2 if active else 0)
        if active:
            before = {name: library.calls for name, library in libraries.items()}
            assert await who() == "mock"
            called = {name for name in libraries if libraries[name].calls > before[name]}
            assert called == there & libraries.keys()
    assert is_unpatched()


@pytest.mark.usefixtures("restored")
async def test_bound_copy_of_our_layer_is_removed() -> None:
    """A library that unwraps by popping the top leaves a bound copy of our layer, which goes."""
    theirs = Theirs()
    async with aiointercept(True) as mock:
        mock.get(SITE, body="mock", repeat=True)
        theirs.wrap()
        theirs.pop()
        assert not is_unpatched()
        assert await who() == "mock"
    assert is_unpatched()


@pytest.mark.usefixtures("restored")
async def test_layer_popped_by_another_library_does_no_harm() -> None:
    """When another library pops our layer in place of its own, leaving still leaves nothing."""
    theirs = Theirs()
    theirs.wrap()
    mock = install()
    theirs.pop()
    assert our_layers() == 0
    uninstall(mock)
    assert not is_unpatched()


@pytest.mark.usefixtures("restored")
async def test_bare_proxy_above_stays() -> None:
    """A proxy that is no function wrapper is left in place when the layer below it goes."""
    mock = install()
    proxy: Any = wrapt.ObjectProxy(BaseConnector.__dict__["connect"])
    type.__setattr__(BaseConnector, "connect", proxy)
    uninstall(mock)
    assert BaseConnector.__dict__["connect"] is proxy
    assert proxy.__wrapped__ is UNPATCHED[1]


def closed_over(owner: type, name: str) -> Callable[..., Any]:
    """Return a plain function in front of a method."""
    method = owner.__dict__[name]

    def plain(self: Any, *args: Any, **kwargs: Any) -> Any:
        return method.__get__(self, owner)(*args, **kwargs)

    return plain


async def test_plain_function_above_keeps_an_inert_layer(monkeypatch: pytest.MonkeyPatch) -> None:
    """A layer that a function has closed over stays until the function goes, and does nothing."""
    mock = install()
    for owner, name in METHODS:
        monkeypatch.setattr(owner, name, closed_over(owner, name))
    uninstall(mock)
    async with ClientSession() as session:
        assert type(session.connector) is TCPConnector
    monkeypatch.undo()
    assert our_layers() == 2
    uninstall(install())
    assert is_unpatched()


async def test_layer_left_below_a_function_does_not_answer_twice(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    """A request that meets two of our layers is claimed by the first alone."""
    mock = install()
    for owner, name in METHODS:
        monkeypatch.setattr(owner, name, closed_over(owner, name))
    uninstall(mock)
    async with aiointercept(True) as second:
        second.get(SITE, body="second")
        connector = TCPConnector()
        async with ClientSession(connector=connector) as session, session.get(SITE) as response:
            assert await response.text() == "second"
            assert [type(key[1]).__name__ for key in connector._conns or [("", "")]] != [
                "TaggedKey"
            ]
        assert type(connector) is not InterceptConnector
        assert second.call_count == 1
    monkeypatch.undo()
    uninstall(install())
