"""The bounds of serving: slow clients, many clients, and those that send too much."""

from __future__ import annotations

import asyncio
import logging
import sys
from collections import Counter
from collections.abc import AsyncIterator, Callable
from contextlib import asynccontextmanager
from dataclasses import dataclass, field
from dataclasses import replace as but

import pytest
from aiohttp import web

from exporter.web.connections import Limits
from exporter.web.server import listening
from tests.support.programs import fetch, free_port
from tests.support.virtual_time import in_virtual_time

PATIENT = Limits(connections=4, head_seconds=60, idle_seconds=60, stall_seconds=60)
"""No time runs out within a test in real time, and there are four places."""

BLOCK = b"x" * (1 << 20)


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

    async def flood(self, request: web.Request) -> web.StreamResponse:
        """Answer 64 MiB."""
        response = web.StreamResponse()
        await response.prepare(request)
        for _ in range(64):
            await response.write(BLOCK)
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
        """Return the status of a request on a connection of its own."""
        return (await asyncio.to_thread(fetch, f"http://127.0.0.1:{self.number}{path}")).status


@asynccontextmanager
async def serving(limits: Limits) -> AsyncIterator[Port]:
    """Serve with limits."""
    port = Port(free_port())
    app = web.Application()
    app.add_routes([web.route("*", f"/{each.__name__}", each) for each in (port.quick, port.hold, port.flood)])
    refused: Callable[[str], None] = lambda reason: port.refused.update([reason])  # noqa: E731  # typed
    async with listening(app, [("127.0.0.1", port.number)], limits=limits, refused=refused):
        try:
            yield port
        finally:
            for writer in port.clients:
                writer.transport.abort()


async def holds(look: Callable[[], object]) -> None:
    """Wait until something is true."""
    async with asyncio.timeout(10):
        while not look():  # noqa: ASYNC110  # no event tells it
            await asyncio.sleep(0.01)


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


@pytest.mark.parametrize(
    "sent",
    [b"", b"G", b"GET /quick HTTP/1.1\r\n", b"GET /quick HTTP/1.1\r\nHost: x\r\nX-Slow: yes"],
    ids=["nothing", "a byte", "a line", "half a header"],
)
async def test_a_header_that_does_not_come_to_its_end(sent: bytes) -> None:
    """Who connects and does not say what he wants is cut off, and another is served meanwhile."""
    async with serving(but(PATIENT, head_seconds=0.2)) as port:
        reader, _ = await port.open(sent)
        assert await port.get() == 200
        assert await is_closed(reader) == b""
        assert port.refused == {"slow_request": 1}


@in_virtual_time
async def test_a_header_byte_by_byte() -> None:
    """The deadline is for the whole header: bytes that come now and then do not put it off."""
    async with serving(but(PATIENT, head_seconds=5)) as port:
        reader, writer = await port.open(b"GET /")
        closed = asyncio.create_task(is_closed(reader))
        sent = 0
        while not closed.done():
            writer.write(b"x")
            sent += 1
            await asyncio.sleep(0.25)
        assert await closed == b""
        assert 18 < sent < 23


async def test_the_second_request_has_its_deadline_too() -> None:
    """On a connection that is kept, half a header is cut off like on a new one; but silence is given longer."""
    async with serving(but(PATIENT, head_seconds=0.2)) as port:
        silent, _ = await port.open(request())
        reader, writer = await port.open(request())
        for each in (silent, reader):
            assert (await each.readuntil(b"ok")).startswith(b"HTTP/1.1 200")
        writer.write(b"GET /qui")
        assert await is_closed(reader) == b""
        assert not silent.at_eof()
        assert port.refused == {"slow_request": 1}


async def test_an_idle_connection_is_closed() -> None:
    """A connection without a request is closed after its time, and that is no refusal."""
    async with serving(but(PATIENT, idle_seconds=0.2)) as port:
        reader, _ = await port.open(request())
        assert (await reader.readuntil(b"ok")).startswith(b"HTTP/1.1 200")
        assert await is_closed(reader) == b""
        assert not port.refused


async def test_connections_that_say_nothing_keep_nobody_out() -> None:
    """When all places are taken by those that wait, who has waited longest goes, and requests are answered."""
    async with serving(PATIENT) as port:
        idle = [await port.open() for _ in range(PATIENT.connections)]
        for _ in range(3):
            assert await port.get() == 200
        assert [await is_closed(reader) for reader, _ in idle[:1]] == [b""]
        assert port.refused["connections"] >= 1
        reader, writer = idle[-1]
        assert not reader.at_eof()
        writer.write(request())
        assert (await reader.readuntil(b"ok")).startswith(b"HTTP/1.1 200")


