"""What becomes of a request that no route answers: refused, or let through to the real network."""

from __future__ import annotations

import re
from collections.abc import Callable, Iterable, Mapping
from ipaddress import IPv4Network, IPv6Network, ip_address, ip_network
from typing import Any, Final, Literal, NamedTuple, TypeAlias, cast

from yarl import URL

from .target import Asked, UrlPattern
from .urls import is_loopback

__all__ = (
    "Allowed",
    "PassedRequest",
    "Policy",
    "UnmatchedRule",
    "Verdict",
    "checked_unmatched",
    "parse_allowed",
    "stays_here",
)

Allowed: TypeAlias = (
    "str | URL | re.Pattern[str] | IPv4Network | IPv6Network | Callable[[URL], Any]"
)
"""What may be reached: a host, or a glob of hosts, a URL with such a host, a network of addresses
(``"10.0.0.0/8"``), an expression for the start of the URL, or a function of the URL."""

Verdict: TypeAlias = Literal["raise", "passthrough"]
VERDICTS: Final[tuple[Verdict, ...]] = ("raise", "passthrough")


class PassedRequest(NamedTuple):
    """A request that was let through to the real network, as the client was about to send it.

    Attributes:
        method: the HTTP method.
        url: the URL.
        headers: the headers.
    """

    method: str
    url: URL
    headers: Mapping[str, str]

    def __repr__(self) -> str:
        return f"<PassedRequest {self.method} {self.url}>"


UnmatchedRule: TypeAlias = "Verdict | Callable[[PassedRequest], Verdict]"
"""What to do with a request that no route answers, or a function that says so of each."""


class Policy:
    """Which requests may pass.

    Args:
        allowed: what may be reached for real.
        unmatched: what becomes of all else.
        local: whether servers on this machine may be reached, where no route names them.
        argument: what messages call *allowed*.

    Attributes:
        is_fixed: whether its verdict on a request is the same every time; a function of the user's
            may say one thing now and another later.
    """

    def __init__(
        self,
        allowed: Iterable[Allowed] = (),
        unmatched: UnmatchedRule = "raise",
        *,
        local: bool = True,
        argument: str = "passthrough",
    ) -> None:
        self.local = local
        self.is_fixed = not callable(unmatched)
        self._hosts: set[str] = set()
        self._tests: list[Callable[[Asked], Any]] = []
        for item in allowed:
            self.is_fixed &= not callable(item)
            host_or_test = parse_allowed(item, argument)
            if isinstance(host_or_test, str):
                self._hosts.add(host_or_test)
            else:
                self._tests.append(host_or_test)
        self._unmatched = checked_unmatched(unmatched)

    def lets_pass(self, asked: Asked, headers: Mapping[str, str]) -> bool:
        """Tell whether a request that no route answers may reach the real network."""
        if asked.key.origin.host in self._hosts or any(test(asked) for test in self._tests):
            return True
        if callable(self._unmatched):
            request = PassedRequest(asked.method, asked.url, headers)
            return _checked_verdict(self._unmatched(request)) == "passthrough"
        return self._unmatched == "passthrough"


def parse_allowed(item: Any, argument: str) -> str | Callable[[Asked], Any]:
    """Return the host that *item* names, or a test of what is asked.

    Raises:
        TypeError: it is nothing that could say what may be reached.
    """
    if isinstance(item, URL):
        return _normal_host(item.raw_host or "")
    if isinstance(item, re.Pattern):
        return UrlPattern(cast("re.Pattern[str]", item)).matches
    if isinstance(item, (IPv4Network, IPv6Network)):
        return lambda asked: _is_in(asked.key.origin.host, item)
    if isinstance(item, str):
        return _parse_text(item)
    if callable(item):
        return lambda asked: item(asked.url)
    raise TypeError(
        f"{argument} takes hosts, globs of hosts, URLs, networks, compiled expressions and "
        f"functions of the URL; it has {item!r}"
    )


def _parse_text(text: str) -> str | Callable[[Asked], Any]:
    if "*" in text:
        host = text.partition("//")[2].partition("/")[0] if "//" in text else text
        glob = re.compile(".*".join(map(re.escape, host.lower().split("*"))))
        return lambda asked: glob.fullmatch(asked.key.origin.host)
    if "/" in text and "//" not in text:
        try:
            network = ip_network(text)
        except ValueError:
            pass
        else:
            return lambda asked: _is_in(asked.key.origin.host, network)
    try:
        return _normal_host(URL(text if "//" in text else f"//{text}").raw_host or "")
    except ValueError:
        # A bare IPv6 address has too many colons for a URL.
        return _normal_host(text)


def _normal_host(host: str) -> str:
    return host.rstrip(".").lower()


def _is_in(host: str, network: IPv4Network | IPv6Network) -> bool:
    try:
        return ip_address(host) in network
    except ValueError:
        # A name: where it would lead to is not looked up.
        return False


def stays_here(asked: Asked, proxy: URL | None) -> bool:
    """Tell whether a request goes to a server of this machine, and by no way round."""
    host = asked.key.origin.host
    return is_loopback(host) and (proxy is None or is_loopback(proxy.host or ""))


def checked_unmatched(unmatched: Any) -> UnmatchedRule:
    """Return *unmatched* if it says what becomes of a request that no route answers."""
    if callable(unmatched) or unmatched in VERDICTS:
        return cast("UnmatchedRule", unmatched)
    raise ValueError(f"unmatched must be 'raise', 'passthrough' or a function, not {unmatched!r}")


def _checked_verdict(verdict: Any) -> Verdict:
    for known in VERDICTS:
        if verdict == known:
            return known
    raise ValueError(f"unmatched= must return 'raise' or 'passthrough', not {verdict!r}")
