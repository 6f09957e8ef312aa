from __future__ import annotations

from typing import Any
from unittest.mock import ANY

import pytest
from aiohttp import FormData, web
from multidict import CIMultiDict
from yarl import URL

from aiointercept_connector.journal import verify
from aiointercept_connector.journal.journal import Journal
from aiointercept_connector.journal.request import AiointerceptRequest
from aiointercept_connector.unset import UNSET
from tests.journal.support import API, asked, asked_for_real

pytestmark = pytest.mark.anyio

URL_X = f"{API}/x"
FORM = "application/x-www-form-urlencoded"


def journal_of(*requests: AiointerceptRequest) -> Journal:
    """Return a journal of these requests."""
    journal = Journal()
    for request in requests:
        journal.record(request)
    return journal


def posted(body: bytes = b"", content_type: str | None = None, **headers: str) -> Journal:
    """Return a journal of one POST."""
    return journal_of(asked("POST", URL_X, body, content_type, headers))


def called_with(journal: Journal, **expected: Any) -> None:
    """Assert what the last POST carried."""
    given: dict[str, Any] = {
        "data": None,
        "json": UNSET,
        "headers": None,
        "strict_headers": False,
        **expected,
    }
    verify.assert_called_with(journal, URL_X, "POST", None, **given)


def message(journal: Journal, **expected: Any) -> str:
    """Return why the last POST did not carry this."""
    with pytest.raises(AssertionError) as raised:
        called_with(journal, **expected)
    return str(raised.value)


def test_assert_called() -> None:
    """`assert_called` holds from the first request on."""
    with pytest.raises(AssertionError) as raised:
        verify.assert_called(journal_of())
    assert str(raised.value) == "Expected at least one call, got none."
    verify.assert_called(journal_of(asked()))


def test_assert_not_called() -> None:
    """`assert_not_called` holds until the first request, and lists what came."""
    verify.assert_not_called(journal_of())
    with pytest.raises(AssertionError) as raised:
        verify.assert_not_called(journal_of(asked(url=f"{URL_X}?a=1"), asked("POST")))
    assert str(raised.value) == (
        f"Expected no calls, got 2\n  1. GET {URL_X}?a=1\n  2. POST {URL_X}"
    )


def test_assert_called_once() -> None:
    """`assert_called_once` holds for one request over all URLs, and lists what came."""
    verify.assert_called_once(journal_of(asked()))
    with pytest.raises(AssertionError) as raised:
        verify.assert_called_once(journal_of())
    assert str(raised.value) == "Expected exactly 1 call, got 0."
    with pytest.raises(AssertionError) as raised:
        verify.assert_called_once(journal_of(asked(), asked(url=f"{API}/y")))
    assert str(raised.value) == (
        f"Expected exactly 1 call, got 2.\n  1. GET {URL_X}\n  2. GET {API}/y"
    )


def test_long_list_is_cut() -> None:
    """Of many requests the first ten are listed, and the rest counted."""
    with pytest.raises(AssertionError) as raised:
        verify.assert_not_called(journal_of(*(asked() for _ in range(12))))
    lines = str(raised.value).splitlines()
    assert lines[-2:] == [f"  10. GET {URL_X}", "  … and 2 more"]


class TestAnyCall:
    """`assert_any_call`."""

    @pytest.mark.parametrize(
        ("url", "params"),
        [
            (f"{URL_X}?a=1&b=2", None),
            (URL(f"{URL_X}?b=2&a=1"), None),
            (f"{URL_X}?a=1", {"b": 2}),
            (URL_X, [("b", "2"), ("a", "1")]),
            (URL_X, "b=2&a=1"),
            (f"{API}:443/x?b=2#top", {"a": "1"}),
        ],
    )
    def test_any_spelling(self, url: str | URL, params: Any) -> None:
        """Any spelling of URL, parameters and method finds the request."""
        request = asked("POST", f"{URL_X}?b=2&a=1")
        found = verify.assert_any_call(journal_of(asked(), request), url, "post", params)
        assert found == [request]

    def test_no_requests(self) -> None:
        """Where nothing came at all, the message says that."""
        with pytest.raises(AssertionError) as raised:
            verify.assert_any_call(journal_of(), URL_X, "get", {"a": 1})
        assert str(raised.value) == f"No calls to GET {URL_X}?a=1\nNo requests were recorded."

    def test_nearest(self) -> None:
        """Where others came, the message names the three nearest, each once."""
        journal = journal_of(
            asked(), asked(), asked("POST"), asked(url=f"{API}/xy"), asked(url="http://other/")
        )
        with pytest.raises(AssertionError) as raised:
            verify.assert_any_call(journal, f"{API}/y", "GET", None)
        first, second, *nearest = str(raised.value).splitlines()
        assert (first, second) == (f"No calls to GET {API}/y", "Did you mean one of:")
        assert sorted(nearest) == [f"  - GET {URL_X}", f"  - GET {API}/xy", f"  - POST {URL_X}"]

    def test_not_the_method(self) -> None:
        """Another method is another call."""
        with pytest.raises(AssertionError, match="No calls to PUT"):
            verify.assert_any_call(journal_of(asked()), URL_X, "PUT", None)

    @pytest.mark.parametrize("url", [5, None])
    def test_no_url(self, url: Any) -> None:
        """What is no URL is refused."""
        with pytest.raises(TypeError):
            verify.assert_any_call(journal_of(), url, "GET", None)


