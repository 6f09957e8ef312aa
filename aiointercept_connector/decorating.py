"""The mock as a decorator: of functions, coroutine functions, methods and test classes."""

from __future__ import annotations

import functools
import inspect
from collections.abc import Callable
from typing import TYPE_CHECKING, Any, TypeVar, cast

if TYPE_CHECKING:
    from .mock import aiointercept

__all__ = ("decorate",)

F = TypeVar("F", bound=Callable[..., Any])
NewMock = Callable[[], "aiointercept"]


def decorate(decorated: F, new_mock: NewMock, param: str | None) -> F:
    """Run *decorated*, or each test method of it if it is a class, inside a mock.

    The function gets the mock as its last positional argument, or as the keyword *param*. That
    argument is taken out of its signature, so that pytest looks for no fixture of its name.
    """
    if isinstance(decorated, type):
        return cast("F", _decorate_class(decorated, new_mock, param))
    if not callable(decorated):
        raise TypeError(f"aiointercept decorates functions and classes, not {decorated!r}")
    return cast("F", _decorate_function(decorated, new_mock, param))


def _decorate_class(cls: type, new_mock: NewMock, param: str | None) -> type:
    for name, attribute in list(vars(cls).items()):
        if name.startswith("test") and inspect.isfunction(attribute):
            setattr(cls, name, _decorate_function(attribute, new_mock, param))
    return cls


def _decorate_function(
    function: Callable[..., Any], new_mock: NewMock, param: str | None
) -> Callable[..., Any]:
    wanted = _wanted_parameter(function, param)

    def given(mock: aiointercept, kwargs: dict[str, Any]) -> dict[str, Any]:
        return {**kwargs, wanted: mock} if wanted else kwargs

    wrapper: Callable[..., Any]
    if inspect.iscoroutinefunction(function):

        @functools.wraps(function)
        async def wrapper(*args: Any, **kwargs: Any) -> Any:
            async with new_mock() as mock:
                return await function(*args, **given(mock, kwargs))

    else:

        @functools.wraps(function)
        def wrapper(*args: Any, **kwargs: Any) -> Any:
            with new_mock() as mock:
                return function(*args, **given(mock, kwargs))

    signature = inspect.signature(function)
    rest = [p for name, p in signature.parameters.items() if name != wanted]
    cast("Any", wrapper).__signature__ = signature.replace(parameters=rest)
    return wrapper


def _wanted_parameter(function: Callable[..., Any], param: str | None) -> str | None:
    """Return the name of the parameter that takes the mock; None if the function has none.

    Raises:
        TypeError: *param* is not among the function's parameters.
    """
    parameters = inspect.signature(function).parameters
    if param is not None:
        takes_any = any(p.kind is p.VAR_KEYWORD for p in parameters.values())
        if param not in parameters and not takes_any:
            raise TypeError(f"param={param!r}: {function.__qualname__} has no such parameter")
        return param
    positional = [
        name
        for name, p in parameters.items()
        if p.kind is p.POSITIONAL_OR_KEYWORD and p.default is p.empty and name != "self"
    ]
    return positional[-1] if positional else None
