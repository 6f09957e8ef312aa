"""Clients that read streams, as they are used: their own sessions, parsers and reconnections."""

from __future__ import annotations

import asyncio
import json
from collections.abc import Iterator
from typing import Any

import pytest
from aiohttp import web

from aiointercept_connector import aiointercept, replies

pytestmark = pytest.mark.anyio

API = "https://api.example.com"
LINES = b"".join(b"line %d\n" % number for number in range(20_000))


async def test_event_source_comes_back() -> None:
    """An event source that loses its connection comes back with the id of its last event."""
    client = pytest.importorskip("aiohttp_sse_client2.client")

    def events(request: web.Request) -> Iterator[Any]:
        last = int(request.headers.get("Last-Event-ID") or 0)
        yield replies.event(retry=1, comment="welcome")
        for number in range(last + 1, last + 3):
            yield replies.event({"n": number}, event="tick", id=number)

    async with aiointercept() as mock, mock.session() as session:
        mock.get(f"{API}/events", reply=replies.sse(events), repeat=True)
        got = []
        async with client.EventSource(f"{API}/events", session=session) as source:
            async for message in source:
                got.append((message.type, message.last_event_id, json.loads(message.data)["n"]))
                if len(got) == 5:
                    break
    assert got == [("tick", str(n), n) for n in range(1, 6)]
    sent = [call.headers.get("Last-Event-ID", "") for call in mock.calls]
    assert sent == ["", "2", "4"]


def _chunk(delta: dict[str, str], finish: str | None = None) -> dict[str, Any]:
    return {
        "id": "chatcmpl-1",
        "object": "chat.completion.chunk",
        "created": 1,
        "model": "gpt-x",
        "choices": [{"index": 0, "delta": delta, "finish_reason": finish}],
    }


async def test_streamed_completion() -> None:
    """A chat completion is streamed to OpenAI's client, over aiohttp, word by word."""
    openai = pytest.importorskip("openai")
    transport = pytest.importorskip("httpx_aiohttp")
    words = ["Hello", ", ", "Ada", "!"]
    stream = [_chunk({"role": "assistant", "content": ""})]
    stream += [_chunk({"content": word}) for word in words]
    url = "https://api.openai.com/v1/chat/completions"
    async with aiointercept(mock_external_urls=True) as mock:
        mock.post(url, reply=replies.sse([*stream, _chunk({}, "stop"), "[DONE]"]))
        async with openai.AsyncOpenAI(
            api_key="secret", http_client=transport.HttpxAiohttpClient()
        ) as client:
            answer = await client.chat.completions.create(
                model="gpt-x", messages=[{"role": "user", "content": "Hi"}], stream=True
            )
            got = [part.choices[0].delta.content async for part in answer]
    assert [word for word in got if word] == words
    assert mock.calls[0].captured_json["stream"] is True


async def test_object_read_in_lines(monkeypatch: pytest.MonkeyPatch) -> None:
    """An object of S3 is read line by line while it comes."""
    session = pytest.importorskip("aiobotocore.session")
    monkeypatch.setenv("AWS_EC2_METADATA_DISABLED", "true")
    pieces = [LINES[start : start + 5000] for start in range(0, len(LINES), 5000)]
    reply = replies.stream(pieces, length=len(LINES), headers={"ETag": '"1"'})
    async with aiointercept(mock_external_urls=True) as mock:
        mock.get("https://bucket.s3.eu-west-1.amazonaws.com/log", reply=reply)
        async with session.get_session().create_client(
            "s3",
            region_name="eu-west-1",
            aws_access_key_id="a",
            aws_secret_access_key="b",
        ) as client:
            found = await client.get_object(Bucket="bucket", Key="log")
            async with found["Body"] as body:
                lines = [line async for line in body.iter_lines()]
    assert len(lines) == 20_000
    assert lines[-1] == b"line 19999"
    assert asyncio.get_running_loop().is_running()
