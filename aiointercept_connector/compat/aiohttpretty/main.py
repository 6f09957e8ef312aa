"""``aiohttpretty``: the one mock that there is, and what is registered with it."""

from __future__ import annotations

import json
from collections.abc import Mapping
from typing import Any

from yarl import URL

from ... import injection
from ...interceptor import Interceptor
from ...routing.policy import Policy
from .registered import Registry
from .requesting import FakeRequest
from .url import ImmutableFurl, Params

__all__ = ("AioHttPretty", "aiohttpretty")


class AioHttPretty:
    """A mock of the HTTP servers that code under test talks to through aiohttp.

    Attributes:
        calls: the calls that something was registered for: ``method``, ``uri``, and the keyword
            arguments but for ``params``, which are in the ``uri``.
        fake_request: the coroutine function that stands in the place of ``ClientSession._request``
            while active.
    """

    def __init__(self) -> None:
        self.interceptor = Interceptor(policy=Policy(local=False))
        self.calls: list[dict[str, Any]] = []
        self._registry = Registry(self.interceptor)
        self._layer = FakeRequest(self)
        self.fake_request = self._layer.function
        self._activations = 0

    @property
    def is_active(self) -> bool:
        """Whether the calls of sessions are answered."""
        return self._activations > 0

    @property
    def request(self) -> Any:
        """The method of ``ClientSession`` that was replaced; None if it is in its place."""
        return self._layer.replaced if self.is_active else None

    @property
    def registry(self) -> Registry:
        """What is registered, by method and URL."""
        return self._registry

    @registry.setter
    def registry(self, registered: Mapping[Any, Any]) -> None:
        self._registry.clear()
        self._registry.update(registered)

    def register_uri(self, method: str, uri: str | URL, **options: Any) -> None:
        """Register what answers *method* and *uri*, for ever, in place of what did before.

        Args:
            method: the HTTP method.
            uri: the URL; its query is compared in any order.
            **options: ``params``, appended to the query; ``status``, ``reason``, ``headers``;
                ``body``: bytes, text, or something with a coroutine function ``read``;
                ``auto_length``: give the body's size as ``Content-Length``; or in place of all but
                ``params``, ``responses``: a list of such options, each of which answers once.

        Raises:
            InvalidBody: a body is nothing that could be sent.
            InvalidResponses: ``responses`` is no list of options, or one of it has ``params``.
            TypeError: a status or a header is of a wrong type.
            ValueError: the URL has no host, or a status or header could not be received.
        """
        url = ImmutableFurl(uri, options.pop("params", None))
        self._registry[method, url] = options

    def register_json_uri(
        self,
        method: str,
        uri: str | URL,
        *,
        body: Any = None,
        headers: dict[str, str] | None = None,
        params: Params = None,
        **options: Any,
    ) -> None:
        """Register the same, with *body* sent as JSON, and a ``Content-Type`` that says so."""
        given = headers or {}
        names = {name.lower() for name in given}
        kind = {} if "content-type" in names else {"Content-Type": "application/json"}
        self.register_uri(
            method,
            uri,
            body=json.dumps(body).encode(),
            headers={**kind, **given},
            params=params,
            **options,
        )

    def activate(self) -> None:
        """Answer the calls of every session, until ``deactivate`` was called as often as this."""
        self._activations += 1
        if self._activations == 1:
            if not self.interceptor.is_open:
                self.interceptor.open()
            injection.attach(self.interceptor, "process")
            self._layer.put()

    def deactivate(self) -> None:
        """Leave the calls of sessions alone; what is registered stays, and so do ``calls``."""
        self._activations -= 1
        if self._activations == 0:
            self._layer.take()
            injection.detach(self.interceptor)
            self.interceptor.close()
        self._activations = max(self._activations, 0)

    def clear(self) -> None:
        """Forget what is registered, and ``calls``."""
        self.calls = []
        self._registry.clear()
        self.interceptor.forget_calls()
        if not self.is_active and self.interceptor.is_open:
            # A `fake_request` has opened it.
            self.interceptor.close()

    def has_call(self, uri: str | URL, check_params: bool = True, **kwargs: Any) -> bool:
        """Tell whether there was a call of *uri* that had all of these keyword arguments.

        Args:
            uri: the URL.
            check_params: whether the query of the call is compared, too.
            **kwargs: ``method``, ``params``, which are appended to *uri*, and any keyword argument
                of a session's call.
        """
        wanted = {"uri": ImmutableFurl(uri, kwargs.pop("params", None)), **kwargs}
        return any(_has_all(_seen(call, check_params), wanted) for call in self.calls)


def _seen(call: dict[str, Any], check_params: bool) -> dict[str, Any]:
    return call if check_params else {**call, "uri": call["uri"].with_out_params()}


def _has_all(call: dict[str, Any], wanted: dict[str, Any]) -> bool:
    return all(call.get(name) == value for name, value in wanted.items())


aiohttpretty = AioHttPretty()
"""The one mock that there is."""
