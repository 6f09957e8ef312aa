"""``start_service``: what meets which route, what is recorded, and what is asserted of that."""

from __future__ import annotations

import ssl
from dataclasses import FrozenInstanceError
from typing import Any

import aiohttp
import pytest
import trustme
from aiohttp import web
from yarl import URL

from aiointercept_connector import install, replies, uninstall

pytestmark = pytest.mark.anyio


async def status_of(
    session: aiohttp.ClientSession, service: Any, path: str = "/x", method: str = "GET", **kw: Any
) -> int:
    """Return the status of the answer to one request."""
    async with session.request(method, f"{service.url}{path}", **kw) as response:
        await response.read()
        return response.status


async def json_of(
    session: aiohttp.ClientSession, service: Any, path: str = "/x", method: str = "GET", **kw: Any
) -> Any:
    """Return the JSON of the answer to one request."""
    async with session.request(method, f"{service.url}{path}", **kw) as response:
        return await response.json()


def named(library: Any, service: Any, *names: str) -> None:
    """Register for each name a response that tells it."""
    for name in names:
        service.register(name, library.JsonResponse(name))


class TestServer:
    async def test_url(self, library: Any, session: aiohttp.ClientSession) -> None:
        """The URL is that of a server on this machine, without a path."""
        async with library.start_service([]) as service:
            assert str(service.url) == f"http://127.0.0.1:{service.url.port}"
            assert await status_of(session, service, "/") == 404

    async def test_nothing_listens_behind_the_block(
        self, library: Any, session: aiohttp.ClientSession
    ) -> None:
        """When the block is left, the server is gone."""
        async with library.start_service([]) as service:
            pass
        with pytest.raises(aiohttp.ClientConnectorError):
            await status_of(session, service)

    async def test_tls(self, library: Any) -> None:
        """With a context, the server is reached by https."""
        authority = trustme.CA()
        server, client = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER), ssl.create_default_context()
        authority.issue_cert("127.0.0.1").configure_cert(server)
        authority.configure_trust(client)
        routes = [library.MockRoute("GET", "/x", "x")]
        async with (
            library.start_service(routes, ssl_context=server) as service,
            aiohttp.ClientSession() as session,
        ):
            named(library, service, "x")
            assert service.url.scheme == "https"
            assert await json_of(session, service, ssl=client) == "x"
            assert service.last_call("x").url == service.url / "x"

    async def test_handles_of_two_services(
        self, library: Any, session: aiohttp.ClientSession
    ) -> None:
        """Two servers may run at the same time, and know nothing of each other."""
        routes = [library.MockRoute("GET", "/x", "x")]
        async with library.start_service(routes) as one, library.start_service(routes) as other:
            named(library, one, "x")
            named(library, other, "x")
            await json_of(session, one)
            assert (len(one.history), len(other.history)) == (1, 0)

    async def test_beside_an_installed_mock(
        self, ours: Any, session: aiohttp.ClientSession
    ) -> None:
        """A session that is intercepted reaches the server all the same."""
        install()
        try:
            async with ours.start_service([ours.MockRoute("GET", "/x", "x")]) as service:
                named(ours, service, "x")
                assert await json_of(session, service) == "x"
        finally:
            uninstall()


