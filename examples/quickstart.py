"""A small real program, and what it asked: several hosts, JSON, a failure, a local real server."""

from __future__ import annotations

import asyncio
from collections.abc import Iterable, Sequence

import aiohttp
from aiohttp import web
from aiohttp.test_utils import TestServer

from aiointercept_connector import aiointercept


async def order_report(session: aiohttp.ClientSession, statistics_url: str) -> list[str]:
    """Be the program under test: it knows nothing of mocks, and opens its own connections."""
    lines: list[str] = []
    async with session.get("https://users.example.com/users", params={"role": "buyer"}) as response:
        users = await response.json()
    for user in users:
        order = {"user": user["id"], "item": "coffee"}
        async with session.post("https://orders.example.com/orders", json=order) as response:
            created = await response.json()
            lines.append(f"{user['name']}: order {created['id']} ({response.status})")
    try:
        async with session.get("https://mail.example.com/queue"):
            pass
    except aiohttp.ClientConnectionError as error:
        lines.append(f"mail is down: {error}")
    async with session.get(statistics_url) as response:
        lines.append(f"statistics: {await response.text()}")
    return lines


async def statistics(request: web.Request) -> web.Response:
    """Answer as the real local server does."""
    return web.Response(text="42 orders today")


async def main() -> None:
    """Run the program against mocked hosts and one real one, and show both sides."""
    app = web.Application()
    app.router.add_get("/statistics", statistics)
    async with TestServer(app) as real, aiointercept(mock_external_urls=True) as mock:
        mock.get(
            "https://users.example.com/users?role=buyer",
            json=[{"id": 1, "name": "Ada"}, {"id": 2, "name": "Grace"}],
        )
        mock.post("https://orders.example.com/orders", status=201, json={"id": 1001})
        mock.post("https://orders.example.com/orders", status=201, json={"id": 1002})
        mock.get("https://mail.example.com/queue", exception=True)

        async with aiohttp.ClientSession() as session:
            lines = await order_report(session, str(real.make_url("/statistics")))

        print("What the program said:\n")
        print("\n".join(f"  {line}" for line in lines))
        print("\nWhat it asked of the mocked hosts:\n")
        rows = [
            (call.method, str(call.url), call.captured_text or "-", repr(call.route.reply))
            for call in mock.calls
            if call.route is not None
        ]
        print_table(("method", "url", "body", "answered with"), rows)
        mock.assert_called_with(
            "https://orders.example.com/orders", "POST", json={"user": 2, "item": "coffee"}
        )
        print("\nThe last order was Grace's, as expected. Nothing left this machine.")


def print_table(head: Sequence[str], rows: Iterable[Sequence[str]]) -> None:
    """Print rows in columns as wide as their widest cell."""
    table = [head, *rows]
    widths = [max(map(len, column)) for column in zip(*table, strict=True)]
    table.insert(1, ["-" * width for width in widths])
    for row in table:
        print("  " + "  ".join(map(str.ljust, row, widths)).rstrip())


if __name__ == "__main__":
    asyncio.run(main())
