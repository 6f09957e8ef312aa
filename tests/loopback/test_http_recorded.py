"""What stays of a request once it has been answered."""

from __future__ import annotations

import gc
import weakref
from typing import Any

import aiohttp
import pytest
from aiohttp import BodyPartReader, FormData, web

from aiointercept_connector import aiointercept
from aiointercept_connector.loopback.link import ClientEnd
from aiointercept_connector.loopback.memory import MemoryTransport
from aiointercept_connector.loopback.protocol import ServerProtocol
from tests.loopback.conftest import settle
from tests.loopback.http_requests import Connections, text
from tests.loopback.http_support import URL, handle

pytestmark = pytest.mark.anyio


def ends() -> list[object]:
    """Return what there is of wires and their ends."""
    kinds = (ClientEnd, ServerProtocol, MemoryTransport)
    return [one for one in gc.get_objects() if isinstance(one, kinds)]


class TestRecordedRequest:
    @pytest.mark.parametrize("called", [False, True], ids=["static", "callback"])
    async def test_form(self, mock: aiointercept, called: bool) -> None:
        """`post()` gives a form's fields, in the callback and afterwards, as often as one likes."""

        async def look(request: Any) -> web.StreamResponse:
            assert (await request.post())["a"] == "1"
            return web.Response()

        if called:
            handle(mock, look, method="POST")
        else:
            mock.post(URL)
        async with mock.session() as session:
            await text(session, method="POST", data={"a": "1"})
        (request,) = mock.calls
        for _ in range(2):
            assert dict(await request.post()) == {"a": "1"}
            assert await request.text() == "a=1"
            assert await request.content.read() in {b"a=1", b""}

    @pytest.mark.parametrize("called", [False, True], ids=["static", "callback"])
    async def test_multipart(self, mock: aiointercept, called: bool) -> None:
        """`post()` and `multipart()` give the parts, as often as one likes."""

        async def look(request: Any) -> web.StreamResponse:
            field = (await request.post())["file"]
            assert field.file.read() == b"contents"
            return web.Response()

        if called:
            handle(mock, look, method="POST")
        else:
            mock.post(URL)
        form = FormData({"name": "value"})
        form.add_field("file", b"contents", filename="f.bin")
        async with mock.session() as session:
            await text(session, method="POST", data=form)
        (request,) = mock.calls
        for _ in range(2):
            fields: Any = await request.post()
            assert (fields["name"], fields["file"].file.read()) == ("value", b"contents")
            fields["file"].file.close()
            reader, names = await request.multipart(), []
            while part := await reader.next():
                assert isinstance(part, BodyPartReader)
                names.append(part.name)
            assert names == ["name", "file"]

    @pytest.mark.parametrize("called", [False, True], ids=["static", "callback"])
    async def test_keeps_nothing_alive(self, mock: aiointercept, called: bool) -> None:
        """A recorded request outlives its connection and its session without keeping either."""
        before = ends()
        mock.post(URL, callback=(lambda *_, **__: None) if called else None)
        counted = Connections()
        session = mock.session(trace_configs=[counted])
        async with session.post(URL, data=b"body") as response:
            await response.read()
        (request,) = mock.calls
        assert request.transport is None
        await session.close()
        gone = weakref.ref(session)
        del session, response
        await settle()
        gc.collect()
        assert gone() is None
        assert [one for one in ends() if one not in before] == []

    @pytest.mark.parametrize("called", [False, True], ids=["static", "callback"])
    async def test_idle_connection_has_no_call(self, mock: aiointercept, called: bool) -> None:
        """A connection that waits in the pool keeps nothing of the call it served."""
        mock.post(URL, callback=(lambda *_, **__: None) if called else None)
        sent: list[weakref.ref[aiohttp.ClientRequest]] = []

        class Request(aiohttp.ClientRequest):
            def __init__(self, *args: Any, **kwargs: Any) -> None:
                super().__init__(*args, **kwargs)
                sent.append(weakref.ref(self))

        async with mock.session(request_class=Request) as session:
            await text(session, method="POST", data=b"body")
            await settle()
            gc.collect()
            assert [ref() for ref in sent] == [None]
