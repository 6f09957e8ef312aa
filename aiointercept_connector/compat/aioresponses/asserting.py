"""The assertions of a mock on the calls that it has recorded, in the words of the original."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any, TypeAlias

from aiohttp import ClientResponse, hdrs
from yarl import URL

from .calls import RequestCall, request_call
from .overridable import merge_params, normalize_url

__all__ = ("Asserting", "CallKey")

CallKey: TypeAlias = "tuple[str, URL]"
"""A method, as the client's code has written it, and a normalised URL."""


class Asserting:
    """Asserts what was called.

    Attributes:
        requests: the calls by method and URL; nothing but the test itself empties it.
    """

    requests: dict[CallKey, list[RequestCall]]
    _responses: list[ClientResponse]

    @property
    def called(self) -> bool:
        """Whether there was any call."""
        return bool(self.requests)

    @property
    def calls(self) -> list[RequestCall]:
        """The calls in the order in which they were made."""
        made = [call for calls in self.requests.values() for call in calls]
        return sorted(made, key=lambda call: call.number)

    def assert_not_called(self) -> None:
        """Assert that there was no call."""
        if self.requests:
            raise AssertionError(
                f"Expected '{type(self).__name__}' to not have been called. "
                f"Called {len(self._responses)} times."
            )

    def assert_called(self) -> None:
        """Assert that there was a call."""
        if not self.requests:
            raise AssertionError(f"Expected '{type(self).__name__}' to have been called.")

    def assert_called_once(self) -> None:
        """Assert that there was one call.

        Where several URLs were called, the message counts the URLs.
        """
        count = len(self.requests)
        if count == 1:
            count = len(next(iter(self.requests.values())))
        if count != 1:
            raise AssertionError(
                f"Expected '{type(self).__name__}' to have been called once. Called {count} times."
            )

    def assert_called_with(
        self,
        url: URL | str,
        method: str = hdrs.METH_GET,
        args_to_match: Sequence[str] | None = None,
        *args: Any,
        **kwargs: Any,
    ) -> None:
        """Assert that the last call of *url* had these arguments, and no others.

        Args:
            url: the URL; ``params=``, if given, are appended to it.
            method: the HTTP method.
            args_to_match: the keyword arguments that are to be compared, if not all.
            *args: the positional arguments of the call; aiohttp's session takes none.
            **kwargs: the keyword arguments of the call.
        """
        key = _key(url, method, kwargs)
        if not self.requests.get(key):
            called = self._format_call_signature(key[1], *args, method=key[0], **kwargs)
            raise AssertionError(f"{called} call not found")
        actual = self.requests[key][-1]
        expected = self._build_request_call(key[0], *args, **kwargs)
        if not _same(actual, expected, args_to_match):
            raise AssertionError(
                f"{self._format_call_signature(actual)} != {self._format_call_signature(expected)}"
            )

    def assert_any_call(
        self, url: URL | str, method: str = hdrs.METH_GET, *args: Any, **kwargs: Any
    ) -> None:
        """Assert that *url* was called; of the other arguments only ``params=`` counts."""
        key = _key(url, method, kwargs)
        if key not in self.requests:
            called = self._format_call_signature(key[1], *args, method=key[0], **kwargs)
            raise AssertionError(f"{called} call not found")

    def assert_called_once_with(self, *args: Any, **kwargs: Any) -> None:
        """Assert that there was one call, with these arguments; see ``assert_called_with``."""
        self.assert_called_once()
        self.assert_called_with(*args, **kwargs)

    def _build_request_call(
        self, method: str = hdrs.METH_GET, *args: Any, **kwargs: Any
    ) -> RequestCall:
        return request_call(method, *args, **kwargs)

    def _format_call_signature(self, *args: Any, **kwargs: Any) -> str:
        shown = [*map(repr, args), *(f"{name}={value!r}" for name, value in kwargs.items())]
        return f"{type(self).__name__}({', '.join(shown)})"


def _key(url: URL | str, method: str, kwargs: dict[str, Any]) -> CallKey:
    return method.upper(), normalize_url(merge_params(url, kwargs.get("params")))


def _same(actual: RequestCall, expected: RequestCall, compared: Sequence[str] | None) -> bool:
    if compared is None:
        return actual == expected
    return all(
        name in actual.kwargs and actual.kwargs[name] == expected.kwargs[name] for name in compared
    )
