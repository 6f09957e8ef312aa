from __future__ import annotations

import re
import threading
from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor
from contextlib import suppress
from typing import Any
from unittest.mock import ANY

import pytest

from aiointercept_connector.routing.matchers import Match
from aiointercept_connector.routing.registry import Registry
from aiointercept_connector.routing.route import Route
from aiointercept_connector.routing.target import UrlPattern, UrlTarget
from aiointercept_connector.routing.urls import Origin
from tests.support import asked, recorded, route

THREADS = 8
URL_A = "https://h/a"


def registry_of(*routes: Route) -> Registry:
    """Return a registry of *routes*."""
    registry = Registry()
    for one in routes:
        registry.add(one)
    return registry


def names(registry: Registry, url: str = URL_A, method: str = "GET") -> list[str | None]:
    """Return the names of the candidates for a request."""
    return [one.name for one in registry.candidates(asked(url, method))]


def taken(registry: Registry, times: int, url: str = URL_A, **request: Any) -> list[str | None]:
    """Return the names of the routes that answer so many requests, None where none does."""
    record = recorded(url=url, **request)
    wanted = asked(url, record.method)
    found = [registry.take(wanted, record) for _ in range(times)]
    return [None if one is None else one.name for one in found]


def never(request: object) -> None:
    """Fail, for a question that is not to be asked."""
    pytest.fail(str(request))


def at_once(work: Callable[[], Any]) -> list[Any]:
    """Run *work* in eight threads at the same time, and return what each run returned."""
    barrier = threading.Barrier(THREADS)

    def run() -> Any:
        barrier.wait()
        return work()

    with ThreadPoolExecutor(THREADS) as pool:
        return [run.result() for run in [pool.submit(run) for _ in range(THREADS)]]


class TestPrecedence:
    """Who answers, of several."""

    ORDER = (
        ("exact", "https://h/a?q=1", None),
        ("exact, any query", "https://h/a", ANY),
        ("path", "/a?q=1", None),
        ("path, any query", "/a", ANY),
        ("template", "https://h/{x}?q=1", None),
        ("template of any host", "/{x}?q=1", None),
        ("glob", "https://*/a?q=1", None),
        ("pattern", re.compile("https"), None),
    )

    @pytest.mark.parametrize("backwards", [False, True])
    def test_exact_first(self, backwards: bool) -> None:
        """The more exactly a URL is given the earlier, whatever was registered first."""
        routes = [route(url, name=name, params=params) for name, url, params in self.ORDER]
        registry = registry_of(*(routes[::-1] if backwards else routes))
        expected = [name for name, *_ in self.ORDER]
        if backwards:  # globs and expressions are of one kind
            expected[-2:] = expected[:-3:-1]
        assert names(registry, "https://h/a?q=1") == expected

    @pytest.mark.parametrize(
        ("first", "second"),
        [
            (URL_A, "HTTPS://H:443/a"),
            ("/a", "/a"),
            ("https://h/{x}", "https://h/{y}"),
            ("https://h/{x:.+}", "https://h/{y}"),
            ("/{x}", "/{y}"),
            ("https://*/a", "https://*/{x}"),
            ("https://*/a", re.compile("https")),
            (re.compile("h"), re.compile("https")),
        ],
    )
    def test_order_of_registration_decides_ties(self, first: Any, second: Any) -> None:
        """Of routes of one kind, the one registered first answers."""
        registry = registry_of(route(first, name="first"), route(second, name="second"))
        assert names(registry) == ["first", "second"]
        registry = registry_of(route(second, name="second"), route(first, name="first"))
        assert names(registry) == ["second", "first"]

    def test_priority_comes_before_all(self) -> None:
        """A higher priority answers first, over every kind of URL."""
        registry = registry_of(
            route(URL_A, name="exact"),
            route(re.compile("https"), name="urgent", priority=2),
            route("/{x}", name="soon", priority=1),
            route(URL_A, name="last", priority=-1),
        )
        assert names(registry) == ["urgent", "soon", "exact", "last"]

    def test_methods_are_apart(self) -> None:
        """A route is for its method, in any case."""
        registry = registry_of(route(URL_A, "post", name="post"), route(URL_A, name="get"))
        assert names(registry, method="POST") == ["post"]
        assert names(registry, method="GET") == ["get"]
        assert names(registry, method="PUT") == []

    @pytest.mark.parametrize("url", [URL_A, "/{x}", "https://*/a", re.compile("https")])
    def test_any_method(self, url: Any) -> None:
        """A route for ``*`` is for every method, in its place by registration."""
        registry = registry_of(
            route(url, name="get"), route(url, "*", name="any"), route(url, "POST", name="post")
        )
        assert names(registry, method="GET") == ["get", "any"]
        assert names(registry, method="POST") == ["any", "post"]
        assert names(registry, method="PURGE") == ["any"]

    @pytest.mark.parametrize("url", [URL_A, "/{x}", "https://*/a", re.compile("https")])
    def test_fallback_may_stand_before(self, url: Any) -> None:
        """Of routes of one URL, those with a ``Match`` are tried before the one without."""
        registry = registry_of(
            route(url, name="fallback", repeat=True),
            route(url, name="one", match=Match(headers={"X": "1"})),
            route(url, name="two", match=Match(headers={"X": ANY})),
        )
        assert names(registry) == ["one", "two", "fallback"]

    def test_fallback_is_that_of_its_own_url(self) -> None:
        """Between different URLs of one kind a ``Match`` gives no precedence."""
        registry = registry_of(
            route("https://h/{x}", name="first"),
            route("https://h/{y}", name="second", match=Match(method="GET")),
            route("https://h/{x}", name="first too", match=Match(method="GET")),
        )
        assert names(registry) == ["first too", "first", "second"]


