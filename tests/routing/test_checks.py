from __future__ import annotations

import json
import re
from typing import Any
from unittest.mock import ANY

import pytest
from multidict import MultiDict
from yarl import URL

from aiointercept_connector.journal.request import AiointerceptRequest
from aiointercept_connector.routing.matchers import Match
from aiointercept_connector.routing.values import ABSENT
from tests.support import recorded, recorded_parts


def problems(match: Match, request: AiointerceptRequest) -> list[str]:
    """Return what an explanation says against *request*; it agrees with ``matches``."""
    explanation = match.explain(request)
    assert explanation.matches is match.matches(request)
    return [line for finding in explanation.findings for line in finding.details]


def fits(match: Match, request: AiointerceptRequest) -> bool:
    """Tell whether *request* matches, asked and explained."""
    found = problems(match, request)
    assert bool(found) is not match.matches(request)
    return not found


class TestMethod:
    """``method=``."""

    @pytest.mark.parametrize("method", ["GET", "get", ["POST", "get"], ("GET",), {"GET"}])
    def test_one_of_several(self, method: Any) -> None:
        """The method is the one given, or one of them, in any case."""
        assert fits(Match(method=method), recorded())
        assert not fits(Match(method=method), recorded("PUT"))

    def test_explained(self) -> None:
        """The methods are named."""
        match = Match(method=["POST", "PUT"])
        assert problems(match, recorded()) == ["expected POST or PUT, got GET"]


class TestQuery:
    """``query=``."""

    @pytest.mark.parametrize(
        ("query", "expected"),
        [
            ("a=1", True),
            ("a=1&b=2", True),
            ("b=2&a=1", True),
            ("a=0&a=1", True),
            ("a=2", False),
            ("A=1", False),
            ("", False),
        ],
    )
    def test_is_a_subset(self, query: str, expected: bool) -> None:
        """A parameter has the value once or more, among others."""
        assert fits(Match(query={"a": 1}), recorded(url=f"http://h/?{query}")) is expected

    @pytest.mark.parametrize(
        ("wanted", "query", "expected"),
        [
            (["1", "1"], "a=1&a=1", True),
            (["1", "1"], "a=1", False),
            (["1", "2"], "a=2&a=1", True),
            (["1", "2"], "a=1&a=1", False),
            (["1"], "a=1&a=2", True),
            ([], "", True),
            ([ANY, "1"], "a=1&a=2", True),
            ([ANY, "1"], "a=1", False),
            ([re.compile("1"), "12"], "a=12&a=1", True),
            (("1", "2"), "a=1&a=2", True),
        ],
    )
    def test_repeated_names(self, wanted: Any, query: str, expected: bool) -> None:
        """Of several values each needs one of its own, in any order."""
        request = recorded(url=f"http://h/?{query}")
        assert fits(Match(query={"a": wanted}), request) is expected

    def test_multidict(self) -> None:
        """A multidict repeats a name as a list does."""
        match = Match(query=MultiDict([("a", "1"), ("a", "2"), ("a", "3")]))
        assert match == Match(query={"a": ["1", "2", "3"]})
        assert not fits(match, recorded(url="http://h/?a=1&a=2"))

    def test_blank(self) -> None:
        """A blank value is a value."""
        assert fits(Match(query={"a": ""}), recorded(url="http://h/?a"))
        assert not fits(Match(query={"a": ""}), recorded(url="http://h/?b"))

    @pytest.mark.parametrize("text", ["é", "a b", "a/b", "1&2", "+"])
    def test_decoded(self, text: str) -> None:
        """Values are compared decoded."""
        assert fits(Match(query={"a": text}), recorded(url=URL("http://h/").with_query(a=text)))

    def test_explained(self) -> None:
        """Each parameter that differs is named."""
        match = Match(query={"a": "1", "b": ABSENT, "c": ANY, "d": re.compile("x"), "e": [1, ANY]})
        assert problems(match, recorded(url="http://h/?a=2&b=3&d=4&e=5")) == [
            "a: expected '1', got '2'",
            "b: expected nothing, got '3'",
            "c: expected any value, got nothing",
            "d: expected a match of 'x', got '4'",
            "e: expected '1', any value, got '5'",
        ]


