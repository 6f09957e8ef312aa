"""The fixtures, and the takeover of ``aiointercept``."""

from __future__ import annotations

from pathlib import Path

import pytest

from tests.plugin.running import run_pytest

LOOP = {"asyncio_default_fixture_loop_scope": "function"}
TAKEOVER = ("-p", "aiointercept_connector.takeover", "--takeover=aiointercept")

SUITE = """
import aiohttp
import pytest
import aiointercept
from aiointercept import CallbackResult
from aiointercept.core import aiointercept as mock
from aiointercept.compat import normalize_url

pytestmark = pytest.mark.asyncio

async def test_fixture(aiointercept_mock):
    assert type(aiointercept_mock) is mock
    url = f"{aiointercept_mock.server_url}/x"
    aiointercept_mock.get(url, callback=lambda url, **kwargs: CallbackResult(status=201))
    async with aiohttp.ClientSession() as session, session.get(url) as response:
        assert response.status == 201

async def test_cleared(aiointercept_mock):
    assert (aiointercept_mock.handlers, aiointercept_mock.requests) == ({}, {})

async def test_whose_it_is():
    assert aiointercept.__name__ == "aiointercept_connector.compat.aiointercept"
    async with mock(True), aiohttp.ClientSession() as session:
        with pytest.raises(aiohttp.ServerDisconnectedError):
            await session.get("http://h.test/")
"""


@pytest.mark.parametrize("beside", [False, True])
def test_taken_over(tmp_path: Path, beside: bool) -> None:
    """A suite gets ours, fixtures included, with the original's own behaviour."""
    if beside:
        pytest.importorskip("aiointercept", reason="aiointercept is not installed")
    plugins = ("aiointercept", "asyncio") if beside else ("asyncio",)
    run = run_pytest(tmp_path, SUITE, *TAKEOVER, plugins=plugins, **LOOP)
    assert run.outcomes == {"passed": 3}
    assert "takeover: aiointercept is aiointercept_connector.compat.aiointercept" in run.text
