"""Real clients that retry, driven through the table."""

from __future__ import annotations

import asyncio
import contextlib
from collections.abc import Awaitable, Callable
from functools import lru_cache
from typing import Any, TypeAlias

import aiohttp
import pytest
from aiohttp import ClientTimeout, Fingerprint

from aiointercept_connector import ImpossibleFaultError, aiointercept, faults, replies
from aiointercept_connector.faults.table import KINDS, TABLE

# botocore's own deprecations, on some Pythons.
pytestmark = [pytest.mark.anyio, pytest.mark.filterwarnings("ignore::DeprecationWarning")]

Patch: TypeAlias = pytest.MonkeyPatch
ERRORS = (aiohttp.ClientError, asyncio.TimeoutError)
PROXY = "http://proxy.example.com:3128"
PIN = Fingerprint(b"0" * 32)
WEBSOCKET = [kind.name for kind in TABLE if kind.phase == "WebSocket"]
# Those that leave a whole response.
WHOLE = {"slow", "close_after", "extra_bytes", "unknown_encoding"}
# A client that has its response by then, and lets its caller read the body, does not try again.
IN_THE_BODY = {"truncated", "reset_body", "stall_body", "corrupt_gzip"}

GIVEN: dict[str, dict[str, Any]] = {
    "drop_idle": {"then": 200},
    "slow": {"body": b"{}"},
}
"""What a fault is given beside its name."""


async def aiohttp_retry(name: str, _: Patch) -> Any:
    """Ask by a GET; return the body."""
    library: Any = pytest.importorskip("aiohttp_retry")
    options = library.ExponentialRetry(
        attempts=4, start_timeout=0.001, exceptions=set(ERRORS), statuses={417}
    )
    timeout = ClientTimeout(total=60, connect=20, sock_read=10)
    asked = {"proxy": PROXY} if name.startswith("proxy_") else {}
    pinned = {"ssl": PIN} if name == "fingerprint_mismatch" else {}
    async with (
        library.RetryClient(retry_options=options, timeout=timeout) as client,
        client.get("https://api.example.com/x", **asked, **pinned) as response,
    ):
        return await response.read()


async def slack_sdk(name: str, patch: Patch) -> Any:
    """Post a message, or listen to events; return what the server says."""
    if name in WEBSOCKET:
        return await _slack_socket(patch)
    sdk: Any = pytest.importorskip("slack_sdk.web.async_client")
    handlers: Any = pytest.importorskip("slack_sdk.http_retry.builtin_async_handlers")
    calculators: Any = pytest.importorskip("slack_sdk.http_retry.builtin_interval_calculators")
    interval = calculators.FixedValueRetryIntervalCalculator(fixed_internal=0.001)
    handler = handlers.AsyncConnectionErrorRetryHandler(
        max_retry_count=3, error_types=list(ERRORS), interval_calculator=interval
    )
    client = sdk.AsyncWebClient(
        token="xoxb-t",
        retry_handlers=[handler],
        proxy=PROXY if name.startswith("proxy_") else None,
        ssl=PIN if name == "fingerprint_mismatch" else None,
    )
    answer = await client.api_call("chat.postMessage", json={"channel": "C1", "text": "hello"})
    return answer["ok"]


async def _slack_socket(_: Patch) -> Any:
    mode: Any = pytest.importorskip("slack_sdk.socket_mode.aiohttp")
    said = asyncio.get_running_loop().create_future()

    async def listen(message: Any) -> None:
        if not said.done():
            said.set_result(message.data.encode())

    client = mode.SocketModeClient("xapp-t", ping_interval=0.02, on_message_listeners=[listen])
    client.issue_new_wss_url = lambda: _resolved("wss://wss-primary.slack.com/link")
    try:
        await client.connect()
        return await asyncio.wait_for(said, 5)
    finally:
        await client.close()


async def _resolved(value: Any) -> Any:
    return value


async def aiobotocore(name: str, patch: Patch) -> Any:
    """Get an object of S3; return its body."""
    sessions: Any = pytest.importorskip("aiobotocore.session")
    config: Any = pytest.importorskip("aiobotocore.config")
    patch.setattr("botocore.retries.standard.ExponentialBackoff.delay_amount", lambda *_: 0)
    options = config.AioConfig(
        retries={"max_attempts": 4, "mode": "standard"},
        connect_timeout=20,
        read_timeout=10,
        proxies={"https": PROXY} if name.startswith("proxy_") else None,
    )
    async with _once(sessions.get_session).create_client(
        "s3",
        region_name="eu-west-1",
        endpoint_url="https://s3.eu-west-1.amazonaws.com",
        aws_access_key_id="k",
        aws_secret_access_key="s",
        config=options,
    ) as s3:
        answer = await s3.get_object(Bucket="bucket", Key="key")
        async with answer["Body"] as stream:
            return await stream.read()


