from __future__ import annotations

import asyncio
import gzip
import os
import time
import tracemalloc
from contextlib import suppress
from email.utils import formatdate
from pathlib import Path
from typing import Any

import pytest
from aiohttp import ClientSession, web

from aiointercept_connector import aiointercept, replies
from aiointercept_connector.replies.files import FileReply
from tests.loopback.http_support import real_server
from tests.replies.support import API, WAYS, asked_of, asking

pytestmark = pytest.mark.anyio

CONTENT = bytes(range(256)) * 64
MANY = 24 * 2**20


@pytest.fixture
def path(tmp_path: Path) -> Path:
    """Give a file."""
    path = tmp_path / "data.txt"
    path.write_bytes(CONTENT)
    return path


@pytest.fixture
def large(tmp_path: Path) -> Path:
    """Give a large file that takes no room."""
    path = tmp_path / "large.bin"
    with path.open("wb") as file:
        file.truncate(MANY)
    return path


def opened() -> list[str]:
    """Return the names of the files that are open."""
    found = []
    for descriptor in Path("/proc/self/fd").iterdir():
        with suppress(FileNotFoundError):  # the directory's own
            found.append(str(descriptor.readlink()))
    return found


@pytest.fixture(params=["asyncio", "uvloop"])
def anyio_backend(request: pytest.FixtureRequest) -> Any:
    """Run every test on both event loops: they differ in how a file is sent."""
    return "asyncio", {"debug": True, "use_uvloop": request.param == "uvloop"}


class TestSent:
    """A file is sent as aiohttp's own server sends it."""

    @pytest.mark.parametrize("way", WAYS)
    async def test_whole(self, path: Path, way: str) -> None:
        """Content, length and guessed content type, to every client."""
        answer = await asked_of(replies.file(path), way)
        assert answer.body == CONTENT
        assert answer.content_type == "text/plain"
        assert answer.headers["Content-Length"] == str(len(CONTENT))

    @pytest.mark.parametrize("method", ["GET", "HEAD"])
    @pytest.mark.parametrize(
        "headers",
        [
            {},
            {"Range": "bytes=10-19"},
            {"Range": "bytes=-5"},
            {"Range": "bytes=16380-"},
            {"Range": "bytes=99999-"},
            {"Range": "nonsense"},
            {"If-None-Match": "*"},
            {"If-None-Match": '"other"'},
            {"If-Match": '"other"'},
            {"If-Modified-Since": formatdate(time.time() + 10, usegmt=True)},
            {"If-Modified-Since": formatdate(0, usegmt=True)},
            {"If-Unmodified-Since": formatdate(0, usegmt=True)},
            {"Range": "bytes=0-0", "If-Range": formatdate(0, usegmt=True)},
        ],
    )
    async def test_as_aiohttp_does(
        self, path: Path, headers: dict[str, str], method: str, wire: str
    ) -> None:
        """Ranges and conditions are honoured."""

        async def handler(request: web.BaseRequest) -> web.StreamResponse:
            return web.FileResponse(path)

        ours = await asked_of(replies.file(path), wire, method=method, headers=headers)
        async with real_server(handler) as port, ClientSession() as session:
            url = f"http://127.0.0.1:{port}/x"
            async with session.request(method, url, headers=headers) as response:
                body = await response.read()
        assert (ours.status, ours.reason, ours.body) == (response.status, response.reason, body)
        assert {**ours.headers, "Date": ""} == {**response.headers, "Date": ""}

    async def test_known_already(self, path: Path, wire: Any) -> None:
        """A client that has the file by its ETag need not get it again."""
        async with asking(wire) as (mock, ask):
            mock.get("/x", reply=replies.file(path), repeat=True)
            tag = (await ask()).headers["ETag"]
            again = await ask(headers={"If-None-Match": tag})
        assert (again.status, again.body) == (304, b"")

    async def test_compressed_beside_it(self, path: Path, wire: Any) -> None:
        """A file that lies compressed beside it is sent to clients that accept that."""
        await asyncio.to_thread(Path(f"{path}.gz").write_bytes, gzip.compress(b"packed"))
        answer = await asked_of(replies.file(path), wire)
        assert (answer.body, answer.headers["Content-Encoding"]) == (b"packed", "gzip")

    async def test_options(self, path: Path, wire: Any) -> None:
        """Status, headers, cookies, content type and reason are sent."""
        reply = replies.file(
            str(path),
            203,
            headers={"X-A": "1"},
            cookies={"a": "1"},
            content_type="a/b",
            reason="Fine",
        )
        answer = await asked_of(reply, wire)
        assert (answer.status, answer.reason, answer.content_type) == (203, "Fine", "a/b")
        assert (answer.headers["X-A"], answer.headers["Set-Cookie"]) == ("1", "a=1; Path=/")

    async def test_again(self, path: Path, wire: Any) -> None:
        """It is read when it is asked for, and as often."""
        async with asking(wire) as (mock, ask):
            mock.get("/x", reply=replies.file(path), repeat=True)
            assert (await ask()).body == CONTENT
            await asyncio.to_thread(path.write_bytes, b"changed")
            assert (await ask()).body == b"changed"
            await asyncio.to_thread(path.unlink)
            assert (await ask()).status == 404

    async def test_empty(self, tmp_path: Path, wire: Any) -> None:
        """It may be empty."""
        (tmp_path / "empty").touch()
        answer = await asked_of(replies.file(tmp_path / "empty"), wire)
        assert (answer.status, answer.body) == (200, b"")