class TestHeaders:
    """``headers=``."""

    @pytest.mark.parametrize(
        ("wanted", "came", "expected"),
        [
            ({"x-a": "1"}, {"X-A": "1", "X-B": "2"}, True),
            ({"X-A": 1}, {"X-A": "1"}, True),
            ({"X-A": "1"}, {"X-A": "2"}, False),
            ({"X-A": "1"}, {}, False),
            ({"X-A": ANY}, {"X-A": ""}, True),
            ({"X-A": ANY}, {}, False),
            ({"X-A": ABSENT}, {}, True),
            ({"X-A": ABSENT}, {"x-a": "1"}, False),
            ({"X-A": re.compile(r"^v\d$")}, {"X-A": "v1"}, True),
            ({"X-A": re.compile("2")}, {"X-A": "123"}, True),
            ({"X-A": re.compile("4")}, {"X-A": "123"}, False),
            ({"X-A": "2"}, [("X-A", "1"), ("X-A", "2")], True),
            ({"X-A": ["1", "2"]}, [("X-A", "2"), ("X-A", "1")], True),
            ({"X-A": ["1", "1"]}, [("X-A", "2"), ("X-A", "1")], False),
            ({"X-A": [ABSENT]}, {}, False),
        ],
    )
    def test_are_a_subset(self, wanted: Any, came: Any, expected: bool) -> None:
        """Names are compared in any case, values as text, expression, ``ANY`` or ``ABSENT``."""
        assert fits(Match(headers=wanted), recorded(headers=came)) is expected

    def test_explained(self) -> None:
        """Each header that differs is named as it was given."""
        match = Match(headers={"x-a": "1", "X-B": ABSENT})
        assert problems(match, recorded(headers={"X-A": "2", "X-B": "3"})) == [
            "x-a: expected '1', got '2'",
            "X-B: expected nothing, got '3'",
        ]


class TestCookies:
    """``cookies=``."""

    @pytest.mark.parametrize(
        ("wanted", "header", "expected"),
        [
            ({"a": "1"}, "a=1; b=2", True),
            ({"a": "2"}, "a=1; b=2", False),
            ({"a": ANY}, "a=1", True),
            ({"c": ANY}, "a=1", False),
            ({"c": ABSENT}, "a=1", True),
            ({"a": ABSENT}, "a=1", False),
            ({"a": re.compile("^s-")}, "a=s-7", True),
            ({"a": 1}, "a=1", True),
        ],
    )
    def test_are_a_subset(self, wanted: Any, header: str, expected: bool) -> None:
        """The cookies are sent, among others."""
        assert fits(Match(cookies=wanted), recorded(headers={"Cookie": header})) is expected

    def test_malformed(self) -> None:
        """A header that cannot be read as cookies has none; it is no error."""
        request = recorded(headers={"Cookie": "a@b=1"})
        assert not fits(Match(cookies={"a": "1"}), request)

    def test_explained(self) -> None:
        """The cookie is named."""
        assert problems(Match(cookies={"a": "1"}), recorded()) == ["a: expected '1', got nothing"]