@pytest.mark.skipif(sys.platform != "linux", reason="elsewhere 127.0.0.2 is no address of the machine")
async def test_a_flood_from_one_address_leaves_the_others_in_peace() -> None:
    """The address with the most waiting connections loses one, however long those of another have waited."""
    async with serving(PATIENT) as port:
        reader, writer = await port.open(request(), client="127.0.0.2")
        assert (await reader.readuntil(b"ok")).startswith(b"HTTP/1.1 200")
        for _ in range(50):
            await port.open()
        await holds(lambda: port.refused["connections"] >= 47)
        writer.write(request())
        assert (await reader.readuntil(b"ok")).startswith(b"HTTP/1.1 200")


async def test_a_thousand_connections_that_say_nothing() -> None:
    """However many come, no more than there are places stay open, and a scrape gets through."""
    async with serving(but(PATIENT, connections=16)) as port:
        idle = [await port.open() for _ in range(1000)]
        assert await port.get() == 200
        await holds(lambda: port.refused["connections"] >= 1000 - 16)
        closed = [asyncio.create_task(is_closed(reader)) for reader, _ in idle]
        await holds(lambda: sum(task.done() for task in closed) >= 1000 - 16)
        for task in closed:
            task.cancel()


async def test_requests_under_way_are_not_cut_off_for_new_ones() -> None:
    """When every place has a request under way, a new connection is closed at once, and those get their answers."""
    async with serving(PATIENT) as port:
        busy = [await port.open(request("/hold")) for _ in range(PATIENT.connections)]
        await holds(lambda: port.held == PATIENT.connections)
        reader, _ = await port.open(request())
        assert await is_closed(reader) == b""
        assert port.refused == {"connections": 1}
        port.let_go.set()
        for reader, _ in busy:
            assert (await reader.readuntil(b"ok")).startswith(b"HTTP/1.1 200")
        assert await port.get() == 200


@in_virtual_time
async def test_a_handler_has_all_the_time_it_needs() -> None:
    """The deadlines are for clients: one that waits for a slow handler is not cut off."""
    async with serving(PATIENT) as port:
        reader, _ = await port.open(request("/hold"))
        await holds(lambda: port.held)
        await asyncio.sleep(3600)
        port.let_go.set()
        assert (await reader.readuntil(b"ok")).startswith(b"HTTP/1.1 200")


async def test_who_does_not_read_is_dropped() -> None:
    """A client that asks for much and reads nothing is dropped, with no more than a few blocks made for it."""
    async with serving(but(PATIENT, stall_seconds=0.3)) as port:
        await port.open(request("/flood"))
        await holds(lambda: port.refused == {"slow_reader": 1})
        assert port.written < 32
        assert await port.get() == 200


async def test_who_reads_slowly_gets_it_all() -> None:
    """A client that pauses, but reads on in time, is served to the end."""
    async with serving(but(PATIENT, stall_seconds=2)) as port:
        reader, _ = await port.open(request("/flood"))
        size = 0
        while piece := await reader.read(1 << 20):
            size += len(piece)
            if size % 8 == 0:
                await asyncio.sleep(0.001)
            if size >= 64 << 20:
                break
        assert size >= 64 << 20
        assert not port.refused


@pytest.mark.parametrize(
    ("sent", "status"),
    [
        (request("/" + "x" * 8000), 404),
        (request("/" + "x" * 9000), 400),
        (request("/quick?" + "&".join(f"p{n}=1" for n in range(2000))), 400),
        (request("/quick", "X: " + "y" * 8000), 200),
        (request("/quick", "X: " + "y" * 9000), 400),
        (request("/quick", *(f"X-{n}: y" for n in range(50))), 200),
        (request("/quick", *(f"X-{n}: y" for n in range(80))), 400),
        (request("/quick", f"Content-Length: {1 << 20}", method="POST"), 413),
        (request("/quick", f"Content-Length: {10**18}", method="POST"), 413),
        (request("/quick", f"Content-Length: {10**30}", method="POST"), 400),
        (request("/quick", "Content-Length: -1", method="POST"), 400),
        (request("/quick", "Content-Length: 10", method="POST") + b"0123456789", 200),
        (request("/quick", "Content-Encoding: gzip", "Content-Length: 3", method="POST") + b"\x1f\x8b!", 200),
        (request("/quick", "Transfer-Encoding: chunked", method="POST") + b"xyz\r\n", 400),
        (request("/quick", "Expect: x"), 417),
        (request("/quick", "Expect: \udc82"), 400),
        (b"GET / HTTP/9.9\r\n\r\n", 400),
        (b"\x16\x03\x01\x02\x00\x01\x00\x01\xfc\x03\x03" + b"\x00" * 100, 400),
        (b"\r\n" * 8 + b"\x00\r\n\r\n", 400),
    ],
)  # fmt: skip
async def test_too_much_and_malformed(sent: bytes, status: int, caplog: pytest.LogCaptureFixture) -> None:
    """What is too long, too many or no HTTP is answered by one clear status, and nothing of it is logged."""
    caplog.set_level(logging.DEBUG, "exporter")
    async with serving(PATIENT) as port:
        reader, _ = await port.open(sent)
        async with asyncio.timeout(10):
            assert (await reader.readline()).split()[1] == str(status).encode()
        assert await port.get() == 200
        assert (port.refused["malformed"] == 1) is (status == 400)
        assert (port.refused["too_large"] == 1) is (status == 413)
    assert not caplog.records


