"""What the public functions are given: its types, and checks that name the argument."""

from __future__ import annotations

import inspect
import os
import re
import sys
from collections.abc import Callable, Iterable, Mapping, Sequence
from types import FrameType
from typing import TYPE_CHECKING, Any, TypedDict, TypeVar, cast

from yarl import URL

from .replies.checked import checked_flag
from .routing.route import ANY_METHOD
from .unset import is_any

if TYPE_CHECKING:
    from .replies.callback import Callback
    from .replies.conversion import Repliable
    from .replies.delay import Delay
    from .replies.reply import BaseReply
    from .replies.static import Body
    from .routing.matchers import Matcher
    from .routing.route import Reply, Route
    from .routing.state import StateValue
    from .routing.urls import QueryParams
    from .routing.usage import Times

__all__ = (
    "RouteOptions",
    "caller",
    "check_body_is_there",
    "check_faults",
    "check_lasts",
    "check_serves_once",
    "checked_bound",
    "checked_fault",
    "checked_matcher",
    "checked_method",
    "checked_name",
    "checked_params",
    "checked_priority",
    "checked_repeat",
    "checked_state",
    "one_of",
    "refuse_unknown",
    "with_delay",
)

T = TypeVar("T")

# What `replies.json` and the like take, and `add` does not.
_OF_REPLIES = frozenset({"cookies", "encoding", "interim", "trailers", "serializer"})

_PACKAGE = __name__.partition(".")[0]
# A token (RFC 9110 section 5.6.2); `*`, which is one too, stands for any method.
_METHOD = re.compile(r"[!#$%&'*+\-.^_`|~0-9A-Za-z]+")


class RouteOptions(TypedDict, total=False):
    """What ``get``, ``post`` and the other verbs take beside the URL: the arguments of ``add``."""

    status: int
    body: Body
    json: Any
    payload: Any
    headers: Mapping[str, str] | None
    repeat: bool | int
    content_type: str | None
    callback: Callback | None
    reason: str | None
    exception: BaseException | type[BaseException] | BaseReply | bool | None
    reply: Repliable
    read_body: bool
    delay: Delay
    virtual: bool
    params: QueryParams | Any
    match: Matcher | None
    when: StateValue | None
    then: StateValue | None
    times: Times | None
    priority: int
    name: str | None


def checked_bound(argument: str, value: Any, least: int) -> int | None:
    """Return *value* if it is None, or a number that is *least* or more."""
    if value is None:
        return None
    if not isinstance(value, int) or isinstance(value, bool):
        raise TypeError(f"{argument} must be a number, or None for no bound, not {value!r}")
    if value < least:
        raise ValueError(f"{argument} must be {least} or more, or None for no bound, not {value}")
    return value


def one_of(argument: str, value: T, allowed: Iterable[T]) -> T:
    """Return *value* if it is allowed."""
    # `in` would ask for a hash, which it may not have, and `ANY` is equal to everything.
    if not any(isinstance(value, type(one)) and value == one for one in allowed):
        choices = " or ".join(map(repr, allowed))
        raise ValueError(f"{argument} must be {choices}, not {value!r}")
    return value


def refuse_unknown(unknown: Mapping[str, Any], function: Callable[..., Any]) -> None:
    """Raise for keywords that *function* does not have, with the nearest that it has."""
    if not unknown:
        return
    name = next(iter(unknown))
    known = [
        parameter.name
        for parameter in inspect.signature(function).parameters.values()
        if parameter.kind is not parameter.VAR_KEYWORD and parameter.name != "self"
    ]
    # Imported at its use, as matchers are below: importing this package is to stay cheap.
    import difflib

    near = difflib.get_close_matches(name, known, 1, cutoff=0)
    called = function.__qualname__.removesuffix(".__init__").rpartition(".")[2]
    if name in _OF_REPLIES and "reply" in known:
        raise TypeError(
            f"{called}() has no argument {name!r}, but replies have: "
            f"reply=replies.json(..., {name}=...)"
        )
    raise TypeError(
        f"{called}() has no argument {name!r}: did you mean {near[0]!r}? It has: {', '.join(known)}"
    )


def checked_method(method: Any) -> str:
    """Return *method* as HTTP spells it; ``*`` is any."""
    if is_any(method):
        return ANY_METHOD
    if not isinstance(method, str):
        raise TypeError(f"method must be a str, not {type(method).__name__}: {method!r}")
    if not _METHOD.fullmatch(method):
        raise ValueError(f"method must be the name of an HTTP method, not {method!r}")
    return method.upper()


def checked_repeat(repeat: Any) -> bool | int:
    """Return *repeat* if a route can be repeated like that."""
    if not isinstance(repeat, int):
        raise TypeError(f"repeat must be a bool or an int, not {type(repeat).__name__}: {repeat!r}")
    if repeat < 0:
        raise ValueError(f"repeat must be at least 1 (or True, for ever), not {repeat}")
    return repeat