class TestJson:
    """``json=``."""

    @pytest.mark.parametrize(
        ("wanted", "came", "expected"),
        [
            ({"a": 1, "b": [1, {"c": None}]}, {"b": [1, {"c": None}], "a": 1}, True),
            ({"a": 1}, {"a": 1, "b": 2}, False),
            ({"a": 1, "b": 2}, {"a": 1}, False),
            ([1, 2], [2, 1], False),
            ([1], [1, 1], False),
            ((1, 2), [1, 2], True),
            (True, 1, False),
            (1, True, False),
            ([0], [False], False),
            ({"a": {"b": True}}, {"a": {"b": 1}}, False),
            (1, 1.0, True),
            ("1", 1, False),
            (None, None, True),
            (None, False, False),
            (None, {}, False),
            ({}, [], False),
            ({"a": ANY}, {"a": [1, 2]}, True),
            ({"a": ANY}, {"a": None}, True),
            ({"a": ANY}, {}, False),
            ([ANY, 2], [1, 2], True),
            (ANY, {"a": 1}, True),
            ({"a": pytest.approx(0.3)}, {"a": 0.1 + 0.2}, True),
        ],
    )
    def test_is_exact(self, wanted: Any, came: Any, expected: bool) -> None:
        """Values are compared as JSON: ``true`` is not ``1``, order counts in arrays alone."""
        assert fits(Match(json=wanted), recorded(json=came)) is expected

    @pytest.mark.parametrize(
        "body",
        [b"", b"{", b"\xff\xfe\xff", b"nul", b"[" * 100_000, b"1" * 5000, b"a=1", b'"\xff"'],
        ids=["empty", "open", "no text", "word", "deep", "long number", "form", "no utf-8"],
    )
    def test_what_does_not_parse(self, body: bytes) -> None:
        """A body that is no JSON does not match; it is no error."""
        wanted: tuple[Any, ...] = (None, ANY, {}, 1)
        for value in wanted:
            assert not fits(Match(json=value), recorded(body=body))

    def test_too_deep_to_compare(self) -> None:
        """A value too deep to be compared does not match; it is no error."""
        deep: list[Any] = []
        for _ in range(380):  # a copy still goes, the comparison takes more of the stack
            deep = [deep]
        assert fits(Match(json=deep), recorded(body=json.dumps(deep).encode())) in {True, False}

    def test_too_deep_to_expect(self) -> None:
        """A value too deep to be copied is refused."""
        deep: list[Any] = []
        for _ in range(5000):
            deep = [deep]
        with pytest.raises(ValueError, match=r"^json is nested too deeply to be compared$"):
            Match(json=deep)

    @pytest.mark.parametrize("encoding", ["utf-8", "utf-8-sig", "utf-16", "utf-32"])
    def test_encodings_of_json(self, encoding: str) -> None:
        """The encodings of JSON are told by the body itself."""
        assert fits(Match(json={"a": "é"}), recorded(body='{"a": "é"}'.encode(encoding)))

    def test_content_type_plays_no_part(self) -> None:
        """The body counts, not what it calls itself."""
        request = recorded(headers={"Content-Type": "text/plain"}, body=b"[1]")
        assert fits(Match(json=[1]), request)

    def test_explained(self) -> None:
        """Each place that differs is named."""
        match = Match(json={"user": {"name": "bob", "tags": ["a", "b"]}, "n": True})
        came = {"user": {"name": "eve", "tags": ["a"], "x": 0}, "n": 1}
        assert problems(match, recorded(json=came)) == [
            "$.user.name: expected 'bob', got 'eve'",
            "$.user.tags: expected 2 items, got 1",
            "$.user.x: expected nothing, got 0",
            "$.n: expected True, got 1",
        ]

    def test_no_json_explained(self) -> None:
        """What is no JSON is shown."""
        match = Match(json={"a": 1})
        assert problems(match, recorded()) == ["expected {'a': 1}, got no body"]
        assert problems(match, recorded(body=b"a=1")) == [
            "expected {'a': 1}, got a body that is not JSON: b'a=1'"
        ]

    def test_long_texts_explained(self) -> None:
        """Of long texts the places are shown where they part."""
        match = Match(json={"t": "x" * 500 + "a"})
        assert problems(match, recorded(json={"t": "x" * 500 + "b"})) == [
            f"$.t: from character 470 on expected '{'x' * 30}a', got '{'x' * 30}b'"
        ]

    def test_parsed_once(self, monkeypatch: pytest.MonkeyPatch) -> None:
        """A body is parsed once for all the matchers that are asked about it in turn."""
        parsed: list[bytes] = []
        loads = json.loads

        def counted(text: bytes) -> Any:
            parsed.append(text)
            return loads(text)

        monkeypatch.setattr(json, "loads", counted)
        request = recorded(body=b'{"a": 1}')
        for number in range(5):
            Match(json={"a": number}).explain(request)
            Match(json_subset={"a": number}).matches(request)
        assert len(parsed) == 1

    def test_other_requests_are_parsed_anew(self) -> None:
        """What was parsed of one request is not taken for another's."""
        one, other = recorded(body=b"1"), recorded(body=b"2")
        for request, value in ((one, 1), (other, 2), (one, 1)):
            assert fits(Match(json=value), request)


class TestJsonSubset:
    """``json_subset=``."""

    @pytest.mark.parametrize(
        ("wanted", "came", "expected"),
        [
            ({"a": 1}, {"a": 1, "b": 2}, True),
            ({"a": {"b": 1}}, {"a": {"b": 1, "c": 2}, "d": 3}, True),
            ({"a": {"b": ANY}}, {"a": {"b": [1]}}, True),
            ({"a": [{"b": 1}]}, {"a": [{"b": 1, "c": 2}]}, True),
            ({"a": [1]}, {"a": [1, 2]}, False),
            ({"a": {"b": 2}}, {"a": {"b": 1}}, False),
            ({"a": True}, {"a": 1, "b": 2}, False),
            ({"a": ANY}, {"b": 1}, False),
            ({}, {"a": 1}, True),
            ({}, [], False),
        ],
    )
    def test_is_contained(self, wanted: Any, came: Any, expected: bool) -> None:
        """Objects may have other members, at any depth; arrays have the same items."""
        assert fits(Match(json_subset=wanted), recorded(json=came)) is expected

    def test_explained(self) -> None:
        """What is missing is named, what is there beside it is not."""
        match = Match(json_subset={"a": {"b": 1, "c": 2}})
        assert problems(match, recorded(json={"a": {"b": 1}, "d": 4})) == [
            "$.a.c: expected 2, got nothing"
        ]


