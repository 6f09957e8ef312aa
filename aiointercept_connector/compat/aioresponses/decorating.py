"""The mock as a decorator, with arguments where aioresponses puts them."""

from __future__ import annotations

import functools
import inspect
from collections.abc import Callable
from typing import TYPE_CHECKING, Any, cast

from ...decorating import decorate as decorate_class
from ...decorating import receiver_of, signature_without

if TYPE_CHECKING:
    from .mock import aioresponses

__all__ = ("decorate",)

NewMock = Callable[[], "aioresponses"]


def decorate(decorated: Any, new_mock: NewMock, param: str | None) -> Any:
    """Run *decorated*, or each test method of it if it is a class, inside a mock.

    The mock is appended to the positional arguments of a call, or is its keyword argument *param*.
    pytest, which passes fixtures by their names, does not look for one of the mock's.
    """
    if isinstance(decorated, type):
        return decorate_class(cast("Any", decorated), cast("Any", new_mock), param)
    function = cast("Callable[..., Any]", decorated)
    signature = inspect.signature(function)
    takes = receiver_of(function, param)

    def with_mock(
        mock: aioresponses, args: tuple[Any, ...], kwargs: dict[str, Any]
    ) -> tuple[tuple[Any, ...], dict[str, Any]]:
        if param is not None:
            return args, {**kwargs, param: mock}
        try:
            signature.bind_partial(*args, mock, **kwargs)
        except TypeError:
            if takes is not None:
                return args, {**kwargs, takes.name: mock}
        return (*args, mock), kwargs

    @functools.wraps(function)
    async def in_mock_async(*args: Any, **kwargs: Any) -> Any:
        with new_mock() as mock:
            args, kwargs = with_mock(mock, args, kwargs)
            return await function(*args, **kwargs)

    @functools.wraps(function)
    def in_mock(*args: Any, **kwargs: Any) -> Any:
        with new_mock() as mock:
            args, kwargs = with_mock(mock, args, kwargs)
            return function(*args, **kwargs)

    wrapper: Any = in_mock_async if inspect.iscoroutinefunction(function) else in_mock
    wrapper.__signature__ = signature_without(function, takes)
    return wrapper
