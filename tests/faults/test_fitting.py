"""Faults where they cannot happen: refused when they are registered, or told when they are met."""

from __future__ import annotations

import re
from typing import Any

import aiohttp
import pytest
from aiohttp import ClientTimeout
from yarl import URL

from aiointercept_connector import ANY, ImpossibleFaultError, aiointercept, faults, replies
from tests.faults.calling import kinds, outcome, tracing
from tests.faults.meeting import Event, met
from tests.replies.support import exchanged

pytestmark = pytest.mark.anyio

HTTP, HTTPS = "http://api.example.com/x", "https://api.example.com/x"
TLS_ON_HTTP = "faults.expired() is a fault of TLS, and http has none: register it for an https URL."
WRAPPED = [
    lambda fault: fault,
    lambda fault: replies.sequence([200, fault]),
    lambda fault: faults.flaky(fault, 0.5),
    lambda fault: faults.fail_times(1, faults.fail_times(1, fault, then=200)),
    lambda fault: replies.delayed(fault, 1),
    lambda fault: faults.reset(attempts=1, then=fault),
    lambda fault: faults.reset(attempts=1, then=faults.flaky(fault, 0.5)),
    lambda fault: faults.reset(attempts=1, then=faults.drop_idle(then=fault)),
]


def refused(url: Any, reply: Any, method: Any = "GET", **kwargs: Any) -> str:
    """Return what registering says."""
    with pytest.raises(ValueError) as caught:  # noqa: PT011 - the text is compared
        aiointercept().add(url, method, reply=reply, **kwargs)
    return str(caught.value)


class TestScheme:
    @pytest.mark.parametrize("wrap", WRAPPED)
    def test_tls_on_http(self, wrap: Any) -> None:
        """A fault of TLS is refused for an http URL, wherever in a reply it stands."""
        assert refused(HTTP, wrap(faults.expired())) == TLS_ON_HTTP
        aiointercept().get(HTTPS, reply=wrap(faults.expired()))

    @pytest.mark.parametrize(
        "url",
        [
            "ws://api.example.com/x",
            "http://*.example.com/x",
            "http://api.example.com/{name}",
            re.compile("http://api"),
            re.compile(r"^http://api"),
            re.compile(r"\Ahttp\://api"),
            re.compile(r"(?i)HTTP://api"),
            re.compile(r"http://(a|b)\.example\.com"),
            re.compile(r"http://a[|)(]b"),
            re.compile(r"http://a\|b\("),
            re.compile("http://a|ws://b"),
        ],
    )
    def test_urls_that_are_http_alone(self, url: Any) -> None:
        """So it is for a glob, a template, and an expression that can match nothing but http."""
        assert refused(url, faults.expired()) == TLS_ON_HTTP

    @pytest.mark.parametrize(
        "url",
        [
            "/x",
            re.compile("https://api"),
            re.compile("https?://api"),
            re.compile("http(s)?://api"),
            re.compile("http://a|https://b"),
            re.compile("(http|https)://api"),
            re.compile(".*"),
            re.compile(""),
        ],
    )
    def test_urls_that_may_be_https(self, url: Any) -> None:
        """What may match an https URL is accepted."""
        aiointercept().get(url, exception=faults.expired())

    async def test_a_path_that_is_asked_by_http(self) -> None:
        """Where nobody could know it sooner, the client's caller is told."""
        async with aiointercept() as mock, mock.session() as session:
            mock.get("/x", exception=faults.expired())
            with pytest.raises(
                ImpossibleFaultError, match=r"faults\.expired\(\) is a fault of TLS"
            ):
                await session.get(HTTP)


class TestAddress:
    @pytest.mark.parametrize(
        "url", ["http://127.0.0.1/x", "https://[::1]/x", "http://10.0.0.1/{a}"]
    )
    @pytest.mark.parametrize("name", ["dns_failure", "dns_timeout"])
    def test_nobody_looks_an_address_up(self, url: str, name: str) -> None:
        """A fault of the lookup is refused for a URL with an address."""
        host = URL(url).host
        assert refused(url, getattr(faults, name)()) == (
            f"faults.{name}() is a fault of looking up a name, and {host} is an address, which "
            f"nobody looks up: take a URL with a name, or a fault such as faults.unreachable()."
        )

    async def test_a_path_that_is_asked_of_an_address(self) -> None:
        """Where nobody could know it sooner, the client's caller is told."""
        async with aiointercept() as mock, mock.session() as session:
            mock.get("/x", exception=faults.dns_failure())
            with pytest.raises(ImpossibleFaultError) as caught:
                await session.get("http://127.0.0.1/x")
            assert str(caught.value) == (
                "faults.dns_failure() is a fault of looking up a name, and GET http://127.0.0.1/x "
                "goes to 127.0.0.1, an address: take a URL with a name, or a fault such as "
                "faults.unreachable()."
            )


