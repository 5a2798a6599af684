"""A port whose connections a test opens, holds and watches."""

from __future__ import annotations

import asyncio
from collections import Counter
from collections.abc import AsyncIterator, Callable, Mapping
from contextlib import asynccontextmanager
from dataclasses import dataclass, field

from aiohttp import web

from exporter.web.connections import Limits
from exporter.web.server import HEADERS, listening
from tests.support.programs import fetch, free_port

PATIENT = Limits(connections=4, head_seconds=60, idle_seconds=60, stall_seconds=60)
"""No time runs out within a test in real time, and there are four places."""

_BLOCK = b"x" * (1 << 20)


@dataclass
class Port:
    """A port under test: where it is, what it turned away, and handlers that a test can hold."""

    number: int
    refused: Counter[str] = field(default_factory=Counter)
    let_go: asyncio.Event = field(default_factory=asyncio.Event)
    held: int = 0
    written: int = 0
    clients: list[asyncio.StreamWriter] = field(default_factory=list)

    async def quick(self, _: web.Request) -> web.Response:
        """Answer at once."""
        return web.Response(text="ok")

    async def hold(self, _: web.Request) -> web.Response:
        """Answer when the test lets it."""
        self.held += 1
        try:
            await self.let_go.wait()
        finally:
            self.held -= 1
        return web.Response(text="ok")

    async def broken(self, _: web.Request) -> web.Response:
        """Break off."""
        raise RuntimeError("planted")

    async def flood(self, request: web.Request) -> web.StreamResponse:
        """Answer 64 MiB."""
        response = web.StreamResponse()
        await response.prepare(request)
        for _ in range(64):
            await response.write(_BLOCK)
            self.written += 1
        return response

    async def open(
        self, request: bytes = b"", *, client: str = "127.0.0.1"
    ) -> tuple[asyncio.StreamReader, asyncio.StreamWriter]:
        """Connect and send something; little is buffered on this side."""
        address = ("127.0.0.1", self.number)
        reader, writer = await asyncio.open_connection(*address, limit=1024, local_addr=(client, 0))
        self.clients.append(writer)
        writer.write(request)
        return reader, writer

    async def get(self, path: str = "/quick") -> int:
        """Return the status of a request on a new connection."""
        return (await asyncio.to_thread(fetch, f"http://127.0.0.1:{self.number}{path}")).status


@asynccontextmanager
async def serving(limits: Limits, headers: Callable[[], Mapping[str, str]] = lambda: HEADERS) -> AsyncIterator[Port]:
    """Serve with limits, and with headers in every answer."""
    port = Port(free_port())
    app = web.Application()
    app.add_routes(
        [web.route("*", f"/{each.__name__}", each) for each in (port.quick, port.hold, port.broken, port.flood)]
    )
    refused: Callable[[str], None] = lambda reason: port.refused.update([reason])  # noqa: E731  # typed
    async with listening(app, [("127.0.0.1", port.number)], limits=limits, refused=refused, headers=headers):
        try:
            yield port
        finally:
            for writer in port.clients:
                writer.transport.abort()


async def is_closed(reader: asyncio.StreamReader) -> bytes:
    """Wait for the end of a connection, and return what came before."""
    async with asyncio.timeout(10):
        try:
            return await reader.read()
        except ConnectionError:
            return b""


def request(path: str = "/quick", *headers: str, method: str = "GET") -> bytes:
    """Write a request."""
    return "\r\n".join([f"{method} {path} HTTP/1.1", "Host: x", *headers, "", ""]).encode("utf-8", "surrogateescape")