class TestLarge:
    """A large file is streamed."""

    @pytest.mark.parametrize("way", WAYS)
    async def test_little_memory(self, large: Path, way: str) -> None:
        """It is never in memory whole, even if the client takes its time."""
        wire: Any = "tcp" if way == "tcp" else "memory"
        mock = aiointercept(way == "install", wire=wire)
        own = way in {"memory", "tcp"}
        async with mock, mock.session() if own else ClientSession() as session:
            mock.get("/x", reply=replies.file(large))
            url = (str(mock.server_url) if way == "server_url" else API) + "/x"
            async with session.get(url) as response:
                await asyncio.sleep(0.02)
                tracemalloc.start()
                try:
                    size = 0
                    async for chunk in response.content.iter_any():
                        size += len(chunk)
                    _, peak = tracemalloc.get_traced_memory()
                finally:
                    tracemalloc.stop()
        assert size == MANY
        assert peak < MANY / 8

    async def test_client_leaves(self, large: Path, wire: Any) -> None:
        """A client that goes away in the middle leaves nothing open."""
        async with aiointercept(wire=wire) as mock, mock.session() as session:
            mock.get("/x", reply=replies.file(large))
            async with session.get(API + "/x") as response:
                await response.content.readexactly(1000)
                response.close()
            for _ in range(50):
                if str(large) not in opened():
                    break
                await asyncio.sleep(0.01)
            assert str(large) not in opened()


class TestBadInput:
    """A file that cannot be sent is refused at registration."""

    def test_missing(self, tmp_path: Path) -> None:
        """With the place where it was looked for."""
        with pytest.raises(ValueError) as raised:  # noqa: PT011 - the text is compared below
            replies.file(tmp_path / "none")
        where = str(tmp_path / "none")
        assert str(raised.value) == f"path: {where!r} cannot be read: No such file or directory"

    def test_relative(self, path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
        """A relative path starts at the directory that is current at registration."""
        monkeypatch.chdir(path.parent)
        reply = replies.file("data.txt")
        monkeypatch.chdir("/")
        assert reply == replies.file(path)
        with pytest.raises(ValueError, match=r"^path: '/data.txt' cannot be read: "):
            replies.file("data.txt")

    def test_directory(self, tmp_path: Path) -> None:
        """A directory is no file."""
        with pytest.raises(ValueError, match=r" cannot be read: Not a file$"):
            replies.file(tmp_path)

    def test_pipe(self, tmp_path: Path) -> None:
        """Nor is a pipe, and nobody waits for what might come through it."""
        os.mkfifo(tmp_path / "pipe")
        with pytest.raises(ValueError, match=r" cannot be read: Not a file$"):
            replies.file(tmp_path / "pipe")

    def test_not_allowed(self, path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
        """A file that may not be read is refused, too."""

        def refuse(*args: Any, **kwargs: Any) -> None:
            raise PermissionError(13, "Permission denied")

        monkeypatch.setattr(Path, "open", refuse)  # the tests may be run by root
        with pytest.raises(ValueError, match=r" cannot be read: Permission denied$"):
            replies.file(path)

    @pytest.mark.parametrize(
        ("given", "error", "text"),
        [
            ({"path": 5}, TypeError, "path must be a str or a Path, not int: 5"),
            ({"status": 99}, ValueError, "status must be from 100 to 599, not 99"),
            (
                {"status": 304},
                ValueError,
                "path: HTTP allows no body with status=304, but a file was given.",
            ),
            ({"headers": {"X": 1}}, TypeError, "headers['X'] must be a str, not int: 1"),
            ({"content_type": 1}, TypeError, "content_type must be a str, not int: 1"),
            ({"reason": "\n"}, ValueError, "reason must not contain CR, LF or NUL: '\\n'"),
        ],
    )
    def test_options(self, given: Any, error: type[Exception], text: str, path: Path) -> None:
        """As is what cannot be sent with it."""
        with pytest.raises(error) as raised:
            replies.file(given.pop("path", path), **given)
        assert str(raised.value) == text


def test_value(path: Path) -> None:
    """Replies with the same file are equal, and the repr tells which it is."""
    assert replies.file(path) == replies.file(str(path)) != replies.file(path, 203)
    assert len({replies.file(path), FileReply(path)}) == 1
    assert repr(replies.file(path)) == f"<FileReply {path}>"