class TestRouting:
    @pytest.mark.parametrize(
        ("path", "method", "expected"),
        [
            ("/x", "GET", "get"),
            ("/x?a=1", "GET", "get"),
            ("/x", "POST", "post"),
            ("/i/4", "GET", "item"),
            ("/i/new", "GET", "new"),
            ("/i/4/parts", "GET", "rest"),
            ("/any", "PATCH", "any"),
        ],
    )
    async def test_routes(
        self,
        library: Any,
        session: aiohttp.ClientSession,
        path: str,
        method: str,
        expected: str,
    ) -> None:
        """Method and path decide: a literal path before a template, a longer one before others."""
        routes = [
            library.MockRoute("GET", "/{rest:.*}", "rest"),
            library.MockRoute("GET", "/x", "get"),
            library.MockRoute("post", "/x", "post"),
            library.MockRoute("GET", "/i/{id}", "item"),
            library.MockRoute("GET", "/i/new", "new"),
            library.MockRoute("*", "/any", "any"),
        ]
        async with library.start_service(routes) as service:
            named(library, service, "rest", "get", "post", "item", "new", "any")
            assert await json_of(session, service, path, method) == expected

    @pytest.mark.parametrize(("path", "status"), [("/y", 404), ("/x/", 404), ("/x", 405)])
    async def test_no_route(
        self, library: Any, session: aiohttp.ClientSession, path: str, status: int
    ) -> None:
        """An unknown path is 404, another method of a known one 405; neither is recorded."""
        async with library.start_service([library.MockRoute("POST", "/x", "x")]) as service:
            named(library, service, "x")
            assert await status_of(session, service, path) == status
            assert list(service.history) == []

    async def test_allowed_methods(self, library: Any, session: aiohttp.ClientSession) -> None:
        """A 405 tells the methods of the path."""
        routes = [library.MockRoute("PUT", "/x", "x"), library.MockRoute("DELETE", "/x", "x")]
        async with (
            library.start_service(routes) as service,
            session.get(service.url / "x") as response,
        ):
            assert response.headers["Allow"] == "DELETE,PUT"

    async def test_refusals_explain_themselves(
        self, ours: Any, session: aiohttp.ClientSession
    ) -> None:
        """The body of a 404 lays the nearest routes beside the request."""
        async with (
            ours.start_service([ours.MockRoute("GET", "/x", "known")]) as service,
            session.get(service.url / "y") as response,
        ):
            text = await response.text()
        assert text.splitlines()[2:5] == [
            "Nearest routes:",
            f"  1. 'known' (GET /x (any query)), registered at {registered_at(text)}",
            "     ✓ method",
        ]
        assert registered_at(text).startswith("tests/compat/srvmocker/test_service.py:")

    async def test_unmatched_requests_are_in_the_mock(
        self, ours: Any, session: aiohttp.ClientSession
    ) -> None:
        """The mock behind the service has what no route answered."""
        async with ours.start_service([]) as service:
            await status_of(session, service, "/y")
            assert [request.url.path for request in service.mock.unmatched] == ["/y"]


def registered_at(text: str) -> str:
    """Return the place that an explanation names."""
    return text.partition("registered at ")[2].splitlines()[0]


