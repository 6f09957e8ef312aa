"""``registry``: what is registered, as a mapping that tests may read and change."""

from __future__ import annotations

from collections.abc import Iterator, Mapping, MutableMapping, MutableSequence
from typing import Any, TypeAlias, cast

from yarl import URL

from ...arguments import caller
from ...interceptor import Interceptor
from ...routing.route import Route, parse_target
from .answering import Options, Registered, checked
from .url import ImmutableFurl

__all__ = ("Registry",)

Key: TypeAlias = "tuple[str, ImmutableFurl | str]"


class Registry(MutableMapping[Key, Any]):
    """What is registered, by method and URL; the URL may be given as text.

    A value is the options of a response, or a list of those, each of which answers once.
    """

    def __init__(self, interceptor: Interceptor) -> None:
        self._interceptor = interceptor
        self._routes: dict[Key, Route] = {}

    def __getitem__(self, key: Key) -> Any:
        return cast("Registered", self._routes[_normal(key)].reply).options

    def __setitem__(self, key: Key, value: Options | MutableSequence[Options]) -> None:
        """Register what answers, for ever, in place of what did before.

        Raises:
            KeyError: the key is no pair of a method and a URL.
            InvalidBody: a body is nothing that could be sent.
            InvalidResponses: a list has something else than options of a response.
            TypeError: a status or a header is of a wrong type.
            ValueError: the URL has no host, or a status or header could not be received.
        """
        method, url = known = _normal(key)
        options = value if isinstance(value, Mapping) else {"responses": value}
        route = Route(
            method,
            parse_target(url.whole),
            Registered(checked(options)),
            repeat=True,
            registered_at=caller(beyond=("collections", "_collections_abc")),
        )
        self._interceptor.registry.add(route)
        self._routes[known] = route

    def __delitem__(self, key: Key) -> None:
        self._interceptor.registry.withdraw(self._routes.pop(_normal(key)))

    def __iter__(self) -> Iterator[Key]:
        return iter(self._routes)

    def __len__(self) -> int:
        return len(self._routes)

    def __repr__(self) -> str:
        return repr(dict(self))

    def clear(self) -> None:
        """Forget what is registered."""
        self._routes.clear()
        self._interceptor.forget_routes()


def _normal(key: object) -> tuple[str, ImmutableFurl]:
    match key:
        case (str() as method, str() | URL() | ImmutableFurl() as url):
            return method.upper(), url if isinstance(url, ImmutableFurl) else ImmutableFurl(url)
        case _:
            raise KeyError(key)