class TestMatch:
    """Routes of one URL with different conditions."""

    def test_first_that_holds_answers(self) -> None:
        """Routes whose ``Match`` does not hold are passed by, and not used."""
        registry = registry_of(
            route(URL_A, name="a", match=Match(query={"n": "1"}), params=ANY),
            route(URL_A, name="b", match=Match(query={"n": "2"}), params=ANY),
            route(URL_A, name="rest", params=ANY),
        )
        assert taken(registry, 2, f"{URL_A}?n=2") == ["b", "rest"]
        assert taken(registry, 2, f"{URL_A}?n=1") == ["a", None]

    def test_find_does_not_ask_it(self) -> None:
        """Whether a route could answer is told by method and URL alone."""
        registry = registry_of(route(URL_A, match=Match(predicate=never)))
        assert registry.find(asked(URL_A)) is not None


class TestRepeat:
    """How often routes answer."""

    def test_once_by_default(self) -> None:
        """A route answers once unless it says otherwise."""
        assert taken(registry_of(route(URL_A, name="a")), 2) == ["a", None]

    def test_queue(self) -> None:
        """Routes of one URL answer one after the other, each as often as it says."""
        registry = registry_of(
            route(URL_A, name="a", repeat=2), route(URL_A, name="b"), route(URL_A, name="c")
        )
        assert taken(registry, 5) == ["a", "a", "b", "c", None]

    def test_endless_behind_a_queue(self) -> None:
        """``repeat=True`` behind a queue answers when the queue is used up."""
        registry = registry_of(route(URL_A, name="a"), route(URL_A, name="z", repeat=True))
        assert taken(registry, 4) == ["a", "z", "z", "z"]

    @pytest.mark.parametrize("url", [URL_A, "/{x}", "https://*/a", re.compile("https")])
    def test_endless_replaces_endless(self, url: Any) -> None:
        """A later ``repeat=True`` of the same URL answers in place of the earlier one."""
        registry = registry_of(
            route(url, name="queue"),
            route(url, name="old", repeat=True),
            route(url, name="new", repeat=True),
        )
        assert taken(registry, 3) == ["queue", "new", "new"]
        assert [one.name for one in registry] == ["queue", "new"]

    def test_replacing_takes_the_place(self) -> None:
        """What replaces a route stands where that one stood."""
        registry = registry_of(
            route(URL_A, name="old", repeat=True),
            route(URL_A, "*", name="any", repeat=True),
            route(URL_A, name="new", repeat=True),
        )
        assert names(registry) == ["new", "any"]

    @pytest.mark.parametrize(
        "other",
        [
            {"match": Match(json=1)},
            {"match": Match(json=ANY)},
            {"priority": 1, "match": Match(json=True)},
            {"method": "*", "match": Match(json=True)},
        ],
    )
    def test_only_the_like_is_replaced(self, other: dict[str, Any]) -> None:
        """An endless route of other conditions, priority or method stays."""
        first = route(URL_A, match=Match(json=True), repeat=True)
        registry = registry_of(first, route(URL_A, repeat=True, **other))
        assert first in list(registry)

    @pytest.mark.parametrize("kind", ["exact", "template", "glob"])
    def test_used_up_gives_way(self, kind: str) -> None:
        """A route that is used up gives way to the next of whatever kind."""
        urls = {"exact": URL_A, "template": "https://h/{x}", "glob": "https://*/a"}
        registry = registry_of(
            route(urls[kind], name="first"), route(re.compile("https"), name="second")
        )
        assert taken(registry, 3) == ["first", "second", None]
        assert registry.find(asked(URL_A)) is None

    def test_candidates_never_consume(self) -> None:
        """Looking up, any number of times, leaves every answer there."""
        registry = registry_of(route(URL_A, name="a"))
        for _ in range(3):
            assert names(registry) == ["a"]
            assert registry.find(asked(URL_A)) is not None
        assert taken(registry, 1) == ["a"]

    def test_thousands_in_a_queue(self) -> None:
        """A long queue of one URL answers in its order."""
        registry = registry_of(*(route(URL_A, name=str(n)) for n in range(3000)))
        assert taken(registry, 3000) == [str(n) for n in range(3000)]


