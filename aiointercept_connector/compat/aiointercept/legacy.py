"""What aiointercept does where this library means to differ; asked for by ``legacy=True``."""

from __future__ import annotations

import difflib
import inspect
import json
import logging
import sys
from collections.abc import Callable, Mapping, Sequence
from typing import TYPE_CHECKING, Any, Final

from aiohttp import ServerDisconnectedError, web
from aiohttp.helpers import is_ip_address

from ...interceptor import Interceptor
from ...replies.failure import Failure
from ...replies.static import is_bodiless
from ...routing.target import UrlPattern, parse_target
from .sameness import HttpsJournal, HttpsRegistry

if TYPE_CHECKING:
    from aiohttp import ClientConnectionError, ClientRequest
    from yarl import URL

    from ...loopback.link import Call
    from ...routing.registry import Registry
    from ...routing.route import Asked, Reply
    from ...routing.urls import UrlSpec

__all__ = (
    "LegacyInterceptor",
    "as_in_the_original",
    "broken_connection",
    "make_room",
    "sendable",
)

_logger: Final = logging.getLogger("aiointercept.core")
_INTERNAL_ERROR: Final = "500 Internal Server Error\n\nServer got itself in trouble"


class LegacyInterceptor(Interceptor):
    """Breaks the connections of requests that nothing is registered for, and leaves IPs alone."""

    def __init__(self, made: Interceptor) -> None:
        registry = HttpsRegistry()
        journal = HttpsJournal(registry.https_hosts, like=made.journal)
        super().__init__(made.wire, made.policy, made.identities, journal)
        self.registry: HttpsRegistry = registry

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

    def call_broke(self, call: Call) -> None:
        """Leave it: when aiohttp sends the call again, that is another request, of what is next."""

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


def _diagnosis(registry: HttpsRegistry, asked: Asked) -> str:
    """Say why nothing answers, in the words of aiointercept."""
    wanted = f"{asked.method} {registry.https_hosts.named(asked.url)}"
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


def sendable(body: Any, payload: Any, status: int) -> tuple[Any, Any]:
    """Return what of *body* and *payload* goes out: nothing where HTTP allows no body."""
    if is_bodiless(status):
        return b"", None
    return b"" if body is None else body, payload


def as_in_the_original(callback: Callable[..., Any]) -> Callable[..., Any]:
    """Return *callback* such that its result is sent as aiohttp's server sends it.

    What goes wrong in it, or with its result, is a 500.
    """

    async def answering(url: URL, **kwargs: Any) -> web.Response:
        try:
            result = callback(url, **kwargs)
            return _response(await result if inspect.isawaitable(result) else result)
        except web.HTTPException:
            raise
        except Exception:
            _logger.exception("aiointercept: the callback for %s raised", url)
            return web.Response(status=500, text=_INTERNAL_ERROR)

    return answering


def _response(result: Any) -> web.Response:
    """Return the response that *result* is, which has the attributes of a ``CallbackResult``."""
    payload = result.payload
    return web.Response(
        status=result.status,
        body=result.body if payload is None else json.dumps(payload).encode(),
        headers=result.headers,
        reason=result.reason,
        content_type=result.content_type,
    )


def make_room(registry: Registry, url: UrlSpec, method: str, repeat: bool | int) -> None:
    """Let what is queued for this URL and method answer no more, if the new one is for ever.

    Raises:
        ValueError: it is not, and there is one for ever; or *repeat* is negative.
    """
    if repeat < 0:
        raise ValueError("repeat must be at least 1")
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
