from __future__ import annotations

from concurrent.futures import ThreadPoolExecutor
from typing import Any

import pytest
from aiohttp import ClientConnectionError, ServerDisconnectedError

from aiointercept_connector import (
    AiointerceptRequest,
    Match,
    SequenceExhaustedError,
    UnmatchedRequestError,
    aiointercept,
    replies,
)
from aiointercept_connector.replies.failure import Failure
from aiointercept_connector.replies.reply import chosen
from aiointercept_connector.replies.sequences import SequenceReply
from tests.replies.support import API, WAYS, Ask, asking, sent_by
from tests.support import recorded, route

pytestmark = pytest.mark.anyio


async def bodies(ask: Ask, times: int) -> list[str]:
    """Ask a number of times, and return what was answered."""
    return [(await ask()).body.decode() for _ in range(times)]


class TestSteps:
    """One client call is one step."""

    @pytest.mark.parametrize("way", WAYS)
    async def test_in_order(self, way: str) -> None:
        """The replies are given in order, as often as there are some, without `repeat`."""
        async with asking(way) as (mock, ask):
            mock.get("/x", reply=replies.sequence([503, {"a": 1}, (201, "last")]))
            mock.get("/x", reply="behind")
            answers = [await ask() for _ in range(4)]
        assert [answer.status for answer in answers] == [503, 200, 201, 200]
        assert [answer.body for answer in answers] == [b"", b'{"a": 1}', b"last", b"behind"]

    @pytest.mark.parametrize(
        ("reply", "given"),
        [
            (replies.sequence(["a", "b"], on_exhausted="last"), "abbbb"),
            (replies.sequence(["a", "b"], on_exhausted="cycle"), "ababa"),
            (replies.cycle(["a", "b", "c"]), "abcab"),
        ],
    )
    async def test_behind_the_end(self, reply: Any, given: str, wire: str) -> None:
        """A sequence without an end answers for ever."""
        async with asking(wire) as (mock, ask):
            assert mock.get("/x", reply=reply).remaining is None
            assert "".join(await bodies(ask, 5)) == given

    @pytest.mark.parametrize(
        ("given", "remaining"),
        [
            ({}, 2),
            ({"repeat": 1}, 1),
            ({"repeat": 2}, 2),
            ({"times": 1}, 1),
            ({"times": (1, None)}, None),
        ],
    )
    def test_how_often(self, given: Any, remaining: int | None) -> None:
        """How often the route answers is for `repeat` and `times` to say, if they do."""
        registered = aiointercept().get("/x", reply=replies.sequence(["a", "b"]), **given)
        assert registered.remaining == remaining

    async def test_beside_a_callback(self, wire: str) -> None:
        """A callback that returns None leaves each step to the sequence, and its length counts."""
        async with asking(wire) as (mock, ask):
            said = mock.get("/x", callback=lambda request: None, reply=replies.sequence(["a", "b"]))
            assert said.remaining == 2
            assert await bodies(ask, 2) == ["a", "b"]

    async def test_returned(self, wire: str) -> None:
        """A handler that returns one sequence again and again gives its steps."""
        steps = replies.sequence(["a", "b"])
        async with asking(wire) as (mock, ask):
            mock.get("/x", reply=lambda request: steps, repeat=True)
            assert await bodies(ask, 2) == ["a", "b"]

    async def test_in_one_another(self, wire: str) -> None:
        """A sequence may hold sequences; each goes on when it is its turn."""
        inner = replies.cycle(["1", "2"])
        async with asking(wire) as (mock, ask):
            mock.get("/x", reply=replies.cycle(["a", inner]))
            assert "".join(await bodies(ask, 6)) == "a1a2a1"

    async def test_exceptions(self, wire: str) -> None:
        """An exception is a step like any other."""
        exc = LookupError("mine")
        async with asking(wire) as (mock, ask):
            mock.get("/x", reply=replies.sequence(["a", exc, "b"]))
            assert await bodies(ask, 1) == ["a"]
            with pytest.raises(LookupError) as raised:
                await ask()
            assert raised.value is exc
            assert await bodies(ask, 1) == ["b"]

    async def test_foreign_exceptions(self) -> None:
        """A client that nothing can be raised to finds its connection closed."""
        async with asking("server_url") as (mock, ask):
            mock.post("/x", reply=replies.sequence([LookupError("mine")]))
            with pytest.raises(ClientConnectionError):
                await ask("/x", "POST")

    @pytest.mark.parametrize(
        "item", ["a", replies.text("a", encoding="gzip"), replies.cycle(["a"])]
    )
    def test_express(self, item: Any) -> None:
        """A step that is known beforehand is sent as one: it is chosen as the request comes."""
        mock = aiointercept()
        mock.get("/x", reply=replies.cycle([item]))
        chosen_reply: Any = mock.interceptor.answer(recorded(url=f"{API}/x"), None)
        assert sent_by(chosen_reply).endswith(b"a")

    async def test_asynchronous_conditions(self, wire: str) -> None:
        """So it is where a condition of some route has to be awaited."""

        async def holds(request: AiointerceptRequest) -> bool:
            return True

        async with asking(wire) as (mock, ask):
            mock.get("/x", reply=replies.sequence(["a", "b"]), match=Match(predicate=holds))
            assert await bodies(ask, 2) == ["a", "b"]