class TestTimes:
    """``times=`` as the number of answers."""

    @pytest.mark.parametrize(
        ("times", "answers"),
        [(2, 2), (range(1, 4), 3), ((0, 2), 2), ((1, None), None), (0, 0), (range(3, 0, -1), 3)],
    )
    def test_upper_bound(self, times: Any, answers: int | None) -> None:
        """Where ``repeat`` is not given, a route answers up to the upper bound of ``times``."""
        one = route(URL_A, times=times, name="a")
        assert one.remaining == answers
        expected = 4 if answers is None else answers
        assert taken(registry_of(one), 4).count("a") == expected

    def test_repeat_goes_before(self) -> None:
        """Where both are given, ``repeat`` is the number of answers."""
        assert route(URL_A, times=2, repeat=True).remaining is None
        assert route(URL_A, times=2, repeat=5).remaining == 5


class TestUnreachable:
    """Routes that could never answer."""

    def test_finite_behind_endless(self) -> None:
        """A finite route behind an endless one of the same URL is refused."""
        registry = registry_of(
            route(URL_A, repeat=True, name="default", registered_at="tests/conftest.py:7")
        )
        with pytest.raises(ValueError, match="could never answer") as refused:
            registry.add(route(URL_A))
        assert str(refused.value) == (
            "GET https://h/a could never answer: <Route 'default' (GET https://h/a): called 0x, "
            "for ever>, registered at tests/conftest.py:7, stands before it and answers for ever. "
            "Give the new route a higher priority= to let it answer first, or repeat=True to "
            "replace the other."
        )
        assert len(registry) == 1

    def test_replacing_is_not_advised_where_it_would_not(self) -> None:
        """The message names only ways that lead out."""
        registry = registry_of(route(URL_A, "*", repeat=True))
        with pytest.raises(ValueError, match="could never answer") as refused:
            registry.add(route(URL_A, repeat=True))
        assert str(refused.value) == (
            "GET https://h/a could never answer: <Route * https://h/a: called 0x, for ever> "
            "stands before it and answers for ever. Give the new route a higher priority= to let "
            "it answer first."
        )

    @pytest.mark.parametrize(
        ("endless", "new"),
        [
            ({"match": Match(json=1)}, {"match": Match(json=1)}),
            ({"match": Match(json=1)}, {"match": Match(json=1), "when": ("s", 1)}),
            ({"when": ("s", 1)}, {"when": ("s", 1), "match": Match(json=1)}),
            ({"priority": 1}, {"match": Match(json=1)}),
            ({"priority": 1}, {"repeat": True}),
            ({"method": "*"}, {}),
        ],
    )
    def test_refused(self, endless: dict[str, Any], new: dict[str, Any]) -> None:
        """An endless route hides those behind it whose conditions include its own."""
        registry = registry_of(route(URL_A, repeat=True, **endless))
        with pytest.raises(ValueError, match="could never answer"):
            registry.add(route(URL_A, **new))

    @pytest.mark.parametrize(
        ("endless", "new"),
        [
            ({}, {"match": Match(json=1)}),
            ({}, {"when": ("s", 1)}),
            ({}, {"priority": 1}),
            ({}, {"method": "POST"}),
            ({"method": "POST"}, {"method": "*"}),
            ({"match": Match(json=1)}, {}),
            ({"match": Match(json=1)}, {"match": Match(json=2)}),
            ({"match": Match(json=1)}, {"match": Match(json=True)}),
            ({"when": ("s", 1)}, {"when": ("s", 2)}),
        ],
    )
    def test_not_refused(self, endless: dict[str, Any], new: dict[str, Any]) -> None:
        """A route that some request reaches is registered."""
        registry_of(route(URL_A, repeat=True, **endless), route(URL_A, **new))