@pytest.mark.parametrize(
    "sent",
    [
        request("/quick", "X: " + "y" * 8000) [:-2] + b"".join(b"X: " + b"y" * 8000 + b"\r\n" for _ in range(10)),
        request("/hold", f"Content-Length: {60 * 1024}", method="POST") + b"x" * (70 * 1024),
        request("/hold", "Transfer-Encoding: chunked", method="POST") + b"400\r\n" + b"x" * 0x400 + b"\r\n" * 1,
    ],
    ids=["header", "body", "chunks"],
)  # fmt: skip
async def test_a_request_without_an_end(sent: bytes) -> None:
    """Whoever goes on sending is cut off, whether it is a header or a body without an end."""
    async with serving(PATIENT) as port:
        reader, writer = await port.open(sent)
        closed = asyncio.create_task(is_closed(reader))
        for _ in range(2000):
            if closed.done():
                break
            writer.write(b"400\r\n" + b"x" * 0x400 + b"\r\n")
            try:
                await writer.drain()
            except ConnectionError:
                break
        assert b"200" not in await closed
        assert await port.get() == 200


async def test_pipelined_requests_are_not_piled_up() -> None:
    """A client that sends requests without reading the answers is dropped before they pile up."""
    async with serving(PATIENT) as port:
        reader, writer = await port.open(request("/hold"))
        await holds(lambda: port.held)
        writer.write(request() * 3000)
        assert await is_closed(reader) == b""
        await holds(lambda: not port.held)
        assert await port.get() == 200


async def test_pipelined_requests_are_answered() -> None:
    """A few requests at once on one connection are all answered, in their order."""
    async with serving(PATIENT) as port:
        reader, _ = await port.open(request() * 20 + request("/quick", "Connection: close"))
        assert (await is_closed(reader)).count(b"HTTP/1.1 200 OK") == 21


async def test_the_size_is_that_of_one_request() -> None:
    """On a kept connection any number of requests is served, however much they are together."""
    async with serving(PATIENT) as port:
        reader, writer = await port.open()
        for _ in range(20):
            writer.write(request("/quick", "X: " + "y" * 8000))
            assert (await reader.readuntil(b"ok")).startswith(b"HTTP/1.1 200")


async def test_a_fault_of_our_own_is_logged(caplog: pytest.LogCaptureFixture) -> None:
    """A handler that breaks off is logged with its traceback, other than what clients do wrong."""

    async def broken(_: web.Request) -> web.Response:
        raise RuntimeError("planted")

    app, number = web.Application(), free_port()
    app.router.add_get("/", broken)
    async with listening(app, [("127.0.0.1", number)]):
        reply = await asyncio.to_thread(fetch, f"http://127.0.0.1:{number}/")
    assert reply.status == 500
    assert "planted" not in reply.text
    assert "planted" in caplog.text


async def test_a_client_that_went_away_is_no_fault_of_ours(caplog: pytest.LogCaptureFixture) -> None:
    """What a handler meets when it writes to a client that has gone is not logged: anybody can go away any number of times."""

    async def late(_: web.Request) -> web.Response:
        raise ConnectionResetError("Cannot write to closing transport")

    app, number = web.Application(), free_port()
    app.router.add_get("/", late)
    async with listening(app, [("127.0.0.1", number)]):
        await asyncio.to_thread(fetch, f"http://127.0.0.1:{number}/")
    assert not caplog.records


async def test_stopping_ends_all_connections() -> None:
    """At the end idle, half and busy connections are closed, within seconds."""
    async with asyncio.timeout(10), serving(PATIENT) as port:
        clients = [await port.open(sent) for sent in (b"", b"GET /", request(), request("/hold"))]
        port.clients.clear()
        await holds(lambda: port.held)
    for reader, writer in clients:
        assert b"500" not in await is_closed(reader)
        writer.close()
