"""Writes the table of docs/faults.md by letting every fault happen, on the aiohttp that is here.

``python docs/make_faults_page.py`` renews the column of this aiohttp, and leaves the other one. The
page has the oldest and the newest that are supported.
"""

# ruff: noqa: INP001 - a script, in a directory of pages

from __future__ import annotations

import asyncio
import warnings
from collections.abc import Iterator
from pathlib import Path
from typing import Any, Final, NamedTuple

import aiohttp
from aiohttp import ClientTimeout, Fingerprint

from aiointercept_connector import aiointercept
from aiointercept_connector.faults.kind import PHASES, Kind
from aiointercept_connector.faults.table import TABLE

__all__ = ("PAGE", "Row", "column", "outcome", "rows", "with_column")

PAGE: Final = Path(__file__).with_name("faults.md")
BEGIN: Final = "<!-- begin: make_faults_page.py -->\n"
END: Final = "<!-- end -->\n"

PHASE_TEXTS: Final = {
    "connect": "On the way to the host",
    "TLS": "In the handshake of TLS",
    "proxy": "At a proxy",
    "request": "While the request is read",
    "head": "In the head of the response",
    "body": "In the body of the response",
    "after": "After the response",
    "WebSocket": "On a WebSocket",
    "timeout": "Timeouts of the client",
}
TIMEOUT: Final = ClientTimeout(total=60, connect=20, sock_connect=15, sock_read=5)
OPTIONS: Final[dict[str, dict[str, Any]]] = {
    "fingerprint_mismatch": {"ssl": Fingerprint(b"0" * 32)},
    "expect_refused": {"expect100": True},
    "total_timeout": {"timeout": ClientTimeout(total=60)},
    "slow": {"timeout": ClientTimeout(total=5)},
    "dns_timeout": {"timeout": ClientTimeout(total=60)},
    "stall_request": {"timeout": ClientTimeout(total=60)},
}
VARIANTS: Final[dict[str, dict[str, dict[str, Any]]]] = {
    "unreachable": {"there is no way to the host": {"host": True}},
    "wrong_content_length": {
        "Content-Length is more than the body has": {"length": 20},
        "Content-Length is less than the body has": {"length": 5},
    },
    "unknown_encoding": {"Content-Encoding is none that anybody knows": {"content": True}},
    "truncated": {"the same, of a body in chunks": {"chunked": True}},
}
"""Arguments by which another thing happens: by name and text."""


class Row(NamedTuple):
    """A row of the tables.

    Attributes:
        key: what the row is found by in an older page.
        label: the fault as it is written.
        text: what happens.
        kind: the fault's kind.
        given: its arguments.
    """

    key: str
    label: str
    text: str
    kind: Kind
    given: dict[str, Any]


def rows() -> Iterator[Row]:
    """Iterate over the rows, in the order of the table."""
    for kind in TABLE:
        options = kind.arguments if kind.options else ""
        yield Row(kind.name, f"{kind.name}({options})", kind.text, kind, {})
        for text, given in VARIANTS.get(kind.name, {}).items():
            label = str(kind(**given)).removeprefix("faults.")
            yield Row(label, label, text, kind, given)


async def outcome(row: Row) -> str:
    """Return what a caller gets who meets the fault of a row, as the page has it."""
    kind = row.kind
    async with aiointercept() as mock:
        url = "https://api.example.com/"
        mock.add(url, "GET" if kind.phase == "WebSocket" else "POST", exception=kind(**row.given))
        async with mock.session(timeout=TIMEOUT) as session:
            options = OPTIONS.get(kind.name, {})
            if kind.phase == "proxy":
                options = {"proxy": "http://proxy.example.com:3128"}
            try:
                if kind.phase == "WebSocket":
                    return await _message(session, url)
                async with session.post(url, data=b"x", **options) as response:
                    await response.read()
                    return f"response {response.status}"
            except (aiohttp.ClientError, asyncio.TimeoutError) as exc:
                return _described(exc)


async def _message(session: aiohttp.ClientSession, url: str) -> str:
    async with session.ws_connect(url, heartbeat=0.02) as socket:
        message = await socket.receive()
        if isinstance(message.data, BaseException):
            return f"message {message.type.name}: {_described(message.data)}"
        return f"message {message.type.name}"


def _described(exc: BaseException) -> str:
    cause = exc.__cause__
    because = "" if cause is None else f", from `{type(cause).__name__}`"
    return f"`{_public_name(exc)}`{because}"


def _public_name(exc: BaseException) -> str:
    # Its name is another on Python 3.10, and the same thing.
    return "TimeoutError" if type(exc) is asyncio.TimeoutError else type(exc).__name__


async def column() -> dict[str, str]:
    """Return what callers get, by the keys of the rows."""
    return {row.key: await outcome(row) for row in rows()}


def with_column(text: str, version: str, seen: dict[str, str]) -> str:
    """Return the page with the column of this *version*, in place of the one that it replaces."""
    before, rest = text.split(BEGIN)
    old, after = rest.split(END)
    columns = _columns(old)
    replaced = [one for one in columns if _minor(one) == _minor(version)]
    for one in replaced:
        del columns[one]
    columns[version] = seen
    ordered = dict(sorted(columns.items(), key=lambda item: _minor(item[0])))
    return before + BEGIN + "".join(_tables(ordered)) + END + after


def _minor(version: str) -> tuple[int, ...]:
    return tuple(int(part) for part in version.split(".")[:2])


def _columns(tables: str) -> dict[str, dict[str, str]]:
    """Read the columns of the page."""
    columns: dict[str, dict[str, str]] = {}
    versions: list[str] = []
    keys = {row.key for row in rows()}
    for line in tables.splitlines():
        cells = [cell.strip() for cell in line.strip("|").split(" | ")]
        if line.startswith("| fault"):
            versions = [cell.removeprefix("aiohttp ") for cell in cells[2:]]
        elif not line.startswith("|"):
            versions = []
        elif line.startswith("| `"):
            label = cells[0].strip("`")
            key = label if label in keys else label.partition("(")[0]
            for version, cell in zip(versions, cells[2:], strict=True):
                columns.setdefault(version, {})[key] = cell
    return columns


def _tables(columns: dict[str, dict[str, str]]) -> Iterator[str]:
    for phase in PHASES:
        yield f"\n### {PHASE_TEXTS[phase]}\n\n"
        heads = ["fault", "what happens", *(f"aiohttp {version}" for version in columns)]
        yield _row(heads) + _row(["---"] * len(heads))
        for row in rows():
            if row.kind.phase == phase:
                seen = [column.get(row.key, "") for column in columns.values()]
                yield _row([f"`{row.label}`", row.text, *seen])
    yield "\n"


def _row(cells: list[str]) -> str:
    return f"| {' | '.join(cells)} |\n"


def main() -> None:
    """Renew the page."""
    warnings.simplefilter("ignore", DeprecationWarning)
    text = PAGE.read_text(encoding="utf-8")
    seen = asyncio.run(column())
    PAGE.write_text(with_column(text, aiohttp.__version__, seen), encoding="utf-8")


if __name__ == "__main__":
    main()