class TestScenarios:
    """``when=`` and ``then=``."""

    def test_steps(self) -> None:
        """A route waits for its state, and leads to the next."""
        registry = registry_of(
            route(URL_A, name="empty", when=("cart", None), then=("cart", "full"), repeat=True),
            route(URL_A, name="full", when=("cart", "full"), then=("cart", "paid"), repeat=True),
        )
        assert taken(registry, 3) == ["empty", "full", None]
        assert registry.state["cart"] == "paid"

    def test_set_by_the_test(self) -> None:
        """The test may set the state itself."""
        registry = registry_of(route(URL_A, name="full", when=("cart", "full"), repeat=True))
        assert taken(registry, 1) == [None]
        registry.state["cart"] = "full"
        assert taken(registry, 1) == ["full"]

    def test_a_route_out_of_step_is_not_used(self) -> None:
        """A route whose state does not hold keeps its answers."""
        one = route(URL_A, when=("cart", "full"))
        taken(registry_of(one), 1)
        assert one.remaining == 1

    def test_each_step_is_taken_once(self) -> None:
        """Eight threads on a scenario take every step just once."""
        steps = 400
        registry = registry_of(
            *(
                route(URL_A, name=str(n), when=("step", n), then=("step", n + 1), repeat=True)
                for n in range(steps)
            )
        )
        registry.state["step"] = 0
        found = [
            name for some in at_once(lambda: taken(registry, steps // THREADS)) for name in some
        ]
        assert sorted(map(int, filter(None, found))) == list(range(steps))

    def test_no_request_falls_between_two_steps(self) -> None:
        """While a scenario goes to and fro, a request always finds the route of some step."""
        registry = registry_of(
            route(URL_A, name="a", when=("s", None), then=("s", 1), repeat=True),
            route(URL_A, name="b", when=("s", 1), then=("s", None), repeat=True),
        )
        found = [name for some in at_once(lambda: taken(registry, 500)) for name in some]
        assert None not in found
        assert found.count("a") == found.count("b")

    def test_a_state_that_changes_meanwhile(self) -> None:
        """A route that was passed by is tried again if the state came to be its own meanwhile."""
        registry = Registry()

        def another_request_comes_first(_: object) -> bool:
            registry.state["s"] = 1
            return True

        registry.add(route(URL_A, name="late", when=("s", 1)))
        early = Match(predicate=another_request_comes_first)
        registry.add(route(URL_A, name="early", when=("s", None), match=early))
        assert taken(registry, 1) == ["late"]

    def test_is_looked_at_and_changed_in_one(self) -> None:
        """While one thread looks at the state to use a route, no other does."""
        both = threading.Barrier(2)

        class Slow:
            """A value that gives another thread the time to compare it too."""

            def __hash__(self) -> int:
                return 0

            def __eq__(self, other: object) -> bool:
                with suppress(threading.BrokenBarrierError):
                    both.wait(0.03)
                return True

        registry = registry_of(one := route(URL_A, when=("s", Slow())))
        with ThreadPoolExecutor(2) as pool:
            used = [run.result() for run in [pool.submit(registry.use, one) for _ in range(2)]]
        assert sorted(used) == [False, True]


class TestState:
    """The mapping of a mock's state."""

    def test_never_set_is_none(self) -> None:
        """A name that was never set is None, and is not in the mapping."""
        state = Registry().state
        assert state["x"] is None
        assert "x" not in state
        assert state.get("x", 7) == 7
        assert dict(state) == {}

    def test_is_a_mapping(self) -> None:
        """It can be changed as any mapping."""
        state = Registry().state
        state["x"] = 1
        state.update(y=2)
        assert state.setdefault("x", 3) == 1
        assert state.setdefault("z", 3) == 3
        assert state.pop("y") == 2
        assert state.pop("y", 4) == 4
        del state["never"]
        assert state == {"x": 1, "z": 3}
        assert repr(state) == "<State {'x': 1, 'z': 3}>"
        state.clear()
        assert len(state) == 0


class TestThreads:
    """Taking from several threads."""

    @pytest.mark.parametrize("url", [URL_A, "/{x}", "https://*/a", re.compile("https")])
    def test_each_answer_is_given_once(self, url: Any) -> None:
        """Eight threads share out the answers of a queue, each to one of them."""
        registry = registry_of(*(route(url, name=str(n), repeat=4) for n in range(100)))
        found = [name for some in at_once(lambda: taken(registry, 50)) for name in some]
        assert sorted(map(int, filter(None, found))) == sorted(list(range(100)) * 4)
        assert taken(registry, 1) == [None]

    def test_registering_while_others_take(self) -> None:
        """Routes may be registered while other threads are answered."""
        registry = registry_of(route(URL_A, name="end", repeat=True, priority=-1))

        def work() -> list[str | None]:
            for n in range(50):
                registry.add(route(URL_A, name=f"{threading.get_ident()}-{n}"))
                registry.add(route(f"https://h/{{x{n}}}"))
            return taken(registry, 50)

        found = [name for some in at_once(work) for name in some]
        assert "end" not in found
        assert len(set(found)) == 50 * THREADS


class TestAsync:
    """Conditions that are to be awaited."""

    pytestmark = pytest.mark.anyio

    @staticmethod
    async def is_seven(request: Any) -> bool:
        """Tell whether the body is a seven."""
        return bool(await request.read() == b"7")

    async def test_take_async(self) -> None:
        """A coroutine function as predicate is awaited."""
        registry = registry_of(
            route(URL_A, name="seven", match=Match(predicate=self.is_seven), repeat=True),
            route(URL_A, name="rest", repeat=True),
        )
        for body, name in ((b"7", "seven"), (b"8", "rest")):
            found = await registry.take_async(asked(URL_A), recorded(url=URL_A, body=body))
            assert found is not None
            assert found.name == name

    async def test_take_async_consumes(self) -> None:
        """What is taken by awaiting is used, as by ``take``."""
        registry = registry_of(route(URL_A))
        request = recorded(url=URL_A)
        assert await registry.take_async(asked(URL_A), request) is not None
        assert await registry.take_async(asked(URL_A), request) is None

    def test_take_refuses(self) -> None:
        """``take`` cannot await, and says what can."""
        registry = registry_of(route(URL_A, match=Match(predicate=self.is_seven)))
        with pytest.raises(TypeError, match="matches_async"):
            registry.take(asked(URL_A), recorded(url=URL_A))

    def test_has_async(self) -> None:
        """The registry tells whether any route is to be awaited."""
        registry = registry_of(route(URL_A, match=Match(json=1)), route(URL_A))
        before = registry.has_async
        registry.add(route("/b", match=Match(json=1) | ~Match(predicate=self.is_seven)))
        meanwhile = registry.has_async
        registry.clear()
        assert (before, meanwhile, registry.has_async) == (False, True, False)


class TestHousekeeping:
    """The registry as a collection."""

    def test_iterates_in_order(self) -> None:
        """Every route is there, used up or not, in order of registration."""
        registry = registry_of(
            route("/{x}", name="a"), route(URL_A, name="b"), route(re.compile("x"), name="c")
        )
        taken(registry, 2)
        assert [one.name for one in registry] == ["a", "b", "c"]
        assert len(registry) == 3
        assert repr(registry) == "<Registry 3 routes, 2 used up>"

    def test_names(self) -> None:
        """An origin is named by any route at it, used up or not, and by no path or glob."""
        registry = registry_of(
            route("http://localhost:1/a"),
            route("http://localhost:2/{x}"),
            route("/b"),
            route("http://*:3/a"),
        )
        taken(registry, 1, "http://localhost:1/a")
        named = {
            p for p in range(5) if registry.names(Origin(secure=False, host="localhost", port=p))
        }
        assert named == {1, 2}

    def test_clear(self) -> None:
        """Nothing is left of what was registered, nor of the state."""
        registry = registry_of(*(route(url) for _, url, _ in TestPrecedence.ORDER))
        registry.state["x"] = 1
        registry.clear()
        assert len(registry) == 0
        assert not dict(registry.state)
        assert names(registry) == []
        assert not registry.names(Origin(secure=True, host="h", port=443))

    def test_use_after_clear(self) -> None:
        """A route that was found before the registry was cleared may still be used."""
        registry = registry_of(one := route(URL_A))
        registry.clear()
        assert registry.use(one)
        assert not registry.use(one)


@pytest.mark.parametrize("url", [URL_A, "/a"])
def test_exact_lookup_asks_no_target(url: str, monkeypatch: pytest.MonkeyPatch) -> None:
    """Among exact routes, however many, the one for a URL is found without looking at any."""
    registry = registry_of(route(url, name="a"), *(route(f"{url}{n}") for n in range(10_000)))
    for kind in (UrlTarget, UrlPattern):
        monkeypatch.setattr(kind, "matches", pytest.fail)
    assert names(registry) == ["a"]
    assert taken(registry, 2) == ["a", None]
