"""Layers in front of methods, put there and taken away again with wrapt.

Other libraries wrap the same methods, before and after us, and take their own layers away as they
see fit. We take ours and no other.
"""

from __future__ import annotations

from collections.abc import Callable
from typing import Any, Final, cast

import wrapt

from .connector import InterceptConnector

__all__ = ("put", "take")

# wrapt 2 has split off the base of all that wraps; in wrapt 1 that is ObjectProxy itself.
_Proxy: Final[Any] = getattr(wrapt, "BaseObjectProxy", wrapt.ObjectProxy)


def put(owner: type, name: str, wrapper: Callable[..., Any]) -> Any:
    """Put *wrapper* in front of a method; return the layer, whose ``__wrapped__`` is the method."""
    return wrapt.wrap_object(owner, name, _Layer, (wrapper,))


class _Layer(wrapt.FunctionWrapper):  # type: ignore[type-arg]  # wrapt 1 takes no parameters
    """What we put in front of a method; our own connectors decide for themselves and pass by it."""

    def __get__(self, instance: Any, owner: Any = None, /) -> Any:
        ours = isinstance(instance, InterceptConnector)
        layer = cast("Any", self).__wrapped__ if ours else cast("Any", super())
        return layer.__get__(instance, owner)


def take(owner: type, name: str, wrapper: Callable[..., Any]) -> None:
    """Take *wrapper* out from among the layers of a method, and leave the others in place.

    A layer that a plain function has closed over cannot be found. It stays, and hands everything
    through while no mock is active.
    """
    above: Any = None
    layer: Any = owner.__dict__.get(name)
    while isinstance(layer, _Proxy):
        layer = _unbound(layer)
        if not _is_by(layer, wrapper):
            above = layer
        elif above is None:
            setattr(owner, name, layer.__wrapped__)
        else:
            above.__wrapped__ = layer.__wrapped__
        layer = layer.__wrapped__


def _unbound(layer: Any) -> Any:
    # A library that unwraps with `setattr(owner, name, getattr(owner, name).__wrapped__)` puts a
    # bound copy in a layer's place. The copy asks the layer, its parent, what it wraps.
    if not isinstance(layer, wrapt.BoundFunctionWrapper):
        return layer
    parent: Any = layer._self_parent
    return parent


def _is_by(layer: Any, wrapper: Callable[..., Any]) -> bool:
    # Other proxies would answer for the layer that they wrap.
    return isinstance(layer, wrapt.FunctionWrapper) and cast("Any", layer)._self_wrapper is wrapper
