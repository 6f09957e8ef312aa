from __future__ import annotations

import re
from ipaddress import ip_network
from typing import Any

import pytest
from yarl import URL

from aiointercept_connector.routing.policy import PassedRequest, Policy
from aiointercept_connector.routing.target import Asked


def passes(policy: Policy, url: str) -> bool:
    """Ask the policy."""
    return policy.lets_pass(Asked("GET", URL(url)), {"X": "1"})


@pytest.mark.parametrize(
    ("allowed", "passing", "refused"),
    [
        ("API.example.com.", "https://api.example.com/x", "https://example.com/"),
        ("http://api.example.com:8080/path", "https://api.example.com", "https://api.example.org"),
        (URL("https://api.example.com"), "http://api.example.com./", "https://api.example.net"),
        ("*.example.com", "https://a.b.example.com/", "https://example.com/"),
        ("https://*.example.com/x", "http://a.example.com/", "http://a.example.org/"),
        ("api.test:80", "https://api.test/", "https://api.test.test/"),
        ("[2001:db8::1]:80", "http://[2001:db8::1]/", "http://[2001:db8::2]/"),
        ("192.0.2.1:8080", "http://192.0.2.1/", "http://192.0.2.2/"),
        ("10.0.0.0/8", "http://10.1.2.3:99/", "http://11.0.0.1/"),
        (ip_network("fd00::/8"), "http://[fd00::1]/", "http://fd00.example.com/"),
        ("::1", "http://[::1]:8080/", "http://[::2]/"),
        ("bücher.example", "http://xn--bcher-kva.example/", "http://bucher.example/"),
        (re.compile(r"https://\w+\.test/v1/"), "https://a.test/v1/x", "https://a.test/v2/"),
        (lambda url: url.path == "/ok", "http://h.test/ok", "http://h.test/"),
    ],
)
def test_allowed(allowed: Any, passing: str, refused: str) -> None:
    """Hosts, globs, URLs, networks, expressions and functions say what may pass."""
    policy = Policy([allowed])
    assert passes(policy, passing)
    assert not passes(policy, refused)
    assert policy.is_fixed is (not callable(allowed))


def test_unmatched() -> None:
    """The rule for all else is fixed, or a function of the request."""
    assert not passes(Policy(), "http://h.test/")
    assert passes(Policy(unmatched="passthrough"), "http://h.test/")
    asked: list[PassedRequest] = []

    def rule(request: PassedRequest) -> Any:
        asked.append(request)
        return "passthrough" if request.url.host == "h.test" else "raise"

    policy = Policy(unmatched=rule)
    assert passes(policy, "http://h.test/")
    assert not passes(policy, "http://other.test/")
    assert not policy.is_fixed
    assert asked[0] == PassedRequest("GET", URL("http://h.test/"), {"X": "1"})
    assert repr(asked[0]) == "<PassedRequest GET http://h.test/>"


def test_bad_input() -> None:
    """What cannot say what may pass is refused, with the argument's name."""
    with pytest.raises(TypeError) as wrong_type:
        Policy([5], argument="allow")  # type: ignore[list-item]
    assert str(wrong_type.value) == (
        "allow takes hosts, globs of hosts, URLs, networks, compiled expressions and functions of "
        "the URL; it has 5"
    )
    with pytest.raises(ValueError, match="unmatched must be 'raise', 'passthrough' or a function"):
        Policy(unmatched="pass")  # type: ignore[arg-type]
    with pytest.raises(ValueError, match="must return 'raise' or 'passthrough', not None"):
        passes(Policy(unmatched=lambda request: None), "http://h.test/")  # type: ignore[arg-type,return-value]