WEBSOCKETS = ["ws_refused", "ws_lost", "ws_bad_frame", "ws_bad_close", "ws_no_pong"]


class TestWebSocket:
    @pytest.mark.parametrize("name", WEBSOCKETS)
    def test_it_is_asked_for_by_get(self, name: str) -> None:
        """A fault of a WebSocket is refused for a route of another method."""
        assert refused(HTTP, getattr(faults, name)(), "POST") == (
            f"faults.{name}() is a fault of a WebSocket, which is asked for by GET, and not by "
            f"POST: register it with get()."
        )
        aiointercept().get(HTTP, exception=getattr(faults, name)())
        aiointercept().add(HTTP, ANY, exception=getattr(faults, name)())

    @pytest.mark.parametrize("name", WEBSOCKETS)
    async def test_a_plain_get(self, wire: Any, name: str) -> None:
        """A GET that asks for no WebSocket tells its caller so, and gets no half of a handshake."""
        async with aiointercept(wire=wire) as mock, mock.session() as session:
            mock.get(HTTP, exception=getattr(faults, name)())
            with pytest.raises(ImpossibleFaultError) as caught:
                await session.get(HTTP)
            assert str(caught.value) == (
                f"faults.{name}() is a fault of a WebSocket, and GET {HTTP} asked for none: a "
                f"client asks with session.ws_connect()."
            )

    async def test_a_client_of_another_make(self) -> None:
        """A client of ``server_url`` is told in a response."""
        async with aiointercept() as mock:
            mock.get("/x", exception=faults.ws_lost())
            answer = await exchanged(
                mock, b"GET /x HTTP/1.1\r\nHost: a\r\nConnection: close\r\n\r\n"
            )
            assert answer.startswith(b"HTTP/1.1 500 ")
            assert b"asked for none: a client asks with session.ws_connect()" in answer


class TestProxy:
    @pytest.mark.parametrize("url", [HTTP, HTTPS])
    async def test_a_client_without_one(self, url: str) -> None:
        """A fault of a proxy tells the caller of a client that goes through none."""
        async with aiointercept() as mock, mock.session() as session:
            mock.get(url, exception=faults.proxy_bad_gateway())
            with pytest.raises(ImpossibleFaultError) as caught:
                await session.get(url)
            assert str(caught.value) == (
                f"faults.proxy_bad_gateway() is a fault of a proxy, and GET {url} was not to go "
                f"through one: give the client a proxy=."
            )

    # aiohttp 3.10 takes uvloop's connection to a proxy for one that cannot be encrypted.
    @pytest.mark.filterwarnings("ignore:An HTTPS request is being sent:RuntimeWarning")
    @pytest.mark.parametrize("url", [HTTP, HTTPS])
    @pytest.mark.parametrize("name", ["proxy_auth_required", "proxy_tunnel_closed"])
    async def test_a_callback_may_return_one(self, wire: Any, name: str, url: str) -> None:
        """It comes late, for the request has been sent; the error is the same."""
        seen = []
        event = Event(lambda: None, method="POST", options={"proxy": "http://proxy.test:3128"})
        for late in (False, True):
            fault = getattr(faults, name)()
            async with aiointercept(wire=wire) as mock, mock.session() as session:
                answer = {"callback": lambda request: fault} if late else {"exception": fault}  # noqa: B023 - called here
                mock.post(url, **answer)
                seen.append(await met(session, event, url))
        assert seen[0] == seen[1]

    @pytest.mark.parametrize("url", [HTTP, HTTPS])
    async def test_a_callback_without_one(self, url: str) -> None:
        """A callback's fault of a proxy tells who goes through none, too."""
        async with aiointercept() as mock, mock.session() as session:
            mock.get(url, callback=lambda request: faults.proxy_bad_gateway())
            with pytest.raises(ImpossibleFaultError, match="was not to go through one"):
                await session.get(url)


