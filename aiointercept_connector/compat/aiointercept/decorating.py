"""The mock as a decorator, with the argument where aiointercept puts it."""

from __future__ import annotations

import functools
import inspect
from collections.abc import Callable
from typing import TYPE_CHECKING, Any

from ...decorating import receiver_of, signature_without

if TYPE_CHECKING:
    from ...mock import aiointercept

__all__ = ("decorate",)


def decorate(
    function: Callable[..., Any], new_mock: Callable[[], aiointercept], param: str | None
) -> Callable[..., Any]:
    """Run *function*, a coroutine function, inside a mock.

    The mock comes behind ``self``, or last if there is none, or is the keyword argument *param*.
    pytest, which passes fixtures by their names, does not look for one of the mock's.
    """
    signature = inspect.signature(function)
    receiver = receiver_of(function, param)

    @functools.wraps(function)
    async def in_mock(*args: Any, **kwargs: Any) -> Any:
        async with new_mock() as mock:
            if param is not None:
                return await function(*args, **{**kwargs, param: mock})
            own = 1 if args and hasattr(args[0], function.__name__) else len(args)
            placed = (*args[:own], mock, *args[own:])
            try:
                signature.bind(*placed, **kwargs)
            except TypeError:
                if receiver is not None:
                    return await function(*args, **{**kwargs, receiver.name: mock})
            return await function(*placed, **kwargs)

    wrapper: Any = in_mock
    wrapper.__signature__ = signature_without(function, receiver)
    return in_mock
