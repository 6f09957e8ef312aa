from __future__ import annotations

import pytest

from aiointercept_connector.routing.registry import Registry
from aiointercept_connector.routing.shelf import Shelf
from aiointercept_connector.routing.target import Asked, HostGlob, UrlTarget, parse_target
from aiointercept_connector.routing.template import PathTemplate
from aiointercept_connector.routing.trie import GlobIndex, PathTrie
from aiointercept_connector.routing.urls import Origin
from tests.support import asked, route

MANY = 10_000


def shelf(url: str, order: int = 0) -> Shelf:
    """Return the shelf for *url*."""
    return Shelf(parse_target(url), order)


def path_of(one: Shelf) -> str | PathTemplate:
    """Return the path that the URL of *one* has."""
    assert isinstance(one.target, UrlTarget)
    assert isinstance(one.target.path, (str, PathTemplate))
    return one.target.path


def path_trie(*paths: str) -> PathTrie:
    """Return a trie of *paths*."""
    trie = PathTrie()
    for order, path in enumerate(paths):
        one = shelf(path, order)
        trie.add(one, path_of(one))
    return trie


def reached(trie: PathTrie, path: str) -> list[str]:
    """Return the paths that *path* leads to."""
    return sorted(str(one.target) for one in trie.reached(path))


@pytest.mark.parametrize(
    ("path", "found"),
    [
        ("/users/7", ["/users/{id}", "/{kind}/7"]),
        ("/users/8", ["/users/{id}"]),
        ("/users/7/posts", ["/users/{id}/posts", "/{rest:.+}/posts"]),
        ("/report-7.json", ["/report-{n}.json"]),
        ("/files/a/b", ["/files/{path:.+}"]),
        ("/plain", ["/plain"]),
        ("/", []),
        ("/nowhere", []),
    ],
)
def test_leads_to_what_may_be_meant(path: str, found: list[str]) -> None:
    """A path leads to the templates of its shape, and past all others."""
    trie = path_trie(
        "/users/{id}",
        "/{kind}/7",
        "/users/{id}/posts",
        "/report-{n}.json",
        "/files/{path:.+}",
        "/plain",
    )
    trie.add(late := shelf("/{rest:.+}/posts"), path_of(late))
    kept = [
        one for one in reached(trie, path) if parse_target(one).matches(asked(f"http://h{path}"))
    ]
    assert kept == found


def test_passes_by_other_literals() -> None:
    """Of templates with different literals, only those of the path are reached."""
    trie = path_trie(*(f"/{{a}}/r{n}" for n in range(100)), *(f"/r{n}/{{a}}" for n in range(100)))
    assert reached(trie, "/r7/r8") == ["/r7/{a}", "/{a}/r8"]


def test_same_shape_is_reached_together() -> None:
    """Templates that only their expressions tell apart are all reached."""
    assert reached(path_trie("/{a:x}", "/{b:y}"), "/x") == ["/{a:x}", "/{b:y}"]


@pytest.mark.parametrize(
    ("host", "found"),
    [
        ("api.example.com", ["*.example.com", "api*", "a*.example.com", "*i.example.com", "*"]),
        ("v1.api.example.com", ["*.example.com", "*.api.example.com", "*i.example.com", "*"]),
        ("example.com", ["*"]),
    ],
)
def test_hosts(host: str, found: list[str]) -> None:
    """A host leads to the globs that it fits, among those that end alike."""
    index = GlobIndex()
    globs = ["*.example.com", "*.api.example.com", "api*", "a*.example.com", "*i.example.com", "*"]
    for order, glob in enumerate([*globs, "*.example.org"]):
        one = shelf(f"http://{glob}/x", order)
        assert isinstance(one.target, UrlTarget)
        assert isinstance(one.target.host, HostGlob)
        index.add(one, one.target.host, path_of(one))
    origin = Origin(secure=False, host=host, port=80)
    fitting = {
        str(one.target)
        for one in index.reached(origin, "/x")
        if one.target.matches(asked(f"http://{host}/x"))
    }
    assert fitting == {f"http://{glob}/x" for glob in found}
    assert "http://*.example.org/x" not in {str(o.target) for o in index.reached(origin, "/x")}


@pytest.mark.parametrize(
    ("template", "requested"),
    [
        ("https://h/r{n}/{{id}}", "https://h/r777/1"),
        ("https://h/{{id}}/r{n}", "https://h/1/r777"),
        ("https://h/r{n}-{{id}}.json", "https://h/r777-1.json"),
        ("https://h/r{n}/{{rest:.+}}", "https://h/r777/1/2"),
        ("/r{n}/{{id}}", "https://h/r777/1"),
        ("https://*.h/r{n}", "https://x.h/r777"),
        ("https://*.h/r{n}/{{id}}", "https://x.h/r777/1"),
        ("https://*.h{n}/r", "https://x.h777/r"),
    ],
)
def test_lookup_does_not_depend_on_the_number(
    template: str, requested: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Among 10,000 routes of one host, no more targets are asked than among one."""
    registry = Registry()
    for n in range(MANY):
        registry.add(route(template.format(n=n)))
    tried: list[UrlTarget] = []
    matches = UrlTarget.matches

    def counted(self: UrlTarget, request: Asked) -> bool:
        tried.append(self)
        return matches(self, request)

    monkeypatch.setattr(UrlTarget, "matches", counted)
    found = registry.find(asked(requested))
    assert found is not None
    assert str(found.target) == template.format(n=777)
    assert len(tried) == 1
