from __future__ import annotations

from typing import Any

import aiohttp
import pytest

from aiointercept_connector.replies.failure import Failure, failure
from tests.journal.support import asked

pytestmark = pytest.mark.anyio


async def test_the_very_object() -> None:
    """An exception object is raised as it is."""
    exception = KeyError("mine")
    with pytest.raises(KeyError) as raised:
        await failure(exception)(asked())
    assert raised.value is exception


@pytest.mark.parametrize("kind", [TimeoutError, aiohttp.ServerDisconnectedError, KeyboardInterrupt])
async def test_a_class(kind: type[BaseException]) -> None:
    """An exception class is called without arguments."""
    with pytest.raises(kind) as raised:
        await failure(kind)(asked())
    assert type(raised.value) is kind


async def test_true() -> None:
    """True stands for a `ClientConnectionError`."""
    with pytest.raises(aiohttp.ClientConnectionError) as raised:
        await failure(True)(asked())
    assert str(raised.value) == "Connection closed by the mock"


async def test_again_and_again() -> None:
    """Raised many times, an exception does not gather the frames of all earlier calls."""
    reply = failure(ValueError("mine"))
    lengths = set()
    for _ in range(3):
        with pytest.raises(ValueError, match="mine") as raised:
            await reply(asked())
        lengths.add(len(raised.traceback))
    assert len(lengths) == 1


async def test_its_own_traceback() -> None:
    """An exception that was raised before keeps the traceback that it came with."""

    def original() -> None:
        raise ValueError("mine")

    with pytest.raises(ValueError, match="mine") as raised:
        original()
    with pytest.raises(ValueError, match="mine") as again:
        await failure(raised.value)(asked())
    assert again.traceback[-1].name == "original"


@pytest.mark.parametrize("exception", [5, "text", int, False, None, object()])
def test_nonsense(exception: Any) -> None:
    """What is no exception is refused."""
    with pytest.raises(TypeError) as raised:
        failure(exception)
    assert str(raised.value) == (
        f"exception must be an exception, an exception class, or True, not {exception!r:.60}"
    )


def test_class_that_wants_arguments() -> None:
    """A class that cannot be called without arguments is refused, and the way out named."""
    with pytest.raises(TypeError) as raised:
        failure(aiohttp.ClientResponseError)
    assert str(raised.value).startswith(
        "exception=ClientResponseError cannot be made without arguments: give an instance in "
        "place of the class. ("
    )


def test_value() -> None:
    """Failures of one exception are equal; the repr shows it."""
    exception = ValueError("mine")
    assert Failure(exception) == Failure(exception)
    assert len({Failure(exception), Failure(exception)}) == 1
    assert Failure(exception) != Failure(ValueError("mine"))
    assert repr(Failure(exception)) == "<Failure ValueError('mine')>"
