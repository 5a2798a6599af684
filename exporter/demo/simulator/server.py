"""A lean HTTP/1.1 server for the simulator: fast enough not to be what is measured, low enough to misbehave on request.

It knows only what the simulator needs: GET, POST and DELETE with a Content-Length, keep-alive, no chunked requests.
"""

from __future__ import annotations

import asyncio
import gzip
from collections.abc import Callable
from dataclasses import dataclass, field, replace
from email.utils import formatdate
from functools import lru_cache
from http import HTTPStatus
from ssl import SSLContext
from typing import Final, TypeAlias
from urllib.parse import parse_qsl

MAX_HEAD_BYTES: Final = 64 * 1024
MAX_REQUEST_BYTES: Final = 1024 * 1024
GZIP_BYTES: Final = range(16 * 1024, 1024 * 1024)
"""Sizes of bodies that are compressed if the client likes; what is larger is a fault's, meant to be seen as it is."""


@dataclass(frozen=True, slots=True)
class Request:
    """A request; header names are in lower case."""

    method: str
    path: str
    query: str
    headers: dict[str, str]
    body: bytes = b""
    is_last: bool = False
    """Whether the client wants the connection closed after the answer."""

    def parameters(self) -> list[tuple[str, str]]:
        """Return the parameters of the query, in order, empty ones included."""
        return parse_qsl(self.query, keep_blank_values=True)


@dataclass(frozen=True, slots=True)
class Response:
    """An answer, which waits for ``delay`` seconds; ``way`` is how to misbehave with it: see ``_Connection``."""

    body: bytes = b""
    status: int = 200
    headers: tuple[tuple[str, str], ...] = ()
    content_type: str = "application/json"
    way: str = ""
    seconds: float = 0.0
    delay: float = 0.0

    def head(self) -> bytes:
        """Write the head of the answer."""
        return _head(self.status, self.content_type, len(self.body), self.headers)


@lru_cache(maxsize=4096)
def _head(status: int, content_type: str, length: int, headers: tuple[tuple[str, str], ...]) -> bytes:
    phrase = HTTPStatus(status).phrase if status in HTTPStatus._value2member_map_ else "Unknown"
    lines = [f"HTTP/1.1 {status} {phrase}", f"Content-Type: {content_type}", f"Content-Length: {length}"]
    lines += [f"{name}: {value}" for name, value in headers]
    return ("\r\n".join(lines) + "\r\n\r\n").encode("latin-1")


Answer: TypeAlias = Callable[[Request], Response]