class TestForm:
    """``form=``."""

    @pytest.mark.parametrize(
        ("wanted", "came", "expected"),
        [
            ({"a": "1", "b": "2"}, [("b", "2"), ("a", "1")], True),
            ({"a": 1}, [("a", "1")], True),
            ({"a": "1"}, [("a", "1"), ("b", "2")], False),
            ({"a": "1", "b": "2"}, [("a", "1")], False),
            ({"a": ""}, [("a", "")], True),
            ({}, [("a", "")], False),
            ({"a": ""}, [("b", "")], False),
            ({"a": ["1", "2"]}, [("a", "1"), ("a", "2")], True),
            ({"a": ["1", "2"]}, [("a", "2"), ("a", "1")], False),
            ({"a": "1"}, [("a", "1"), ("a", "1")], False),
            ([("a", "1"), ("a", "2")], [("a", "1"), ("a", "2")], True),
            ({"a": ANY}, [("a", "x")], True),
            ({"a": ANY}, [("a", "x"), ("a", "y")], False),
            ({"a": [ANY, "y"]}, [("a", "x"), ("a", "y")], True),
            ({"a": re.compile("^x")}, [("a", "xy")], True),
            ({"a": re.compile("^x")}, [("a", "yx")], False),
            ({"é": "a b&c"}, [("é", "a b&c")], True),
        ],
    )
    def test_is_exact(self, wanted: Any, came: Any, expected: bool) -> None:
        """A form has all the fields and no others, blank ones too."""
        assert fits(Match(form=wanted), recorded("POST", form=came)) is expected

    def test_multipart(self) -> None:
        """The text fields of a multipart form are its fields."""
        request = recorded_parts(({"Content-Disposition": 'form-data; name="a"'}, b""))
        assert fits(Match(form={"a": ""}), request)
        assert not fits(Match(form={"a": "1"}), request)

    @pytest.mark.parametrize("kind", ["application/json", "text/plain"])
    def test_no_form(self, kind: str) -> None:
        """A body that is no form does not match, whatever its bytes are."""
        request = recorded(headers={"Content-Type": kind}, body=b"a=1")
        assert not fits(Match(form={"a": "1"}), request)

    @pytest.mark.parametrize("charset", ["utf-8", "nonsense"])
    def test_undecodable(self, charset: str) -> None:
        """Bytes or charsets that cannot be decoded are no error."""
        kind = f"application/x-www-form-urlencoded; charset={charset}"
        request = recorded(headers={"Content-Type": kind}, body=b"a=\xff%ff")
        assert not fits(Match(form={"a": "1"}), request)

    def test_explained(self) -> None:
        """Each field that differs is named."""
        match = Match(form={"a": "1", "b": ["2", ANY], "c": ""})
        request = recorded("POST", form=[("a", "2"), ("b", "2"), ("d", "x")])
        assert problems(match, request) == [
            "a: expected '1', got '2'",
            "b: expected '2', any value, got '2'",
            "c: expected '', got nothing",
            "d: expected nothing, got 'x'",
        ]

    def test_no_form_explained(self) -> None:
        """What came in place of a form is shown."""
        match = Match(form={"a": "1"})
        assert problems(match, recorded(json=1)) == [
            "expected form fields, got a body of application/json, 1 bytes: b'1'"
        ]
        assert problems(match, recorded()) == ["expected form fields, got no body"]


FIELD = ({"Content-Disposition": 'form-data; name="note"'}, b"hi")
FILE = (
    {
        "Content-Disposition": 'form-data; name="file"; filename="a.txt"',
        "Content-Type": "text/csv; charset=latin-1",
    },
    "é;1".encode("latin-1"),
)