def checked_priority(priority: Any) -> int:
    """Return *priority* if it can be compared with others."""
    if not isinstance(priority, int):
        raise TypeError(f"priority must be an int, not {type(priority).__name__}: {priority!r}")
    return priority


def checked_matcher(match: Any) -> Matcher | None:
    """Return *match* if it can be asked of a request."""
    if match is None:
        return None
    from .routing.matchers import Matcher

    if isinstance(match, Matcher):
        return match
    raise TypeError(
        f"match must be a Match, not {type(match).__name__}: {match!r}. "
        f"For a function of the request, use Match(predicate=...)."
    )


def check_body_is_there(reply: Reply, match: Matcher | None) -> None:
    """Refuse a condition on the body where that is not read before the condition is asked."""
    if match is None or getattr(reply, "reads_body", True) or not match.reads_body:
        return
    raise ValueError(
        f"match asks about the body, which {reply!r} is to be given while it is still arriving: "
        f"{match!r}. Leave out read_body=False, or match on what comes before the body."
    )


def checked_name(name: Any) -> str | None:
    """Return *name* if messages can call a route so."""
    if name is None or isinstance(name, str):
        return name
    raise TypeError(f"name must be a str, not {type(name).__name__}: {name!r:.60}")


def checked_params(params: Any) -> Any:
    """Return *params* if a query can be made of it, or it is ``ANY``."""
    if params is None or is_any(params):
        return params
    wanted = "params must be a mapping, a list of (name, value) pairs, a str, or ANY"
    told = f"{wanted}, not {type(params).__name__}: {params!r:.60}"
    bytes_like = isinstance(params, (bytes, bytearray, memoryview))
    if bytes_like or not isinstance(params, (str, Mapping, Sequence)):
        raise TypeError(told)
    try:
        URL("/").with_query(cast("Any", params))
    except (TypeError, ValueError) as exc:
        raise type(exc)(f"{told}. ({exc})") from exc
    return cast("Any", params)


def check_lasts(route: Route, *, repeated: bool) -> None:
    """Refuse to answer more requests than there are answers for.

    Args:
        route: the route.
        repeated: whether ``repeat`` says how often it answers.
    """
    length = getattr(route.reply, "runs_out", None)
    if length is None:
        return
    least = route.remaining if repeated else route.times[0] if route.times else 0
    if least is None or least > length:
        asked = "any number of requests" if least is None else f"{least} requests"
        raise ValueError(
            f"{route.reply!r} has no answer to request {length + 1}, and is asked for {asked}. "
            f"Leave out repeat= or times=, add replies, or say what is behind its end: "
            f'on_exhausted="last" repeats its last reply, on_exhausted="cycle" begins it again.'
        )


def check_serves_once(route: Route) -> None:
    """Refuse to answer several requests with what can answer one."""
    if route.remaining != 1 and getattr(route.reply, "serves_once", False):
        times = "any number of" if route.endless else str(route.remaining)
        raise ValueError(
            f"{route.reply!r} can serve one request, not {times}: a generator can be iterated "
            f"once. Give a function that returns a new one, or a list."
        )


def checked_fault(exception: BaseReply) -> Reply:
    """Return *exception* if it is a fault, which of all replies ``exception=`` takes alone."""
    if exception.is_fault:
        return exception
    raise TypeError(f"exception must be an exception or one of faults, not {exception!r:.60}")


def check_faults(route: Route) -> bool:
    """Refuse faults that can never happen to *route*; tell if one may precede its connection."""
    if "aiointercept_connector.faults.kind" not in sys.modules:
        # There is no fault yet.
        return False
    from .faults.checks import check_fits

    return check_fits(route)


def with_delay(reply: Reply, delay: Delay, *, virtual: bool) -> Reply:
    """Return *reply*, answering later."""
    from .replies.delay import delayed

    if checked_flag("virtual", virtual) and delay == 0:
        raise ValueError("virtual=True says how delay= passes: give a delay")
    return delayed(reply, delay, virtual=virtual)


def checked_state(argument: str, state: Any) -> StateValue | None:
    """Return *state* if it is a name of a mock's state and a value."""
    match state:
        case None | (str(), _) if not isinstance(state, list):
            return cast("StateValue | None", state)
        case _:
            pass
    raise TypeError(f"{argument} must be a (name, value) tuple, not {state!r}")


def caller(beyond: tuple[str, ...] = ()) -> str | None:
    """Return ``file:line`` of the code that called in, outside this package and *beyond*."""
    packages = {_PACKAGE, *beyond}
    frame = inspect.currentframe()
    while frame is not None and _package(frame) in packages:
        frame = frame.f_back
    return None if frame is None else f"{_short_path(frame.f_code.co_filename)}:{frame.f_lineno}"


def _package(frame: FrameType) -> str:
    name: str = frame.f_globals.get("__name__", "")
    return name.partition(".")[0]


def _short_path(path: str) -> str:
    """Return *path* as one would type it where the tests are run."""
    try:
        here = os.getcwd() + os.sep  # noqa: PTH109 - registering is to stay cheap
    except OSError:
        # The current directory is gone.
        return path
    return path.removeprefix(here)
