from __future__ import annotations

import re
from concurrent.futures import ThreadPoolExecutor

import pytest
from yarl import URL

from aiointercept_connector.journal.journal import Journal
from aiointercept_connector.replies.static import StaticReply
from aiointercept_connector.routing.route import Route, parse_target
from tests.journal.support import API, asked


@pytest.fixture
def journal() -> Journal:
    """An empty journal."""
    return Journal()


def test_order_of_arrival(journal: Journal) -> None:
    """Requests are kept in the order in which they came."""
    requests = [asked(url=f"{API}/{n}") for n in (3, 1, 2)]
    for request in requests:
        journal.record(request)
    assert journal.records == requests
    assert journal.last is requests[-1]
    assert len(journal) == 3


def test_empty(journal: Journal) -> None:
    """A new journal has no requests, and no last one."""
    assert (journal.records, journal.last, journal.unmatched, len(journal)) == ([], None, [], 0)
    assert journal.by_url == {}


def test_records_is_a_copy(journal: Journal) -> None:
    """Who changes the list of records does not change the journal."""
    journal.record(asked())
    journal.records.clear()
    assert len(journal) == 1


def test_by_url_is_a_plain_dict_to_compare(journal: Journal) -> None:
    """The mapping by URL equals a dict of normal keys and lists in order of arrival."""
    one, other, again = asked(), asked("POST"), asked(url=f"{API}:443/x#top")
    for request in (one, other, again):
        journal.record(request)
    assert journal.by_url == {
        ("GET", URL(f"{API}/x")): [one, again],
        ("POST", URL(f"{API}/x")): [other],
    }


@pytest.mark.parametrize(
    "url",
    [
        f"{API}/x?a=1&b=2",
        URL(f"{API}/x?b=2&a=1"),
        f"{API}:443/x?b=2&a=1",
        "https://API.example.com./x?a=1&b=2#top",
        "wss://api.example.com/x?a=1&b=2",
        "https://user:pass@api.example.com/x?a=1&b=2",
    ],
)
@pytest.mark.parametrize("method", ["GET", "get"])
def test_any_spelling_finds_requests(journal: Journal, method: str, url: str | URL) -> None:
    """Any spelling of the method and the URL finds the requests."""
    request = asked(url=f"{API}/x?b=2&a=1")
    journal.record(request)
    requests = journal.by_url
    assert (method, url) in requests
    assert requests[method, url] == [request]
    assert requests.get((method, url)) == [request]
    assert journal.to(method, URL(url)) == [request]


@pytest.mark.parametrize(
    "url", [f"{API}/x", f"{API}/x?a=1", "http://api.example.com/x?a=1&b=2", f"{API}/x?a=1&a=1&b=2"]
)
def test_other_urls_find_nothing(journal: Journal, url: str) -> None:
    """A URL that differs in scheme, path or query finds nothing."""
    journal.record(asked(url=f"{API}/x?b=2&a=1"))
    requests = journal.by_url
    key: object = ("GET", url)
    assert key not in requests
    assert requests.get(("GET", url)) is None
    assert requests.get(("GET", url), "none") == "none"
    with pytest.raises(KeyError, match=re.escape(url)):
        requests["GET", url]


@pytest.mark.parametrize("key", ["GET", ("GET",), ("GET", 5), (None, URL(API)), ("GET", "/x")])
def test_what_is_no_key_finds_nothing(journal: Journal, key: object) -> None:
    """What is no method and absolute URL is simply not there."""
    journal.record(asked())
    assert key not in journal.by_url


def test_looking_creates_nothing(journal: Journal) -> None:
    """Asking for a URL that was not requested leaves no empty list behind."""
    assert journal.to("GET", URL(f"{API}/x")) == []
    assert journal.by_url == {}


def test_mapping_is_filed_further(journal: Journal) -> None:
    """The mapping that was looked at before has the later requests at the next look."""
    journal.record(asked())
    seen = journal.by_url
    journal.record(asked())
    assert journal.by_url is seen
    assert len(seen["GET", f"{API}/x"]) == 2


def test_unmatched(journal: Journal) -> None:
    """Requests that no route answered are listed apart."""
    answered, refused = asked(), asked()
    answered.route = Route("GET", parse_target(f"{API}/x"), StaticReply())
    journal.record(answered)
    journal.record(refused)
    assert journal.unmatched == [refused]
    assert repr(journal) == "<Journal 2 requests, 1 unmatched>"


def test_clear(journal: Journal) -> None:
    """A cleared journal has forgotten every request, in order and by URL."""
    journal.record(asked())
    assert journal.by_url
    journal.clear()
    assert (journal.records, journal.by_url, journal.last) == ([], {}, None)
    journal.record(asked(url=f"{API}/y"))
    assert list(journal.by_url) == [("GET", URL(f"{API}/y"))]


def test_threads(journal: Journal) -> None:
    """Several threads may record, and look, at once; nothing is lost or filed twice."""
    requests = [asked() for _ in range(400)]

    def work(part: int) -> None:
        for request in requests[part::4]:
            journal.record(request)
            journal.to("GET", URL(f"{API}/x"))

    with ThreadPoolExecutor(4) as pool:
        list(pool.map(work, range(4)))
    filed = journal.to("GET", URL(f"{API}/x"))
    assert len(filed) == len({id(request) for request in filed}) == len(journal) == 400
