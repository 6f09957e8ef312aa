from __future__ import annotations

import asyncio
import tracemalloc
from collections.abc import AsyncGenerator
from concurrent.futures import ThreadPoolExecutor
from typing import Any

import pytest
from aiohttp import ClientSession, FormData
from aiohttp.web_protocol import RequestHandler

from aiointercept_connector import CallbackResult, Match, UnmatchedRequestError, aiointercept
from aiointercept_connector.journal.journal import Journal
from aiointercept_connector.reporting import transcript
from tests.journal.support import API, asked

pytestmark = pytest.mark.anyio

URL_X = f"{API}/x"
FIRST_TWO = "the first 2 not kept (max_requests=3)"


async def ask(session: ClientSession, *paths: str) -> None:
    """Ask for these paths, one after the other."""
    for path in paths:
        async with session.get(f"{API}{path}") as response:
            assert response.status == 200


async def send(session: ClientSession, **body: Any) -> None:
    """Post a body to ``/x``."""
    async with session.post(URL_X, **body) as response:
        assert response.status == 200


async def in_pieces(body: bytes, size: int) -> AsyncGenerator[bytes]:
    """Send *body* as a stream, whose end is not there when its beginning arrives."""
    for start in range(0, len(body), size):
        yield body[start : start + size]
        await asyncio.sleep(0)


def said_by(assertion: Any, *args: Any, **kwargs: Any) -> str:
    """Return what an assertion that fails says."""
    with pytest.raises(AssertionError) as failed:
        assertion(*args, **kwargs)
    return str(failed.value)


