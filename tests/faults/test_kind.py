"""Faults as values: made, compared, printed, refused."""

from __future__ import annotations

import importlib.util
from typing import Any, cast

import pytest

from aiointercept_connector import Match, aiointercept, faults, replies
from aiointercept_connector.faults.kind import PHASES
from aiointercept_connector.faults.table import TABLE

HTTP = "http://api.example.com/x"


def test_the_namespace_is_the_table() -> None:
    """``faults`` has every row of the table under its name, beside ``flaky`` and ``fail_times``."""
    assert set(faults.__all__) == {kind.name for kind in TABLE} | {"flaky", "fail_times"}
    assert all(getattr(faults, kind.name) is kind for kind in TABLE)
    assert set(faults.__all__) <= set(dir(faults))


def test_an_unknown_name() -> None:
    """A name that the table does not have is no attribute."""
    with pytest.raises(AttributeError, match="no attribute 'disconect'"):
        faults.disconect  # noqa: B018


def test_the_table_is_in_order() -> None:
    """Every phase has rows."""
    assert {kind.phase for kind in TABLE} == set(PHASES)


def test_faults_are_values() -> None:
    """Two faults of a kind with the same arguments are equal, and hash alike."""
    one, two = faults.truncated(after=5), faults.truncated(after=5)
    assert one == two
    assert hash(one) == hash(two)
    assert one != faults.truncated(after=6)
    assert one != faults.reset_body(after=5)
    with pytest.raises(AttributeError):
        one.kind = faults.reset  # type: ignore[misc]


def test_faults_print_as_they_are_written() -> None:
    """What is printed makes the same fault again."""
    fault = faults.truncated(after=5, headers={"X-A": "1"}, status=500)
    assert repr(fault) == "faults.truncated(after=5, headers={'X-A': '1'}, status=500)"
    assert eval(repr(fault), {"faults": faults}) == fault
    assert repr(faults.refused()) == "faults.refused()"
    flaky = faults.flaky(faults.refused(), 0.5, seed=1, otherwise=faults.reset())
    assert repr(flaky) == "faults.flaky(faults.refused(), 0.5, seed=1, otherwise=faults.reset())"
    times = faults.fail_times(2, faults.reset(after=3), then=faults.refused())
    assert repr(times) == "faults.fail_times(2, faults.reset(after=3), then=faults.refused())"
    assert repr(faults.refused) == "<faults.refused: nobody listens at the host's port>"


def test_a_kind_says_what_it_takes() -> None:
    """``help()`` of a constructor tells what happens, and the arguments."""
    assert faults.ws_bad_close.__doc__ == (
        "Make the fault of which it is said: a close frame has a code that must not be sent. "
        "Takes code=1005."
    )
    assert faults.refused.__name__ == "refused"


