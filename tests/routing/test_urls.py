from __future__ import annotations

import pytest
from yarl import URL

from aiointercept_connector.routing.urls import Origin, canonical_url, is_loopback, url_key


def same(one: str | URL, other: str | URL) -> bool:
    """Tell whether two URLs have one key."""
    return url_key(URL(one)) == url_key(URL(other))


@pytest.mark.parametrize(
    ("one", "other"),
    [
        ("http://h/a", "HTTP://h/a"),
        ("http://h/a", "http://H/a"),
        ("http://bücher.example/", "http://xn--bcher-kva.example/"),
        ("http://BÜCHER.example/", "http://bücher.example/"),
        ("http://h/a", "http://h./a"),
        ("http://h/a", "http://h:80/a"),
        ("https://h/a", "https://h:443/a"),
        ("http://[::1]/", "http://[0:0:0:0:0:0:0:1]/"),
        ("http://h", "http://h/"),
        ("http://h/é", "http://h/%C3%A9"),
        ("http://h/%c3%a9", "http://h/%C3%A9"),
        ("http://h/~a", "http://h/%7Ea"),
        ("http://h/a b", "http://h/a%20b"),
        ("http://h/a/../b", "http://h/b"),
        ("http://h/?a=1&b=2", "http://h/?b=2&a=1"),
        ("http://h/?a=2&a=1", "http://h/?a=1&a=2"),
        ("http://h/?a=x+y", "http://h/?a=x%20y"),
        ("http://h/?a", "http://h/?a="),
        ("http://h/?", "http://h/"),
        ("http://h/#top", "http://h/"),
        ("http://user:secret@h/", "http://h/"),
        ("ws://h/", "http://h/"),
        ("wss://h/", "https://h/"),
        ("wss://h/", "https://h:443/"),
    ],
)
def test_same(one: str, other: str) -> None:
    """Spellings of one URL have one key."""
    assert same(one, other)


@pytest.mark.parametrize(
    ("one", "other"),
    [
        ("http://h/", "https://h/"),
        ("ws://h/", "wss://h/"),
        ("http://h/", "http://h:8080/"),
        ("http://h/", "http://h:443/"),
        ("http://h/", "http://i/"),
        ("http://h/a", "http://h/A"),
        ("http://h/a", "http://h/a/"),
        ("http://h/a/b", "http://h/a//b"),
        ("http://h/a%2Fb", "http://h/a/b"),
        ("http://h/a%3Fb", "http://h/a?b"),
        ("http://h/%25", "http://h/%2525"),
        ("http://h/?a=1", "http://h/"),
        ("http://h/?a=1", "http://h/?a=1&a=1"),
        ("http://h/?a=1", "http://h/?A=1"),
        ("http://h/?a=x%2By", "http://h/?a=x+y"),
        ("http://h/?a=1%262", "http://h/?a=1&2"),
    ],
)
def test_different(one: str, other: str) -> None:
    """URLs that a server tells apart have different keys."""
    assert not same(one, other)


@pytest.mark.parametrize(
    ("raw", "plain"),
    [
        ("http://h/%7ea", "http://h/~a"),
        ("http://h/é", "http://h/%C3%A9"),
        ("http://h/a/./b", "http://h/a/b"),
        ("http://h/%2e%2e/b", "http://h/b"),
        ("http://h/a%2fb", "http://h/a%2Fb"),
    ],
)
def test_encoded_urls_are_normalised(raw: str, plain: str) -> None:
    """A URL that was built with ``encoded=True`` is compared by its normal path too."""
    assert same(URL(raw, encoded=True), plain)


def test_key_tells_where_the_connection_goes() -> None:
    """The key names encryption, host and port, with the default port filled in."""
    assert url_key(URL("wss://H.example./")).origin == Origin(
        secure=True, host="h.example", port=443
    )


@pytest.mark.parametrize(
    ("url", "canonical"),
    [
        ("HTTP://user@H.:80/a?b=2&a=1#top", "http://h/a?a=1&b=2"),
        ("wss://h", "https://h/"),
        ("http://h:81/%2f", "http://h:81/%2F"),
        ("http://[::1]:8080/", "http://[::1]:8080/"),
        ("http://h/?q=a%26b+c", "http://h/?q=a%26b+c"),
    ],
)
def test_canonical(url: str, canonical: str) -> None:
    """The canonical URL is sorted, in lower case where that is the same, and without extras."""
    assert str(canonical_url(URL(url))) == canonical


@pytest.mark.parametrize(
    ("host", "local"),
    [("localhost", True), ("127.0.0.1", True), ("::1", True), ("h", False), ("", False)],
)
def test_loopback(host: str, local: bool) -> None:
    """The names of this machine are known."""
    assert is_loopback(host) is local
