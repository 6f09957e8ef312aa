"""Which routes a service takes."""

from __future__ import annotations

from typing import Any

import aiohttp
import pytest

pytestmark = pytest.mark.anyio


@pytest.mark.parametrize(
    ("routes", "error", "message"),
    [
        (
            [("*", "/x"), ("GET", "/x")],
            RuntimeError,
            "Added route will never be executed, method * is already registered",
        ),
        (
            [("get", "/x"), ("GET", "/x")],
            RuntimeError,
            "Added route will never be executed, method GET is already registered",
        ),
        ([("GET", "x")], ValueError, "path should be started with / or be empty"),
        ([("GET", "/{")], ValueError, "Invalid path '/{'['/{']"),
        ([("G T", "/x")], ValueError, "G T is not allowed HTTP method"),
    ],
)
async def test_refused(
    library: Any, routes: list[tuple[str, str]], error: type[Exception], message: str
) -> None:
    """What aiohttp's router refuses is refused, in the same words."""
    with pytest.raises(error) as raised:
        async with library.start_service([library.MockRoute(*one, "x") for one in routes]):
            pass
    assert str(raised.value) == message


@pytest.mark.parametrize(
    "routes",
    [
        [("POST", "/x"), ("*", "/x")],
        [("*", "/x"), ("GET", "/y"), ("GET", "/x")],
    ],
)
async def test_any_method(
    library: Any, session: aiohttp.ClientSession, routes: list[tuple[str, str]]
) -> None:
    """A route for every method may stand behind others; what it hides never answers."""
    known = [library.MockRoute(*one, "any" if one[0] == "*" else "one") for one in routes]
    async with library.start_service(known) as service:
        service.register("any", library.JsonResponse("any"))
        service.register("one", library.JsonResponse("one"))
        async with session.get(service.url / "x") as response:
            assert await response.json() == "any"
