"""The reply that is a file: aiohttp's ``FileResponse``, which streams it."""

from __future__ import annotations

import os
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path
from stat import S_ISREG
from typing import Any, cast

from aiohttp import hdrs
from aiohttp.web_fileresponse import FileResponse
from multidict import CIMultiDict

from .checked import checked_status, checked_text
from .cookies import Cookies, with_cookies
from .reply import BaseReply
from .static import is_bodiless

__all__ = ("FileReply", "file")


@dataclass(frozen=True, repr=False)
class FileReply(BaseReply):
    """A reply with the content of a file, as it is when it is asked for; see ``file``."""

    path: Path
    status: int = 200
    headers: tuple[tuple[str, str], ...] = ()
    reason: str | None = None

    async def __call__(self, request: Any) -> FileResponse:
        """Return the response that streams the file."""
        headers = CIMultiDict(self.headers)
        return FileResponse(self.path, status=self.status, reason=self.reason, headers=headers)

    def __repr__(self) -> str:
        return f"<FileReply {self.path}>"


def file(
    path: str | os.PathLike[str],
    status: int = 200,
    *,
    headers: Mapping[str, str] | None = None,
    cookies: Cookies | None = None,
    content_type: str | None = None,
    reason: str | None = None,
) -> FileReply:
    """Answer with the content of a file, streamed, as ``aiohttp.web.FileResponse`` does.

    ``Range``, ``If-None-Match``, ``If-Modified-Since`` and their like are honoured. Where there is
    a file of the same name with ``.gz`` or ``.br`` behind it, clients that accept it get that.

    Args:
        path: the file; a relative path starts at the directory that is current now.
        status: the status code where the file is sent whole.
        headers: response headers; a multidict may repeat a name.
        cookies: cookies to set, as for ``replies.json``.
        content_type: the ``Content-Type``, unless *headers* has one; guessed if neither says.
        reason: the reason phrase, if not the usual one of the status.

    Raises:
        TypeError: an argument is of a wrong type.
        ValueError: the file cannot be read, or *status* has no body.

    Example:
        ``mock.get(url, reply=replies.file("tests/data/report.pdf"))``
    """
    if is_bodiless(checked_status(status)):
        raise ValueError(f"path: HTTP allows no body with status={status}, but a file was given.")
    final = with_cookies(headers, cookies)
    if content_type is not None:
        final.setdefault(hdrs.CONTENT_TYPE, checked_text("content_type", content_type))
    if reason is not None:
        checked_text("reason", reason)
    return FileReply(_readable(path), status, tuple(final.items()), reason)


def _readable(path: Any) -> Path:
    if not isinstance(path, (str, os.PathLike)):
        raise TypeError(f"path must be a str or a Path, not {type(path).__name__}: {path!r:.60}")
    whole = Path(cast("str", path)).absolute()
    try:
        # Only a regular file is opened: opening a pipe would wait for whoever writes to it.
        problem = _unreadable(whole)
    except OSError as exc:
        problem = exc.strerror or str(exc)
    except ValueError as exc:  # a name that no file can have
        problem = str(exc)
    if problem:
        raise ValueError(f"path: {str(whole)!r} cannot be read: {problem}")
    return whole


def _unreadable(path: Path) -> str | None:
    if not S_ISREG(path.stat().st_mode):
        return "Not a file"
    path.open("rb").close()
    return None
