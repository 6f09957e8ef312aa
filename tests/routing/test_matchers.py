from __future__ import annotations

import re
from typing import Any
from unittest.mock import ANY

import pytest

from aiointercept_connector.journal.request import AiointerceptRequest
from aiointercept_connector.routing.matchers import Explanation, Finding, Match, Matcher
from aiointercept_connector.routing.values import ABSENT
from tests.support import recorded

pytestmark = pytest.mark.anyio

YES = Match(method="GET")
NO = Match(method="POST")


def is_get(request: AiointerceptRequest) -> bool:
    """Tell whether it is a GET."""
    return request.method == "GET"


async def is_get_async(request: AiointerceptRequest) -> bool:
    """Tell the same, when awaited."""
    await request.read()
    return request.method == "GET"


class CallsAsync:
    """An object whose call is a coroutine."""

    async def __call__(self, request: AiointerceptRequest) -> bool:
        """Tell whether it is a GET."""
        return request.method == "GET"


class TestMatch:
    """Several fields together."""

    def test_nothing_is_asked(self) -> None:
        """Without arguments every request matches."""
        assert Match().matches(recorded())
        assert str(Match().explain(recorded())) == "✓ nothing is asked"

    def test_all_must_hold(self) -> None:
        """Every argument that is given must hold."""
        match = Match(method="GET", query={"a": "1"})
        assert match.matches(recorded(url="http://h/?a=1"))
        assert not match.matches(recorded("POST", "http://h/?a=1"))
        assert not match.matches(recorded(url="http://h/?a=2"))

    def test_null_is_not_unset(self) -> None:
        """``json=None`` asks for JSON null, and no ``json=`` asks for nothing."""
        assert Match(json=None).matches(recorded(json=None))
        assert not Match(json=None).matches(recorded(json=0))
        assert not Match(json=None).matches(recorded())
        assert Match().matches(recorded(json=0))

    def test_explains_each_field(self) -> None:
        """The explanation has a finding for each argument."""
        explanation = Match(method="POST", query={"a": "1"}, headers={"X": ABSENT}).explain(
            recorded(url="http://h/?a=2&a=3")
        )
        assert explanation == Explanation(
            (
                Finding("method", holds=False, details=("expected POST, got GET",)),
                Finding("query", holds=False, details=("a: expected '1', got '2', '3'",)),
                Finding("headers", holds=True),
            )
        )
        assert not explanation.matches
        assert str(explanation) == (
            "✗ method: expected POST, got GET\n✗ query: a: expected '1', got '2', '3'\n✓ headers"
        )

    def test_details_are_few(self) -> None:
        """Of many differences the first five are told, each on a line."""
        match = Match(json=dict.fromkeys("abcdefgh", 1))
        explanation = str(match.explain(recorded(json=dict.fromkeys("abcdefgh", 2))))
        assert explanation.splitlines() == [
            "✗ json: $.a: expected 1, got 2",
            *(f"    $.{name}: expected 1, got 2" for name in "bcde"),
        ]

    def test_does_not_change_with_what_was_given(self) -> None:
        """A match is frozen: what the test does to its own objects later plays no part."""
        query: dict[str, Any] = {"a": ["1"]}
        value: dict[str, Any] = {"list": [1]}
        match = Match(query=query, json=value)
        query["a"].append("2")
        value["list"].append(2)
        assert match.matches(recorded(url="http://h/?a=1", json={"list": [1]}))

    def test_has_no_attributes_to_set(self) -> None:
        """A match takes no new attributes."""
        with pytest.raises(AttributeError):
            Match().json = 1  # type: ignore[attr-defined]  # refused

    def test_takes_keywords_only(self) -> None:
        """An unknown argument is refused, and so is one without its name."""
        with pytest.raises(TypeError):
            Match(jsn=1)  # type: ignore[call-arg]  # refused
        with pytest.raises(TypeError):
            Match({})  # type: ignore[call-arg]  # refused


