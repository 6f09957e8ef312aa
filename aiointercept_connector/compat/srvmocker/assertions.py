"""Assertions on what was recorded, in the words of the original; then, what was different."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import TYPE_CHECKING, Any

from yarl import URL

from .matching import condition, of

if TYPE_CHECKING:
    from .recorded import RecordedRequest

__all__ = ("assert_called", "assert_not_called", "call_matches", "last_call")


def call_matches(
    call: RecordedRequest,
    *,
    json: Any = None,
    body: bytes | None = None,
    headers: Mapping[str, str] | None = None,
    query: Mapping[str, str] | None = None,
) -> bool:
    """Tell whether *call* has all that is given."""
    wanted = condition({"json": json, "body": body, "headers": headers, "query": query})
    return wanted.matches(of(call, call.body))


def assert_called(
    who: str, calls: Sequence[RecordedRequest], times: int | None, criteria: Mapping[str, Any]
) -> None:
    """Assert how many *calls* there were, and that one of them was as *criteria* ask."""
    given = {name: value for name, value in criteria.items() if value is not None}
    if times is not None and len(calls) != times:
        raise AssertionError(f"{who}: expected {times} call(s), got {len(calls)}")
    if times is not None and not given:
        return
    if not calls:
        raise AssertionError(f"{who}: expected at least one call, got 0")
    differences = [_differences(call, given) for call in calls]
    if all(differences):
        none = f"{who}: none of {len(calls)} call(s) matched the given criteria"
        raise AssertionError("\n".join([none, *differences]))


def assert_not_called(who: str, calls: Sequence[RecordedRequest]) -> None:
    """Assert that there were no *calls*."""
    if calls:
        raise AssertionError(f"{who}: expected no calls, got {len(calls)}")


def last_call(calls: Sequence[RecordedRequest], otherwise: str) -> RecordedRequest:
    """Return the last of *calls*, of which there is to be one."""
    if not calls:
        raise AssertionError(otherwise)
    return calls[-1]


def _differences(call: RecordedRequest, given: Mapping[str, Any]) -> str:
    """Say where *call* is not as is asked; nothing, if it is."""
    wanted = dict(given)
    target = wanted.pop("target", None)
    explanation = condition(wanted).explain(of(call, call.body))
    lines = [str(finding) for finding in explanation.findings if not finding.holds]
    if target is not None and call.url != URL(target):
        lines.insert(0, f"✗ target: expected {target}, got {call.url}")
    return "\n".join([f"{call.method} {call.url}", *lines]) if lines else ""