class TestMaxRequests:
    """``max_requests=``."""

    async def test_the_last_ones_are_kept_and_all_are_counted(self, wire: Any) -> None:
        """Lists hold the last requests; counts are of all."""
        with aiointercept(max_requests=3, wire=wire) as mock:
            route = mock.get("/{n}", repeat=True)
            async with mock.session() as session:
                await ask(session, "/1", "/2", "/3", "/4", "/5")
            assert [call.url.path for call in mock.calls] == ["/3", "/4", "/5"]
            assert mock.call_count == 5
            assert mock.last_request is mock.calls[-1] is route.last_call
            assert (route.calls, route.call_count) == (mock.calls, 5)
            assert [str(url.path) for _, url in mock.requests] == ["/3", "/4", "/5"]

    async def test_the_mapping_by_url_follows(self) -> None:
        """What was filed by URL is taken out of there too."""
        with aiointercept(max_requests=3) as mock:
            mock.get("/{n}", repeat=True)
            async with mock.session() as session:
                await ask(session, "/1", "/2", "/1")
                assert len(mock.requests["GET", f"{API}/1"]) == 2
                await ask(session, "/3")
                assert len(mock.requests["GET", f"{API}/1"]) == 1
                await ask(session, "/3", "/3")
        assert [(url.path, len(calls)) for (_, url), calls in mock.requests.items()] == [("/3", 3)]

    async def test_nothing_is_dropped_by_default(self) -> None:
        """A journal without bounds keeps everything, and says nothing of bounds."""
        with aiointercept() as mock:
            mock.get("/{n}", repeat=True)
            async with mock.session() as session:
                await ask(session, *(f"/{n}" for n in range(50)))
            assert len(mock.calls) == mock.call_count == 50
            assert "max_requests" not in repr(mock.interceptor.journal)

    async def test_assertions_count_all(self) -> None:
        """Assertions on the number of calls are not misled by what is not kept."""
        with aiointercept(max_requests=1) as mock:
            route = mock.get("/{n}", times=3)
            async with mock.session() as session:
                await ask(session, "/1", "/2", "/3")
            route.assert_called(3)
            assert not mock.problems()
            assert said_by(mock.assert_called_once) == (
                "Expected exactly 1 call, got 3.\n"
                "  … Of 3 requests the first 2 not kept (max_requests=1).\n"
                f"  3. GET {API}/3"
            )
            assert said_by(route.assert_called, 1).endswith(
                "got 3 calls.\n"
                "  … of all requests the first 2 not kept (max_requests=1)\n"
                f"  3. GET {API}/3"
            )

    async def test_a_request_that_is_not_found_may_have_been_dropped(self) -> None:
        """Who looks for a request in vain is told that not all are kept."""
        with aiointercept(max_requests=3) as mock:
            mock.get("/{n}", repeat=True)
            async with mock.session() as session:
                await ask(session, "/1", "/2", "/3", "/4", "/5")
            first, *_ = said_by(mock.assert_any_call, f"{API}/1").splitlines()[1:]
            assert first == f"Of 5 requests {FIRST_TWO}."
            wrong = said_by(mock.assert_called_with, f"{API}/5", headers={"X": "1"})
            assert wrong.endswith(f"\nOf 5 requests {FIRST_TWO}.")

    async def test_a_route_whose_calls_are_all_dropped(self) -> None:
        """Such a route was called, has no last call, and cannot say what that carried."""
        with aiointercept(max_requests=1) as mock:
            route, other = mock.get("/1"), mock.get("/2")
            async with mock.session() as session:
                await ask(session, "/1", "/2")
            assert (route.called, route.call_count, route.calls) == (True, 1, [])
            assert route.last_call is None
            assert other.last_call is mock.last_request
            mock.assert_all_called()
            assert said_by(route.assert_called_with, headers={}) == (
                "GET /1 was called, but its last call is not there: "
                "of all requests the first 1 not kept (max_requests=1)."
            )

    async def test_a_strict_mock_complains_of_dropped_requests_too(self) -> None:
        """A request that met no route is not forgiven for not being kept."""
        with aiointercept(max_requests=1) as mock:
            mock.get("/1")
            async with mock.session() as session:
                with pytest.raises(UnmatchedRequestError):
                    await session.get(f"{API}/2")
                await ask(session, "/1")
            text = "1 requests met no route and are not kept (max_requests=1)."
            assert said_by(mock.assert_all_requests_matched) == text
            mock.strict = True
            assert mock.problems() == [text]
            mock.strict = False

    async def test_websockets_are_complained_of_too(self) -> None:
        """A handler's end is told on leaving, though the request is not kept."""

        async def broken(ws: Any, request: Any) -> None:
            raise ZeroDivisionError

        with aiointercept(max_requests=1) as mock:
            mock.ws("/socket", broken)
            mock.get("/1")
            async with mock.session() as session:
                socket = await session.ws_connect("wss://api.example.com/socket")
                await socket.receive()
                await ask(session, "/1")
            (problem,) = mock.interceptor.journal.conversations
            assert problem.problem is not None
            assert mock.problems() == [problem.problem]
            problem.problem = None

    async def test_a_report_goes_on_counting(self) -> None:
        """The report of a failed test numbers what is kept as it came."""
        with aiointercept(max_requests=1) as mock:
            mock.get("/{n}", repeat=True)
            async with mock.session() as session:
                await ask(session, "/1", "/2", "/3")
            lines = transcript(mock).splitlines()
        assert lines[:2] == ["… 2 before these", f"3. GET {API}/3"]

    async def test_starting_again_counts_from_the_beginning(self) -> None:
        """A mock that is started again has dropped nothing."""
        mock = aiointercept(max_requests=1)
        for _ in range(2):
            with mock:
                mock.get("/{n}", repeat=True)
                async with mock.session() as session:
                    await ask(session, "/1", "/2")
                assert mock.call_count == 2
                assert mock.interceptor.journal.dropped == 1

    def test_repr(self) -> None:
        """The journal says what it has dropped."""
        journal = Journal(max_requests=3)
        for _ in range(5):
            journal.record(asked())
        assert repr(journal) == f"<Journal 5 requests, 5 unmatched, {FIRST_TWO}>"

    def test_threads(self) -> None:
        """Several threads may record at once: no request is lost or counted twice."""
        journal = Journal(max_requests=10)
        requests = [asked() for _ in range(200)]
        with ThreadPoolExecutor(4) as pool:
            list(pool.map(journal.record, requests))
        assert (len(journal), len(journal.records), journal.dropped) == (200, 10, 190)


