"""For unittest: test cases whose every test runs inside a mock."""

from __future__ import annotations

import functools
import inspect
import unittest
from collections.abc import Callable, Generator
from contextlib import contextmanager
from typing import Any, ClassVar

from .errors import VerificationError
from .mock import aiointercept
from .placing import placed_at
from .verifying import report

__all__ = ("InterceptTestCase",)


class InterceptTestCase(unittest.TestCase):
    """A test case that intercepts every aiohttp client while a test runs, ``setUp`` included.

    It stands by itself or beside another class of test cases, such as
    ``IsolatedAsyncioTestCase`` or aiohttp's ``AioHTTPTestCase``. A test fails if a route that it
    registered was never called, or a request met no route.

    Attributes:
        intercept: the mock, a new one for each test.
        intercept_options: arguments of ``aiointercept`` for it; those of a base class stand where
            a class does not set them anew.
    """

    intercept: aiointercept
    intercept_options: ClassVar[dict[str, Any]] = {}

    def run(self, result: unittest.TestResult | None = None) -> unittest.TestResult | None:
        """Run the test inside the mock."""
        with self._intercepted():
            return super().run(result)

    def debug(self) -> None:
        """Run the test inside the mock, and let its exceptions out."""
        with self._intercepted():
            super().debug()

    @contextmanager
    def _intercepted(self) -> Generator[None]:
        options: dict[str, Any] = {"mock_external_urls": True, "strict": True}
        for cls in reversed(type(self).__mro__):
            options.update(vars(cls).get("intercept_options", {}))
        self.intercept = aiointercept(**options)
        self.intercept.start()
        try:
            with self._verifying_method():
                yield
        finally:
            self.intercept.stop()

    @contextmanager
    def _verifying_method(self) -> Generator[None]:
        """Put in place of the test's method one that verifies the mock when it has returned."""
        name = self._testMethodName
        attributes = vars(self)
        before = dict(attributes)
        attributes[name] = _verified(getattr(self, name), self.intercept)
        try:
            yield
        finally:
            # pytest puts a method of its own there, and takes it away itself.
            del attributes[name]
            if name in before:
                attributes[name] = before[name]


def _verified(method: Callable[..., Any], mock: aiointercept) -> Callable[..., Any]:
    """Return *method* followed by the mock's verification; if it fails, findings become notes."""

    @functools.wraps(method)
    async def verified_async() -> Any:
        __tracebackhide__ = True  # pytest leaves such frames out
        try:
            result = await method()
        except Exception as exc:
            report(mock.problems(), exc, mock.interceptor.chaos_stories)
            raise
        if problems := mock.problems():
            raise _finding(problems, method, mock)
        return result

    @functools.wraps(method)
    def verified() -> Any:
        __tracebackhide__ = True
        try:
            result = method()
        except Exception as exc:
            report(mock.problems(), exc, mock.interceptor.chaos_stories)
            raise
        if problems := mock.problems():
            raise _finding(problems, method, mock)
        return result

    return verified_async if inspect.iscoroutinefunction(method) else verified


def _finding(problems: list[str], method: Callable[..., Any], mock: aiointercept) -> BaseException:
    text = "\n".join([*problems, *mock.interceptor.chaos_stories])
    return placed_at(method, VerificationError(text))
