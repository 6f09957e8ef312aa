"""The mock as a decorator: of functions, coroutine functions, methods and test classes."""

from __future__ import annotations

import functools
import inspect
from collections.abc import Callable
from inspect import Parameter
from typing import TYPE_CHECKING, Any, cast

if TYPE_CHECKING:
    from .mock import aiointercept

__all__ = ("decorate", "receiver_of", "signature_without")

NewMock = Callable[[], "aiointercept"]

_MARK = "_decorated_by_aiointercept"


def decorate(decorated: Any, new_mock: NewMock, param: str | None) -> Any:
    """Run *decorated*, or each test method of it if it is a class, inside a mock.

    The function gets the mock as its last positional argument, or as the keyword *param*. That
    argument is taken out of its signature, so that pytest looks for no fixture of its name.

    Raises:
        TypeError: it can be no test, or has no parameter *param*.
    """
    if isinstance(decorated, type):
        return _decorate_class(cast("type[Any]", decorated), new_mock, param)
    if isinstance(decorated, (staticmethod, classmethod)):
        method = cast("staticmethod[..., Any]", decorated)
        return type(method)(decorate(method.__func__, new_mock, param))
    if not callable(decorated):
        raise TypeError(f"aiointercept decorates functions and classes, not {decorated!r:.60}")
    receiver = receiver_of(decorated, param)
    if param is not None and receiver is None:
        raise TypeError(f"param={param!r}: {_name(decorated)} has no such parameter")
    return _decorate_function(decorated, new_mock, receiver)


def _decorate_class(cls: type, new_mock: NewMock, param: str | None) -> type:
    """Decorate the test methods, inherited ones too; the mock goes to those that have *param*."""
    receivers = {
        name: receiver_of(method, param)
        for name in dir(cls)
        if name.startswith("test")
        and inspect.isfunction(method := getattr(cls, name))
        and not hasattr(method, _MARK)
    }
    if param is not None and receivers and not any(receivers.values()):
        raise TypeError(f"param={param!r}: no test of {cls.__qualname__} has such a parameter")
    for name, receiver in receivers.items():
        wrapper: Any = _decorate_function(getattr(cls, name), new_mock, receiver)
        static = isinstance(inspect.getattr_static(cls, name), staticmethod)
        setattr(cls, name, staticmethod(wrapper) if static else wrapper)
    return cls


def _decorate_function(
    function: Callable[..., Any], new_mock: NewMock, receiver: Parameter | None
) -> Callable[..., Any]:
    if inspect.isgeneratorfunction(function) or inspect.isasyncgenfunction(function):
        raise TypeError(
            f"{_name(function)} is a generator, which a decorator cannot hold open: "
            f"use `with aiointercept(...) as mock:` inside it."
        )

    @functools.wraps(function)
    async def in_mock_async(*args: Any, **kwargs: Any) -> Any:
        async with new_mock() as mock:
            args, kwargs = _with_mock(args, kwargs, mock, receiver)
            return await function(*args, **kwargs)

    @functools.wraps(function)
    def in_mock(*args: Any, **kwargs: Any) -> Any:
        with new_mock() as mock:
            args, kwargs = _with_mock(args, kwargs, mock, receiver)
            return function(*args, **kwargs)

    wrapper: Any = in_mock_async if inspect.iscoroutinefunction(function) else in_mock
    wrapper.__signature__ = signature_without(function, receiver)
    setattr(wrapper, _MARK, True)
    return cast("Callable[..., Any]", wrapper)


def receiver_of(function: Callable[..., Any], param: str | None) -> Parameter | None:
    """Return the parameter that takes the mock, or None if the function has none for it."""
    parameters = list(inspect.signature(function).parameters.values())
    if param is not None:
        if any(p.kind is p.VAR_KEYWORD for p in parameters):
            return Parameter(param, Parameter.KEYWORD_ONLY)
        return next((p for p in parameters if p.name == param), None)
    positional = [
        p
        for p in parameters
        if p.kind in (p.POSITIONAL_ONLY, p.POSITIONAL_OR_KEYWORD) and p.name not in {"self", "cls"}
    ]
    required = [p for p in positional if p.default is p.empty]
    variadic = [p for p in parameters if p.kind is p.VAR_POSITIONAL]
    # A lone `mock=None` is how tests kept pytest from looking for a fixture.
    return next(iter([*required[-1:], *positional[:1], *variadic]), None)


def _with_mock(
    args: tuple[Any, ...], kwargs: dict[str, Any], mock: aiointercept, receiver: Parameter | None
) -> tuple[tuple[Any, ...], dict[str, Any]]:
    """Return the arguments of a call with the mock among them."""
    if receiver is None:
        return args, kwargs
    if receiver.kind in (Parameter.POSITIONAL_ONLY, Parameter.VAR_POSITIONAL):
        return (*args, mock), kwargs
    return args, {**kwargs, receiver.name: mock}


def signature_without(
    function: Callable[..., Any], receiver: Parameter | None
) -> inspect.Signature:
    """Return the signature of *function* as callers see it, who leave *receiver* out."""
    signature = inspect.signature(function)
    if receiver is None or receiver.kind is Parameter.VAR_POSITIONAL:
        return signature
    rest = [p for p in signature.parameters.values() if p.name != receiver.name]
    return signature.replace(parameters=rest)


def _name(function: Callable[..., Any]) -> str:
    return getattr(function, "__qualname__", repr(function))
