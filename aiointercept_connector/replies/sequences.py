"""The reply that is another one each time: ``sequence`` and ``cycle``."""

from __future__ import annotations

from collections.abc import Iterable, Iterator
from dataclasses import dataclass, field
from itertools import count
from typing import TYPE_CHECKING, Any, Final, Literal, TypeAlias

from ..arguments import one_of
from ..errors import SequenceExhaustedError
from .conversion import Repliable, as_replies
from .failure import Failure
from .progress import Progress
from .reply import ChoosingReply, check_lasting
from .static import checked_list

if TYPE_CHECKING:
    from ..journal.request import AiointerceptRequest
    from ..routing.route import Reply

__all__ = ("OnExhausted", "SequenceReply", "cycle", "sequence")

OnExhausted: TypeAlias = Literal["raise", "cycle", "last"]
"""What a sequence does with the requests behind its end."""

_MODES: Final = ("raise", "cycle", "last")


def _from_the_start() -> Progress[Iterator[int]]:
    return Progress(count)


@dataclass(frozen=True, repr=False)
class SequenceReply(ChoosingReply):
    """One reply after the other; see ``sequence``.

    It is a value: where a route has got to is known for each route by itself.
    """

    replies: tuple[Reply, ...]
    on_exhausted: OnExhausted = "raise"
    _steps: Progress[Iterator[int]] = field(
        default_factory=_from_the_start, init=False, compare=False
    )

    @property
    def answers(self) -> int | None:  # type: ignore[override]
        """How often a route answers with it: to its end, if that is one."""
        return len(self.replies) if self.on_exhausted == "raise" else None

    def choose(self, request: AiointerceptRequest) -> Reply:
        """Return the next reply of the request's route."""
        with self._steps.of(request.route) as steps:
            step = next(steps)
        if step < len(self.replies):
            return self.replies[step]
        if self.on_exhausted == "cycle":
            return self.replies[step % len(self.replies)]
        if self.on_exhausted == "last":
            return self.replies[-1]
        return Failure(_exhausted(request, step + 1, len(self.replies)))

    def __repr__(self) -> str:
        return f"<SequenceReply of {len(self.replies)}, on_exhausted={self.on_exhausted!r}>"


def sequence(replies: Iterable[Repliable], *, on_exhausted: OnExhausted = "raise") -> SequenceReply:
    """Answer the first request with the first of *replies*, the second with the second.

    A route answers as often as there are replies, or for ever if the sequence has no end;
    ``repeat=`` says otherwise. Every route begins anew. Safe to call from any thread.

    Args:
        replies: whatever ``reply=`` takes, exceptions too.
        on_exhausted: what answers behind the end: ``"raise"`` raises a ``SequenceExhaustedError``
            to the client's caller, ``"cycle"`` begins again, ``"last"`` repeats the last reply.

    Raises:
        TypeError: *replies* cannot be iterated over, or one of them is no reply.
        ValueError: there are none, or *on_exhausted* is something else, or a reply that can serve
            one request would be asked again.

    Example:
        ``mock.get(url, reply=replies.sequence([503, TimeoutError(), {"id": 1}]))``
    """
    one_of("on_exhausted", on_exhausted, _MODES)
    given = _checked(replies)
    check_lasting(_asked_again(given, on_exhausted))
    return SequenceReply(given, on_exhausted)


def cycle(replies: Iterable[Repliable]) -> SequenceReply:
    """Answer with *replies* in turn, for ever: a ``sequence`` that begins again at its end."""
    return sequence(replies, on_exhausted="cycle")


def _asked_again(replies: tuple[Reply, ...], on_exhausted: OnExhausted) -> list[Reply]:
    if on_exhausted == "cycle":
        return [*replies]
    last = replies[-1:] if on_exhausted == "last" else ()
    return [*last, *(reply for reply in replies if sum(reply is one for one in replies) > 1)]


def _checked(replies: Any) -> tuple[Reply, ...]:
    given = checked_list("replies", replies, "a list of replies")
    if not given:
        raise ValueError("replies must hold at least one reply")
    return as_replies(given)


def _exhausted(request: AiointerceptRequest, step: int, length: int) -> SequenceExhaustedError:
    route = request.route
    where = "" if route is None or route.registered_at is None else f", {route.registered_at}"
    held = "1 reply" if length == 1 else f"{length} replies"
    return SequenceExhaustedError(
        f"{request.method} {request.url} is request {step} for a sequence of {held} "
        f"({route or 'no route'}{where}). "
        f"Add a reply to the sequence, or say what is behind its end: "
        f'on_exhausted="last" repeats its last reply, on_exhausted="cycle" begins it again.',
        request,
    )