class TestArguments:
    """Arguments of wrong types."""

    @pytest.mark.parametrize(
        ("argument", "value", "message"),
        [
            ("method", 7, "method must be a method or several, not 7"),
            ("method", [], "method must be a method or several, not []"),
            ("method", ["GET", 7], "method must be a method or several, not ['GET', 7]"),
            ("query", "a=1", "query must be a mapping of names to values, not 'a=1'"),
            ("headers", [("a", "1")], "headers must be a mapping of names to values, not ["),
            ("cookies", None, "cookies must be a mapping of names to values, not None"),
            ("query", {1: "a"}, "query must be a mapping of names to values, not {1: 'a'}"),
            (
                "headers",
                {"X": None},
                (
                    "headers['X'] must be str, int, float, a compiled expression for str, ANY or "
                    "ABSENT, not None"
                ),
            ),
            ("query", {"a": True}, "query['a'] must be str, int, float, a compiled expression"),
            ("query", {"a": ["1", b"2"]}, "query['a'] must be str, int, float, a compiled"),
            ("headers", {"X": re.compile(b"")}, "headers['X'] must be str, int, float, a"),
            ("json", {1: 2}, "json: the names of a JSON object are str, not 1"),
            ("json_subset", [{1: 2}], "json_subset: the names of a JSON object are str, not 1"),
            ("json", {"a": {1}}, "json: JSON has no set: {1}"),
            ("json", b"{}", "json: JSON has no bytes: b'{}'"),
            ("form", "a=1", "form must be a mapping of fields to values, not 'a=1'"),
            ("form", 7, "form must be a mapping of fields to values, not 7"),
            ("form", [1], "form must be a mapping of fields to values, not [1]"),
            ("multipart", 7, "multipart must be a sequence of parts, each a mapping, not 7"),
            ("multipart", "x", "multipart must be a sequence of parts, each a mapping, not 'x'"),
            ("multipart", [7], "multipart[0] must be a mapping of names to values, not 7"),
            (
                "multipart",
                [{"body": 7}],
                "multipart[0]['body'] must be bytes, str or a compiled expression, not 7",
            ),
            ("body", 7, "body must be bytes, str or a compiled expression, not 7"),
            ("body", None, "body must be bytes, str or a compiled expression, not None"),
            ("predicate", 7, "predicate must be a function of the request, not 7"),
        ],
    )
    def test_are_refused(self, argument: str, value: Any, message: str) -> None:
        """A value that could never match is refused, with the argument's name."""
        with pytest.raises(TypeError, match=f"^{re.escape(message)}"):
            Match(**{argument: value})

    def test_unknown_field_of_a_part(self) -> None:
        """A part has four fields."""
        with pytest.raises(
            ValueError,
            match=r"^multipart\[0\]: a part has name, filename, content_type, body; 'nme' is none",
        ):
            Match(multipart=[{"nme": "a"}])


class TestPredicate:
    """Functions of the test."""

    def test_is_given_the_request(self) -> None:
        """A function decides by the recorded request."""
        assert Match(predicate=is_get).matches(recorded())
        assert not Match(predicate=is_get).matches(recorded("POST"))

    def test_explained_by_name(self) -> None:
        """The explanation names the function."""
        explanation = Match(predicate=is_get).explain(recorded("POST"))
        assert str(explanation) == "✗ predicate: is_get returned something false"

    @pytest.mark.parametrize("predicate", [is_get_async, CallsAsync()])
    async def test_coroutine_functions_are_awaited(self, predicate: Any) -> None:
        """``matches_async`` awaits a coroutine function, or an object whose call is one."""
        match = Match(predicate=predicate)
        assert match.is_async
        assert await match.matches_async(recorded())
        assert not await match.matches_async(recorded("POST"))

    @pytest.mark.parametrize("ask", ["matches", "explain"])
    def test_coroutine_functions_are_refused(self, ask: str) -> None:
        """Plain questions refuse a coroutine function, and name the way."""
        match = Match(predicate=is_get_async)
        with pytest.raises(
            TypeError,
            match=re.escape(
                "is_get_async is a coroutine function: use `await match.matches_async(request)`."
            ),
        ):
            getattr(match, ask)(recorded())

    async def test_async_serves_plain_ones(self) -> None:
        """``matches_async`` asks plain functions and the other fields too."""
        match = Match(predicate=is_get, query={"a": "1"})
        assert not match.is_async
        assert await match.matches_async(recorded(url="http://h/?a=1"))
        assert not await match.matches_async(recorded())

    def test_what_it_raises_is_raised(self) -> None:
        """An error of the test's own function is not taken for an answer."""
        with pytest.raises(ZeroDivisionError):
            Match(predicate=lambda _: 1 / 0).matches(recorded())