NO_BODY = (
    "HTTP allows no body with it, and faults.{}() has one. Take another status, such as 200 or 500."
)
FINAL = "status must be that of a final response, from 200 to 599, not "
THROUGH = "a proxy that answers so has let the call through. Take another status, from 300 to 599."


class TestStatus:
    @pytest.mark.parametrize("status", [204, 304])
    @pytest.mark.parametrize(
        "name",
        [
            "truncated", "reset_body", "stall_body", "bad_chunk", "corrupt_gzip", "extra_bytes",
            "slow", "unknown_encoding",
        ],
    )  # fmt: skip
    def test_statuses_without_a_body(self, name: str, status: int) -> None:
        """What happens in the body is refused with a status that has none."""
        with pytest.raises(ValueError) as caught:  # noqa: PT011 - the text is below
            getattr(faults, name)(status=status)
        assert str(caught.value) == f"status={status}: {NO_BODY.format(name)}"

    @pytest.mark.parametrize(
        ("make", "text"),
        [
            (lambda: faults.wrong_content_length(status=204, length=3),
             f"status=204: {NO_BODY.format('wrong_content_length')}"),
            (lambda: faults.close_after(status=204, body="x"),
             f"status=204: {NO_BODY.format('close_after')}"),
            (lambda: faults.unknown_encoding(status=304, content=True),
             f"status=304: {NO_BODY.format('unknown_encoding')}"),
            (lambda: faults.expect_refused(status=100), f"{FINAL}100"),
            (lambda: faults.ws_refused(status=101), f"{FINAL}101"),
            (lambda: faults.disconnect(status=102), f"{FINAL}102"),
            (lambda: faults.proxy_auth_required(status=200), f"status=200: {THROUGH}"),
            (lambda: faults.proxy_bad_gateway(status=204), f"status=204: {THROUGH}"),
        ],
    )  # fmt: skip
    def test_statuses_that_make_no_sense(self, make: Any, text: str) -> None:
        """A status by which something else would happen is refused."""
        with pytest.raises(ValueError) as caught:  # noqa: PT011 - the text is compared
            make()
        assert str(caught.value) == text

    async def test_statuses_without_a_body_where_there_is_none(self, wire: Any) -> None:
        """A fault behind an empty response may have any status that is final."""
        for fault in (
            faults.close_after(status=204),
            faults.extra_bytes(status=304, body=b""),
            faults.expect_refused(status=204),
        ):
            async with aiointercept(wire=wire) as mock, mock.session() as session:
                mock.get(HTTP, exception=fault)
                mock.get(HTTP)
                assert await outcome(session, "GET", HTTP) == str(fault["status"])
                assert await outcome(session, "GET", HTTP) == "200"


class TestHeaders:
    @pytest.mark.parametrize(
        ("make", "name"),
        [
            (lambda h: faults.wrong_content_length(headers=h), "Content-Length"),
            (lambda h: faults.wrong_content_length(headers=h, length=3), "Content-Length"),
            (lambda h: faults.wrong_content_length(headers=h), "transfer-encoding"),
            (lambda h: faults.unknown_encoding(headers=h), "Transfer-Encoding"),
            (lambda h: faults.unknown_encoding(headers=h, content=True), "Content-Encoding"),
            (lambda h: faults.truncated(headers=h), "content-length"),
            (lambda h: faults.reset_body(headers=h, chunked=True), "Content-Length"),
            (lambda h: faults.corrupt_gzip(headers=h), "Content-Encoding"),
            (lambda h: faults.slow(headers=h), "Content-Length"),
            (lambda h: faults.proxy_bad_gateway(headers=h), "Content-Length"),
            (lambda h: faults.expect_refused(headers=h), "Connection"),
        ],
    )  # fmt: skip
    def test_what_the_fault_says_itself(self, make: Any, name: str) -> None:
        """A header is refused that would make the response something else, or have it hang."""
        with pytest.raises(ValueError, match=r"headers: faults\.\w+\(\) says .*") as caught:
            make({name: "3"})
        assert str(caught.value).lower().endswith(f"leave out {name}.".lower())
        make({"X-Other": "3"})

    async def test_part_of_a_head_may_have_a_length(self) -> None:
        """A response of which no body comes may say any length."""
        fault = faults.disconnect(after=34, headers={"Content-Length": "7"})
        async with aiointercept() as mock:
            mock.get("/x", exception=fault)
            sent = await exchanged(mock, b"GET /x HTTP/1.1\r\nHost: a\r\n\r\n")
            assert sent == b"HTTP/1.1 200 OK\r\nContent-Length: 7"


