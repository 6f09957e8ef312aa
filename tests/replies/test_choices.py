from __future__ import annotations

from collections import Counter
from concurrent.futures import ThreadPoolExecutor
from typing import Any

import pytest

from aiointercept_connector import aiointercept, replies
from aiointercept_connector.replies.reply import chosen
from tests.replies.support import WAYS, asking
from tests.support import recorded, route

pytestmark = pytest.mark.anyio


def drawn(reply: Any, times: int) -> list[int]:
    """Return the statuses that a route chooses."""
    request = recorded()
    request.route = route("/x")
    statuses: list[Any] = [chosen(reply, request) for _ in range(times)]
    return [status.status for status in statuses]


class TestChoice:
    """Each request is answered with one of several replies by chance."""

    @pytest.mark.parametrize("way", WAYS)
    async def test_answers(self, way: str) -> None:
        """For ever, without `repeat`, with each of the replies."""
        async with asking(way) as (mock, ask):
            mock.get("/x", reply=replies.choice({"a": 1, "b": 1}, seed=1))
            assert {(await ask()).body for _ in range(20)} == {b"a", b"b"}

    async def test_exceptions(self, wire: str) -> None:
        """Exceptions too."""
        async with asking(wire) as (mock, ask):
            mock.get("/x", reply=replies.choice([(LookupError("mine"), 1)]))
            with pytest.raises(LookupError, match=r"^mine$"):
                await ask()

    def test_weights(self) -> None:
        """Of two weights, twice as much is twice as often; 0 is never."""
        counted = Counter(drawn(replies.choice({200: 2, 201: 1, 202: 0}, seed=1), 3000))
        assert counted[202] == 0
        assert 1.7 < counted[200] / counted[201] < 2.3

    def test_seed(self) -> None:
        """With a seed, every route gets the same; without one, it is left to chance."""
        reply = replies.choice({200: 1, 201: 1}, seed="s")
        assert drawn(reply, 50) == drawn(reply, 50)
        assert drawn(reply, 50) != drawn(replies.choice({200: 1, 201: 1}, seed="t"), 50)
        chance = replies.choice({200: 1, 201: 1})
        assert drawn(chance, 200) != drawn(chance, 200)

    def test_across_versions(self) -> None:
        """What a seed gives does not depend on the version of Python."""
        assert drawn(replies.choice({200: 1, 201: 3}, seed=4), 8) == [
            200, 200, 201, 200, 200, 201, 201, 201
        ]  # fmt: skip

    def test_threads(self) -> None:
        """Many threads get together what one would get alone."""
        reply = replies.choice({200: 1, 201: 1}, seed=1)
        request = recorded()
        request.route = route("/x")

        def many(_: int) -> list[Any]:
            return [chosen(reply, request) for _ in range(500)]

        with ThreadPoolExecutor(8) as pool:
            given = [one.status for some in pool.map(many, range(8)) for one in some]
        assert sorted(given) == sorted(drawn(reply, 4000))


class TestValue:
    """A choice can be compared, printed, and is checked when it is made."""

    def test_equal(self) -> None:
        """Choices of equal replies, weights and seeds are equal."""
        assert replies.choice({"a": 1}) == replies.choice([("a", 1)])
        assert replies.choice({"a": 1}) != replies.choice({"a": 2})
        assert replies.choice({"a": 1}) != replies.choice({"a": 1}, seed=1)
        assert len({replies.choice({"a": 1}), replies.choice({"a": 1})}) == 1

    def test_repr(self) -> None:
        """The repr tells how many there are, and the seed."""
        assert repr(replies.choice({"a": 1, "b": 2})) == "<ChoiceReply of 2>"
        assert repr(replies.choice({"a": 1}, seed="s")) == "<ChoiceReply of 1, seed='s'>"

    def test_how_often(self) -> None:
        """`repeat` may say how often the route answers."""
        assert aiointercept().get("/x", reply=replies.choice({"a": 1}), repeat=2).remaining == 2

    @pytest.mark.parametrize(
        ("given", "error", "text"),
        [
            ([], ValueError, "replies must hold at least one reply with a weight above 0"),
            ({"a": 0}, ValueError, "replies must hold at least one reply with a weight above 0"),
            ({"a": -1}, ValueError, "replies[0]: a weight must be 0 or more, not -1"),
            ({"a": float("nan")}, ValueError, "replies[0]: a weight must be 0 or more, not nan"),
            ({"a": "1"}, TypeError, "replies[0] must be a (reply, weight) pair, not ('a', '1')"),
            ({"a": True}, TypeError, "replies[0] must be a (reply, weight) pair, not ('a', True)"),
            (["a", "b"], TypeError, "replies[0] must be a (reply, weight) pair, not 'a'"),
            ([("a", 1), [1]], TypeError, "replies[1] must be a (reply, weight) pair, not [1]"),
            ([["a", 1]], TypeError, "replies[0] must be a (reply, weight) pair, not ['a', 1]"),
            ({99: 1}, ValueError, "replies[0]: status must be from 100 to 599, not 99"),
            (
                "ab",
                TypeError,
                (
                    "replies must be a mapping of replies to weights, or a list of such pairs, "
                    "not str: 'ab'"
                ),
            ),
        ],
    )  # fmt: skip
    def test_bad_replies(self, given: Any, error: type[Exception], text: str) -> None:
        """What is no list of weighted replies is refused, and the wrong one is named."""
        with pytest.raises(error) as raised:
            replies.choice(given)
        assert str(raised.value) == text

    def test_bad_seed(self) -> None:
        """So is a seed that is not the same in every run."""
        with pytest.raises(TypeError, match=r"^seed must be an int or a str, not object: <object"):
            replies.choice({"a": 1}, seed=object())  # type: ignore[arg-type] # on purpose
