"""Real clients that retry, driven through the table."""

from __future__ import annotations

import asyncio
from typing import Any

import aiohttp
import pytest

from aiointercept_connector import aiointercept, faults
from aiointercept_connector.faults.table import KINDS, TABLE

pytestmark = pytest.mark.anyio

DRIVEN = sorted(
    KINDS.keys()
    - {kind.name for kind in TABLE if kind.phase in {"WebSocket", "proxy"}}
    # Those that leave a whole response, and those that a client has to be given something for.
    - {"expect_refused", "slow", "close_after", "extra_bytes", "unknown_encoding"}
    - {"fingerprint_mismatch", "drop_idle"}
)
# A client that has its response by then, and lets its caller read the body, does not try again.
IN_THE_BODY = {"truncated", "reset_body", "stall_body", "corrupt_gzip"}
ERRORS = (aiohttp.ClientError, asyncio.TimeoutError)


def failing(name: str, **kwargs: Any) -> Any:
    """Return a fault that happens to two calls, behind which a reply goes on for ever."""
    return faults.fail_times(2, getattr(faults, name)(), **kwargs)


@pytest.mark.parametrize("name", DRIVEN)
async def test_aiohttp_retry(name: str) -> None:
    """aiohttp-retry tries again after every fault that raises, and gets through."""
    library: Any = pytest.importorskip("aiohttp_retry")
    url = "https://api.example.com/x"
    async with aiointercept(True) as mock:
        route = mock.get(url, reply=failing(name, then={"ok": True}))
        options = library.ExponentialRetry(attempts=4, start_timeout=0.001, exceptions=set(ERRORS))
        timeout = aiohttp.ClientTimeout(total=60, connect=20, sock_read=10)
        retrying = library.RetryClient(retry_options=options, timeout=timeout)
        async with retrying as client, client.get(url) as response:
            if name in IN_THE_BODY:
                with pytest.raises(ERRORS):
                    await response.json()
            else:
                assert await response.json() == {"ok": True}
        assert route.call_count == (1 if name in IN_THE_BODY else 3)


@pytest.mark.parametrize("name", sorted({*DRIVEN} - {"sock_read_timeout"}))  # it has none
async def test_slack_sdk(name: str) -> None:
    """Slack's client tries again after every fault, for it reads the body itself."""
    sdk: Any = pytest.importorskip("slack_sdk.web.async_client")
    handlers: Any = pytest.importorskip("slack_sdk.http_retry.builtin_async_handlers")
    calculators: Any = pytest.importorskip("slack_sdk.http_retry.builtin_interval_calculators")
    interval = calculators.FixedValueRetryIntervalCalculator(fixed_internal=0.001)
    handler = handlers.AsyncConnectionErrorRetryHandler(
        max_retry_count=3, error_types=list(ERRORS), interval_calculator=interval
    )
    async with aiointercept(True) as mock:
        url = "https://slack.com/api/chat.postMessage"
        route = mock.post(url, reply=failing(name, then={"ok": True, "ts": "1"}))
        client = sdk.AsyncWebClient(token="xoxb-t", retry_handlers=[handler])
        answer = await client.chat_postMessage(channel="C1", text="hello")
        assert answer["ts"] == "1"
        assert route.call_count == 3


# botocore's own deprecations, on some Pythons.
@pytest.mark.filterwarnings("ignore::DeprecationWarning")
@pytest.mark.parametrize("name", DRIVEN)
async def test_aiobotocore(name: str, monkeypatch: pytest.MonkeyPatch) -> None:
    """S3 through aiobotocore tries again after every fault, up to where the body is streamed."""
    sessions: Any = pytest.importorskip("aiobotocore.session")
    config: Any = pytest.importorskip("aiobotocore.config")
    waiting = "botocore.retries.standard.ExponentialBackoff.delay_amount"
    monkeypatch.setattr(waiting, lambda *_: 0)
    options = config.AioConfig(
        retries={"max_attempts": 4, "mode": "standard"}, connect_timeout=20, read_timeout=10
    )
    url = "https://s3.eu-west-1.amazonaws.com"
    async with aiointercept(True) as mock:
        route = mock.get(f"{url}/bucket/key", reply=failing(name, then=(200, b"body")))
        async with sessions.get_session().create_client(
            "s3",
            region_name="eu-west-1",
            endpoint_url=url,
            aws_access_key_id="k",
            aws_secret_access_key="s",
            config=options,
        ) as s3:
            answer = await s3.get_object(Bucket="bucket", Key="key")
            async with answer["Body"] as stream:
                if name == "corrupt_gzip":
                    # It asks for the bytes as they are.
                    assert await stream.read() != b"body"
                elif name in IN_THE_BODY:
                    with pytest.raises(ERRORS):
                        await stream.read()
                else:
                    assert await stream.read() == b"body"
        assert route.call_count == (1 if name in IN_THE_BODY else 3)
