from __future__ import annotations

from typing import Annotated, Any

import aiohttp
import pytest
from aiohttp import ClientSession

from aiointercept_connector import aiointercept
from tests.loopback.mounted import API

pytest.importorskip("fastapi")
pytest.importorskip("uvicorn")

from fastapi import Depends, FastAPI, HTTPException, Request, UploadFile
from pydantic import BaseModel

pytestmark = pytest.mark.anyio


class Item(BaseModel):
    """What the shop sells."""

    name: str
    price: float


def token(request: Request) -> str:
    """Return who is asking."""
    return request.headers["Authorization"]


def shop() -> FastAPI:
    """Return an application that uses what FastAPI is used for."""
    app = FastAPI()

    @app.post("/items/{number}", status_code=201)
    async def create(number: int, item: Item, user: Annotated[str, Depends(token)]) -> Any:
        if number == 13:
            raise HTTPException(409, "taken")
        return {"number": number, "item": item, "user": user}

    @app.post("/files")
    async def upload(file: UploadFile) -> Any:
        return {"name": file.filename, "size": len(await file.read())}

    @app.get("/plain")
    def plain() -> str:
        return "from a thread"

    return app


class TestFastAPI:
    async def test_validation_and_dependencies(
        self, mock: aiointercept, session: ClientSession
    ) -> None:
        """A model, a path parameter and a dependency come in, JSON goes out."""
        mock.mount(f"{API}/v1", shop())
        headers = {"Authorization": "Ada"}
        item = {"name": "tea", "price": 2.5}
        async with session.post(f"{API}/v1/items/7", json=item, headers=headers) as response:
            assert response.status == 201
            assert await response.json() == {"number": 7, "item": item, "user": "Ada"}
        async with session.post(f"{API}/v1/items/x", json={}, headers=headers) as response:
            assert response.status == 422
        async with session.post(f"{API}/v1/items/13", json=item, headers=headers) as response:
            assert (response.status, await response.json()) == (409, {"detail": "taken"})

    async def test_uploads_threads_and_the_schema(
        self, mock: aiointercept, session: ClientSession
    ) -> None:
        """Multipart forms, plain functions and the OpenAPI document work."""
        mock.mount(f"{API}/v1", shop())
        form = aiohttp.FormData()
        form.add_field("file", b"hello", filename="a.txt")
        async with session.post(f"{API}/v1/files", data=form) as response:
            assert await response.json() == {"name": "a.txt", "size": 5}
        async with session.get(f"{API}/v1/plain") as response:
            assert await response.json() == "from a thread"
        async with session.get(f"{API}/v1/openapi.json") as response:
            assert (await response.json())["servers"] == [{"url": "/v1"}]
