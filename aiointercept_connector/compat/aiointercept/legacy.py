"""What aiointercept does where this library means to differ; asked for by ``legacy=True``."""

from __future__ import annotations

import difflib
import functools
import inspect
import logging
import sys
from collections.abc import Callable, Mapping, Sequence
from typing import TYPE_CHECKING, Any, Final

from aiohttp import ServerDisconnectedError, web
from aiohttp.helpers import is_ip_address

from ...interceptor import Interceptor
from ...replies.failure import Failure
from ...routing.target import UrlPattern, parse_target
from ...routing.urls import canonical_url

if TYPE_CHECKING:
    from aiohttp import ClientConnectionError, ClientRequest
    from yarl import URL

    from ...routing.registry import Registry
    from ...routing.route import Asked, Reply
    from ...routing.urls import UrlSpec

__all__ = ("LegacyInterceptor", "as_status_500", "broken_connection", "make_room")

_logger: Final = logging.getLogger("aiointercept.core")


class LegacyInterceptor(Interceptor):
    """Breaks the connections of requests that nothing is registered for, and leaves IPs alone."""

    def claims(self, asked: Asked) -> bool:
        """Tell whether a route could answer, and is asked by a name."""
        return not _is_ip(asked) and super().claims(asked)

    def may_pass(
        self,
        asked: Asked,
        headers: Mapping[str, str],
        proxy: URL | None,
        askers: Sequence[Interceptor],
    ) -> bool:
        """Tell whether a request may reach its host, as every IP address may."""
        return _is_ip(asked) or super().may_pass(asked, headers, proxy, askers)

    def refuse(self, asked: Asked, sent: ClientRequest) -> ClientConnectionError:
        """Record a request that no route answers, and return its error."""
        return self._broken_by(super().refuse(asked, sent), asked)

    def refusal(self, error: ClientConnectionError, asked: Asked) -> Reply:
        """Return the reply to one that has arrived: its connection breaks."""
        return Failure(self._broken_by(error, asked))

    def _broken_by(self, error: ClientConnectionError, asked: Asked) -> ServerDisconnectedError:
        """Return what a client makes of a connection that breaks, and log the reason."""
        _logger.warning("aiointercept: %s", _diagnosis(self.registry, asked))
        broken = ServerDisconnectedError()
        if sys.version_info >= (3, 11):
            broken.add_note(str(error))
        return broken


def _is_ip(asked: Asked) -> bool:
    return is_ip_address(asked.key.origin.host)


def _diagnosis(registry: Registry, asked: Asked) -> str:
    """Say why nothing answers, in the words of aiointercept."""
    wanted = f"{asked.method} {canonical_url(asked.url)}"
    targets = [route.target for route in registry]
    known = sorted(
        {f"{one.method} {one.target}" for one in registry if not isinstance(one.target, UrlPattern)}
    )
    if wanted in known:
        return (
            f"no handler for {wanted} — all registered handlers for this method+url "
            "have already been consumed (finite repeat exhausted)"
        )
    nearest = difflib.get_close_matches(wanted, known, n=1, cutoff=0.0)
    if nearest:
        lines = [line.rstrip() for line in difflib.ndiff([wanted], nearest)]
        return "\n".join(["no matching handler — closest registered (diff):", *lines])
    patterns = sorted({one.pattern.pattern for one in targets if isinstance(one, UrlPattern)})
    if patterns:
        return f"no handler for {wanted} — no exact handlers; registered patterns: {patterns}"
    return f"no handler for {wanted} — no handlers registered."


def broken_connection(exception: Any) -> ServerDisconnectedError | None:
    """Return what ``exception=`` is, whatever it says: a connection that breaks."""
    if not exception:
        return None
    if exception is not True:
        _logger.warning(
            "aiointercept only raise ClientConnectionError, "
            "pass exception=True instead of an specific exception"
        )
    return ServerDisconnectedError()


def as_status_500(callback: Callable[..., Any]) -> Callable[..., Any]:
    """Return *callback* such that what it raises, or returning nothing, is answered by a 500."""

    @functools.wraps(callback)
    async def answering(url: URL, **kwargs: Any) -> Any:
        try:
            result = callback(url, **kwargs)
            if inspect.isawaitable(result):
                result = await result
        except web.HTTPException:
            raise
        except Exception:
            _logger.exception("aiointercept: the callback for %s raised", url)
            return web.Response(status=500)
        return web.Response(status=500) if result is None else result

    return answering


def make_room(registry: Registry, url: UrlSpec, method: str, repeat: bool | int) -> None:
    """Let what is queued for this URL and method answer no more, if the new one is for ever.

    Raises:
        ValueError: it is not, and there is one for ever.
    """
    target, method = parse_target(url), method.upper()
    for route in registry:
        if route.target != target or route.method != method:
            continue
        if repeat is True:
            registry.withdraw(route)
        elif route.endless:
            what = f"pattern {url}" if isinstance(target, UrlPattern) else str(target)
            raise ValueError(
                f"Existing handler for {what} {method} has repeat=True, "
                "cannot add more handlers to it."
            )