class TestJson:
    """`assert_called_with(json=)`."""

    @pytest.mark.parametrize(
        ("body", "expected"),
        [
            (b'{"b": 2, "a": [1, {"c": null}]}', {"a": [1, {"c": None}], "b": 2}),
            (b"null", None),
            (b"1.0", 1),
            (b'{"a": {"b": [1, "x"]}}', {"a": {"b": [ANY, "x"]}}),
            (b'{"a": {"b": [1, "x"]}}', {"a": ANY}),
            (b'{"a": null}', {"a": ANY}),
            (b'{"a": 1}', ANY),
            (b"not json", ANY),
            (b"[1, 2]", (1, 2)),
        ],
    )
    def test_same(self, body: bytes, expected: Any) -> None:
        """JSON is compared as JSON; ANY stands for any value, anywhere in it."""
        called_with(posted(body), json=expected)

    @pytest.mark.parametrize(
        ("body", "expected", "text"),
        [
            (
                b'{"name": "old", "tags": [1, 2], "more": true}',
                {"name": "new", "tags": [1, 3], "id": ANY},
                (
                    "JSON body mismatch: expected {'name': 'new', 'tags': [1, 3], 'id': <ANY>}, "
                    "got {'name': 'old', 'tags': [1, 2], 'more': True}\n"
                    "  $.name: expected 'new', got 'old'\n"
                    "  $.tags[1]: expected 3, got 2\n"
                    "  $.id: expected <ANY>, got nothing\n"
                    "  $.more: expected nothing, got True"
                ),
            ),
            (b"1", True, "JSON body mismatch: expected True, got 1\n  $: expected True, got 1"),
            (b"true", 1, "JSON body mismatch: expected 1, got True\n  $: expected 1, got True"),
            (b"0", None, "JSON body mismatch: expected None, got 0\n  $: expected None, got 0"),
            (b"", None, "JSON body mismatch: expected None, got no body"),
            (b"", {"a": 1}, "JSON body mismatch: expected {'a': 1}, got no body"),
            (b"a=1", {"a": 1}, "JSON body mismatch: expected {'a': 1}, got non-JSON body b'a=1'"),
        ],
    )
    def test_different(self, body: bytes, expected: Any, text: str) -> None:
        """The message has what was expected, what came, and each place where they differ."""
        assert message(posted(body), json=expected) == text

    def test_many_differences(self) -> None:
        """Of many differences the first ten are shown."""
        text = message(posted(str(list(range(100))).encode()), json=[-1] * 100)
        lines = text.splitlines()
        assert len(lines) == 12
        assert lines[1] == "  $[0]: expected -1, got 0"
        assert lines[-1] == "  … and more"

    def test_large_body(self) -> None:
        """The message stays readable, and shows the place, however large the body is."""
        text = message(posted(b'"%s!"' % (b"x" * 1_000_000)), json="x" * 1_000_000 + "?")
        assert len(text) < 1000
        assert "xxx?', got 'x" in text
        assert text.endswith("xxx!'")


