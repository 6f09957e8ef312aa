"""``--block-network`` and its like in the ini file."""

from __future__ import annotations

from pathlib import Path

import pytest

from tests.plugin.running import run_pytest

# Port 1 of an address for documentation: whoever is let through gets nowhere.
SOURCE = """
OUT = "http://192.0.2.1:1/"

def test_out():
    asyncio.run(ask(OUT, timeout=aiohttp.ClientTimeout(0.05)))

@pytest.mark.intercept(passthrough=["192.0.2.1"])
def test_out_of_a_mock(intercept):
    asyncio.run(ask(OUT, timeout=aiohttp.ClientTimeout(0.05)))

def test_mocked(intercept):
    intercept.get(OUT, json=[])
    assert asyncio.run(ask(OUT)) == []
"""
BLOCKED = (
    "aiointercept_connector.errors.NetworkBlockedError: "
    "GET http://192.0.2.1:1/ was about to reach the real network, which is blocked."
)


def test_the_option_blocks_the_network(tmp_path: Path) -> None:
    """No test reaches the network, through no mock; mocks answer. Workers are told too."""
    pytest.importorskip("xdist")
    run = run_pytest(
        tmp_path, SOURCE, "--block-network", "-n2", plugins=("xdist", "xdist.looponfail")
    )
    assert run.outcomes == {"failed": 2, "passed": 1}
    for test in ("test_out", "test_out_of_a_mock"):
        assert run.errors(test).startswith(BLOCKED)


def test_the_ini_file_blocks_it_too(tmp_path: Path) -> None:
    """A suite can block the network for good, and name exceptions."""
    run = run_pytest(
        tmp_path,
        SOURCE + "\ndef test_other():\n    asyncio.run(ask('http://192.0.2.2/'))\n",
        intercept_block_network="true",
        intercept_allow_network="192.0.2.1",
    )
    assert run.outcomes == {"failed": 3, "passed": 1}
    assert BLOCKED not in run.text
    assert "GET http://192.0.2.2/ was about to reach" in run.errors("test_other")


@pytest.mark.parametrize("plugins", [("recording",), ()])
def test_pytest_recording_has_the_option_too(tmp_path: Path, plugins: tuple[str, ...]) -> None:
    """Beside pytest-recording, and without it, the flag is one."""
    if plugins:
        pytest.importorskip("pytest_recording")
    run = run_pytest(tmp_path, SOURCE, "--block-network", plugins=plugins)
    assert run.outcomes == {"failed": 2, "passed": 1}
    assert run.errors("test_out").startswith(BLOCKED)
