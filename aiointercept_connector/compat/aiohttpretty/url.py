"""URLs as ``aiohttpretty`` compares them: the query is a part that can be left out."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from functools import cached_property
from typing import Any, cast

from multidict import MultiDict, MultiDictProxy
from yarl import URL

from ...routing.urls import canonical_url
from ...routing.values import is_array, is_object

__all__ = ("ImmutableFurl", "Params")

Params = Mapping[str, Any] | Iterable[tuple[str, Any]] | None


class ImmutableFurl:
    """A URL and its query, which are compared in any order of the query.

    It is equal to text that says the same, too.

    Args:
        url: the URL, perhaps with a query.
        params: what is appended to the query; None is an empty value.

    Attributes:
        whole: the URL with the whole query.
    """

    def __init__(self, url: str | URL, params: Params = None) -> None:
        # An empty mapping for None: yarl takes that for "no query at all".
        self.whole = URL(url).extend_query(_texts(params))

    @cached_property
    def url(self) -> str:
        """The URL without its query."""
        return str(self.whole.with_query(None))

    @property
    def params(self) -> MultiDictProxy[str]:
        """The query."""
        return self.whole.query

    def with_out_params(self) -> ImmutableFurl:
        """Return the URL without its query."""
        return ImmutableFurl(self.url)

    @cached_property
    def _normal(self) -> str:
        return str(canonical_url(self.whole) if self.whole.absolute else self.whole)

    def __eq__(self, other: object) -> bool:
        if isinstance(other, str):
            other = ImmutableFurl(other)
        return isinstance(other, ImmutableFurl) and other._normal == self._normal

    def __hash__(self) -> int:
        return hash(self._normal)

    def __str__(self) -> str:
        return str(self.whole)

    def __repr__(self) -> str:
        return f"ImmutableFurl({str(self)!r})"


def _texts(params: Params) -> MultiDict[str]:
    """Return *params* as yarl takes them."""
    pairs: Any = cast("Any", params).items() if is_object(params) else params or ()
    texts: MultiDict[str] = MultiDict()
    for name, value in pairs:
        values = value if is_array(value) else [value]
        texts.extend((name, "" if one is None else str(one)) for one in values)
    return texts
