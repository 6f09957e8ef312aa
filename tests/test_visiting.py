"""Sessions of other event loops, and sessions that have nothing."""

from __future__ import annotations

import asyncio
from typing import Any

import aiohttp
import pytest
from aiohttp import ClientSession

from aiointercept_connector import aiointercept
from aiointercept_connector.visiting import bare, is_elsewhere, visiting

URL = "http://h/a"


async def made(**kwargs: Any) -> ClientSession:
    """Return a session of the running loop."""
    return ClientSession(**kwargs)


def test_at_home() -> None:
    """On its own loop, a session is not elsewhere."""

    async def main() -> bool:
        async with ClientSession() as session:
            return is_elsewhere(session)

    assert not asyncio.run(main())


def test_a_visitor_asks_on_the_running_loop() -> None:
    """What a session cannot ask, the one that is lent can; both have one cookie jar."""
    session = asyncio.run(made(headers={"X-A": "1"}))

    async def main() -> None:
        assert is_elsewhere(session)
        with pytest.raises(RuntimeError):
            await session.get(URL)
        with visiting(session) as visitor:
            assert not is_elsewhere(visitor)
            response = await visitor.get(URL)
        assert await response.text() == "x"
        assert visitor.closed
        assert not session.closed
        await session.close()

    with aiointercept(mock_external_urls=True) as mock:
        mock.get(URL, body="x", headers={"Set-Cookie": "a=1"})
        asyncio.run(main())
        assert mock.calls[0].headers["X-A"] == "1"
    assert [cookie.value for cookie in session.cookie_jar] == ["1"]


def test_the_schemes_of_the_connector() -> None:
    """A visitor asks the schemes that the session's own connector knows, and no others."""
    session = asyncio.run(made())

    async def main() -> int:
        with visiting(session) as visitor:
            with pytest.raises(aiohttp.NonHttpUrlClientError):
                await visitor.get("unix://h/a")
            response = await visitor.get("tcp://h/a")
        await session.close()
        return response.status

    with aiointercept(mock_external_urls=True) as mock:
        mock.get(URL, status=201)
        assert asyncio.run(main()) == 201


def test_a_real_host() -> None:
    """A real host is asked through the session's own connector, which cannot on this loop."""
    session = asyncio.run(made())

    async def main() -> None:
        with visiting(session) as visitor, pytest.raises(RuntimeError, match="closed"):
            await visitor.get("http://127.0.0.1:1/")
        await session.close()

    asyncio.run(main())


def test_a_bare_session() -> None:
    """What is lent has the session's headers, and nothing of what says how the session asks."""

    async def main() -> None:
        timeout, trace = aiohttp.ClientTimeout(total=1), aiohttp.TraceConfig()
        session = ClientSession(headers={"X-A": "1"}, timeout=timeout, trace_configs=[trace])
        with bare(session) as stripped:
            assert stripped.headers == {"X-A": "1"}
            assert stripped.timeout == aiohttp.ClientTimeout()
            assert stripped.trace_configs == []
            assert stripped.connector is not session.connector
            assert stripped.cookie_jar is not session.cookie_jar
            response = await stripped.get(URL)
        assert stripped.closed
        assert not session.closed
        assert (session.timeout, session.trace_configs) == (timeout, [trace])
        assert list(session.cookie_jar) == []
        await session.close()
        assert await response.text() == "x"

    with aiointercept(mock_external_urls=True) as mock:
        mock.get(URL, body="x", headers={"Set-Cookie": "a=1"})
        asyncio.run(main())
        assert mock.calls[0].headers["X-A"] == "1"