class TestMatching:
    @pytest.mark.parametrize(
        ("match", "request_"),
        [
            ({"json": {"a": [1, None]}}, {"json": {"a": [1, None]}}),
            ({"json": 0}, {"json": 0}),
            ({"body": b"raw"}, {"data": b"raw"}),
            ({"headers": {"x-a": "1"}}, {"headers": {"X-A": "1", "X-B": "2"}}),
            ({"query": {"a": "1"}}, {"params": {"a": "1", "b": "2"}}),
            ({}, {}),
            ({"json": {"a": 1}, "query": {"b": "2"}}, {"json": {"a": 1}, "params": {"b": "2"}}),
        ],
    )
    async def test_what_matches(
        self,
        library: Any,
        session: aiohttp.ClientSession,
        match: dict[str, Any],
        request_: dict[str, Any],
    ) -> None:
        """JSON and body are compared whole, headers and query as subsets; None asks nothing."""
        routes = [
            library.MockRoute("POST", "/x", "yes", library.Match(**match)),
            library.MockRoute("POST", "/x", "no"),
        ]
        async with library.start_service(routes) as service:
            named(library, service, "yes", "no")
            assert await json_of(session, service, method="POST", **request_) == "yes"

    @pytest.mark.parametrize(
        ("match", "request_"),
        [
            ({"json": {"a": 1}}, {"json": {"a": 1, "b": 2}}),
            ({"json": {"a": 1}}, {"data": b"{"}),
            ({"json": {"a": 1}}, {}),
            ({"body": b"raw"}, {"data": b"raw "}),
            ({"headers": {"X-A": "1"}}, {"headers": {"X-A": "2"}}),
            ({"headers": {"X-A": "1"}}, {}),
            ({"query": {"a": "1"}}, {"params": {"a": "2"}}),
            ({"json": {"a": 1}, "query": {"b": "2"}}, {"json": {"a": 1}}),
        ],
    )
    async def test_what_does_not(
        self,
        library: Any,
        session: aiohttp.ClientSession,
        match: dict[str, Any],
        request_: dict[str, Any],
    ) -> None:
        """A request that has not all that is asked for goes to the next route of the path."""
        routes = [
            library.MockRoute("POST", "/x", "yes", library.Match(**match)),
            library.MockRoute("POST", "/x", "no"),
        ]
        async with library.start_service(routes) as service:
            named(library, service, "yes", "no")
            assert await json_of(session, service, method="POST", **request_) == "no"

    async def test_the_first_that_matches_answers(
        self, library: Any, session: aiohttp.ClientSession
    ) -> None:
        """Routes of one path are tried in order: what is behind one that hides it never answers."""
        match = library.Match(query={"a": "1"})
        routes = [
            library.MockRoute("GET", "/x", "first", match),
            library.MockRoute("GET", "/x", "second", library.Match(query={"a": "1"})),
            library.MockRoute("GET", "/x", "third"),
            library.MockRoute("GET", "/x", "fourth"),
            library.MockRoute("GET", "/x", "fifth", library.Match(query={"b": "1"})),
        ]
        async with library.start_service(routes) as service:
            named(library, service, "first", "second", "third", "fourth", "fifth")
            assert await json_of(session, service, "/x?a=1") == "first"
            assert await json_of(session, service, "/x?b=1") == "third"

    async def test_none_matches(self, library: Any, session: aiohttp.ClientSession) -> None:
        """A path whose matches all fail is a 404 that says so, and is not recorded."""
        routes = [library.MockRoute("GET", "/x", "x", library.Match(query={"a": "1"}))]
        async with library.start_service(routes) as service:
            named(library, service, "x")
            async with session.get(service.url / "x") as response:
                assert (response.status, response.reason) == (
                    404,
                    "No MockRoute matched the request",
                )
            service.assert_not_called("x")

    async def test_a_match_of_ones_own(self, library: Any, session: aiohttp.ClientSession) -> None:
        """Anything with ``matches(request, body)`` may be a match."""

        class LongBody:
            def matches(self, request: web.Request, body: bytes) -> bool:
                return request.method == "POST" and len(body) > 3

        routes = [
            library.MockRoute("POST", "/x", "long", LongBody()),
            library.MockRoute("POST", "/x", "short"),
        ]
        async with library.start_service(routes) as service:
            named(library, service, "long", "short")
            assert await json_of(session, service, method="POST", data=b"four") == "long"
            assert await json_of(session, service, method="POST", data=b"two") == "short"

    async def test_a_subclass_s_own_test_counts(
        self, library: Any, session: aiohttp.ClientSession
    ) -> None:
        """A subclass of ``Match`` that overrides ``matches`` is asked itself."""

        class Never(library.Match):  # type: ignore[misc]
            def matches(self, request: web.Request, body: bytes) -> bool:
                return False

        async with library.start_service([library.MockRoute("GET", "/x", "x", Never())]) as service:
            named(library, service, "x")
            assert await status_of(session, service) == 404

    async def test_a_match_is_a_value(self, library: Any) -> None:
        """It is frozen and comparable, and what it was given may change."""
        headers = {"A": "1"}
        match = library.Match(headers=headers)
        headers["A"] = "2"
        assert match.headers == {"A": "1"}
        assert match == library.Match(headers={"A": "1"})
        with pytest.raises(FrozenInstanceError):
            match.json = 1


