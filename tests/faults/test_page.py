"""The page of the documentation, against what happens here."""

from __future__ import annotations

import importlib.util
from typing import Any

import aiohttp
import pytest

from aiointercept_connector.faults.table import KINDS
from tests.test_readme import ROOT

pytestmark = pytest.mark.anyio

SCRIPT = ROOT / "docs" / "make_faults_page.py"


@pytest.fixture
def script() -> Any:
    """Return the module that writes the page."""
    spec = importlib.util.spec_from_file_location("make_faults_page", SCRIPT)
    assert spec is not None
    assert spec.loader is not None
    module = importlib.util.module_from_spec(spec)
    spec.loader.exec_module(module)
    return module


# aiohttp 3.10 takes uvloop's connection to a proxy for one that cannot be encrypted.
@pytest.mark.filterwarnings("ignore:An HTTPS request is being sent:RuntimeWarning")
async def test_the_column_of_this_aiohttp(script: Any) -> None:
    """What the page says of this aiohttp is what happens; see docs/make_faults_page.py."""
    text = script.PAGE.read_text(encoding="utf-8")
    columns = script._columns(text)
    version = aiohttp.__version__
    if script._minor(version) not in map(script._minor, columns):
        pytest.skip(f"the page has the oldest and the newest, and this is {version}")
    named = next(one for one in columns if script._minor(one) == script._minor(version))
    seen = await script.column()
    # Whether the client is still writing when an idle connection ends is the interpreter's affair.
    for column in (columns[named], seen):
        assert column.pop("drop_idle") in {
            "`ServerDisconnectedError`",
            "`ClientOSError`, from `ConnectionResetError`",
        }
    assert columns[named] == seen


def test_the_page_is_of_the_table(script: Any) -> None:
    """The page has the faults, arguments and texts of the table, and two columns."""
    text = script.PAGE.read_text(encoding="utf-8")
    columns = script._columns(text)
    assert len(columns) == 2
    keys = {row.key for row in script.rows()}
    assert all(column.keys() == keys for column in columns.values())
    assert keys >= KINDS.keys()
    version, seen = columns.popitem()
    assert script.with_column(text, version, seen) == text
