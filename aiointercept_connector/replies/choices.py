"""The reply that is one of several by chance: ``choice``."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from dataclasses import dataclass, field
from functools import partial
from random import Random
from sys import float_info
from typing import TYPE_CHECKING, Any, TypeAlias, cast

from .checked import checked_list
from .conversion import Repliable, as_replies
from .progress import Progress
from .reply import ChoosingReply, check_lasting, in_attempt

if TYPE_CHECKING:
    from ..journal.request import AiointerceptRequest
    from ..routing.route import Reply

__all__ = ("ChoiceReply", "Weighted", "choice")

Weighted: TypeAlias = "Mapping[Any, float] | Iterable[tuple[Repliable, float]]"
"""Replies and how often each is chosen, compared with the others."""


@dataclass(frozen=True, repr=False)
class ChoiceReply(ChoosingReply):
    """One of several replies by chance; see ``choice``."""

    replies: tuple[Reply, ...]
    weights: tuple[float, ...]
    seed: int | str | None = None
    _drawn: Progress[Random] = field(init=False, compare=False)

    answers = None  # for ever

    def __post_init__(self) -> None:
        object.__setattr__(self, "_drawn", Progress(partial(Random, self.seed)))

    def choose(self, request: AiointerceptRequest) -> Reply:
        """Return the reply that is drawn next for the request's route."""
        weights = self._weights_in(request.record.attempts)
        with self._drawn.of(request.route) as drawn:
            return drawn.choices(self.replies, weights)[0]

    def _weights_in(self, attempt: int) -> tuple[float, ...]:
        """Return the weights of what has an answer to this attempt, and none for the others."""
        if attempt == 1:
            return self.weights
        pairs = zip(self.replies, self.weights, strict=True)
        weights = tuple(0 if in_attempt(one, attempt) is None else weight for one, weight in pairs)
        return weights if any(weights) else self.weights

    def __repr__(self) -> str:
        seed = "" if self.seed is None else f", seed={self.seed!r}"
        return f"<ChoiceReply of {len(self.replies)}{seed}>"


def choice(replies: Weighted, *, seed: int | str | None = None) -> ChoiceReply:
    """Answer each request with one of *replies* by chance.

    A route answers for ever, unless ``repeat=`` says how often. Safe to call from any thread.

    Args:
        replies: a mapping of replies to weights, or a list of pairs of them. A reply is whatever
            ``reply=`` takes, exceptions too; of two weights, twice as much is twice as often.
        seed: makes the choices the same in every run. Every route begins anew.

    Raises:
        TypeError: *replies* is neither, or one of them is no reply, or a weight is no number.
        ValueError: there are none, or a weight is negative or not finite, or all are 0, or a reply
            can serve one request only.

    Example:
        ``mock.get(url, reply=replies.choice({200: 9, 503: 1}, seed=4))``
    """
    if seed is not None and not isinstance(seed, (int, str)):
        raise TypeError(f"seed must be an int or a str, not {type(seed).__name__}: {seed!r:.60}")
    pairs = _pairs(replies)
    weights = tuple(weight for _, weight in pairs)
    if not sum(weights) > 0:
        raise ValueError("replies must hold at least one reply with a weight above 0")
    given = as_replies([reply for reply, _ in pairs])
    check_lasting(given)
    return ChoiceReply(given, weights, seed)


def _pairs(replies: Weighted) -> list[tuple[Repliable, float]]:
    given: Any = replies
    if isinstance(replies, Mapping):
        given = list(cast("Mapping[Any, float]", replies).items())
    wanted = "a mapping of replies to weights, or a list of such pairs"
    items = enumerate(checked_list("replies", given, wanted))
    return [_checked(index, pair) for index, pair in items]


def _checked(index: int, pair: Any) -> tuple[Repliable, float]:
    match pair:
        case (_, bool()):
            pass
        case (_, int() | float() as weight) if isinstance(pair, tuple):
            if not 0 <= weight <= float_info.max:
                raise ValueError(f"replies[{index}]: a weight must be 0 or more, not {weight}")
            return pair
        case _:
            pass
    raise TypeError(f"replies[{index}] must be a (reply, weight) pair, not {pair!r:.60}")
