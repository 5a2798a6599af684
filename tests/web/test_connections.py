"""Clients' connections: slow clients, many clients, and those that send too much."""

from __future__ import annotations

import asyncio
import sys
from dataclasses import replace as but

import pytest

from exporter.web import connections
from tests.support.clock import until
from tests.support.connections import PATIENT, is_closed, request, serving
from tests.support.virtual_time import in_virtual_time


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
        await until(lambda: port.refused["connections"] >= 47)
        writer.write(request())
        assert (await reader.readuntil(b"ok")).startswith(b"HTTP/1.1 200")


async def test_a_thousand_connections_that_say_nothing() -> None:
    """However many come, no more than there are places stay open, and a scrape gets through."""
    async with serving(but(PATIENT, connections=16)) as port:
        idle = [await port.open() for _ in range(1000)]
        assert await port.get() == 200
        await until(lambda: port.refused["connections"] >= 1000 - 16)
        closed = [asyncio.create_task(is_closed(reader)) for reader, _ in idle]
        await until(lambda: sum(task.done() for task in closed) >= 1000 - 16)
        for task in closed:
            task.cancel()


async def test_requests_under_way_are_not_cut_off_for_new_ones() -> None:
    """When every place has a request under way, a new connection is closed at once, and those get their answers."""
    async with serving(PATIENT) as port:
        busy = [await port.open(request("/hold")) for _ in range(PATIENT.connections)]
        await until(lambda: port.held == PATIENT.connections)
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
        await until(lambda: port.held)
        await asyncio.sleep(3600)
        port.let_go.set()
        assert (await reader.readuntil(b"ok")).startswith(b"HTTP/1.1 200")


@pytest.mark.skipif(sys.platform != "linux", reason="elsewhere 127.0.0.2 is no address of the machine")
async def test_a_client_with_many_requests_under_way_gives_places_to_another() -> None:
    """When every place has a request under way, a network that has at least two more loses its oldest to the other one."""
    async with serving(PATIENT) as port:
        busy = [await port.open(request("/hold")) for _ in range(PATIENT.connections)]
        await until(lambda: port.held == PATIENT.connections)
        for _ in range(2):
            reader, _ = await port.open(request("/hold"), client="127.0.0.2")
            await until(lambda: port.held == PATIENT.connections)
        assert [await is_closed(reader) for reader, _ in busy[:2]] == [b"", b""]
        late, _ = await port.open(request("/hold"), client="127.0.0.2")
        assert await is_closed(late) == b""
        port.let_go.set()
        for served in (reader, *(each for each, _ in busy[2:])):
            assert (await served.readuntil(b"ok")).startswith(b"HTTP/1.1 200")


@pytest.mark.skipif(sys.platform != "linux", reason="elsewhere 127.0.0.2 is no address of the machine")
async def test_clients_that_do_not_read_give_their_places_to_others(monkeypatch: pytest.MonkeyPatch) -> None:
    """From however many addresses, who has not read for a while goes as soon as another wants in, and has no such right itself."""
    monkeypatch.setattr(connections, "SLOW_SECONDS", 0.1)
    async with serving(PATIENT) as port:
        for number in range(PATIENT.connections):
            await port.open(request("/flood"), client=f"127.0.0.{2 + number}")
        async with asyncio.timeout(10):
            while not port.held:
                reader, _ = await port.open(request("/hold"))
                await asyncio.sleep(0.01)
        again, _ = await port.open(request("/flood"), client="127.0.0.2")
        assert await is_closed(again) == b""
        port.let_go.set()
        assert (await reader.readuntil(b"ok")).startswith(b"HTTP/1.1 200")


async def test_who_does_not_read_is_dropped() -> None:
    """A client that asks for much and reads nothing is dropped, with no more than a few blocks made for it."""
    async with serving(but(PATIENT, stall_seconds=0.3)) as port:
        await port.open(request("/flood"))
        await until(lambda: port.refused == {"slow_reader": 1})
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
        await until(lambda: port.held)
        writer.write(request() * 3000)
        assert await is_closed(reader) == b""
        await until(lambda: not port.held)
        assert await port.get() == 200


async def test_pipelined_requests_are_answered() -> None:
    """A few requests at once on one connection are all answered, in their order."""
    async with serving(PATIENT) as port:
        reader, _ = await port.open(request() * 20 + request("/quick", "Connection: close"))
        assert (await is_closed(reader)).count(b"HTTP/1.1 200 OK") == 21