class TestMaxBody:
    """``max_body=``."""

    async def test_a_body_is_cut_once_it_is_answered(self, wire: Any) -> None:
        """Of a body its beginning is kept, and how long it was; a short one is kept whole."""
        with aiointercept(max_body=4, wire=wire) as mock:
            mock.post(URL_X, repeat=True)
            async with mock.session() as session:
                await send(session, data=b"123456")
                await send(session, data=b"1234")
        cut, whole = mock.calls
        assert (cut.captured_body, cut.body_size) == (b"1234", 6)
        assert (whole.captured_body, whole.body_size) == (b"1234", None)
        assert repr(cut) == (f"<AiointerceptRequest POST {URL_X}, 4 of 6 bytes kept (max_body=4)>")
        assert repr(whole) == f"<AiointerceptRequest POST {URL_X}, 4 bytes>"

    @pytest.mark.parametrize("read_body", [True, False])
    async def test_conditions_and_callbacks_see_the_whole_body(
        self, wire: Any, read_body: bool
    ) -> None:
        """Nothing is cut before the request is answered."""

        async def callback(request: Any) -> CallbackResult:
            await asyncio.sleep(0)
            assert await request.json() == {"a": 1}
            return CallbackResult()

        match = Match(json={"a": 1}) if read_body else None
        with aiointercept(max_body=0, wire=wire) as mock:
            mock.post(URL_X, match=match, callback=callback, read_body=read_body)
            async with mock.session() as session:
                await send(session, json={"a": 1})
        assert mock.calls[0].captured_body == b""
        assert mock.calls[0].body_size == 8

    @pytest.mark.parametrize(("max_body", "kept"), [(0, b""), (7, b"1234567"), (20, b"1234567890")])
    async def test_a_body_that_is_read_in_pieces(
        self, wire: Any, max_body: int, kept: bytes
    ) -> None:
        """What a callback has read of a stream is kept up to the limit, and counted."""

        async def callback(request: Any) -> CallbackResult:
            read = [await request.content.readexactly(5) for _ in range(2)]
            assert read == [b"12345", b"67890"]
            return CallbackResult()

        with aiointercept(max_body=max_body, wire=wire) as mock:
            mock.post(URL_X, callback=callback, read_body=False)
            async with mock.session() as session:
                await send(session, data=in_pieces(b"1234567890", 5))
        assert mock.calls[0].captured_body == kept
        assert mock.calls[0].body_size == (None if len(kept) == 10 else 10)

    async def test_a_stream_that_is_not_kept_takes_no_memory(self) -> None:
        """However much a callback reads in pieces, no more of it than the limit stays."""
        held = 0

        async def callback(request: Any) -> CallbackResult:
            nonlocal held
            async for _ in request.content.iter_chunked(1000):
                held = max(held, len(request._arriving.so_far))
            return CallbackResult()

        with aiointercept(max_body=1500) as mock:
            mock.post(URL_X, callback=callback, read_body=False)
            async with mock.session() as session:
                await send(session, data=in_pieces(b"a" * 10_000, 1000))
        assert held == 1500
        assert mock.calls[0].body_size == 10_000

    async def test_all_of_a_stream_that_was_not_kept(self) -> None:
        """Who asks for the whole body after it was read in pieces is told that it is not there."""

        async def callback(request: Any) -> CallbackResult:
            await request.content.readexactly(5)
            await request.read()
            raise AssertionError

        with aiointercept(max_body=1) as mock:
            mock.post(URL_X, callback=callback, read_body=False)
            async with mock.session() as session:
                with pytest.raises(RuntimeError) as refused:
                    await session.post(URL_X, data=in_pieces(b"1234567890", 5))
        assert str(refused.value) == (
            "5 bytes of the body were read in pieces already, and are not kept (max_body=1). "
            "Read the rest from request.content."
        )

    async def test_the_parts_of_a_stream(self) -> None:
        """Readers that put back what they have read too much of lose nothing."""
        fields: list[str] = []

        async def callback(request: Any) -> CallbackResult:
            fields.extend([await part.text() async for part in await request.multipart()])
            return CallbackResult()

        form = FormData()
        for name in ("a", "b"):
            form.add_field(name, name * 3000, filename=name)
        with aiointercept(max_body=10) as mock:
            mock.post(URL_X, callback=callback, read_body=False)
            async with mock.session() as session:
                await send(session, data=form)
        assert fields == ["a" * 3000, "b" * 3000]
        length = int(mock.calls[0].headers["Content-Length"])
        assert (mock.calls[0].body_size, len(mock.calls[0].captured_body or b"")) == (length, 10)

    async def test_a_cut_body_has_no_values(self) -> None:
        """The beginning of a JSON text or a form may be another one: it is not taken for it."""
        with aiointercept(max_body=1) as mock:
            mock.post(URL_X, repeat=True)
            async with mock.session() as session:
                await send(session, json=12)
                await send(session, data={"a": "1"})
        number, form = mock.calls
        assert number.captured_text == "1"
        assert number.captured_json is None
        assert (form.captured_form, form.captured_parts) == (None, None)

    @pytest.mark.parametrize("wanted", [{"json": 1}, {"data": b"1"}, {"data": {"a": "1"}}], ids=str)
    async def test_a_cut_body_is_never_as_expected(self, wanted: dict[str, Any]) -> None:
        """An assertion on a body that was cut fails, and says why."""
        with aiointercept(max_body=1) as mock:
            mock.post(URL_X)
            async with mock.session() as session:
                await send(session, json=12)
        why = "1 of 2 bytes kept (max_body=1)"
        said = said_by(mock.assert_called_with, URL_X, "POST", **wanted)
        assert said == f"The body cannot be compared: {why}"

    async def test_a_route_s_assertion_of_a_cut_body(self) -> None:
        """A route's own assertion says so too; one on something else holds."""
        with aiointercept(max_body=1) as mock:
            route = mock.post(URL_X)
            async with mock.session() as session:
                await send(session, json=12)
            route.assert_called_with(headers={"Content-Type": "application/json"})
            assert said_by(route.assert_called_with, json=1) == (
                f"The last call of POST {URL_X} cannot be compared: 1 of 2 bytes kept (max_body=1)"
            )

    async def test_what_met_no_route_says_what_was_cut(self) -> None:
        """The explanation, worked out when it is read, does not compare what is left of a body."""
        with aiointercept(max_body=1) as mock:
            mock.post(URL_X, match=Match(json=1))
            async with mock.session() as session:
                with pytest.raises(UnmatchedRequestError) as refused:
                    await session.post(URL_X, json=12)
        text = str(refused.value)
        assert "It had a body of application/json, 1 of 2 bytes kept (max_body=1): b'1'." in text
        assert "not compared: 1 of 2 bytes kept (max_body=1)" in text

    async def test_a_request_that_is_refused_before_it_is_sent(self) -> None:
        """Its body is cut like the others."""
        with aiointercept(max_body=1) as mock:
            async with mock.session() as session:
                with pytest.raises(UnmatchedRequestError):
                    await session.post(URL_X, json=12)
        assert (mock.calls[0].captured_body, mock.calls[0].body_size) == (b"1", 2)


