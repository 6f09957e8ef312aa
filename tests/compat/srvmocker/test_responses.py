"""The responses that can be registered, and the formats of their bodies."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator
from importlib import import_module
from typing import Any

import aiohttp
import msgspec
import pytest
import yaml  # type: ignore[import-untyped]
from aiohttp import web
from multidict import CIMultiDict

from tests.compat.srvmocker.conftest import OURS

pytestmark = pytest.mark.anyio


@pytest.fixture
async def service(library: Any) -> AsyncIterator[Any]:
    """A server with one route."""
    async with library.start_service([library.MockRoute("*", "/x", "x")]) as service:
        yield service


def the(library: Any, module: str, name: str) -> Any:
    """Return what a module of the library has."""
    try:
        return getattr(import_module(f"{library.__name__}.{module}"), name)
    except ImportError as exc:
        if library.__name__ == OURS:
            raise
        pytest.skip(str(exc))


async def answer(session: aiohttp.ClientSession, service: Any) -> tuple[int, str | None, bytes]:
    """Return status, Content-Type and body of an answer."""
    async with session.get(service.url / "x") as response:
        return response.status, response.headers.get("Content-Type"), await response.read()


@pytest.mark.parametrize(
    ("kind", "arguments", "expected"),
    [
        ("JsonResponse", {"body": {"a": [1]}}, (200, "application/json", b'{"a": [1]}')),
        ("JsonResponse", {"body": None, "status": 201}, (201, "application/json", b"null")),
        (
            "JsonResponse",
            {"body": 1, "headers": {"Content-Type": "text/x"}},
            (200, "application/json", b"1"),
        ),
        (
            "RawResponse",
            {"body": b"\xff", "status": 503},
            (503, "application/octet-stream", b"\xff"),
        ),
        ("RawResponse", {"body": "é"}, (200, "text/plain; charset=utf-8", "é".encode())),
        (
            "RawResponse",
            {"body": b"{", "headers": {"Content-Type": "application/json"}},
            (200, "application/json", b"{"),
        ),
        ("ContentResponse", {"body": "text"}, (200, "text/plain; charset=utf-8", b"text")),
        (
            "ContentResponse",
            {"body": b"x", "status": 404, "headers": {"Content-Type": "text/x"}},
            (404, "text/x", b"x"),
        ),
    ],
)
async def test_what_is_answered(
    library: Any,
    service: Any,
    session: aiohttp.ClientSession,
    kind: str,
    arguments: dict[str, Any],
    expected: tuple[int, str, bytes],
) -> None:
    """Status, Content-Type and body are those that were given, or the defaults."""
    service.register("x", getattr(library, kind)(**arguments))
    assert await answer(session, service) == expected


@pytest.mark.parametrize("kind", ["RawResponse", "ContentResponse"])
async def test_nothing(
    library: Any, service: Any, session: aiohttp.ClientSession, kind: str
) -> None:
    """Without a body there is none."""
    service.register("x", getattr(library, kind)())
    status, _, body = await answer(session, service)
    assert (status, body) == (200, b"")


async def test_repeated_headers(library: Any, service: Any, session: aiohttp.ClientSession) -> None:
    """A raw response may have several values of one header."""
    headers = CIMultiDict([("X-A", "1"), ("X-A", "2")])
    service.register("x", library.RawResponse(headers=headers))
    async with session.get(service.url / "x") as response:
        assert response.headers.getall("X-A") == ["1", "2"]


class TestFormats:
    async def test_msgpack(self, library: Any, service: Any, session: Any) -> None:
        """A value as MessagePack."""
        service.register("x", the(library, "responses.msgpack", "MsgpackResponse")({"a": 1}))
        status, kind, body = await answer(session, service)
        assert (status, kind) == (200, "application/msgpack")
        assert msgspec.msgpack.decode(body) == {"a": 1}

    async def test_yaml(self, library: Any, service: Any, session: Any) -> None:
        """A value as YAML."""
        service.register("x", the(library, "responses.yaml", "YamlResponse")({"b": [1], "a": "é"}))
        status, kind, body = await answer(session, service)
        assert (status, kind) == (200, "application/yaml")
        assert yaml.safe_load(body) == {"b": [1], "a": "é"}

    async def test_toml(self, library: Any, service: Any, session: Any) -> None:
        """A value as TOML."""
        response = the(library, "responses.toml", "TomlResponse")({"a": 1}, 203, {"X-A": "1"})
        service.register("x", response)
        status, kind, body = await answer(session, service)
        assert (status, kind) == (203, "application/toml")
        assert body.strip() == b"a = 1"

    @pytest.mark.parametrize(
        ("module", "kind"),
        [
            ("json", "application/json"),
            ("msgpack", "application/msgpack"),
            ("toml", "application/toml"),
            ("yaml", "application/yaml"),
        ],
    )
    def test_serializers(self, library: Any, module: str, kind: str) -> None:
        """Each format is a pair of a function and a content type."""
        serializer = the(library, f"serialization.{module}", f"{module.title()}Serializer")
        assert isinstance(serializer, the(library, "serialization.base", "Serializer"))
        assert serializer.content_type == kind
        assert serializer.dumps({"a": 1})

    async def test_one_s_own(self, library: Any, service: Any, session: Any) -> None:
        """Any function makes a format."""
        serializer = the(library, "serialization.base", "Serializer")(
            dumps=",".join, content_type="text/csv"
        )
        response = library.ContentResponse(["a", "b"], serializer=serializer)
        service.register("x", response)
        assert response.serialize() == "a,b"
        assert await answer(session, service) == (200, "text/csv", b"a,b")


class TestSequence:
    @pytest.mark.parametrize(
        ("mode", "expected"),
        [
            ("raise", [200, 201, 500, 500]),
            ("cycle", [200, 201, 200, 201]),
            ("last", [200, 201, 201, 201]),
        ],
    )
    async def test_behind_the_end(
        self,
        library: Any,
        service: Any,
        session: aiohttp.ClientSession,
        mode: str,
        expected: list[int],
    ) -> None:
        """One response after the other; the mode says what comes then."""
        responses = [library.JsonResponse(1), library.JsonResponse(2, status=201)]
        service.register("x", library.SequenceResponse(iter(responses), mode))
        assert [(await answer(session, service))[0] for _ in range(4)] == expected

    async def test_exhausted(self, library: Any) -> None:
        """The exception has a class, and says how many there were."""
        sequence = library.SequenceResponse([library.JsonResponse(1)])
        await sequence.response(None)
        with pytest.raises(library.SequenceExhausted) as raised:
            await sequence.response(None)
        assert str(raised.value) == "SequenceResponse exhausted after 1 response(s)"
        assert isinstance(raised.value, library.SrvMockerError)

    def test_empty(self, library: Any) -> None:
        """A sequence of nothing is refused."""
        with pytest.raises(ValueError, match=r"^SequenceResponse requires at least one response$"):
            library.SequenceResponse([])


class TestFaults:
    async def test_disconnect(
        self, library: Any, service: Any, session: aiohttp.ClientSession
    ) -> None:
        """The connection ends before anything is answered."""
        service.register("x", library.DisconnectResponse())
        with pytest.raises((aiohttp.ServerDisconnectedError, aiohttp.ClientOSError)):
            await session.post(service.url / "x")
        service.assert_called("x", times=1)

    async def test_a_get_is_asked_twice(
        self, library: Any, service: Any, session: aiohttp.ClientSession
    ) -> None:
        """A client asks again where that does no harm; the server sees both."""
        service.register(
            "x", library.SequenceResponse([library.DisconnectResponse(), library.JsonResponse(1)])
        )
        assert (await answer(session, service))[0] == 200
        service.assert_called("x", times=2)

    @pytest.mark.parametrize(
        "arguments", [{"body": b"part"}, {"body": b"part", "declared_length": 9}, {}]
    )
    async def test_truncated(
        self,
        library: Any,
        service: Any,
        session: aiohttp.ClientSession,
        arguments: dict[str, Any],
    ) -> None:
        """The connection ends before all of the body has come."""
        service.register("x", library.TruncatedResponse(**arguments, headers={"X-A": "1"}))
        async with session.get(service.url / "x") as response:
            declared = arguments.get("declared_length", len(arguments.get("body", b"")) + 1)
            assert (response.headers["X-A"], response.content_length) == ("1", declared)
            with pytest.raises(aiohttp.ClientPayloadError):
                await response.read()

    def test_nothing_to_truncate(self, library: Any) -> None:
        """A declared length that is not longer is refused."""
        message = "^declared_length must be greater than the body length$"
        with pytest.raises(ValueError, match=message):
            library.TruncatedResponse(b"four", declared_length=4)


class TestLatency:
    async def test_late(self, library: Any, service: Any, session: aiohttp.ClientSession) -> None:
        """The other response comes, later."""
        service.register("x", library.LatencyResponse(library.JsonResponse(1), 0.01))
        assert (await answer(session, service))[0] == 200

    async def test_too_late(
        self, library: Any, service: Any, session: aiohttp.ClientSession
    ) -> None:
        """A client's timeout ends the wait."""
        service.register("x", library.LatencyResponse(library.JsonResponse(1), latency=5))
        timeout = aiohttp.ClientTimeout(total=0.03)
        with pytest.raises(asyncio.TimeoutError):
            await session.get(service.url / "x", timeout=timeout)

    async def test_leaving_does_not_wait(self, ours: Any, session: aiohttp.ClientSession) -> None:
        """A response that is still waiting is cancelled when the block is left."""
        asked, cancelled = asyncio.Event(), asyncio.Event()

        class Slow(ours.BaseMockResponse):  # type: ignore[misc]
            async def response(self, request: web.Request) -> web.Response:
                asked.set()
                try:
                    await asyncio.sleep(60)
                finally:
                    cancelled.set()
                return web.Response()

        async with ours.start_service([ours.MockRoute("GET", "/x", "x")]) as service:
            service.register("x", Slow())
            asking = asyncio.ensure_future(session.get(service.url / "x"))
            await asked.wait()
        await cancelled.wait()
        with pytest.raises(aiohttp.ClientError):
            await asking


