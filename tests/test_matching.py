"""Matching and explaining, as a test meets them: through a mock and a real client."""

from __future__ import annotations

import asyncio
import contextvars
import copy
import pickle
import re
from typing import Any

import aiohttp
import pytest

from aiointercept_connector import (
    ABSENT,
    ANY,
    AiointerceptRequest,
    Match,
    UnmatchedRequestError,
    aiointercept,
)

pytestmark = pytest.mark.anyio

URL = "https://api.example.com/orders"
CALLER: contextvars.ContextVar[str] = contextvars.ContextVar("CALLER")


async def status(session: aiohttp.ClientSession, method: str, url: str, **kwargs: Any) -> int:
    """Ask, and return the status."""
    async with session.request(method, url, **kwargs) as response:
        return response.status


class TestMatch:
    async def test_first_that_holds_answers(self, wire: Any) -> None:
        """Of routes for one URL, the first whose conditions hold answers."""
        with aiointercept(wire=wire) as mock:
            mock.post(URL, match=Match(json={"item": "tea"}), status=201, repeat=True)
            mock.post(URL, match=Match(json_subset={"item": ANY}), status=202, repeat=True)
            async with mock.session() as session:
                assert await status(session, "POST", URL, json={"item": "tea"}) == 201
                assert await status(session, "POST", URL, json={"item": "milk", "n": 2}) == 202

    @pytest.mark.parametrize("fallback_first", [True, False])
    async def test_fallback(self, fallback_first: bool) -> None:
        """A route without conditions is the fallback, before or after those with."""
        with aiointercept() as mock:
            if fallback_first:
                mock.get(URL, status=401, repeat=True)
            mock.get(URL, match=Match(headers={"authorization": re.compile("^Bearer ")}))
            if not fallback_first:
                mock.get(URL, status=401, repeat=True)
            async with mock.session() as session:
                assert await status(session, "GET", URL) == 401
                headers = {"Authorization": "Bearer t"}
                assert await status(session, "GET", URL, headers=headers) == 200

    async def test_large_body(self, wire: Any) -> None:
        """Conditions on a body hold however the body arrives."""
        body = {"text": "x" * 1_000_000}
        with aiointercept(wire=wire) as mock:
            mock.post(URL, match=Match(json=body), status=201)
            mock.post(URL, match=Match(body=b"a" * 300_000), status=202)
            async with mock.session() as session:
                assert await status(session, "POST", URL, json=body) == 201
                chunks = (b"a" * 1000 for _ in range(300))
                assert await status(session, "POST", URL, data=_each(chunks)) == 202

    async def test_predicate(self, wire: Any) -> None:
        """A predicate is asked of the recorded request; a coroutine function is awaited."""

        async def is_long(request: AiointerceptRequest) -> bool:
            await asyncio.sleep(0)
            return len(request.captured_text) > 3

        with aiointercept(wire=wire) as mock:
            mock.post(URL, match=Match(predicate=is_long), status=201, repeat=True)
            mock.post(URL, match=Match(predicate=lambda request: bool(request.captured_body)))
            async with mock.session() as session:
                assert await status(session, "POST", URL, data="long") == 201
                assert await status(session, "POST", URL, data="x") == 200
                with pytest.raises(UnmatchedRequestError, match="predicate"):
                    await session.post(URL)

    async def test_predicate_that_raises(self) -> None:
        """What a predicate raises is raised to the client's caller."""

        def broken(request: AiointerceptRequest) -> bool:
            raise LookupError(request.method)

        with aiointercept() as mock:
            mock.get(URL, match=Match(predicate=broken))
            async with mock.session() as session:
                with pytest.raises(LookupError, match="GET"):
                    await session.get(URL)

    async def test_methods(self) -> None:
        """`method=ANY` leaves the method to the conditions."""
        with aiointercept() as mock:
            mock.add(URL, ANY, match=Match(method=["PUT", "patch"]), repeat=True)
            async with mock.session() as session:
                assert await status(session, "PUT", URL) == 200
                assert await status(session, "PATCH", URL) == 200
                with pytest.raises(UnmatchedRequestError):
                    await session.get(URL)

    async def test_absent(self) -> None:
        """ABSENT holds where a header is not sent."""
        with aiointercept() as mock:
            mock.get(URL, match=Match(headers={"X-Trace": ABSENT}))
            async with mock.session() as session:
                with pytest.raises(UnmatchedRequestError, match="X-Trace: expected nothing"):
                    await session.get(URL, headers={"x-trace": "1"})
                assert await status(session, "GET", URL) == 200

    async def test_falls_through_to_outer_mock(self) -> None:
        """What the innermost mock's conditions do not fit is asked of the outer ones."""
        with aiointercept(True) as outer, aiointercept(True) as inner:
            inner.post(URL, match=Match(json={"for": "inner"}), status=201)
            outer.post(URL, status=202)
            async with aiohttp.ClientSession() as session:
                assert await status(session, "POST", URL, json={"for": "outer"}) == 202
            assert (outer.call_count, inner.call_count) == (1, 0)

    async def test_foreign_client(self) -> None:
        """Conditions hold for clients of server_url too, coroutine functions among them."""

        async def yes(request: AiointerceptRequest) -> bool:
            await asyncio.sleep(0)
            return True

        with aiointercept() as mock:
            mock.post("/orders", match=Match(form={"a": ""}) & Match(predicate=yes), status=201)
            async with aiohttp.ClientSession() as session:
                url = f"{mock.server_url}/orders"
                assert await status(session, "POST", url, data={"a": "1"}) == 404
                assert await status(session, "POST", url, data={"a": ""}) == 201


async def _each(chunks: Any) -> Any:
    for chunk in chunks:
        yield chunk


