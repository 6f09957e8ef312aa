"""The helpers for URLs, on ours and on the original."""

from __future__ import annotations

from typing import Any

import pytest
from yarl import URL


@pytest.mark.parametrize("given", ["http://h/a?b=2&a=1&b=1", URL("http://h/a?b=2&a=1&b=1")])
def test_normalize_url(compat: Any, given: Any) -> None:
    """The query is sorted by name, then by value."""
    assert compat.normalize_url(given) == URL("http://h/a?a=1&b=1&b=2")


@pytest.mark.parametrize("params", [{"b": 2}, [("b", "2")], "b=2"])
def test_merge_params(compat: Any, params: Any) -> None:
    """Parameters of any kind are appended to the query."""
    assert compat.merge_params("http://h/?b=1", params) == URL("http://h/?b=1&b=2")


def test_no_params(compat: Any) -> None:
    """Without parameters a URL stays what it is."""
    assert compat.merge_params("http://h/?b=1", None) == URL("http://h/?b=1")