class TestRegistering:
    async def test_a_response_may_be_replaced(
        self, library: Any, session: aiohttp.ClientSession
    ) -> None:
        """What was registered last answers."""
        async with library.start_service([library.MockRoute("GET", "/x", "x")]) as service:
            service.register("x", library.JsonResponse(1))
            assert await json_of(session, service) == 1
            service.register("x", library.JsonResponse(2))
            assert await json_of(session, service) == 2
            assert list(service.handlers) == ["x"]

    async def test_one_name_of_several_routes(
        self, library: Any, session: aiohttp.ClientSession
    ) -> None:
        """Routes that share a name share its response and its count."""
        routes = [library.MockRoute("GET", path, "x") for path in ("/a", "/b")]
        async with library.start_service(routes) as service:
            named(library, service, "x")
            await json_of(session, service, "/a")
            await json_of(session, service, "/b")
            service.assert_called("x", times=2)

    async def test_unknown_name(self, library: Any) -> None:
        """A name that no route has is refused, with those that there are."""
        async with library.start_service([library.MockRoute("GET", "/x", "x")]) as service:
            with pytest.raises(library.UnknownHandlerError) as raised:
                service.register("y", library.JsonResponse(1))
            assert isinstance(raised.value, library.SrvMockerError)
            assert str(raised.value) == (
                "register() called with unknown handler_name 'y'; declared handlers: ['x']"
            )

    async def test_nothing_registered(self, library: Any, session: aiohttp.ClientSession) -> None:
        """A route without a response is a 500; the request is recorded."""
        async with library.start_service([library.MockRoute("GET", "/x", "x")]) as service:
            assert await status_of(session, service) == 500
            service.assert_called("x", times=1)

    async def test_the_client_is_told_what_is_missing(
        self, ours: Any, session: aiohttp.ClientSession
    ) -> None:
        """The body of that 500 says what to write."""
        async with (
            ours.start_service([ours.MockRoute("GET", "/x", "x")]) as service,
            session.get(service.url / "x") as response,
        ):
            last = (await response.text()).splitlines()[-1]
        assert last.endswith(
            "MissingResponseError: no response registered for handler 'x'; "
            "call service.register('x', response)"
        )

    async def test_this_library_s_replies(self, ours: Any, session: aiohttp.ClientSession) -> None:
        """Whatever may be a reply of this library may be registered."""
        async with ours.start_service([ours.MockRoute("GET", "/x", "x")]) as service:
            service.register("x", replies.sequence([{"n": 1}, 503]))
            assert await json_of(session, service) == {"n": 1}
            assert await status_of(session, service) == 503


class TestHistory:
    async def test_what_is_recorded(self, library: Any, session: aiohttp.ClientSession) -> None:
        """A request is recorded with all that the client has sent."""
        routes = [library.MockRoute("POST", "/i/{id}", "create")]
        async with library.start_service(routes) as service:
            named(library, service, "create")
            await json_of(
                session, service, "/i/a%20b?q=1&q=2", "POST", data=b"raw", headers={"X-A": "1"}
            )
            call = service.last_call("create")
            assert call.url == URL(f"{service.url}/i/a%20b?q=1&q=2")
        assert (call.method, call.path, call.body) == ("POST", "/i/a b", b"raw")
        assert (call.headers["x-a"], call.query["q"]) == ("1", "1")
        assert call.query.getall("q") == ["1", "2"]
        assert dict(call.path_params) == {"id": "a b"}
        assert call.handler_name == "create"

    async def test_it_cannot_be_changed(self, library: Any, session: aiohttp.ClientSession) -> None:
        """What is recorded is frozen, and so are its parts."""
        async with library.start_service([library.MockRoute("GET", "/x", "x")]) as service:
            named(library, service, "x")
            await json_of(session, service)
            call = service.last_call("x")
        with pytest.raises(FrozenInstanceError):
            call.body = b""
        with pytest.raises(TypeError):
            call.headers["A"] = "1"
        with pytest.raises(TypeError):
            call.path_params["a"] = "1"

    async def test_order(self, library: Any, session: aiohttp.ClientSession) -> None:
        """``history`` has every request in order, ``history_map`` those of each name."""
        routes = [library.MockRoute("GET", f"/{name}", name) for name in "ab"]
        async with library.start_service(routes) as service:
            named(library, service, *"ab")
            for path in ("/a", "/b", "/a"):
                await json_of(session, service, path)
        assert [call.handler_name for call in service.history] == ["a", "b", "a"]
        assert len(service.history_map["a"]) == 2
        assert service.get_calls("a") == list(service.history_map["a"])
        assert service.get_calls("unknown") == []

    def test_the_earlier_name(self, library: Any) -> None:
        """``RequestHistory`` is the same class."""
        assert library.RequestHistory is library.RecordedRequest

    async def test_the_request_itself(self, ours: Any, session: aiohttp.ClientSession) -> None:
        """``request``, which it had before 0.9, is this library's record: a ``web.Request``."""
        async with ours.start_service([ours.MockRoute("POST", "/x", "x")]) as service:
            named(ours, service, "x")
            await json_of(session, service, method="POST", json=[1])
            assert await service.last_call("x").request.json() == [1]