class TestMultipart:
    """``multipart=``."""

    @pytest.mark.parametrize(
        ("wanted", "expected"),
        [
            ([{"name": "note"}, {"name": "file"}], True),
            ([{"name": "file"}, {"name": "note"}], True),
            ([{"name": "note"}], False),
            ([{"name": "note"}, {"name": "file"}, {"name": "more"}], False),
            ([{"body": b"hi"}, {"filename": "a.txt", "content_type": "text/csv"}], True),
            ([{"body": "hi"}, {"body": "é;1"}], True),
            ([{"body": re.compile("^h")}, {"body": re.compile("é")}], True),
            ([{"body": re.compile(b"^h")}, {"body": re.compile(b"\xe9")}], True),
            ([{"body": "hi"}, {"body": "hi"}], False),
            ([{"filename": None}, {"filename": ANY}], True),
            ([{"filename": ABSENT}, {"filename": "a.txt"}], True),
            ([{"filename": ABSENT}, {"filename": ABSENT}], False),
            ([{}, {}], True),
            ([{}, {"name": "note"}], True),
            ([{"content_type": "text/plain"}, {"content_type": "image/png"}], False),
            ({"note": "hi", "file": ANY}, True),
            ({"note": "hi"}, False),
            ({"note": "hi", "file": bytearray(b"\xe9;1")}, True),
        ],
    )
    def test_is_exact(self, wanted: Any, expected: bool) -> None:
        """Each part is one of those expected, in any order, and none is left."""
        assert fits(Match(multipart=wanted), recorded_parts(FIELD, FILE)) is expected

    @pytest.mark.parametrize(
        "request_", [recorded(json=1), recorded(), recorded("POST", form=[("a", "1")])]
    )
    def test_no_multipart(self, request_: AiointerceptRequest) -> None:
        """What is no multipart body does not match, also if no parts are expected."""
        assert not fits(Match(multipart=[]), request_)

    def test_malformed(self) -> None:
        """A multipart body that cannot be read does not match; it is no error."""
        headers = {"Content-Type": "multipart/form-data"}
        assert not fits(Match(multipart=[{}]), recorded(headers=headers, body=b"--x\r\n"))

    def test_explained(self) -> None:
        """Parts that are missing or too many are named."""
        match = Match(
            multipart=[{"name": "note", "body": "ho"}, {"name": "file", "filename": None}]
        )
        assert problems(match, recorded_parts(FIELD)) == [
            "expected a part with name 'note', body 'ho', got none left like it",
            "expected a part with name 'file', filename nothing, got none left like it",
            (
                "expected no other part, got Part(name='note', filename=None, "
                "content_type='text/plain', body=b'hi')"
            ),
        ]

    def test_no_multipart_explained(self) -> None:
        """What came in place of parts is shown."""
        assert problems(Match(multipart=[{}]), recorded()) == [
            "expected a multipart body, got no body"
        ]


class TestBody:
    """``body=``."""

    @pytest.mark.parametrize(
        ("wanted", "body", "expected"),
        [
            (b"abc", b"abc", True),
            (b"abc", b"abcd", False),
            ("abc", b"abc", True),
            ("é", "é".encode(), True),
            ("é", "é".encode("latin-1"), False),
            (re.compile("b"), b"abc", True),
            (re.compile("^b"), b"abc", False),
            (re.compile(b"\xff"), b"a\xffc", True),
            (re.compile("a"), b"a\xffc", False),
            (b"", b"", True),
            ("", b"", True),
            (b"", b"x", False),
            (bytearray(b"abc"), b"abc", True),
        ],
    )
    def test_bytes_text_or_expression(self, wanted: Any, body: bytes, expected: bool) -> None:
        """A body is compared as what is given: bytes, text, or an expression found in it."""
        assert fits(Match(body=wanted), recorded(body=body)) is expected

    def test_charset(self) -> None:
        """Text is compared in the charset that the body is in."""
        headers = {"Content-Type": "text/plain; charset=latin-1"}
        assert fits(Match(body="é"), recorded(headers=headers, body=b"\xe9"))
        assert fits(Match(body=re.compile("é")), recorded(headers=headers, body=b"\xe9"))

    def test_unknown_charset(self) -> None:
        """A charset that nobody knows is no error."""
        headers = {"Content-Type": "text/plain; charset=nonsense"}
        assert not fits(Match(body="a"), recorded(headers=headers, body=b"a"))
        assert fits(Match(body=b"a"), recorded(headers=headers, body=b"a"))

    def test_explained(self) -> None:
        """Both are shown, cut to what a message can bear."""
        assert problems(Match(body="abc"), recorded()) == ["expected 'abc', got no body"]
        assert problems(Match(body=re.compile("x")), recorded(body=b"y" * 200)) == [
            f"expected a match of 'x', got {b'y' * 120!r}… (200 bytes)"
        ]
