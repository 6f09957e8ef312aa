from __future__ import annotations

import inspect
import re
from typing import Any

import pytest
from yarl import URL

from aiointercept_connector import aiointercept, install

API = "https://api.example.com"


def arguments(function: Any) -> str:
    """Return the names that a function takes."""
    names = list(inspect.signature(function).parameters)
    return ", ".join(name for name in names if name not in {"self", "unknown"})


ADD = arguments(aiointercept.add)
NEW = arguments(aiointercept.__init__)


class Nonsense:
    """An object with a repr."""

    def __repr__(self) -> str:
        return "nonsense"


@pytest.mark.parametrize(
    ("given", "error", "text"),
    [
        (
            {"jsn": {}},
            TypeError,
            f"add() has no argument 'jsn': did you mean 'json'? It has: {ADD}",
        ),
        (
            {"stauts": 500},
            TypeError,
            f"add() has no argument 'stauts': did you mean 'status'? It has: {ADD}",
        ),
        ({"method": "GE T"}, ValueError, "method must be the name of an HTTP method, not 'GE T'"),
        ({"method": ""}, ValueError, "method must be the name of an HTTP method, not ''"),
        ({"method": "A\n"}, ValueError, "method must be the name of an HTTP method, not 'A\\n'"),
        ({"method": None}, TypeError, "method must be a str, not NoneType: None"),
        ({"status": 99}, ValueError, "status must be from 100 to 599, not 99"),
        ({"status": 600}, ValueError, "status must be from 100 to 599, not 600"),
        ({"status": "200"}, TypeError, "status must be an int from 100 to 599, not str: '200'"),
        ({"status": None}, TypeError, "status must be an int from 100 to 599, not NoneType: None"),
        (
            {"body": {"a": 1}},
            TypeError,
            "body must be str or bytes, not dict: {'a': 1}. For a JSON body use json=.",
        ),
        ({"body": 5}, TypeError, "body must be str or bytes, not int: 5."),
        (
            {"json": Nonsense()},
            TypeError,
            (
                "json (or payload) must be serialisable as JSON: "
                "Object of type Nonsense is not JSON serializable"
            ),
        ),
        (
            {"payload": {1}},
            TypeError,
            (
                "json (or payload) must be serialisable as JSON: "
                "Object of type set is not JSON serializable"
            ),
        ),
        (
            {"status": 204, "body": "four"},
            ValueError,
            "body: HTTP allows no body with status=204, but 4 bytes were given.",
        ),
        (
            {"status": 304, "json": [1]},
            ValueError,
            "json: HTTP allows no body with status=304, but 3 bytes were given.",
        ),
        ({"headers": "X-A: 1"}, TypeError, "headers must be a mapping of names to values, not str"),
        ({"headers": {"X A": "1"}}, ValueError, "headers: 'X A' is not a header name"),
        ({"headers": {"X-A": 1}}, TypeError, "headers['X-A'] must be a str, not int: 1"),
        (
            {"headers": {"X-A": "1\r"}},
            ValueError,
            "headers['X-A'] must not contain CR, LF or NUL: '1\\r'",
        ),
        (
            {"headers": {"X-A": "1\nX-B: 2"}},
            ValueError,
            "headers['X-A'] must not contain CR, LF or NUL: '1\\nX-B: 2'",
        ),
        (
            {"headers": {"X-A": "\0"}},
            ValueError,
            "headers['X-A'] must not contain CR, LF or NUL: '\\x00'",
        ),
        ({"content_type": 5}, TypeError, "content_type must be a str, not int: 5"),
        (
            {"content_type": "a/b\n"},
            ValueError,
            "content_type must not contain CR, LF or NUL: 'a/b\\n'",
        ),
        ({"reason": 5}, TypeError, "reason must be a str, not int: 5"),
        ({"reason": "a\r\n"}, ValueError, "reason must not contain CR, LF or NUL: 'a\\r\\n'"),
        ({"repeat": -1}, ValueError, "repeat must be at least 1 (or True, for ever), not -1"),
        ({"repeat": 1.5}, TypeError, "repeat must be a bool or an int, not float: 1.5"),
        ({"repeat": None}, TypeError, "repeat must be a bool or an int, not NoneType: None"),
        ({"priority": "high"}, TypeError, "priority must be an int, not str: 'high'"),
        ({"name": 5}, TypeError, "name must be a str, not int: 5"),
        ({"read_body": 0}, TypeError, "read_body must be True or False, not int: 0"),
        ({"virtual": 1}, TypeError, "virtual must be True or False, not int: 1"),
        ({"virtual": 0}, TypeError, "virtual must be True or False, not int: 0"),
        (
            {"delay": 10**400},
            ValueError,
            (
                "delay must be a number of seconds, at least 0, or a distribution, "
                f"not {10**400!r:.60}"
            ),
        ),
        (
            {"params": 0},
            TypeError,
            "params must be a mapping, a list of (name, value) pairs, a str, or ANY, not int: 0",
        ),
        (
            {"body": "\ud800"},
            ValueError,
            "body cannot be sent as UTF-8: '\\ud800' is half a character",
        ),
        (
            {"headers": {"X-A": "\ud800"}},
            ValueError,
            "headers['X-A'] cannot be sent as UTF-8: '\\ud800' is half a character",
        ),
        ({"callback": 5}, TypeError, "callback must be callable, not int: 5"),
        (
            {"callback": 5, "exception": True},
            TypeError,
            "callback must be callable, not int: 5",
        ),
        (
            {"exception": "Timeout"},
            TypeError,
            "exception must be an exception, an exception class, or True, not 'Timeout'",
        ),
        (
            {"exception": int},
            TypeError,
            "exception must be an exception, an exception class, or True, not <class 'int'>",
        ),
    ],
)
@pytest.mark.parametrize("active", [True, False])
def test_registration(
    given: dict[str, Any], error: type[Exception], text: str, active: bool
) -> None:
    """A bad registration is refused with the argument's name, and leaves nothing registered."""
    mock = aiointercept()
    if active:
        mock.start()
    mock.get(f"{API}/kept")
    with pytest.raises(error) as raised:
        mock.add(f"{API}/x", **given)
    assert str(raised.value) == text
    assert [str(route.target) for route in mock.interceptor.registry] == [f"{API}/kept"]
    mock.stop()