class TestSecondAttempts:
    """aiohttp repeats a call whose connection breaks; that is the same step."""

    @pytest.mark.parametrize("how", ["registered", "in another", "returned", "fallback"])
    async def test_one_step(self, how: str, wire: str) -> None:
        """Both attempts meet the same reply, however deep it lies."""
        steps = replies.sequence([ServerDisconnectedError("gone"), "b"])
        given: dict[str, dict[str, Any]] = {
            "registered": {"reply": steps, "repeat": False},
            "in another": {"reply": replies.cycle([steps])},
            "returned": {"reply": lambda request: steps},
            "fallback": {"callback": lambda request: None, "reply": steps},
        }
        async with asking(wire) as (mock, ask):
            options: dict[str, Any] = {"repeat": True, **given[how]}
            mock.get("/x", **options)
            with pytest.raises(ServerDisconnectedError):
                await ask()
            assert await bodies(ask, 1) == ["b"]
            assert [call.attempts for call in mock.calls] == [2, 1]

    async def test_the_route_is_known(self, wire: str) -> None:
        """A callback that is asked again sees the route, and what stood in its holes."""
        seen: list[Any] = []

        def callback(request: AiointerceptRequest) -> None:
            seen.append((request.route, request.match_info))
            raise ServerDisconnectedError("gone")

        async with asking(wire) as (mock, ask):
            said = mock.get("/{name}", callback=callback)
            with pytest.raises(ServerDisconnectedError):
                await ask()
        assert seen == [(said, {"name": "x"})] * 2


class TestExhausted:
    """Behind the end of one that is asked all the same, an error says how to go on."""

    async def test_error(self, wire: str) -> None:
        """It names the request, the route, and what may be written instead."""
        async with asking(wire) as (mock, ask):
            steps = replies.sequence(["a", "b"])
            said = mock.get("/x", reply=lambda request: steps, repeat=True, name="steps")
            await bodies(ask, 2)
            with pytest.raises(SequenceExhaustedError) as raised:
                await ask()
        assert str(raised.value) == (
            "GET https://api.example.com/x is request 3 for a sequence of 2 replies "
            f"('steps' (GET /x), {said.registered_at}). Add a reply to the sequence, or say what "
            'is behind its end: on_exhausted="last" repeats its last reply, '
            'on_exhausted="cycle" begins it again.'
        )
        assert raised.value.request is mock.calls[-1]

    def test_class(self) -> None:
        """Whoever expects a failed connection, or a request that nothing answers, expects it."""
        assert issubclass(SequenceExhaustedError, UnmatchedRequestError)
        assert issubclass(SequenceExhaustedError, ClientConnectionError)

    async def test_foreign(self) -> None:
        """A client that nothing can be raised to is told in a response."""
        async with asking("server_url") as (mock, ask):
            steps = replies.sequence(["a"])
            mock.get("/x", reply=lambda request: steps, repeat=2)
            assert [(await ask()).status for _ in range(2)] == [200, 404]

    async def test_without_repeat(self, wire: str) -> None:
        """Without `repeat` it is the route that is used up."""
        async with asking(wire) as (mock, ask):
            mock.get("/x", reply=replies.sequence(["a"]))
            await ask()
            with pytest.raises(UnmatchedRequestError) as raised:
                await ask()
        assert type(raised.value) is UnmatchedRequestError