class TestAssertions:
    @pytest.mark.parametrize(
        "criteria",
        [
            {},
            {"times": 2},
            {"json": {"a": 1}},
            {"body": b'{"a": 2}'},
            {"headers": {"x-n": "1"}},
            {"query": {"q": "2"}},
            {"times": 2, "json": {"a": 1}, "query": {"q": "1"}},
        ],
    )
    async def test_passes(
        self, library: Any, session: aiohttp.ClientSession, criteria: dict[str, Any]
    ) -> None:
        """Any one call may be the one that is asked for; ``times`` counts them all."""
        async with library.start_service([library.MockRoute("POST", "/x", "x")]) as service:
            await self._ask_twice(library, session, service)
            service.assert_called("x", **criteria)

    @pytest.mark.parametrize(
        ("criteria", "message"),
        [
            ({"times": 1}, "handler 'x': expected 1 call(s), got 2"),
            (
                {"times": 1, "json": {"a": 1}},
                "handler 'x': expected 1 call(s), got 2",
            ),
            ({"json": {}}, "handler 'x': none of 2 call(s) matched the given criteria"),
            (
                {"json": {"a": 1}, "query": {"q": "2"}},
                "handler 'x': none of 2 call(s) matched the given criteria",
            ),
        ],
    )
    async def test_fails(
        self, library: Any, session: aiohttp.ClientSession, criteria: dict[str, Any], message: str
    ) -> None:
        """The message says what was expected."""
        async with library.start_service([library.MockRoute("POST", "/x", "x")]) as service:
            await self._ask_twice(library, session, service)
            with pytest.raises(AssertionError) as raised:
                service.assert_called("x", **criteria)
        assert str(raised.value).splitlines()[0] == message

    async def test_the_differences(self, ours: Any, session: aiohttp.ClientSession) -> None:
        """The message says of each call what was different."""
        async with ours.start_service([ours.MockRoute("POST", "/x", "x")]) as service:
            await self._ask_twice(ours, session, service)
            with pytest.raises(AssertionError) as raised:
                service.assert_called("x", json={"a": 1}, query={"q": "2"})
            assert str(raised.value).splitlines()[1:] == [
                f"POST {service.url}/x?q=1",
                "✗ query: q: expected '2', got '1'",
                f"POST {service.url}/x?q=2",
                "✗ json: $.a: expected 1, got 2",
            ]

    async def test_no_calls(self, library: Any) -> None:
        """Where there was no call, the assertions say so."""
        async with library.start_service([library.MockRoute("GET", "/x", "x")]) as service:
            service.assert_not_called("x")
            service.assert_called("x", times=0)
            with pytest.raises(AssertionError, match=r"^handler 'x': expected at least one call,"):
                service.assert_called("x")
            with pytest.raises(AssertionError, match=r"^no calls recorded for handler 'x'$"):
                service.last_call("x")

    async def test_called_after_all(self, library: Any, session: aiohttp.ClientSession) -> None:
        """``assert_not_called`` counts the calls."""
        async with library.start_service([library.MockRoute("POST", "/x", "x")]) as service:
            await self._ask_twice(library, session, service)
            with pytest.raises(AssertionError, match=r"^handler 'x': expected no calls, got 2$"):
                service.assert_not_called("x")

    async def _ask_twice(self, library: Any, session: aiohttp.ClientSession, service: Any) -> None:
        named(library, service, "x")
        for n in (1, 2):
            await json_of(
                session, service, f"/x?q={n}", "POST", json={"a": n}, headers={"X-N": str(n)}
            )
