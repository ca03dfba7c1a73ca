"""The least that a gateway can do: FastAPI validates the body, and aiohttp streams the provider's answer through.

python -m benchmarks.speed.peers.bare_proxy PORT_FILE PROVIDER_URL
"""

from __future__ import annotations

import contextlib
import sys
from collections.abc import AsyncIterator
from pathlib import Path

import aiohttp
import uvicorn
from fastapi import FastAPI
from fastapi.responses import StreamingResponse
from pydantic import BaseModel

from benchmarks.speed.peers.serving import serve


class Speech(BaseModel):
    input: str
    model: str
    voice: str


def create_app(provider_url: str) -> FastAPI:
    opened: list[aiohttp.ClientSession] = []

    @contextlib.asynccontextmanager
    async def lifespan(_: FastAPI) -> AsyncIterator[None]:
        async with aiohttp.ClientSession(connector=aiohttp.TCPConnector(limit=0)) as session:
            opened.append(session)
            yield

    app = FastAPI(lifespan=lifespan)

    @app.post("/v1/audio/speech")
    async def speak(body: Speech) -> StreamingResponse:
        answer = await opened[0].post(f"{provider_url}/v1/audio/speech", json=body.model_dump())

        async def chunks() -> AsyncIterator[bytes]:
            async with answer:
                async for chunk in answer.content.iter_any():
                    yield chunk

        return StreamingResponse(chunks(), media_type=answer.headers["content-type"])

    return app


def main() -> None:
    app = create_app(sys.argv[2])
    serve(uvicorn.Config(app, log_level="warning", access_log=False), Path(sys.argv[1]))


if __name__ == "__main__":
    main()
