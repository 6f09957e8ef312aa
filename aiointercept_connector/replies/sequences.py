"""The reply that is another one each time: ``sequence`` and ``cycle``."""

from __future__ import annotations

from collections.abc import Callable, Iterable
from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Any, Final, Literal, TypeAlias

from ..arguments import one_of
from ..errors import SequenceExhaustedError
from .checked import checked_list
from .conversion import Repliable, as_replies
from .failure import Failure
from .progress import Progress
from .reply import ChoosingReply, check_lasting, in_attempt

if TYPE_CHECKING:
    from ..journal.request import AiointerceptRequest
    from ..routing.route import Reply

__all__ = ("OnExhausted", "SequenceReply", "cycle", "sequence")

OnExhausted: TypeAlias = Literal["raise", "cycle", "last"]
"""What a sequence does with the requests behind its end."""

_MODES: Final = ("raise", "cycle", "last")


class _Steps:
    """The steps that are to come."""

    def __init__(self) -> None:
        self._next = 0
        self._passed_over: list[int] = []

    def take(self, fits: Callable[[int], bool], ahead: int) -> int:
        """Return the first step that fits, of the next ones; those before it stay to come."""
        coming = [*self._passed_over, *range(self._next, self._next + ahead)]
        step: int = next(filter(fits, coming), coming[0])
        if step in self._passed_over:
            self._passed_over.remove(step)
        else:
            self._passed_over += range(self._next, step)
            self._next = step + 1
        return step


def _from_the_start() -> Progress[_Steps]:
    return Progress(_Steps)


@dataclass(frozen=True, repr=False)
class SequenceReply(ChoosingReply):
    """One reply after the other; see ``sequence``.

    It is a value: where a route has got to is known for each route by itself.
    """

    replies: tuple[Reply, ...]
    on_exhausted: OnExhausted = "raise"
    answers: int | None = field(init=False, compare=False)
    runs_out: int | None = field(init=False, compare=False)
    _steps: Progress[_Steps] = field(default_factory=_from_the_start, init=False, compare=False)

    def __post_init__(self) -> None:
        # A route answers with it to its end, if that is one.
        end = len(self.replies) if self.on_exhausted == "raise" else None
        object.__setattr__(self, "answers", end)
        object.__setattr__(self, "runs_out", end)

    def choose(self, request: AiointerceptRequest) -> Reply:
        """Return the next reply of the request's route that has an answer to this attempt."""
        attempt = request.record.attempts

        def fits(step: int) -> bool:
            reply = self._at(step)
            return reply is None or in_attempt(reply, attempt) is not None

        with self._steps.of(request.route) as steps:
            step = steps.take(fits, len(self.replies) + 1)
        return self._at(step) or Failure(_exhausted(request, step + 1, len(self.replies)))

    def _at(self, step: int) -> Reply | None:
        """Return the reply of a step; None behind the end of a sequence that has one."""
        if step < len(self.replies):
            return self.replies[step]
        if self.on_exhausted == "cycle":
            return self.replies[step % len(self.replies)]
        return self.replies[-1] if self.on_exhausted == "last" else None

    def __repr__(self) -> str:
        return f"<SequenceReply of {len(self.replies)}, on_exhausted={self.on_exhausted!r}>"


def sequence(replies: Iterable[Repliable], *, on_exhausted: OnExhausted = "raise") -> SequenceReply:
    """Answer the first request with the first of *replies*, the second with the second.

    A route answers as often as there are replies, or for ever if the sequence has no end;
    ``repeat=`` may say otherwise, but not ask for more than there are. Every route begins anew.
    Safe to call from any thread.

    Args:
        replies: whatever ``reply=`` takes, exceptions too.
        on_exhausted: what answers behind the end: ``"raise"`` nothing, the next route's turn has
            come; ``"cycle"`` begins again, ``"last"`` repeats the last reply. What a callback
            returns, or another reply has within it, is asked behind its end all the same:
            ``"raise"`` raises a ``SequenceExhaustedError`` to the client's caller then.

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