class TestProgress:
    """A sequence is a value; how far it has got is known for each route."""

    async def test_constant(self, wire: str) -> None:
        """Every route that it is registered for begins anew."""
        steps = replies.sequence(["a", "b"])
        for _ in range(2):
            async with asking(wire) as (mock, ask):
                mock.get("/x", reply=steps)
                assert await bodies(ask, 2) == ["a", "b"]

    def test_threads(self) -> None:
        """Many threads get every step, and each of them once."""
        steps = replies.sequence(list(map(str, range(4000))))
        request = recorded()
        request.route = route("/x")

        def many(_: int) -> list[Any]:
            return [chosen(steps, request) for _ in range(500)]

        with ThreadPoolExecutor(8) as pool:
            given = [reply for some in pool.map(many, range(8)) for reply in some]
        assert not any(isinstance(reply, Failure) for reply in given)
        assert {reply.body for reply in given} == {str(n).encode() for n in range(4000)}

    def test_no_route(self) -> None:
        """A request that no route has taken has steps too."""
        steps = replies.cycle([200, 201])
        assert [chosen(steps, recorded()).status for _ in range(3)] == [200, 201, 200]  # type: ignore[attr-defined]

    def test_gone(self) -> None:
        """A route that is gone is forgotten."""
        steps = replies.cycle([200])
        request = recorded()
        request.route = route("/x")
        chosen(steps, request)
        request.route = None
        assert len(steps._steps._states) == 0


class TestValue:
    """A sequence can be compared, printed, and is checked when it is made."""

    def test_equal(self) -> None:
        """Sequences of equal replies are equal."""
        assert replies.sequence([1 + 199, "a"]) == replies.sequence([200, "a"])
        assert replies.cycle(["a"]) == replies.sequence(["a"], on_exhausted="cycle")
        assert replies.cycle(["a"]) != replies.sequence(["a"])
        assert len({replies.cycle(["a"]), replies.cycle(["a"])}) == 1

    def test_repr(self) -> None:
        """The repr tells how many there are, and what is behind the end."""
        assert repr(replies.cycle([200, 201])) == "<SequenceReply of 2, on_exhausted='cycle'>"

    def test_iterator(self) -> None:
        """Replies may come from an iterator."""
        assert replies.sequence(n for n in (200, 201)) == replies.sequence([200, 201])

    @pytest.mark.parametrize(
        ("given", "error", "text"),
        [
            ("ab", TypeError, "replies must be a list of replies, not str: 'ab'"),
            (b"ab", TypeError, "replies must be a list of replies, not bytes: b'ab'"),
            ({200: 1}, TypeError, "replies must be a list of replies, not dict: {200: 1}"),
            (5, TypeError, "replies must be a list of replies, not int: 5"),
            ([], ValueError, "replies must hold at least one reply"),
            ([200, 99], ValueError, "replies[1]: status must be from 100 to 599, not 99"),
        ],
    )
    def test_bad_replies(self, given: Any, error: type[Exception], text: str) -> None:
        """What is no list of replies is refused, and the one that is none is named."""
        with pytest.raises(error) as raised:
            replies.sequence(given)
        assert str(raised.value) == text

    def test_bad_end(self) -> None:
        """So is an unknown way to go on."""
        with pytest.raises(ValueError, match=r"^on_exhausted must be .*, not 'stop'$") as raised:
            replies.sequence([200], on_exhausted="stop")  # type: ignore[arg-type] # on purpose
        assert "'raise' or 'cycle' or 'last'" in str(raised.value)

    def test_frozen(self) -> None:
        """What it is made of cannot be changed."""
        reply: Any = SequenceReply(())
        with pytest.raises(AttributeError):
            reply.replies = (1,)


@pytest.mark.parametrize(
    "made",
    [
        lambda once: replies.cycle([once]),
        lambda once: replies.sequence([200, once], on_exhausted="last"),
        lambda once: replies.sequence([once, 200, once]),
        lambda once: replies.choice([(once, 1)]),
        lambda once: replies.sequence([replies.sequence([once]), 200], on_exhausted="cycle"),
    ],
)
def test_generator_that_would_be_asked_again(made: Any) -> None:
    """A generator can serve one request, and is refused where it would be asked again."""
    with pytest.raises(ValueError, match="can serve one request, and would be asked again"):
        made(replies.stream(piece for piece in ["a"]))
