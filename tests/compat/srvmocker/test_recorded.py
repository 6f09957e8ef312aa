"""``RecordedRequest``, and its earlier shape, ``RequestHistory(request, body)``."""

from __future__ import annotations

import dataclasses
from typing import Any

import pytest
from aiohttp.test_utils import make_mocked_request
from yarl import URL

ATTRIBUTES = {
    "method": "POST",
    "url": URL("http://h.test/x?a=1"),
    "path": "/x",
    "headers": {"X-A": "1"},
    "query": {"a": "1"},
    "path_params": {"id": "7"},
    "body": bytearray(b"[1]"),
    "handler_name": "x",
}


def request() -> Any:
    """Return a request of aiohttp's server."""
    headers = {"Host": "h.test", "X-A": "1"}
    return make_mocked_request("POST", "/x?a=1", headers, match_info={"id": "7"})


class TestOfAttributes:
    def test_made_by_hand(self, library: Any) -> None:
        """It is made of its attributes, by position or by name, and is a value."""
        one = library.RecordedRequest(*ATTRIBUTES.values())
        assert one == library.RecordedRequest(**ATTRIBUTES)
        assert one != library.RecordedRequest(**{**ATTRIBUTES, "method": "PUT"})
        assert (one.headers["x-a"], one.body) == ("1", b"[1]")
        assert repr(one).startswith("RecordedRequest(method='POST', url=URL('http://h.test/x?a=1')")

    def test_replaced(self, library: Any) -> None:
        """A copy may have other attributes."""
        one = library.RecordedRequest(**ATTRIBUTES)
        other = dataclasses.replace(one, body=b"2")
        assert (other.body, other.method, other.headers["X-A"]) == (b"2", "POST", "1")

    def test_too_few(self, library: Any) -> None:
        """All of them are needed."""
        with pytest.raises(TypeError, match="missing 7 required positional arguments"):
            library.RecordedRequest("GET")


class TestOfARequest:
    @pytest.mark.parametrize("by_name", [False, True])
    def test_attributes(self, ours: Any, by_name: bool) -> None:
        """Of a request and its body, all that the request tells is an attribute."""
        asked = request()
        history = ours.RequestHistory
        call = history(request=asked, body=b"[1]") if by_name else history(asked, b"[1]")
        assert isinstance(call, ours.RecordedRequest)
        assert call.request is asked
        assert call.body == b"[1]"
        assert (call.method, call.path, call.handler_name) == ("POST", "/x", "")
        assert call.url.path_qs == "/x?a=1"
        assert (call.headers["x-a"], call.query["a"], call.path_params["id"]) == ("1", "1", "7")

    def test_matching(self, ours: Any) -> None:
        """``call_matches`` takes it."""
        from aiointercept_connector.compat.srvmocker.assertions import call_matches

        call = ours.RequestHistory(request(), b"[1]")
        assert call_matches(call, json=[1], headers={"X-A": "1"}, query={"a": "1"})
        assert not call_matches(call, json=[2])
