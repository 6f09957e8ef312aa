"""Which mocks are active, and for whom."""

from __future__ import annotations

import asyncio
import contextvars
import gc
import threading
import weakref
from typing import cast

import pytest
from aiohttp import ClientSession, TCPConnector

from aiointercept_connector import UnmatchedRequestError, aiointercept, scope
from aiointercept_connector.interceptor import Interceptor
from tests.real import real_server

pytestmark = pytest.mark.anyio

SITE = "http://api.test/x"


class Stand(Interceptor):
    """An interceptor with a name."""

    def __init__(self, name: str) -> None:
        super().__init__()
        self.name = name


def names() -> str:
    """Return the names of the active ones, innermost first."""
    return " ".join(cast("Stand", one).name for one in scope.active())


def task_mock() -> aiointercept:
    """Return a mock that only its own task sees."""
    return aiointercept(True, scope="task")


async def who(session: ClientSession, url: str = SITE) -> str:
    """Return who answers."""
    async with session.get(url) as response:
        return await response.text()


def test_innermost_comes_first_and_any_may_leave() -> None:
    """Mocks stand in the order of entering, and leave in any order."""
    a, b, c = (Stand(name) for name in "abc")
    for one in (a, b, c):
        scope.enter(one, "process")
    assert names() == "c b a"
    scope.leave(b)
    assert names() == "c a"
    scope.leave(c)
    scope.leave(a)
    assert names() == ""


def test_task_scopes_stand_inside_process_scopes() -> None:
    """A task's mock is asked before every process-wide one, whichever was entered first."""
    a, b, c = (Stand(name) for name in "abc")
    scope.enter(a, "process")
    scope.enter(b, "task")
    scope.enter(c, "process")
    assert names() == "b c a"
    for one in (a, b, c):
        scope.leave(one)
    assert names() == ""


def test_leaving_tells_whether_there_was_anything_to_leave() -> None:
    """A mock can be left once; afterwards nothing happens."""
    a = Stand("a")
    assert scope.is_empty()
    scope.enter(a, "task")
    assert not scope.is_empty()
    assert scope.leave(a)
    assert not scope.leave(a)
    assert scope.is_empty()


def test_task_scope_is_of_its_context() -> None:
    """Other contexts do not see a task's mock; copies of its own do."""
    a = Stand("a")
    elsewhere = contextvars.copy_context()
    scope.enter(a, "task")
    assert (names(), elsewhere.run(names), contextvars.copy_context().run(names)) == ("a", "", "a")
    scope.leave(a)
    assert scope._task.get() == ()


def test_leaving_from_another_context() -> None:
    """A task's mock that is left elsewhere is gone from its own context too."""
    a = Stand("a")
    elsewhere = contextvars.copy_context()
    scope.enter(a, "task")
    elsewhere.run(scope.leave, a)
    assert names() == ""


def test_context_of_an_earlier_run_does_not_see_the_next() -> None:
    """A mock that is entered again is not seen where only its first run was."""
    a = Stand("a")
    context = contextvars.Context()
    context.run(scope.enter, a, "task")
    scope.leave(a)
    scope.enter(a, "task")
    assert (names(), context.run(names)) == ("a", "")
    scope.leave(a)


def test_entering_again_after_leaving_elsewhere_does_not_pile_up() -> None:
    """A context in which mocks are entered, and left elsewhere, keeps nothing of them."""
    a = Stand("a")
    for _ in range(3):
        scope.enter(a, "task")
        contextvars.Context().run(scope.leave, a)
    scope.enter(a, "task")
    assert len(scope._task.get()) == 1
    scope.leave(a)


def test_context_keeps_no_mock_alive() -> None:
    """A context that has seen a mock does not hold it once it was left elsewhere."""
    context = contextvars.Context()
    mock = Stand("a")
    context.run(scope.enter, mock, "task")
    scope.leave(mock)
    alive = weakref.ref(mock)
    del mock
    gc.collect()
    assert alive() is None


@pytest.mark.parametrize("ours", [False, True], ids=["own connector", "no connector"])
async def test_concurrent_tasks_do_not_see_each_others_mocks(ours: bool) -> None:
    """Two tasks with a mock each ask one URL through one session: each gets its own answers."""

    async def test(name: str, session: ClientSession) -> list[str]:
        async with task_mock() as mock:
            mock.get(SITE, body=name, repeat=True)
            answers = []
            for _ in range(5):
                answers.append(await who(session))
                await asyncio.sleep(0.001)
            assert mock.call_count == 5
            return answers

    async with ClientSession(connector=None if ours else TCPConnector()) as session:
        ends = list(await asyncio.gather(test("one", session), test("two", session)))
    assert ends == [["one"] * 5, ["two"] * 5]


async def test_tasks_started_inside_see_the_mock() -> None:
    """What the owner of a task's mock starts, is intercepted, threads of ``to_thread`` included."""

    def elsewhere() -> str:
        async def ask() -> str:
            async with ClientSession() as session:
                return await who(session)

        return asyncio.run(ask())

    async with task_mock() as mock, ClientSession() as session:
        mock.get(SITE, body="mock", repeat=True)
        assert await asyncio.create_task(who(session)) == "mock"
        assert await asyncio.to_thread(elsewhere) == "mock"


async def test_other_tasks_reach_their_servers() -> None:
    """A task that was started before is not intercepted, nor is a bare thread."""
    seen: list[object] = []
    entered, asked = asyncio.Event(), asyncio.Event()

    async def other(session: ClientSession, url: str) -> str:
        await entered.wait()
        answer = await who(session, url)
        asked.set()
        return answer

    async with real_server() as real, ClientSession() as session:
        outside = asyncio.create_task(other(session, real.url))
        async with task_mock() as mock:
            mock.get(real.url, body="mock")
            entered.set()
            await asked.wait()
            thread = threading.Thread(target=lambda: seen.append(scope.active()))
            thread.start()
            thread.join()
            assert await who(session, real.url) == "mock"
        assert await outside == "real"
    assert seen == [()]


async def test_task_mocks_leave_in_any_order() -> None:
    """The outer mock of a task may leave first."""
    async with ClientSession() as session:
        outer, inner = task_mock(), task_mock()
        await outer.start()
        await inner.start()
        inner.get(SITE, body="inner")
        await outer.stop()
        assert await who(session) == "inner"
        await inner.stop()
        assert scope.is_empty()


async def test_task_mock_stopped_by_another_task() -> None:
    """A mock that another task stops intercepts no more where it was started."""
    async with real_server() as real, ClientSession() as session:
        mock = task_mock()
        await mock.start()
        mock.get(real.url, body="mock", repeat=True)
        assert await who(session, real.url) == "mock"

        async def stop() -> None:
            await mock.stop()

        await asyncio.create_task(stop())
        assert await who(session, real.url) == "real"


async def test_task_mock_is_asked_before_the_process_wide_one() -> None:
    """Inside a process-wide mock, a task's mock answers first and decides what may pass."""
    async with aiointercept(True, passthrough_unmatched=True) as outer, ClientSession() as session:
        outer.get(SITE, body="outer", repeat=True)
        async with task_mock() as mock:
            assert await who(session) == "outer"
            mock.get(SITE, body="task")
            assert await who(session) == "task"
            with pytest.raises(UnmatchedRequestError):
                await who(session, "http://else.test/")
