"""A client of the API, and a platform on loopback that answers as a test prepares it."""

from __future__ import annotations

import asyncio
import json
from collections.abc import AsyncIterator, Callable
from contextlib import asynccontextmanager

import aiohttp
import pytest

from exporter.api.client import YunfuClient
from exporter.api.connections import open_session
from exporter.api.errors import (
    ApiError,
)
from exporter.api.model import TaskRef
from exporter.api.tokens import Token
from exporter.demo.simulator.server import Request, Response, listen
from exporter.files.authorities import Authorities
from tests.support.gates import open_gate
from tests.support.tools import documented

USER = "40863af8-db4a-41c6-a269-eb5bc386d97f"


TASK = "61551b2c-e3f3-4707-b4ed-f362f0925e03"


SUB_USER = "0c9ee8ab-90c5-43a6-a5f5-5ce4f1b2a001"


STAT = f"/agent-api/user/{USER}/task/{TASK}/stat"


TOKEN = "planted-token"


REF = TaskRef("main", TASK)


def envelope(data: object, **changes: object) -> bytes:
    """Return the platform's envelope around data."""
    return json.dumps({"code": 200, "status": "success", "message": "ok", "data": data, **changes}).encode()


class Platform:
    """Answers every request with what was prepared, and notes the requests."""

    def __init__(self, body: bytes = b"", status: int = 200, **headers: str) -> None:
        self.requests: list[Request] = []
        self.before_answering: Callable[[], object] = lambda: None
        self.prepare(body or envelope(documented()), status, **headers)

    def prepare(self, body: bytes, status: int = 200, **headers: str) -> None:
        """Answer so from now on."""
        pairs = tuple((name.replace("_", "-"), value) for name, value in headers.items())
        content_type = dict(pairs).get("Content-Type", "application/json")
        rest = tuple(pair for pair in pairs if pair[0] != "Content-Type")
        self.response = Response(body, status, rest, content_type)

    def __call__(self, request: Request) -> Response:
        """Answer a request."""
        self.requests.append(request)
        self.before_answering()
        return self.response


class Calls:
    """A client, its gate, and the calls that its observer has seen."""

    def __init__(
        self,
        session: aiohttp.ClientSession,
        base_url: str,
        token: Token,
        proxy: str | None,
        authorities: Authorities | None = None,
    ) -> None:
        self.gate = open_gate()
        self.seen: list[tuple[str, float, ApiError | None]] = []
        self.client = YunfuClient(
            session,
            base_url=base_url,
            user_id=USER,
            token=token,
            gate=self.gate,
            observe=lambda *call: self.seen.append(call),
            authorities=authorities,
            proxy=proxy,
        )

    async def fail(self) -> ApiError:
        """Make a call that fails, and return its error."""
        with pytest.raises(ApiError) as caught:
            await self.client.stat(REF)
        return caught.value


@asynccontextmanager
async def calling(
    platform: Platform,
    *,
    prefix: str = "",
    base_url: str | None = None,
    proxied: str | None = None,
    token: Token | None = None,
    timeout_seconds: float = 5.0,
) -> AsyncIterator[Calls]:
    """Open a client of a platform; ``proxied`` is the user info of a proxy that the platform plays instead."""
    server, port = await listen(platform, "127.0.0.1", 0)
    here = f"http://localhost:{port}"  # by name, since no client keeps cookies of an address
    proxy = None if proxied is None else f"http://{proxied}127.0.0.1:{port}"
    try:
        async with open_session(timeout_seconds=timeout_seconds) as session:
            yield Calls(session, base_url or f"{here}{prefix}", token or Token(TOKEN), proxy)
    finally:
        await server.close()


@asynccontextmanager
async def answering_raw(answer: bytes) -> AsyncIterator[Calls]:
    """Open a client of a server that answers with these bytes, whatever is asked, and hangs up."""

    async def serve(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        await reader.readuntil(b"\r\n\r\n")
        writer.write(answer)
        writer.close()
        await writer.wait_closed()

    async with await asyncio.start_server(serve, "127.0.0.1", 0) as server:
        port = server.sockets[0].getsockname()[1]
        async with open_session(timeout_seconds=5) as session:
            yield Calls(session, f"http://127.0.0.1:{port}", Token(TOKEN), None)
