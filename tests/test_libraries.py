"""Libraries that make sessions of their own, and know nothing of us."""

from __future__ import annotations

import warnings
from typing import Any

import pytest

from aiointercept_connector import ANY, Match, aiointercept

pytestmark = pytest.mark.anyio


async def test_slack_sdk() -> None:
    """slack_sdk's client is answered, and what it sent can be matched and asserted."""
    client = pytest.importorskip("slack_sdk.web.async_client")
    with aiointercept(True, strict=True) as mock:
        url = "https://slack.com/api/chat.postMessage"
        said = Match(json_subset={"channel": "C1", "text": "hello"})
        route = mock.post(url, match=said, json={"ok": True, "ts": "1.2"})
        answer = await client.AsyncWebClient(token="xoxb-t").chat_postMessage(
            channel="C1", text="hello"
        )
        assert answer["ts"] == "1.2"
        route.assert_called_with(headers={"Authorization": "Bearer xoxb-t"})


async def test_gql() -> None:
    """A GraphQL query through gql's aiohttp transport is answered."""
    gql = pytest.importorskip("gql")
    transports = pytest.importorskip("gql.transport.aiohttp")
    with aiointercept(True, strict=True) as mock:
        url = "https://api.example.com/graphql"
        mock.post(url, json={"data": {"user": {"name": "Ada"}}})
        transport = transports.AIOHTTPTransport(url=url, ssl=True)
        async with gql.Client(transport=transport) as session:
            answer = await session.execute(gql.gql("{ user { name } }"))
        assert answer == {"user": {"name": "Ada"}}
        mock.assert_called_with(url, "POST", json={"query": ANY})


async def test_aiobotocore() -> None:
    """S3 through aiobotocore: a body up, a body down, and a retry that heals."""
    sessions: Any = pytest.importorskip("aiobotocore.session")
    body = b"x" * 100_000
    with aiointercept(True, strict=True) as mock, warnings.catch_warnings():
        # botocore's own, on some Pythons.
        warnings.simplefilter("ignore", DeprecationWarning)
        url = "https://s3.eu-west-1.amazonaws.com/bucket/key"
        put = mock.put(url, headers={"ETag": '"1"'})
        mock.get(url, status=503)
        mock.get(url, body=body, content_type="binary/octet-stream")
        async with sessions.get_session().create_client(
            "s3",
            region_name="eu-west-1",
            endpoint_url="https://s3.eu-west-1.amazonaws.com",
            aws_access_key_id="k",
            aws_secret_access_key="s",
        ) as s3:
            await s3.put_object(Bucket="bucket", Key="key", Body=body)
            answer = await s3.get_object(Bucket="bucket", Key="key")
            async with answer["Body"] as stream:
                assert await stream.read() == body
        assert put.last_call is not None
        assert body in (put.last_call.captured_body or b"")