class TestOnesOwn:
    async def test_it_is_asked(
        self, library: Any, service: Any, session: aiohttp.ClientSession
    ) -> None:
        """A response of a class of one's own gets the request, on the loop of the test."""
        loop = asyncio.get_running_loop()

        class Echo(library.BaseMockResponse):  # type: ignore[misc]
            async def response(self, request: web.Request) -> web.Response:
                assert asyncio.get_running_loop() is loop
                return web.json_response([request.method, await request.json()])

        service.register("x", Echo())
        async with session.post(service.url / "x", json=1) as response:
            assert await response.json() == ["POST", 1]

    async def test_a_websocket(
        self, library: Any, service: Any, session: aiohttp.ClientSession
    ) -> None:
        """It may answer with a WebSocket."""

        class Echo(library.BaseMockResponse):  # type: ignore[misc]
            async def response(self, request: web.Request) -> web.WebSocketResponse:
                socket = web.WebSocketResponse()
                await socket.prepare(request)
                async for message in socket:
                    await socket.send_str(message.data)
                return socket

        service.register("x", Echo())
        async with session.ws_connect(service.url / "x") as socket:
            await socket.send_str("hello")
            assert await socket.receive_str() == "hello"

    async def test_a_stream(
        self, library: Any, service: Any, session: aiohttp.ClientSession
    ) -> None:
        """It may answer in pieces."""

        class Pieces(library.BaseMockResponse):  # type: ignore[misc]
            async def response(self, request: web.Request) -> web.StreamResponse:
                response = web.StreamResponse()
                await response.prepare(request)
                for piece in (b"a", b"b"):
                    await response.write(piece)
                return response

        service.register("x", Pieces())
        assert await answer(session, service) == (200, "application/octet-stream", b"ab")

    @pytest.mark.parametrize(("raised", "status"), [(web.HTTPConflict, 409), (ValueError, 500)])
    async def test_what_it_raises(
        self,
        library: Any,
        service: Any,
        session: aiohttp.ClientSession,
        raised: type[Exception],
        status: int,
    ) -> None:
        """An exception is a 500, one of HTTP's the status that it says."""

        class Raising(library.BaseMockResponse):  # type: ignore[misc]
            async def response(self, request: web.Request) -> web.Response:
                raise raised

        service.register("x", Raising())
        assert (await answer(session, service))[0] == status

    def test_it_must_answer(self, library: Any) -> None:
        """A class without ``response`` is none."""

        class Nothing(library.BaseMockResponse):  # type: ignore[misc]
            pass

        with pytest.raises(TypeError, match="abstract"):
            Nothing()
