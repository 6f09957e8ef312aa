"""Faults where they can never happen, refused when they are registered."""

from __future__ import annotations

from collections.abc import Iterator
from typing import TYPE_CHECKING, Any, cast

from ..replies.reply import alternatives
from .deciding import may_fail_early
from .kind import Fault

if TYPE_CHECKING:
    from ..routing.route import Reply, Route

__all__ = ("check_fits", "check_fits_scheme")


def check_fits(route: Route) -> bool:
    """Refuse faults that can never happen to a route; tell if one may precede its connection.

    Raises:
        ValueError: a fault is not of the URL's scheme, or is to precede a condition on the body.
    """
    secure = getattr(getattr(route.target, "host", None), "secure", None)
    if secure is not None:
        check_fits_scheme(route.reply, secure=secure)
    early = may_fail_early(route.reply)
    if early and route.match is not None and route.match.reads_body:
        raise ValueError(
            f"match asks about the body, and {route.reply!r} happens before anything is sent: "
            f"{route.match!r}. Match on the URL and the headers, or take a fault that happens "
            f"later, such as faults.disconnect()."
        )
    return early


def check_fits_scheme(reply: Reply, *, secure: bool) -> None:
    """Refuse faults of TLS where there is none.

    Raises:
        ValueError: *reply* is one, or may choose one.
    """
    for fault in _faults(reply):
        if fault.kind.phase == "TLS" and not secure:
            raise ValueError(
                f"{fault} is a fault of TLS, and http has none: register it for an https URL."
            )


def _faults(reply: Reply) -> Iterator[Fault]:
    """Iterate over the faults that *reply* is or may choose, delayed ones too."""
    for one in alternatives(reply):
        inner: Any = getattr(one, "reply", None)
        if isinstance(one, Fault):
            yield one
        elif callable(inner):
            yield from _faults(cast("Reply", inner))
