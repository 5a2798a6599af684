"""The server: statuses of malformed requests, its log, and its end."""

from __future__ import annotations

import asyncio
import logging

import pytest
from aiohttp import web

from exporter.web.server import listening
from tests.support.clock import until
from tests.support.connections import PATIENT, is_closed, request, serving
from tests.support.programs import fetch, free_port


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
        await until(lambda: port.held)
    for reader, writer in clients:
        assert b"500" not in await is_closed(reader)
        writer.close()
