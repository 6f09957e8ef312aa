"""What suites do with the private parts of aioresponses, on ours and on the original."""

from __future__ import annotations

import inspect
import re
from types import SimpleNamespace
from typing import Any

import aiohttp
import pytest
import yarl
from aiohttp import ClientResponse, ClientSession

pytestmark = pytest.mark.anyio

URL = "http://example.com/a"


async def test_registrations_are_forgotten(library: Any, session: ClientSession) -> None:
    """``_matches.clear()`` forgets what is registered, so that it can be registered anew."""
    with library.aioresponses() as m:
        m.get(URL, status=201, repeat=True)
        m._matches.clear()
        m.get(URL, status=202)
        assert (await session.get(URL)).status == 202
        with pytest.raises(aiohttp.ClientConnectionError):
            await session.get(URL)


async def test_one_registration_is_taken_back(library: Any, session: ClientSession) -> None:
    """Registrations are found in ``_matches`` by method and URL, and deleted by their keys."""
    with library.aioresponses() as m:
        m.get(URL, status=201, repeat=True)
        m.post(URL, status=202, repeat=2)
        m.get(re.compile("http://"), status=203, repeat=True)
        await session.post(URL)
        keys = [
            key
            for key, match in m._matches.items()
            if match.method == "get" and match.url_or_pattern == yarl.URL(URL)
        ]
        for key in keys:
            del m._matches[key]
        m.get(URL, status=204)
        assert len(m._matches) == 3
        assert [(await session.get(URL)).status, (await session.post(URL)).status] == [203, 202]
        assert len(m._matches) == 2


async def test_a_registration_is_replaced(library: Any, core: Any, session: ClientSession) -> None:
    """What is set under a key of ``_matches`` answers where the other stood; a new one, last."""
    with library.aioresponses() as m:
        m.get(URL, status=201)
        m.get(URL, status=202)
        first = next(iter(m._matches))
        m._matches[first] = core.RequestMatch(URL, status=203)
        m._matches["mine"] = core.RequestMatch(URL, status=204, repeat=True)
        assert [(await session.get(URL)).status for _ in range(4)] == [203, 202, 204, 204]


async def test_registrations_in_another_order(library: Any, session: ClientSession) -> None:
    """``_matches`` may be replaced, so that the last registration answers first."""
    with library.aioresponses() as m:
        m.get(re.compile("http://"), status=201, repeat=True)
        m.get(URL, status=202)
        m._matches = dict(reversed(list(m._matches.items())))
        assert [(await session.get(URL)).status for _ in range(2)] == [202, 201]


async def test_used_registrations_are_gone(library: Any, session: ClientSession) -> None:
    """``_matches`` has what will still answer."""
    with library.aioresponses() as m:
        m.get(URL)
        m.get(URL, repeat=2)
        assert [repr(match) for match in m._matches.values()] == [f"RequestMatch('{URL}')"] * 2
        for left in (1, 1, 0):
            await session.get(URL)
            assert len(m._matches) == left


async def test_a_subclass_wraps_the_calls(library: Any) -> None:
    """A subclass may wrap ``_request_mock``, which is given the session and the call."""
    seen: list[Any] = []

    class Wrapped(library.aioresponses):  # type: ignore[misc]
        async def _request_mock(
            self, orig_self: Any, method: str, url: Any, *args: Any, **kwargs: Any
        ) -> Any:
            response = await super()._request_mock(orig_self, method, url, *args, **kwargs)
            seen.append((orig_self, method, url, args, kwargs, response))
            return response

    with Wrapped() as m:
        m.get(URL, status=201)
        async with ClientSession("http://example.com") as session:
            response = await session.get("/a", headers={"X-A": "1"})
    assert response.status == 201
    kwargs = {"allow_redirects": True, "headers": {"X-A": "1"}}
    assert seen == [(session, "GET", "/a", (), kwargs, response)]


async def test_a_subclass_adds_to_the_record(library: Any, session: ClientSession) -> None:
    """What a subclass passes on beside the call's own arguments is recorded, and not sent."""

    class WithSession(library.aioresponses):  # type: ignore[misc]
        async def _request_mock(
            self, orig_self: Any, method: str, url: Any, *args: Any, **kwargs: Any
        ) -> Any:
            return await super()._request_mock(orig_self, method, url, "more", *args, **kwargs)

    with WithSession() as m:
        m.get(URL)
        await session.get(URL)
        (call,) = m.requests["GET", yarl.URL(URL)]
    assert call.args == ("more",)


class Patched(ClientResponse):
    """What suites have aioresponses make, where aiohttp wants an argument that it does not give."""

    def __init__(self, *args: Any, **kwargs: Any) -> None:
        if "stream_writer" in inspect.signature(ClientResponse).parameters:
            kwargs.setdefault("stream_writer", SimpleNamespace(output_size=0))
        super().__init__(*args, **kwargs)


async def test_a_patched_response(
    library: Any, core: Any, session: ClientSession, monkeypatch: pytest.MonkeyPatch
) -> None:
    """A suite may patch ``core.ClientResponse`` and ``RequestMatch._build_response``."""
    original = core.RequestMatch._build_response

    def patched(self: Any, *args: Any, **kwargs: Any) -> Any:
        return original(self, *args, **kwargs)

    monkeypatch.setattr(core, "ClientResponse", Patched)
    monkeypatch.setattr(core.RequestMatch, "_build_response", patched)
    with library.aioresponses() as m:
        m.get(URL, payload=[1])
        assert await (await session.get(URL)).json() == [1]


async def test_a_patched_registration(
    library: Any, core: Any, session: ClientSession, monkeypatch: pytest.MonkeyPatch
) -> None:
    """A suite may give every registration a class of response."""
    original = core.RequestMatch.__init__

    def patched(self: Any, *args: Any, **kwargs: Any) -> None:
        kwargs["response_class"] = Patched
        original(self, *args, **kwargs)

    monkeypatch.setattr(core.RequestMatch, "__init__", patched)
    with library.aioresponses() as m:
        m.get(URL, payload=[1])
        response = await session.get(URL)
        assert type(response) is Patched
        assert await response.json() == [1]


def test_names_of_core(core: Any) -> None:
    """What suites take from ``core``, or put something else in the place of, is there."""
    names = (
        "AIOHTTP_VERSION CIMultiDict CIMultiDictProxy CallbackResult ClientConnectionError "
        "ClientResponse ClientSession Mapping Mock MultiDict MultiDictProxy Pattern RequestCall "
        "RequestInfo RequestMatch TimerNoop URL Version aioresponses asyncio copy hdrs http "
        "inspect json merge_params namedtuple normalize_url patch stream_reader_factory typedefs "
        "uuid4 wraps"
    )
    assert [name for name in names.split() if not hasattr(core, name)] == []


def test_no_name_of_core(core: Any) -> None:
    """Any other name is missing as from every module."""
    assert not hasattr(core, "nothing_of_the_kind")