class TestThen:
    def test_an_answer_that_is_never_given(self) -> None:
        """``then=`` is refused for a fault that every attempt meets."""
        with pytest.raises(ValueError) as caught:  # noqa: PT011 - the text is below
            faults.reset(then=200)
        assert str(caught.value) == (
            "then= answers the attempts behind those that attempts= counts, and this fault is met "
            "by all of them: faults.reset(attempts=1, then=...)"
        )
        faults.drop_idle(then=200)

    async def test_a_fault_on_the_way_to_the_host(self) -> None:
        """A second attempt meets such a fault before it has a connection."""
        told: list[str] = []
        fault = faults.disconnect(attempts=1, then=faults.refused())
        async with aiointercept() as mock, mock.session(trace_configs=[tracing(told)]) as session:
            mock.get(HTTP, exception=fault)
            assert await outcome(session, "GET", HTTP) == "ClientConnectorError"
            assert [call.attempts for call in mock.calls] == [2]
        assert told.count("on_connection_create_start") == 2
        assert told.count("on_connection_create_end") == 1


class TestLength:
    def test_the_right_length_is_not_wrong(self) -> None:
        """A length that the body has is refused."""
        with pytest.raises(ValueError) as caught:  # noqa: PT011 - the text is below
            faults.wrong_content_length(length=3, body="abc")
        assert str(caught.value) == (
            "length=3: that many bytes the body has, and faults.wrong_content_length() is to say "
            "something else. Give another length, or another body."
        )

    async def test_a_short_length_leaves_bytes_behind(self, wire: Any) -> None:
        """The bytes behind a length that is too short do not answer the next request."""
        async with aiointercept(wire=wire) as mock, mock.session() as session:
            mock.get(HTTP, exception=faults.wrong_content_length(length=2, body="abcd"))
            mock.get(HTTP)
            with pytest.raises(aiohttp.ClientResponseError, match="Expected HTTP/"):
                await session.get(HTTP)
            assert await outcome(session, "GET", HTTP) == "200"

    async def test_a_long_length_keeps_the_client_waiting(self, wire: Any) -> None:
        """Of a length that is too long the client gets what there is, and then nothing."""
        timeout = ClientTimeout(sock_read=3)
        async with aiointercept(wire=wire) as mock, mock.session(timeout=timeout) as session:
            mock.get(HTTP, exception=faults.wrong_content_length(length=9, body="abcd"))
            async with session.get(HTTP) as response:
                assert await response.content.readexactly(4) == b"abcd"
                with pytest.raises(aiohttp.ServerTimeoutError):
                    await response.read()


class TestChaos:
    @pytest.mark.parametrize(
        "hosts",
        [["http://a.test"], [URL("ws://a.test")], [re.compile("http://")], ["http://*.test", "http://b.test"]],
    )  # fmt: skip
    def test_tls_for_http_hosts(self, hosts: Any) -> None:
        """A fault of TLS is refused for hosts that are http alone."""
        with pytest.raises(ValueError) as caught:  # noqa: PT011 - the text is below
            aiointercept().chaos(1, faults=[faults.refused(), faults.expired()], hosts=hosts)
        assert str(caught.value) == f"hosts={hosts!r:.80}: {TLS_ON_HTTP}"

    @pytest.mark.parametrize(
        "hosts",
        [["http://a.test", "https://a.test"], ["a.test"], [lambda url: True], ["10.0.0.0/8"]],
    )
    def test_tls_for_hosts_that_may_be_https(self, hosts: Any) -> None:
        """It is accepted where one of them may be https."""
        aiointercept().chaos(1, faults=[faults.expired()], hosts=hosts)

    async def test_calls_meet_what_they_can(self) -> None:
        """Of its faults, a call meets those that may happen to it."""
        odd = [faults.ws_lost(), faults.proxy_bad_gateway(), faults.expired(), faults.dns_failure()]
        async with aiointercept() as mock, mock.session() as session:
            mock.get("/x", repeat=True)
            with mock.chaos(rate=1, faults=odd):
                assert set(await kinds(session, 10, "http://127.0.0.1/x")) == {"200"}
                assert set(await kinds(session, 10, HTTP)) == {"ClientConnectorDNSError"}