class _Connection(asyncio.Protocol):
    """One client's connection. An ordinary answer is written at once; a misbehaving one is a separate task."""

    def __init__(self, answer: Answer, connections: set[_Connection]) -> None:
        self._answer = answer
        self._connections = connections
        self._buffer = bytearray()
        self._misbehaving: asyncio.Task[None] | None = None
        self.transport: asyncio.Transport

    def connection_made(self, transport: asyncio.BaseTransport) -> None:
        assert isinstance(transport, asyncio.Transport)  # noqa: S101  # for mypy: it listens on TCP
        self.transport = transport
        self._connections.add(self)

    def connection_lost(self, exc: Exception | None) -> None:  # noqa: ARG002  # asyncio's signature
        self._connections.discard(self)
        if self._misbehaving is not None:
            self._misbehaving.cancel()

    def data_received(self, data: bytes) -> None:
        self._buffer += data
        try:
            while self._misbehaving is None and (request := self._take()) is not None:
                self._respond(request)
        except ValueError:  # no HTTP
            self.transport.write(Response(status=400, headers=(("Connection", "close"),)).head())
            self.transport.close()

    def _respond(self, request: Request) -> None:
        response = self._answer(request)
        if response.way or response.delay:
            self._misbehaving = asyncio.get_running_loop().create_task(self._misbehave(response))
            self._misbehaving.add_done_callback(self._behave_again)
            return
        is_packed = any(name == "Content-Encoding" for name, _ in response.headers)
        if len(response.body) in GZIP_BYTES and not is_packed and "gzip" in request.headers.get("accept-encoding", ""):
            response = _compressed(response)
        self.transport.write(response.head() + response.body)
        if request.is_last:
            self.transport.close()

    def _behave_again(self, _: asyncio.Task[None]) -> None:
        self._misbehaving = None
        if self._buffer and not self.transport.is_closing():
            self.data_received(b"")

    def _take(self) -> Request | None:
        """Take a whole request off the buffer, if there is one. Raises ValueError if it cannot be one."""
        end = self._buffer.find(b"\r\n\r\n")
        if end < 0:
            if len(self._buffer) > MAX_HEAD_BYTES:
                raise ValueError("the head is too long")
            return None
        first, *lines = self._buffer[:end].decode("latin-1").split("\r\n")
        headers = {}
        for line in lines:
            name, _, value = line.partition(":")
            headers[name.lower()] = value.strip()
        length = int(headers.get("content-length", "0"))
        if not 0 <= length <= MAX_REQUEST_BYTES:
            raise ValueError("the body is too long")
        if len(self._buffer) < end + 4 + length:
            return None
        body = bytes(self._buffer[end + 4 : end + 4 + length])
        del self._buffer[: end + 4 + length]
        method, target, version = first.split(" ")
        path, _, query = target.partition("?")
        is_last = version == "HTTP/1.0" or headers.get("connection", "").lower() == "close"
        return Request(method, path, query, headers, body, is_last)

    async def _misbehave(self, response: Response) -> None:
        """Answer late, or in a way that no server should.

        ``reset`` breaks the connection instead of answering, ``cut`` in the middle of the body, ``slow_headers`` waits
        within the head, ``drip`` writes the body byte by byte, ``truncated_gzip`` sends half of a compressed body as if
        it were all.
        """
        transport, head, body = self.transport, response.head(), response.body
        await asyncio.sleep(response.delay)
        match response.way:
            case "":
                transport.write(head + body)
            case "reset":
                transport.abort()
            case "cut":
                transport.write(head + body[: len(body) // 2])
                await asyncio.sleep(0.01)  # or the abort would overtake what was written
                transport.abort()
            case "slow_headers":
                begin = head.index(b"\r\n") + 2
                transport.write(head[:begin])
                await asyncio.sleep(response.seconds)
                transport.write(head[begin:] + body)
            case "drip":
                transport.write(head)
                for index in range(len(body)):
                    transport.write(body[index : index + 1])
                    await asyncio.sleep(response.seconds)
            case "truncated_gzip":
                packed = _compressed(response)
                half = replace(packed, body=packed.body[: len(packed.body) // 2])
                transport.write(half.head() + half.body)


def _compressed(response: Response) -> Response:
    headers = (*response.headers, ("Content-Encoding", "gzip"), ("Vary", "Accept-Encoding"))
    return replace(response, body=gzip.compress(response.body, compresslevel=1), headers=headers)


@dataclass(slots=True)
class Listening:
    """A server that listens, and the connections that it holds."""

    server: asyncio.Server
    connections: set[_Connection] = field(default_factory=set)

    async def close(self) -> None:
        """Stop listening and drop all connections."""
        self.server.close()
        for connection in list(self.connections):
            connection.transport.abort()
        await self.server.wait_closed()


async def listen(answer: Answer, host: str, port: int, ssl: SSLContext | None = None) -> tuple[Listening, int]:
    """Listen on an address (port 0: any free one); return the server and its port. Raises OSError."""
    connections: set[_Connection] = set()
    loop = asyncio.get_running_loop()
    server = await loop.create_server(lambda: _Connection(answer, connections), host, port, ssl=ssl)
    return Listening(server, connections), server.sockets[0].getsockname()[1]


def http_date(moment: float) -> str:
    """Write a time as HTTP has it."""
    return formatdate(moment, usegmt=True)
