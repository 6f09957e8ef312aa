"""What the pieces of a stream come from: an iterable, plain or async, or a function giving one."""

from __future__ import annotations

from collections import deque
from collections.abc import (
    AsyncGenerator,
    AsyncIterable,
    AsyncIterator,
    Callable,
    Generator,
    Iterable,
    Iterator,
    Mapping,
)
from inspect import Parameter, isawaitable, signature
from typing import TYPE_CHECKING, Any, Final, TypeAlias, cast

from .calling import name_of

if TYPE_CHECKING:
    from ..journal.request import AiointerceptRequest

__all__ = ("Pieces", "Source")

Pieces: TypeAlias = "Iterable[Any] | AsyncIterable[Any] | Callable[..., Any]"
"""What a stream may be made of."""


_SERIES: Final = (Iterable, AsyncIterable)
_ONE_PIECE: Final = (str, bytes, bytearray, memoryview, Mapping)
_KNOWN: Final = (list, tuple, set, frozenset, deque)


class Source:
    """Where the pieces of a stream come from.

    Args:
        who: the constructor that was called, for messages.
        given: a list or any other iterable, an async one, or a function that returns one of these
            and may be a coroutine function. It is called for each request: with the request, if it
            has a parameter that needs an argument, or whose name is ``request``.
        encode: makes the bytes of a piece. What is in a list is checked at once.

    Raises:
        TypeError: *given* is none of these, or *encode* refuses a piece.
    """

    __slots__ = ("_encode", "_spent", "_takes_request", "_who", "given", "known", "serves_once")

    def __init__(self, who: str, given: Any, encode: Callable[[Any], bytes]) -> None:
        self._who = who
        self._encode = encode
        self._spent = False
        self._takes_request = False
        self.known: tuple[bytes, ...] | None = None
        """The pieces, if they are the same for every request."""
        self.given = given
        self.serves_once = isinstance(given, (Iterator, AsyncIterator))
        if isinstance(given, _KNOWN):
            self.known = tuple(encode(piece) for piece in cast("Iterable[Any]", given))
        elif not _is_series(given):
            self._takes_request = _takes_request(who, given)

    async def pieces(self, request: AiointerceptRequest) -> AsyncGenerator[bytes]:
        """Iterate over the pieces for *request*; who stops early is to close this.

        Closing it closes the generator that the pieces come from, whose ``finally`` runs then.

        Raises:
            RuntimeError: the pieces come from an iterator that has served already.
            TypeError: a function returned no iterable, or a piece cannot be sent.
        """
        if self.known is not None:
            for piece in self.known:
                yield piece
            return
        series = await self._series(request)
        is_async = isinstance(series, AsyncIterable)
        iterator: Any = aiter(cast("AsyncIterable[Any]", series)) if is_async else iter(series)
        while True:
            try:
                piece = await request.run_at_home(_next(iterator)) if is_async else next(iterator)
            except (StopIteration, StopAsyncIteration):
                return
            try:
                yield self._encode(piece)
            except BaseException:
                # Only here is it for us to end it: what reaches it in `next` ends it by itself.
                await _close(iterator, request)
                raise

    async def _series(self, request: AiointerceptRequest) -> Any:
        if self.serves_once:
            self._serve_once()
        if _is_series(self.given):
            return self.given
        series = self.given(request) if self._takes_request else self.given()
        if isawaitable(series):
            series = await request.run_at_home(series)
        if not _is_series(series):
            raise TypeError(
                f"{self._who}: {name_of(self.given)} must return an iterable, plain or async, "
                f"not {type(series).__name__}: {series!r:.60}"
            )
        return series

    def _serve_once(self) -> None:
        if self._spent:
            raise RuntimeError(
                f"{self._who}: {self.given!r} has served a request already, and cannot be iterated "
                f"again. Give a list, or a function that returns a new one."
            )
        self._spent = True

    def __eq__(self, other: object) -> bool:
        if not isinstance(other, Source):
            return NotImplemented
        return self._compared() == other._compared()

    def __hash__(self) -> int:
        return hash(self._compared())

    def _compared(self) -> tuple[object, ...]:
        return (self.given, self._encode) if self.known is None else self.known

    def __str__(self) -> str:
        if self.known is not None:
            return f"{len(self.known)} pieces"
        return f"pieces from {getattr(self.given, '__qualname__', type(self.given).__name__)}"


async def _next(iterator: Any) -> Any:
    # A coroutine: a generator belongs to the loop on which it is first asked.
    return await anext(iterator)


async def _close(iterator: Any, request: AiointerceptRequest) -> None:
    if isinstance(iterator, AsyncGenerator):
        await request.run_at_home(_aclose(cast("AsyncGenerator[Any]", iterator)))
    elif isinstance(iterator, Generator):
        iterator.close()


async def _aclose(generator: AsyncGenerator[Any]) -> None:
    await generator.aclose()


def _is_series(value: Any) -> bool:
    """Tell whether *value* is an iterable of pieces; a text or an object of JSON is one piece."""
    return isinstance(value, _SERIES) and not isinstance(value, _ONE_PIECE)


def _makes_series(kind: type) -> bool:
    return issubclass(kind, _SERIES) and not issubclass(kind, _ONE_PIECE)


def _takes_request(who: str, function: Any) -> bool:
    if not callable(function) or (isinstance(function, type) and not _makes_series(function)):
        raise TypeError(
            f"{who} must be given an iterable, plain or async, or a function that returns one, "
            f"not {type(function).__name__}: {function!r:.60}"
        )
    try:
        parameters = list(signature(function).parameters.values())
    except (TypeError, ValueError):  # some callables written in C have none
        return False
    needed = [one for one in parameters if _needs_argument(one)]
    if len(needed) > 1:
        raise TypeError(
            f"{who}: {name_of(function)} must take the request, or nothing, "
            f"but it needs {len(needed)} arguments."
        )
    return bool(needed) or (bool(parameters) and parameters[0].name == "request")


def _needs_argument(parameter: Parameter) -> bool:
    positional = {Parameter.POSITIONAL_ONLY, Parameter.POSITIONAL_OR_KEYWORD}
    return parameter.kind in positional and parameter.default is Parameter.empty