@pytest.mark.skipif(
    not hasattr(RequestHandler, "_resume_reading_if_drained"),
    reason="what aiohttp itself makes of a request was larger before 3.14",
)
async def test_a_recorded_request_is_small() -> None:
    """What a small request leaves behind is 2 kB at most."""
    with aiointercept() as mock:
        mock.get("/{n}", json={}, repeat=True)
        async with mock.session() as session:
            await ask(session, *["/1"] * 20)
            tracemalloc.start()
            try:
                await ask(session, *["/1"] * 200)
                kept, _ = tracemalloc.get_traced_memory()
            finally:
                tracemalloc.stop()
    assert kept / 200 <= 2048


@pytest.mark.parametrize(
    ("given", "error", "text"),
    [
        (
            {"max_requests": 0},
            ValueError,
            "max_requests must be 1 or more, or None for no bound, not 0",
        ),
        (
            {"max_body": -1},
            ValueError,
            "max_body must be 0 or more, or None for no bound, not -1",
        ),
        (
            {"max_requests": True},
            TypeError,
            "max_requests must be a number, or None for no bound, not True",
        ),
        (
            {"max_body": "1 MB"},
            TypeError,
            "max_body must be a number, or None for no bound, not '1 MB'",
        ),
    ],
    ids=str,
)
def test_bad_bounds(given: dict[str, Any], error: type[Exception], text: str) -> None:
    """A bound that keeps nothing to look at, or is no number, is refused."""
    with pytest.raises(error) as refused:
        aiointercept(**given)
    assert str(refused.value) == text