class TestUrls:
    async def test_template(self, wire: Any) -> None:
        """What stood in a template's holes is the request's match_info, decoded."""
        with aiointercept(wire=wire) as mock:
            route = mock.get(r"https://api.example.com/users/{name}/{page:\d+}")
            async with mock.session() as session:
                await status(session, "GET", "https://api.example.com/users/Zo%C3%AB%2F/7")
            assert route.last_call is not None
            assert route.last_call.match_info == {"name": "Zoë/", "page": "7"}

    async def test_glob(self) -> None:
        """An asterisk in the host stands for any characters."""
        with aiointercept() as mock:
            mock.get("https://*.example.com/v1/items", repeat=True)
            async with mock.session() as session:
                assert await status(session, "GET", "https://eu.api.example.com/v1/items") == 200
                with pytest.raises(UnmatchedRequestError):
                    await session.get("https://example.com/v1/items")

    async def test_params(self) -> None:
        """`params=` is merged into the URL, and ANY leaves the query open."""
        with aiointercept() as mock:
            mock.get(f"{URL}?a=1", params={"b": 2}, status=201)
            mock.get(URL, params=ANY, repeat=True)
            async with mock.session() as session:
                assert await status(session, "GET", URL, params={"b": "2", "a": "1"}) == 201
                assert await status(session, "GET", f"{URL}?whatever") == 200
                assert await status(session, "GET", URL) == 200


class TestScenarios:
    async def test_flow(self, wire: Any) -> None:
        """Routes wait for a state, and set one as they answer."""
        with aiointercept(wire=wire) as mock:
            mock.post("/login", then=("user", "Ada"))
            mock.get("/me", status=401, repeat=True)
            mock.get("/me", json="Ada", when=("user", "Ada"), repeat=True)
            base = "https://api.example.com"
            async with mock.session() as session:
                assert await status(session, "GET", f"{base}/me") == 401
                assert await status(session, "POST", f"{base}/login") == 200
                assert await status(session, "GET", f"{base}/me") == 200
            assert dict(mock.state) == {"user": "Ada"}
            assert mock.state["never set"] is None

    async def test_together(self) -> None:
        """Of many requests at once, one alone takes the step that a state allows."""
        with aiointercept() as mock:
            mock.post(URL, status=201, when=("lock", None), then=("lock", "held"), repeat=True)
            mock.post(URL, status=409, repeat=True)
            async with mock.session() as session:
                answers = [status(session, "POST", URL) for _ in range(50)]
                assert sorted(await asyncio.gather(*answers)) == [201, *[409] * 49]


class TestExplaining:
    async def test_error(self, wire: Any) -> None:
        """The error lays the nearest routes beside the request, and ends with a line to paste."""
        with aiointercept(wire=wire) as mock:
            mock.post(URL, match=Match(json={"item": "tea", "n": 2}), name="tea")
            async with mock.session() as session:
                with pytest.raises(UnmatchedRequestError) as raised:
                    await session.post(URL, json={"item": "milk", "n": 2})
            assert raised.value.request is mock.last_request
            [near] = raised.value.near_misses
            assert str(near.route) == "'tea' (POST https://api.example.com/orders)"
            assert [f.field for f in near.findings if not f.holds] == ["json"]
            assert str(raised.value) == (
                f"POST {URL} met no route of the mock, and is not allowed to reach the network.\n"
                f"It had a body of application/json, 24 bytes: "
                'b\'{"item": "milk", "n": 2}\'.\n'
                f"Nearest routes:\n"
                f"  1. 'tea' (POST {URL}), registered at {near.route.registered_at}\n"
                f"     ✓ method\n     ✓ host\n     ✓ path\n     ✓ query\n"
                f"     ✗ json: $.item: expected 'tea', got 'milk'\n"
                f"To answer it: mock.post('{URL}')"
            )

    async def test_recorded_once(self) -> None:
        """A request that met no route is recorded once, whether its body was looked at or not."""
        with aiointercept() as mock:
            mock.get(URL, match=Match(body="x"))
            async with mock.session() as session:
                for url in (URL, f"{URL}/1"):
                    with pytest.raises(UnmatchedRequestError):
                        await session.get(url)
            assert [str(one.url) for one in mock.unmatched] == [URL, f"{URL}/1"]
            assert mock.call_count == 2

    async def test_any_request(self) -> None:
        """`explain` says which route answered, or why none did."""
        with aiointercept() as mock:
            route = mock.get(URL)
            async with mock.session() as session:
                await status(session, "GET", URL)
                with pytest.raises(UnmatchedRequestError) as raised:
                    await session.get(URL)
            answered, refused = mock.calls
            assert mock.explain(answered) == f"GET {URL} was answered by {route}."
            assert mock.explain(refused) == str(raised.value)
            assert "✗ repeat: used up, it has answered once" in str(raised.value)

    async def test_travels(self) -> None:
        """The error can be pickled and copied, as test runners do; its text goes along."""
        with aiointercept() as mock:
            async with mock.session() as session:
                with pytest.raises(UnmatchedRequestError) as raised:
                    await session.get(URL)
            text = str(raised.value)
            assert str(pickle.loads(pickle.dumps(raised.value))) == text
            assert str(copy.copy(raised.value)) == text


async def test_condition_sees_the_context_of_the_call(wire: Any) -> None:
    """A predicate sees the context variables of the call, on a kept connection too."""
    seen: list[str] = []

    def predicate(_request: AiointerceptRequest) -> bool:
        seen.append(CALLER.get())
        return True

    async with aiointercept(wire=wire) as mock, mock.session() as session:
        mock.get(URL, match=Match(predicate=predicate), repeat=True)
        for name in ("first", "second"):
            CALLER.set(name)
            async with session.get(URL) as response:
                await response.read()
    assert seen == ["first", "second"]
