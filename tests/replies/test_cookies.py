from __future__ import annotations

from http.cookies import SimpleCookie
from typing import Any

import pytest
from aiohttp import web

from aiointercept_connector.replies.cookies import with_cookies


def lines(cookies: Any) -> list[str]:
    """Return the `Set-Cookie` headers of cookies."""
    return with_cookies(None, cookies).getall("Set-Cookie", [])


@pytest.mark.parametrize(
    "attributes",
    [
        {},
        {"path": "/a"},
        {"domain": "example.com", "secure": True, "httponly": True, "samesite": "Lax"},
        {"max_age": 60, "expires": "Thu, 01 Jan 2026 00:00:00 GMT"},
        {"secure": False},
    ],
)
@pytest.mark.parametrize("value", ["1", "", "a b", 'q"q', "zoë;"])
def test_as_aiohttp_does(value: str, attributes: Any) -> None:
    """A cookie is what `set_cookie` of `aiohttp.web` makes of the same arguments."""
    response = web.Response()
    response.set_cookie("a", value, **attributes)
    (wanted,) = [cookie.OutputString() for cookie in response.cookies.values()]
    assert lines({"a": {"value": value, **attributes}}) == [wanted]


def test_text() -> None:
    """Text is a cookie for the whole host."""
    assert lines({"a": "1", "b": "2"}) == ["a=1; Path=/", "b=2; Path=/"]


def test_morsels() -> None:
    """A morsel is sent as it is; a `SimpleCookie` is a mapping of them."""
    cookies: SimpleCookie = SimpleCookie("a=1")
    cookies["a"]["max-age"] = 5
    assert lines(cookies) == ["a=1; Max-Age=5"]


def test_header_s_spelling() -> None:
    """Attributes may be spelled as in the header."""
    assert lines({"a": {"value": "1", "Max-Age": 5, "HttpOnly": True}}) == [
        "a=1; HttpOnly; Max-Age=5; Path=/"
    ]


def test_none() -> None:
    """No cookies are none."""
    assert lines(None) == []
    assert lines({}) == []


@pytest.mark.parametrize(
    ("cookies", "error", "text"),
    [
        ("a=1", TypeError, "cookies must be a mapping of names to values, not str"),
        (
            {"a": 1},
            TypeError,
            (
                "cookies['a'] must be a str, a dict with a str as its 'value', or a Morsel, "
                "not int: 1"
            ),
        ),
        (
            {"a": {"max_age": 1}},
            TypeError,
            (
                "cookies['a'] must be a str, a dict with a str as its 'value', or a Morsel, "
                "not dict: {'max_age': 1}"
            ),
        ),
        ({"a b": "1"}, ValueError, "cookies['a b']: Illegal key 'a b'"),
        ({"a": {"value": "1", "age": 1}}, ValueError, "cookies['a']: Invalid attribute 'age'"),
    ],
)
def test_bad_cookies(cookies: Any, error: type[Exception], text: str) -> None:
    """What is no cookie is refused, by its name."""
    with pytest.raises(error) as raised:
        lines(cookies)
    assert str(raised.value) == text


def test_no_second_header() -> None:
    """An attribute cannot end the header."""
    with pytest.raises(ValueError, match=r"^cookies\['a'\]"):
        lines({"a": {"value": "1", "path": "/\r\nX-A: 1"}})