class TestData:
    """`assert_called_with(data=)`."""

    @pytest.mark.parametrize("expected", ["zoë", "zoë".encode(), bytearray("zoë".encode()), ANY])
    def test_body(self, expected: Any) -> None:
        """Text and bytes are the body as it was sent."""
        called_with(posted("zoë".encode()), data=expected)

    def test_empty_body(self) -> None:
        """An empty expectation is no expectation that there was any body."""
        called_with(posted(), data=b"")
        called_with(posted(), data="")

    def test_another_body(self) -> None:
        """The message has what was expected and what came."""
        text = message(posted(b"got"), data="wanted")
        assert text == "Body mismatch: expected b'wanted', got b'got'"

    def test_long_body(self) -> None:
        """Of long bodies the message shows the place where they differ."""
        same = bytes(range(65, 91)) * 100
        text = message(posted(same + b"2 and so on"), data=same + b"1")
        assert text.splitlines()[1] == (
            "  from byte 2580 on: expected b'GHIJKLMNOPQRSTUVWXYZ1', "
            "got b'GHIJKLMNOPQRSTUVWXYZ2 and so on'"
        )

    @pytest.mark.parametrize(
        "expected",
        [
            {"a": ["1", "2"], "b": "", "c": "x y"},
            {"c": "x y", "b": "", "a": (1, 2)},
            [("a", "1"), ("b", ""), ("a", "2"), ("c", "x y")],
            {"a": ANY, "b": ANY, "c": ANY},
            {"a": ["1", ANY], "b": "", "c": "x y"},
            CIMultiDict([("a", "1"), ("a", "2"), ("b", ""), ("c", "x y")]),
        ],
    )
    def test_form(self, expected: Any) -> None:
        """Form fields are compared by name, as text; a list stands for a repeated one."""
        called_with(posted(b"a=1&a=2&b=&c=x+y", FORM), data=expected)

    @pytest.mark.parametrize(
        ("expected", "text"),
        [
            (
                {"a": "2", "b": ""},
                (
                    "Form-encoded body mismatch: expected {'a': ['2'], 'b': ['']}, "
                    "got {'a': ['1'], 'b': ['']}\n"
                    "  $.a[0]: expected '2', got '1'"
                ),
            ),
            (
                {"a": "1"},
                (
                    "Form-encoded body mismatch: expected {'a': ['1']}, "
                    "got {'a': ['1'], 'b': ['']}\n"
                    "  $.b: expected nothing, got ['']"
                ),
            ),
            (
                {"a": "1", "b": "", "c": ANY},
                (
                    "Form-encoded body mismatch: expected {'a': ['1'], 'b': [''], 'c': <ANY>}, "
                    "got {'a': ['1'], 'b': ['']}\n"
                    "  $.c: expected <ANY>, got nothing"
                ),
            ),
        ],
    )
    def test_another_form(self, expected: Any, text: str) -> None:
        """Blank fields count; the message has each field that differs."""
        assert message(posted(b"a=1&b=", FORM), data=expected) == text

    async def test_multipart(self) -> None:
        """The fields of a multipart form are compared as those of any form; files are left out."""
        form = FormData()
        form.add_field("name", "zoë")
        form.add_field("blank", "")
        form.add_field("file", b"\xff", filename="f")
        _, request = await asked_for_real(web.Request.read, data=form)
        request = asked(
            "POST", URL_X, request.captured_body or b"", request.headers["Content-Type"]
        )
        journal = journal_of(request)
        called_with(journal, data={"blank": "", "name": "zoë"})
        assert message(journal, data={"name": "zoë"}) == (
            "Multipart body mismatch: expected {'name': ['zoë']}, "
            "got {'name': ['zoë'], 'blank': ['']}\n"
            "  $.blank: expected nothing, got ['']"
        )

    @pytest.mark.parametrize("content_type", ["application/json", None])
    def test_no_form(self, content_type: str | None) -> None:
        """Form fields do not fit a body of another type; the message says what would."""
        assert message(posted(b"{}", content_type), data={"a": "1"}) == (
            "data=dict assertion requires Content-Type: application/x-www-form-urlencoded, "
            f"got {content_type or ''!r}. Use json= for JSON bodies."
        )

    @pytest.mark.parametrize("data", [5, object, {1, 2}])
    def test_of_wrong_type(self, data: Any) -> None:
        """What can be no body is refused, whatever was asked."""
        with pytest.raises(TypeError, match=r"^data must be str, bytes, or form fields, not "):
            called_with(posted(b"x"), data=data)

    def test_beside_json(self) -> None:
        """With both `json` and `data`, both are compared."""
        called_with(posted(b"[1]"), json=[1], data=b"[1]")
        assert message(posted(b"[1]"), json=[1], data=b"[ 1 ]").startswith("Body mismatch")