@pytest.mark.parametrize("params", [{"a": None}, [1], {"a": {"b": 1}}])
def test_params_of_wrong_values(params: Any) -> None:
    """Of what no query can be made, the message tells what was given, and why not."""
    mock = aiointercept()
    with pytest.raises((TypeError, ValueError)) as raised:
        mock.get("/x", params=params)
    assert str(raised.value).startswith(
        f"params must be a mapping, a list of (name, value) pairs, a str, or ANY, "
        f"not {type(params).__name__}: {params!r}. ("
    )
    assert len(mock.interceptor.registry) == 0


@pytest.mark.parametrize("verb", ["get", "post", "put", "patch", "delete", "head", "options"])
def test_unknown_keyword_of_a_verb(verb: str) -> None:
    """The verbs refuse an unknown keyword as `add` does."""
    with pytest.raises(TypeError, match=r"has no argument 'boby': did you mean 'body'"):
        getattr(aiointercept(), verb)("/x", boby="x")


@pytest.mark.parametrize("url", ["users", "api.example.com/users", "", URL("users"), "https:///x"])
def test_url_without_host(url: str | URL) -> None:
    """A URL without a host that is no path is refused, and nothing is registered."""
    mock = aiointercept()
    with pytest.raises(ValueError, match=r"."):
        mock.get(url)
    assert len(mock.interceptor.registry) == 0


@pytest.mark.parametrize("url", [5, None, b"https://a.com", ("https://a.com",)])
def test_url_of_wrong_type(url: Any) -> None:
    """A URL of another type is refused, and nothing is registered."""
    mock = aiointercept()
    with pytest.raises(TypeError) as raised:
        mock.get(url)
    assert str(raised.value) == (
        f"url must be a str, yarl.URL or re.Pattern, not {type(url).__name__}: {url!r}"
    )
    assert len(mock.interceptor.registry) == 0


@pytest.mark.parametrize("url", [f"{API}/x", "/x", re.compile("https://api")])
def test_finite_behind_endless(url: Any) -> None:
    """A finite route behind an endless one is refused; the message names both and the ways out."""
    mock = aiointercept()
    endless = mock.get(url, repeat=True)
    with pytest.raises(ValueError, match="could never answer") as raised:
        mock.get(url, name="second")
    text = str(raised.value)
    assert "'second'" in text
    assert str(endless.registered_at) in text
    assert "priority=" in text
    assert "repeat=True" in text
    assert list(mock.interceptor.registry) == [endless]


@pytest.mark.parametrize(
    ("given", "error", "text"),
    [
        (
            {"pass_through": []},
            TypeError,
            (
                "aiointercept() has no argument 'pass_through': did you mean 'passthrough'? "
                f"It has: {NEW}"
            ),
        ),
        (
            {"passthrough_unmatched": True},
            ValueError,
            "passthrough_unmatched=True requires mock_external_urls=True",
        ),
        (
            {"passthrough": "a.com"},
            TypeError,
            "passthrough must be a sequence of hosts: ['a.com']",
        ),
        (
            {"passthrough": URL("http://a.com")},
            TypeError,
            "passthrough must be a sequence of hosts: ['http://a.com']",
        ),
        (
            {"passthrough": [5]},
            TypeError,
            (
                "passthrough takes hosts, globs of hosts, URLs, networks, compiled expressions "
                "and functions of the URL; it has 5"
            ),
        ),
        ({"param": 5}, TypeError, "param must be the name of a parameter, not 5"),
        ({"wire": "udp"}, ValueError, "wire must be 'memory' or 'tcp', not 'udp'"),
        ({"wire": None}, ValueError, "wire must be 'memory' or 'tcp', not None"),
        ({"tls": "off"}, ValueError, "tls must be 'assume' or 'verify', not 'off'"),
        ({"scope": "thread"}, ValueError, "scope must be 'process' or 'task', not 'thread'"),
    ],
)
def test_construction(given: dict[str, Any], error: type[Exception], text: str) -> None:
    """A bad argument of the class is refused with its name and what is allowed."""
    with pytest.raises(error) as raised:
        aiointercept(**given)
    assert str(raised.value) == text


def test_install_of_bad_options() -> None:
    """What the class refuses `install()` refuses, and installs nothing."""
    with pytest.raises(ValueError, match="wire must be"):
        install(wire="udp")