@lru_cache(None)
def _once(make: Callable[[], Any]) -> Any:
    # It reads a megabyte of JSON.
    return make()


CLIENTS: dict[str, Callable[[str, Patch], Awaitable[Any]]] = {
    "aiohttp_retry": aiohttp_retry,
    "slack_sdk": slack_sdk,
    "aiobotocore": aiobotocore,
}
NOT_TRIED_AGAIN: dict[str, set[str]] = {
    # aiohttp itself has repeated the GET.
    "aiohttp_retry": {*WHOLE, *IN_THE_BODY, "drop_idle"},
    # It reads the body itself. A POST is not repeated by aiohttp; a status is for the caller.
    "slack_sdk": {*WHOLE, "expect_refused"},
    # Beside that, it cannot be given a fingerprint, and so does not mind.
    "aiobotocore": {*WHOLE, *IN_THE_BODY, "drop_idle", "expect_refused", "fingerprint_mismatch"},
}
CANNOT_BE: dict[str, dict[str, str]] = {
    "aiohttp_retry": dict.fromkeys(WEBSOCKET, "it has no ws_connect()"),
    "slack_sdk": {"sock_read_timeout": "its ClientTimeout has a total= alone"},
    "aiobotocore": {
        **dict.fromkeys(WEBSOCKET, "S3 has no WebSockets"),
        "total_timeout": "its ClientTimeout has sock_connect= and sock_read= alone",
        "pool_timeout": "its ClientTimeout has sock_connect= and sock_read= alone",
    },
}
"""The rows that a client cannot meet, and why."""


def registered(mock: aiointercept, client: str, name: str) -> Any:
    """Return the route of a fault that happens to two calls, behind which all is well."""
    fault = getattr(faults, name)(**GIVEN.get(name, {}))
    if client == "slack_sdk" and name in WEBSOCKET:
        good: Any = replies.websocket(_say_good)
        return mock.get(
            "wss://wss-primary.slack.com/link", reply=faults.fail_times(2, fault, then=good)
        )
    url, method, good = {
        "aiohttp_retry": ("https://api.example.com/x", "GET", (200, b"good")),
        "slack_sdk": ("https://slack.com/api/chat.postMessage", "POST", {"ok": True}),
        "aiobotocore": ("https://s3.eu-west-1.amazonaws.com/bucket/key", "GET", (200, b"good")),
    }[client]
    return mock.add(url, method, reply=faults.fail_times(2, fault, then=good))


async def _say_good(ws: Any, _: Any) -> None:
    await ws.send_str("good")
    async for _ in ws:
        pass


@pytest.fixture
def impossible(monkeypatch: Patch) -> list[str]:
    """Return what the mock has said of faults that cannot be; clients keep it to themselves."""
    said: list[str] = []

    def init(error: ImpossibleFaultError, text: str) -> None:
        said.append(text)
        RuntimeError.__init__(error, text)

    monkeypatch.setattr(ImpossibleFaultError, "__init__", init)
    return said


@pytest.mark.parametrize(
    ("client", "name"),
    [(client, name) for client in CLIENTS for name in KINDS if name not in CANNOT_BE[client]],
)
async def test_a_client_that_tries_again(
    client: str, name: str, impossible: list[str], monkeypatch: Patch
) -> None:
    """A client that retries does so after every fault that reaches it, and gets through."""
    answer: Any = None
    async with aiointercept(True) as mock:
        route = registered(mock, client, name)
        once = name in NOT_TRIED_AGAIN[client]
        with contextlib.suppress(Exception) if once else contextlib.nullcontext():
            answer = await CLIENTS[client](name, monkeypatch)
        assert route.call_count == (1 if once else 3)
    assert impossible == []
    assert once or answer in {b"good", True}


@pytest.mark.parametrize(
    ("client", "name"), [(client, name) for client, names in CANNOT_BE.items() for name in names]
)
async def test_what_a_client_cannot_meet(
    client: str, name: str, impossible: list[str], monkeypatch: Patch
) -> None:
    """No row is left out that a client could meet: it is told why the fault cannot be."""
    async with aiointercept(True) as mock:
        registered(mock, client, name)
        with contextlib.suppress(Exception):
            await CLIENTS[client](name, monkeypatch)
    assert impossible


def test_every_row_is_of_the_table() -> None:
    """What is said of rows is said of rows that there are."""
    for names in (*NOT_TRIED_AGAIN.values(), *CANNOT_BE.values(), GIVEN, WHOLE, IN_THE_BODY):
        assert KINDS.keys() >= set(names)
