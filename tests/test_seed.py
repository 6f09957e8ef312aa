"""The API that a test written for aiointercept uses, name by name."""

from __future__ import annotations

import inspect
from typing import Any

import aiohttp
import pytest
from aiohttp import web
from yarl import URL

import aiointercept_connector
from aiointercept_connector import (
    AiointerceptRequest,
    CallbackResult,
    MockResponse,
    aiointercept,
)
from aiointercept_connector.unset import UNSET

pytestmark = pytest.mark.anyio

NONE: dict[str, Any] = {}
PARAMS = {"url": ..., "method": "GET", "params": None}
BODY = {"data": None, "json": UNSET, "headers": None, "strict_headers": False}
ADD = {
    "url": ...,
    "method": "GET",
    "status": 200,
    "body": b"",
    "json": UNSET,
    "payload": None,
    "headers": None,
    "repeat": False,
    "content_type": None,
    "callback": None,
    "reason": None,
    "exception": None,
}


def positional(function: Any) -> dict[str, Any]:
    """Return the parameters that may be given by position, with their defaults."""
    return {
        name: ... if p.default is p.empty else p.default
        for name, p in inspect.signature(function).parameters.items()
        if p.kind is p.POSITIONAL_OR_KEYWORD and name != "self"
    }


async def test_the_seed_s_example() -> None:
    """The example of the seed's documentation runs as it stands."""
    async with aiointercept() as m:
        m.get(f"{m.server_url}/users", payload=[{"id": 1}])
        async with aiohttp.ClientSession() as session:
            resp = await session.get(f"{m.server_url}/users")
            assert await resp.json() == [{"id": 1}]


@pytest.mark.parametrize(
    ("name", "parameters"),
    [
        (
            "__init__",
            {
                "mock_external_urls": False,
                "passthrough": None,
                "passthrough_unmatched": False,
                "param": None,
            },
        ),
        ("start", NONE),
        ("stop", NONE),
        ("add", ADD),
        ("get", {"url": ...}),
        ("post", {"url": ...}),
        ("put", {"url": ...}),
        ("patch", {"url": ...}),
        ("delete", {"url": ...}),
        ("head", {"url": ...}),
        ("options", {"url": ...}),
        ("clear", NONE),
        ("assert_called", NONE),
        ("assert_not_called", NONE),
        ("assert_called_once", NONE),
        ("assert_any_call", PARAMS),
        ("assert_called_with", PARAMS | BODY),
        ("assert_called_once_with", PARAMS | BODY),
    ],
)
def test_methods(name: str, parameters: dict[str, Any]) -> None:
    """Every method takes the seed's arguments in the seed's order, with its defaults.

    One default differs: where the seed has `json=None` for "none given", None is JSON null here.
    """
    ours = positional(getattr(aiointercept, name))
    assert list(ours.items()) == list(parameters.items())


def test_callback_result() -> None:
    """`CallbackResult` has the seed's arguments, by position too."""
    assert list(positional(CallbackResult.__init__).items()) == list(
        {
            "method": "GET",
            "status": 200,
            "body": "",
            "content_type": "application/json",
            "payload": None,
            "headers": None,
            "response_class": None,
            "reason": None,
        }.items()
    )
    result = CallbackResult("POST", 201, "b", "a/b", [1], {"X": "1"}, aiohttp.ClientResponse, "R")
    assert vars(result) == {
        "method": "POST",
        "status": 201,
        "body": "b",
        "content_type": "a/b",
        "payload": [1],
        "headers": {"X": "1"},
        "response_class": aiohttp.ClientResponse,
        "reason": "R",
    }


async def test_attributes() -> None:
    """A started mock has the attributes that the seed's documentation lists."""
    async with aiointercept(param="m") as mock:
        assert mock.server_url == f"http://{mock.server_host}:{mock.server_port}"
        assert (mock.requests, mock.ordered_requests) == ({}, [])
        assert (mock.call_count, mock.last_request) == (0, None)
        assert (mock.param, mock.passthrough_unmatched) == ("m", False)


async def test_positional_arguments() -> None:
    """Everything may be given by position, as the seed lets one."""
    async with aiointercept(True) as mock, aiohttp.ClientSession() as session:
        route = mock.add(
            "http://a.com/x", "post", 201, b"body", UNSET, None, {"X-A": "1"}, 2, "text/plain"
        )
        assert isinstance(route, MockResponse)
        async with session.post("http://a.com/x", data=b"asked") as response:
            assert (response.status, response.content_type) == (201, "text/plain")
            assert (response.headers["X-A"], await response.read()) == ("1", b"body")
        mock.assert_called_with("http://a.com/x", "POST", None, b"asked")
        assert route.call_count == 1


async def test_requests_are_web_requests() -> None:
    """A recorded request is a `web.Request` with the seed's fields."""
    async with aiointercept(True) as mock, aiohttp.ClientSession() as session:
        mock.put("https://a.com/x")
        await session.put("https://a.com/x?", json={"a": 1})
        ((key, request),) = mock.ordered_requests
        assert key == ("PUT", URL("https://a.com/x"))
        assert isinstance(request, AiointerceptRequest)
        assert issubclass(AiointerceptRequest, web.Request)
        assert request.captured_body == b'{"a": 1}'
        assert request.canonical_url == URL("https://a.com/x")
        assert set(request.kwargs) == {"headers", "query", "json", "data"}


def test_upgrade() -> None:
    """`upgrade` has the seed's signature."""
    assert list(positional(AiointerceptRequest.upgrade)) == [
        "request",
        "captured_body",
        "kwargs",
        "canonical_url",
    ]


def test_names() -> None:
    """The names that a test imports from the seed's package are in ours."""
    for name in ("aiointercept", "CallbackResult", "AiointerceptRequest", "MockResponse"):
        assert name in aiointercept_connector.__all__
