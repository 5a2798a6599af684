"""Connections to the platform: what arrives unasked is neither kept nor believed, and dead ones cost no API call."""

from __future__ import annotations

import asyncio
import socket
import threading
from collections.abc import AsyncIterator, Awaitable, Callable
from contextlib import asynccontextmanager, suppress
from typing import TypeAlias

import pytest

from exporter.api.connections import open_session
from exporter.api.tokens import Token
from tests.support.calls import REF, TOKEN, Calls, envelope
from tests.support.programs import PATIENCE_SECONDS

Behind: TypeAlias = Callable[["Gateway", asyncio.StreamWriter], Awaitable[None]]


def response(data: object) -> bytes:
    """Return a whole HTTP response."""
    body = envelope(data)
    return b"HTTP/1.1 200 OK\r\nContent-Type: application/json\r\nContent-Length: %d\r\n\r\n" % len(body) + body


RIGHT, STRAY = {"rounds": {"1": 1}}, {"rounds": {"1": 999}}


class Gateway:
    """Answers each request rightly; after the first answer on a connection it does what a test wants."""

    def __init__(self, behind: Behind) -> None:
        self.behind = behind
        self.connections = 0
        self.requests = 0
        self.served: set[asyncio.Task[None]] = set()
        self.lost = asyncio.Event()
        """Set when the client has closed a connection."""
        self.go = asyncio.Event()
        """Set by a test when the connection is idle."""

    def accept(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        """Begin to serve a connection."""
        self.served.add(asyncio.create_task(self._serve(reader, writer)))

    async def _serve(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        self.connections += 1
        with suppress(ConnectionError, asyncio.IncompleteReadError):
            is_first = True
            while True:
                await reader.readuntil(b"\r\n\r\n")
                self.requests += 1
                writer.write(response(RIGHT))
                if is_first:
                    await self.behind(self, writer)
                is_first = False
        self.lost.set()
        writer.close()
        with suppress(ConnectionError):
            await writer.wait_closed()


@asynccontextmanager
async def gateway(behind: Behind) -> AsyncIterator[tuple[Gateway, Calls]]:
    """Run a gateway, and open a client of it."""
    served = Gateway(behind)
    async with await asyncio.start_server(served.accept, "127.0.0.1", 0) as server:
        port = server.sockets[0].getsockname()[1]
        async with open_session(timeout_seconds=5) as session:
            yield served, Calls(session, f"http://127.0.0.1:{port}", Token(TOKEN), None)
        await asyncio.gather(*served.served)


async def flood(served: Gateway, writer: asyncio.StreamWriter) -> None:
    """Go on sending answers for as long as the client takes them."""
    await served.go.wait()
    while served.connections == 1:
        writer.write(b"HTTP/1.1 200 OK\r\nContent-Length: 1\r\n\r\nx" * 1000)
        await writer.drain()


@pytest.mark.parametrize("noise", [b"x", b"\r\n", response(STRAY), b"HTTP/1.1 408 Request Time-out\r\n\r\n"])
async def test_what_arrives_on_an_idle_connection_closes_it(noise: bytes) -> None:
    """At the first byte that nobody asked for the connection is closed, whatever it is; the next call has a new one."""

    async def behind(served: Gateway, writer: asyncio.StreamWriter) -> None:
        if served.connections == 1:
            await served.go.wait()
            writer.write(noise)

    async with gateway(behind) as (served, calls):
        assert (await calls.client.stat(REF)).data == RIGHT
        served.go.set()
        await asyncio.wait_for(served.lost.wait(), PATIENCE_SECONDS)
        assert (await calls.client.stat(REF)).data == RIGHT
        assert (served.connections, served.requests, len(calls.seen)) == (2, 2, 2)


async def test_a_flood_on_an_idle_connection_is_not_kept() -> None:
    """A server that goes on sending is cut off at once, so nothing grows."""
    async with gateway(flood) as (served, calls):
        assert (await calls.client.stat(REF)).data == RIGHT
        served.go.set()
        await asyncio.wait_for(served.lost.wait(), PATIENCE_SECONDS)
        assert (await calls.client.stat(REF)).data == RIGHT
        assert served.connections == 2


@pytest.mark.parametrize("together", [True, False], ids=["with the answer", "right behind it"])
async def test_a_stray_answer_is_never_that_of_the_next_question(*, together: bool) -> None:
    """A second answer to one question is not believed, even if it is there before the event loop has seen it."""

    async def behind(_: Gateway, writer: asyncio.StreamWriter) -> None:
        if not together:
            await asyncio.sleep(0)
        writer.write(response(STRAY))

    async with gateway(behind) as (_, calls):
        for _ in range(20):
            assert (await calls.client.stat(REF)).data == RIGHT
        assert [error for _, _, error in calls.seen] == [None] * 20


async def test_connections_that_the_platform_has_closed_cost_no_call() -> None:
    """A pool of dead connections is found out before it is used: thirty calls at once are thirty requests, none repeated."""

    async def behind(_: Gateway, writer: asyncio.StreamWriter) -> None:
        writer.close()

    async with gateway(behind) as (served, calls):
        for _ in range(2):
            async with asyncio.TaskGroup() as group:
                for _ in range(30):
                    group.create_task(calls.client.stat(REF))
        assert [error for _, _, error in calls.seen] == [None] * 60
        assert served.requests == 60


@pytest.mark.parametrize("last", [response(STRAY), b""], ids=["a stray answer", "the end"])
async def test_what_has_arrived_is_seen_although_the_event_loop_has_not_read_it(last: bytes) -> None:
    """A kept connection with something to read is not used, even if it came while the loop was busy with other work."""
    to_send, sent = threading.Event(), threading.Event()

    def serve(listener: socket.socket) -> None:
        first, _ = listener.accept()
        with first:
            first.recv(4096)
            first.sendall(response(RIGHT))
            to_send.wait(PATIENCE_SECONDS)
            first.sendall(last)
            first.shutdown(socket.SHUT_WR)
            sent.set()
            second, _ = listener.accept()
            with second:
                second.recv(4096)
                second.sendall(response(RIGHT))

    with socket.create_server(("127.0.0.1", 0)) as listener:
        thread = threading.Thread(target=serve, args=(listener,))
        thread.start()
        async with open_session(timeout_seconds=PATIENCE_SECONDS) as session:
            calls = Calls(session, f"http://127.0.0.1:{listener.getsockname()[1]}", Token(TOKEN), None)
            await calls.client.stat(REF)
            to_send.set()
            assert sent.wait(PATIENCE_SECONDS)  # the loop stands meanwhile
            assert (await calls.client.stat(REF)).data == RIGHT
            assert [error for _, _, error in calls.seen] == [None, None]
        thread.join(PATIENCE_SECONDS)