class TestCombined:
    """``&``, ``|`` and ``~``."""

    @pytest.mark.parametrize(
        ("matcher", "expected"),
        [
            (YES & YES, True),
            (YES & NO, False),
            (NO & YES, False),
            (YES | NO, True),
            (NO | YES, True),
            (NO | NO, False),
            (~YES, False),
            (~NO, True),
            (~(YES & NO) & (NO | YES), True),
        ],
    )
    async def test_truth(self, matcher: Matcher, expected: bool) -> None:
        """They mean what they mean everywhere, asked and explained and awaited."""
        assert matcher.matches(recorded()) is expected
        assert matcher.explain(recorded()).matches is expected
        assert await matcher.matches_async(recorded()) is expected

    @pytest.mark.parametrize(
        ("combined", "text"),
        [
            (YES & NO, "Match(method=['GET']) & Match(method=['POST'])"),
            (YES | NO, "Match(method=['GET']) | Match(method=['POST'])"),
            (~YES, "~Match(method=['GET'])"),
            (~(Match() | Match()), "~(Match() | Match())"),
            (~(Match() & Match()), "~(Match() & Match())"),
            ((Match() | Match()) & Match(), "(Match() | Match()) & Match()"),
            (Match() | Match() & Match(), "Match() | Match() & Match()"),
            (~~Match(), "~~Match()"),
            (Match(json={"a": [ANY]}), "Match(json={'a': [<ANY>]})"),
            (Match(predicate=is_get), "Match(predicate=is_get)"),
            (Match(headers={"X": ABSENT}, body="x"), "Match(headers={'X': ABSENT}, body='x')"),
        ],
    )
    def test_repr(self, combined: Matcher, text: str) -> None:
        """A matcher prints as what makes it."""
        assert repr(combined) == text

    def test_explains_all(self) -> None:
        """``&`` tells what each side found."""
        explanation = (YES & NO).explain(recorded())
        assert str(explanation) == "✓ method\n✗ method: expected POST, got GET"

    def test_explains_either(self) -> None:
        """``|`` that does not hold tells why neither side does."""
        explanation = (NO | Match(query={"a": "1"})).explain(recorded())
        assert str(explanation) == (
            "✗ one of: none holds\n"
            "    method: expected POST, got GET\n"
            "    query: a: expected '1', got nothing"
        )

    def test_explains_not(self) -> None:
        """``~`` that does not hold tells what was not to hold."""
        assert str((~YES).explain(recorded())) == "✗ not: expected no Match(method=['GET'])"

    @pytest.mark.parametrize("combined", [YES & Match(), YES | Match(), ~YES])
    def test_is_async_if_a_part_is(self, combined: Matcher) -> None:
        """A combination is to be awaited if a part of it is."""
        assert not combined.is_async
        assert (combined & Match(predicate=is_get_async)).is_async
        assert (combined | Match(predicate=is_get_async)).is_async
        assert (~Match(predicate=is_get_async)).is_async

    async def test_awaited(self) -> None:
        """A combination awaits its parts."""
        is_async = Match(predicate=is_get_async)
        assert await (YES & is_async).matches_async(recorded())
        assert await (NO | is_async).matches_async(recorded())
        assert not await (~is_async).matches_async(recorded())

    @pytest.mark.parametrize("combine", [lambda m: m & 1, lambda m: m | 1, lambda m: 1 & m])
    def test_with_other_things(self, combine: Any) -> None:
        """Matchers combine with nothing else."""
        with pytest.raises(TypeError, match="unsupported operand"):
            combine(YES)


class TestEquality:
    """Matchers as values."""

    @pytest.mark.parametrize(
        ("one", "other"),
        [
            (Match(), Match()),
            (Match(json={"a": 1, "b": [2]}), Match(json={"b": (2,), "a": 1})),
            (Match(query={"a": 1}), Match(query={"a": "1"})),
            (Match(method="get"), Match(method=["GET"])),
            (Match(headers={"X": ANY}), Match(headers={"X": ANY})),
            (Match(body=re.compile("x")), Match(body=re.compile("x"))),
            (Match(predicate=is_get), Match(predicate=is_get)),
            (Match(json=1, body="1"), Match(body="1", json=1)),
            (YES & ~NO | NO, YES & ~NO | NO),
        ],
    )
    def test_equal(self, one: Matcher, other: Matcher) -> None:
        """Matchers that ask the same are equal, and have one hash."""
        assert one == other
        assert hash(one) == hash(other)

    @pytest.mark.parametrize(
        ("one", "other"),
        [
            (Match(), Match(json=None)),
            (Match(json=1), Match(json=True)),
            (Match(json=1), Match(json_subset=1)),
            (Match(json=ANY), Match(json=1)),
            (Match(json={"a": [ANY]}), Match(json={"a": [1]})),
            (Match(headers={"X": ANY}), Match(headers={"X": "1"})),
            (Match(headers={"X": ANY}), Match(headers={"X": ABSENT})),
            (Match(query={"a": "1"}), Match(query={"a": ["1"]})),
            (Match(body="x"), Match(body=b"x")),
            (Match(body="x"), Match(body=re.compile("x"))),
            (YES & NO, NO & YES),
            (YES & NO, YES | NO),
            (YES, ~YES),
            (YES, "Match(method=['GET'])"),
        ],
    )
    def test_unequal(self, one: Matcher, other: object) -> None:
        """Matchers that ask different things are not, whatever Python takes for equal."""
        assert one != other


def test_plain_values() -> None:
    """A finding that fails without a detail says so all the same."""
    assert str(Finding("json", holds=True)) == "✓ json"
    assert str(Finding("json", holds=False)) == "✗ json: does not match"
