"""What is asked and what is to be answered: the same for everybody who is measured."""

from __future__ import annotations

import io
import json
from collections.abc import AsyncGenerator, Callable, Iterator
from contextlib import AbstractAsyncContextManager, asynccontextmanager
from dataclasses import dataclass
from functools import cached_property
from typing import Any, Final, TypeAlias

from aiohttp import ClientSession

from .harness import Call, WrongAnswerError

__all__ = ("URL", "Exchange", "Opened", "Stack", "calling", "living")

HOST: Final = "api.example.com"
PATH: Final = "/users/1"
URL: Final = f"http://{HOST}{PATH}"
ANSWER: Final = {"id": 1, "name": "Ada", "languages": ["en", "fr"]}


@dataclass(frozen=True)
class Exchange:
    """A request, and the response it is to get.

    Attributes:
        method: the HTTP method.
        sent: a value to be sent as JSON.
        upload: a body to be sent, read from a file.
        download: the body to be answered with, in place of JSON.
        pieces: how many pieces *download* is streamed in; 0 if it is sent at once.
        handler: ``""``: the response is known beforehand. Else a handler of this kind, plain or
            coroutine function, makes it anew for each request.
        limit: of connections at a time; 0 for none.
    """

    method: str = "GET"
    sent: Any = None
    upload: bytes = b""
    download: bytes = b""
    pieces: int = 0
    handler: str = ""
    limit: int = 100

    @cached_property
    def body(self) -> bytes:
        """The body of the response."""
        return self.download or json.dumps(ANSWER).encode()

    def stream(self) -> Iterator[bytes]:
        """Return the pieces of ``download``."""
        size = len(self.download) // self.pieces
        return (self.download[start : start + size] for start in range(0, len(self.download), size))

    @property
    def content_type(self) -> str:
        """The type of ``body``."""
        return "application/octet-stream" if self.download else "application/json"

    @property
    def canned(self) -> bytes:
        """The whole response."""
        head = f"HTTP/1.1 200 OK\r\nContent-Type: {self.content_type}\r\n"
        return f"{head}Content-Length: {len(self.body)}\r\n\r\n".encode() + self.body

    @property
    def request_ending(self) -> bytes:
        """The last bytes of the request."""
        return b"\r\n\r\n" if self.sent is None else json.dumps(self.sent).encode()


class Opened:
    """A session, and who answers it: what a call is made with.

    Args:
        session: the client.
        url: what it asks.
        recorded: how many requests were recorded; None for who records none.
        received: the last body that arrived; None for who keeps none.
    """

    def __init__(
        self,
        session: ClientSession,
        url: str,
        recorded: Callable[[], int] | None = None,
        received: Callable[[], bytes | None] | None = None,
    ) -> None:
        self.session = session
        self.url = url
        self.asked = 0
        self._recorded = recorded
        self._received = received

    async def call(self, exchange: Exchange) -> None:
        """Make one request.

        Raises:
            WrongAnswerError: the response, or what was received of the request, is not right.
        """
        self.asked += 1
        data = io.BytesIO(exchange.upload) if exchange.upload else None
        async with self.session.request(
            exchange.method, self.url, json=exchange.sent, data=data
        ) as response:
            if response.status != 200:
                raise WrongAnswerError(f"status {response.status}, not 200")
            if exchange.download:
                _check_bytes("download", await response.read(), exchange.download)
            elif (answer := await response.json()) != ANSWER:
                raise WrongAnswerError(f"{answer!r}, not {ANSWER!r}")
        if exchange.upload and self._received is not None:
            _check_bytes("upload", self._received(), exchange.upload)

    def check(self) -> None:
        """Check that everything was recorded.

        Raises:
            WrongAnswerError: something was not, or twice.
        """
        if self._recorded is not None and (count := self._recorded()) != self.asked:
            raise WrongAnswerError(f"{count} requests recorded, not {self.asked}")


Stack: TypeAlias = "Callable[[Exchange], AbstractAsyncContextManager[Opened]]"
"""Opens a session and who answers it, and closes both."""


def calling(stack: Stack, exchange: Exchange) -> Callable[[], AbstractAsyncContextManager[Call]]:
    """Return what opens *stack*, to be called over and over, and checks it on the way out."""

    @asynccontextmanager
    async def opened() -> AsyncGenerator[Call]:
        async with stack(exchange) as one:
            yield lambda: one.call(exchange)
            one.check()

    return opened


def living(stack: Stack, exchange: Exchange) -> Callable[[], AbstractAsyncContextManager[Call]]:
    """Return what has nothing to open: each call is a whole life of *stack*, with one request."""
    whole = calling(stack, exchange)

    async def life() -> None:
        async with whole() as call:
            await call()

    @asynccontextmanager
    async def opened() -> AsyncGenerator[Call]:
        yield life

    return opened


def _check_bytes(what: str, got: bytes | None, wanted: bytes) -> None:
    # Not every byte: in a time of few milliseconds, comparing 10 MB would be a large part.
    if got is None or len(got) != len(wanted) or got[-1000:] != wanted[-1000:]:
        raise WrongAnswerError(f"{what} of {len(got or b'')} bytes, not the {len(wanted)} meant")