class TestHeaders:
    """`assert_called_with(headers=)`."""

    def test_among_others(self) -> None:
        """Headers are found in any case, among others."""
        journal = posted(b"", None, **{"X-One": "1", "X-Two": "2"})
        called_with(journal, headers={"x-one": "1"})
        called_with(journal, headers={"X-ONE": ANY, "X-Two": "2"})
        called_with(journal, headers={})
        called_with(journal, headers=ANY)

    @pytest.mark.parametrize(
        ("headers", "text"),
        [
            ({"x-one": "2"}, "Header 'x-one': expected '2', got '1'"),
            ({"X-None": "2"}, "Header 'X-None': expected '2', got None"),
            ({"X-None": ANY}, "Header 'X-None': expected <ANY>, got None"),
            (
                {"X-None": "2", "X-One": "2"},
                "Header 'X-None': expected '2', got None\nHeader 'X-One': expected '2', got '1'",
            ),
        ],
    )
    def test_different(self, headers: Any, text: str) -> None:
        """The message has each header that differs."""
        assert message(posted(b"", None, **{"X-One": "1"}), headers=headers) == text

    def test_repeated(self) -> None:
        """Of a repeated header any value will do, and all are shown."""
        request = asked("POST")
        repeated = CIMultiDict([("X-Many", "1"), ("X-Many", "2")])
        journal = journal_of(request.__class__.upgrade(request, None, {}, URL(URL_X)))
        request._headers = repeated  # type: ignore[assignment] # as a proxy reads
        called_with(journal, headers={"X-Many": "2"})
        assert message(journal, headers={"X-Many": "3"}) == (
            "Header 'X-Many': expected '3', got ['1', '2']"
        )
        called_with(journal, headers=repeated, strict_headers=True)

    def test_strict(self) -> None:
        """With `strict_headers` no other header may have been sent."""
        journal = posted(b"", None, **{"X-One": "1"})
        called_with(journal, headers={"host": ANY, "x-one": "1"}, strict_headers=True)
        assert message(journal, headers={"X-One": "2"}, strict_headers=True) == (
            "Headers mismatch: expected {'X-One': '2'}, "
            "got {'Host': 'api.example.com', 'X-One': '1'}\n"
            "  $.X-One: expected '2', got '1'\n"
            "  $.Host: expected nothing, got 'api.example.com'"
        )

    def test_strict_without_headers(self) -> None:
        """With `strict_headers` alone, none may have been sent."""
        assert message(posted(), strict_headers=True).startswith("Headers mismatch: expected {}, ")

    def test_beside_the_body(self) -> None:
        """What differs in body and headers is all in one message."""
        assert message(posted(b"1"), json=2, headers={"X-A": "1"}) == (
            "JSON body mismatch: expected 2, got 1\n"
            "  $: expected 2, got 1\n"
            "Header 'X-A': expected '1', got None"
        )


class TestLastCall:
    """`assert_called_with` looks at the last call to the URL, and knows of the others."""

    def test_counts(self) -> None:
        """The last request for the URL is the one that counts."""
        journal = journal_of(
            asked("POST", body=b"1"), asked("POST", body=b"2"), asked("POST", f"{API}/y", b"3")
        )
        called_with(journal, json=2)

    def test_others(self) -> None:
        """Where it is not the right one, the message has all calls to the URL."""
        journal = journal_of(*(asked("POST", body=body) for body in (b"1", b"x", b"3")))
        assert message(journal, json=1) == (
            "JSON body mismatch: expected 1, got 3\n"
            "  $: expected 1, got 3\n"
            "It is the last of 3 calls to this URL that counts:\n"
            "  1. is as expected\n"
            "  2. JSON body mismatch: expected 1, got non-JSON body b'x'\n"
            "  3. JSON body mismatch: expected 1, got 3"
        )

    def test_many_others(self) -> None:
        """Of many calls to the URL the last ten are shown."""
        journal = journal_of(*(asked("POST", body=str(n).encode()) for n in range(1, 15)))
        lines = message(journal, json=1).splitlines()
        assert lines[3:5] == [
            "  … 4 before these",
            "  5. JSON body mismatch: expected 1, got 5",
        ]
        assert lines[-1] == "  14. JSON body mismatch: expected 1, got 14"

    def test_no_call(self) -> None:
        """Where the URL was never asked, the message is that of `assert_any_call`."""
        assert message(journal_of(asked()), json=1).startswith(f"No calls to POST {URL_X}\n")