@pytest.mark.parametrize(
    ("make", "kind", "text"),
    [
        (lambda: faults.refused(after=3), TypeError,
         "faults.refused() has no argument 'after'. It has: no arguments"),
        (lambda: faults.ws_bad_close(status=3), TypeError,
         "faults.ws_bad_close() has no argument 'status'. It has: code=1005"),
        (lambda: faults.ws_bad_close(cast("Any", 3)), TypeError,
         "faults.ws_bad_close() takes its arguments by name. It has: code=1005"),
        (lambda: faults.truncated(after=-1), ValueError, "after must be at least 0, not -1"),
        (lambda: faults.truncated(after=cast("Any", "1")), TypeError,
         "after must be an int, not str: '1'"),
        (lambda: faults.truncated(status=204), ValueError,
         ("status=204: HTTP allows no body with it, and faults.truncated() has one. Take another "
          "status, such as 200 or 500.")),
        (lambda: faults.truncated(status=99), ValueError, "status must be from 100 to 599, not 99"),
        (lambda: faults.truncated(headers={"a b": "c"}), ValueError,
         "headers: 'a b' is not a header name"),
        (lambda: faults.stall(virtual=cast("Any", 1)), TypeError,
         "virtual must be True or False, not 1"),
        (lambda: faults.reset(attempts=0), ValueError, "attempts must be at least 1, not 0"),
        (lambda: faults.slow(bytes_per_second=0), ValueError,
         "bytes_per_second must be a number above 0, not 0"),
        (lambda: faults.slow(body=cast("Any", 3)), TypeError,
         "body must be str or bytes, not int: 3"),
        (lambda: faults.dns_timeout(seconds=-1), ValueError,
         "seconds must be a number of seconds, at least 0, not -1"),
        (lambda: faults.ws_bad_close(code=70_000), ValueError,
         "code must be from 0 to 65535, not 70000"),
        (lambda: faults.disconnect(after=500), ValueError,
         ("after=500: the head of this response has 40 bytes, and faults.disconnect() happens "
          "before its end. For the body there are faults.truncated(), faults.reset_body() and "
          "faults.stall_body().")),
        (lambda: faults.flaky(faults.refused(), 1.5), ValueError,
         "rate must be from 0 (never) to 1 (always), not 1.5"),
        (lambda: faults.flaky(faults.refused(), -0.1), ValueError,
         "rate must be from 0 (never) to 1 (always), not -0.1"),
        (lambda: faults.flaky(faults.refused(), float("nan")), ValueError,
         "rate must be from 0 (never) to 1 (always), not nan"),
        (lambda: faults.flaky(faults.refused(), cast("Any", "1")), TypeError,
         "rate must be a number from 0 to 1, not str: '1'"),
        (lambda: faults.flaky(faults.refused, 1), TypeError,
         ("fault must be one of faults, or an exception, not <faults.refused: nobody listens at "
          "the host's port>. Call it: faults.refused().")),
        (lambda: faults.flaky(200, 1), TypeError,
         "fault must be one of faults, or an exception, not 200."),
        (lambda: faults.flaky(faults.refused(), 1, seed=cast("Any", 1.5)), TypeError,
         "seed must be an int or a str, not float: 1.5"),
        (lambda: faults.fail_times(0, faults.refused()), ValueError,
         "times must be at least 1, not 0"),
        (lambda: faults.fail_times(cast("Any", "2"), faults.refused()), TypeError,
         "times must be an int, not str: '2'"),
        (lambda: aiointercept().chaos(2), ValueError,
         "rate must be from 0 (never) to 1 (always), not 2"),
        (lambda: aiointercept().chaos(1, faults=[]), ValueError,
         "faults=[] would let nothing happen: leave it out, or name one"),
        (lambda: aiointercept().chaos(1, faults=[faults.reset(), 200]), TypeError,
         "faults[1] must be one of faults, or an exception, not 200."),
        (lambda: aiointercept().chaos(1, faults=[faults.flaky(faults.reset(), 0.5)]), TypeError,
         (f"faults[0]: {faults.flaky(faults.reset(), 0.5)} says itself to which calls it happens, "
          f"and in chaos rate= and seed= say that. Give the fault alone: faults.reset()")),
        (lambda: aiointercept().chaos(1, faults=[faults.fail_times(2, faults.reset())]), TypeError,
         ("faults[0]: faults.fail_times(2, faults.reset()) says itself to which calls it happens, "
          "and in chaos rate= and seed= say that. Give the fault alone: faults.reset()")),
        (lambda: faults.flaky(faults.fail_times(2, faults.reset()), 1), ValueError,
         ("fault: faults.fail_times(2, faults.reset()) leaves to the next route what comes then, "
          "and behind a reply that chooses it there is none. Say what comes: "
          "faults.fail_times(2, faults.reset(), then=...)")),
        (lambda: aiointercept().chaos(1, hosts=[]), ValueError,
         "hosts=[] would let nothing happen: leave it out, or name one"),
        (lambda: aiointercept().chaos(1, hosts="a.test"), TypeError,
         "hosts must be a sequence of hosts: ['a.test']"),
    ],
)  # fmt: skip
def test_bad_arguments(make: Any, kind: type[Exception], text: str) -> None:
    """What no fault can be made of is refused, by the name of the argument."""
    with pytest.raises(kind) as caught:
        make()
    assert str(caught.value) == text


def test_conditions_on_the_body() -> None:
    """A fault that precedes the body cannot wait for it."""
    match = Match(json={"a": 1})
    with pytest.raises(ValueError) as caught:  # noqa: PT011 - the text is below
        aiointercept().post(HTTP, exception=faults.refused(), match=match)
    assert str(caught.value) == (
        f"match asks about the body, and faults.refused() happens before anything is sent: "
        f"{match!r}. Match on the URL and the headers, or take a fault that happens later, such as "
        f"faults.disconnect()."
    )
    aiointercept().post(HTTP, exception=faults.disconnect(), match=match)


def test_exception_takes_faults_alone() -> None:
    """Of all replies ``exception=`` takes the faults."""
    with pytest.raises(TypeError) as caught:
        aiointercept().get(HTTP, exception=replies.json(1))
    assert str(caught.value).startswith(
        "exception must be an exception or one of faults, not <Static"
    )


@pytest.mark.parametrize("argument", ["reply", "exception"])
def test_a_fault_that_is_not_called(argument: Any) -> None:
    """A constructor is no fault: it is to be called."""
    with pytest.raises(TypeError, match=r"not .*<faults\.refused"):
        aiointercept().get(HTTP, **cast("dict[str, Any]", {argument: faults.refused}))


def test_trustme_is_missing(monkeypatch: pytest.MonkeyPatch) -> None:
    """Without trustme, a fault of TLS says what to install."""
    monkeypatch.setitem(__import__("sys").modules, "trustme", None)
    monkeypatch.setattr(importlib.util, "find_spec", lambda name: None)
    monkeypatch.setattr("aiointercept_connector.faults.shaking.find_spec", lambda name: None)
    with pytest.raises(ImportError) as caught:
        faults.expired()
    assert str(caught.value) == (
        "'trustme' is not installed, which this needs: pip install 'aiointercept-connector[tls]'"
    )
    faults.handshake_aborted()
