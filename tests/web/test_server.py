"""The server: statuses of malformed requests, its log, and its end."""

from __future__ import annotations

import asyncio
import logging

import pytest
from aiohttp import web

from exporter.web.server import HEADERS, listening
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


@pytest.mark.parametrize(
    "sent",
    [
        request("/quick"),
        request("/missing"),
        request("/quick", method="BREW"),
        request("/" + "x" * 9000),
        request("/quick", f"Content-Length: {1 << 20}", method="POST"),
        request("/quick", "Expect: x"),
        request("/quick", "Expect: \udc82"),
        b"GET / HTTP/9.9\r\n\r\n",
        b"\x16\x03\x01\x02\x00\x01\x00\x01\xfc\x03\x03" + b"\x00" * 100,
        request("/broken"),
    ],
)
async def test_every_answer_has_the_security_headers(sent: bytes) -> None:
    """Good or bad, whoever makes it: an answer has the headers in force, and names no program but the exporter."""
    more = {**HEADERS, "Strict-Transport-Security": "max-age=1"}
    async with serving(PATIENT, lambda: more) as port:
        reader, _ = await port.open(sent)
        head = (await reader.readuntil(b"\r\n\r\n")).decode()
    assert {
        name: value for name, _, value in (line.partition(": ") for line in head.splitlines())
    }.items() >= more.items()
    assert head.count("Server:") == 1
    assert "ython" not in head


@pytest.mark.parametrize("more", [(), ("Connection: keep-alive",)], ids=["", "keep-alive"])
@pytest.mark.parametrize(("path", "size"), [("/quick", 2), ("/flood", 64 << 20), ("/missing", 14)])
async def test_an_answer_in_http_1_0_has_an_end(path: str, size: int, more: tuple[str, ...]) -> None:
    """A client of HTTP/1.0 that asks to keep the connection gets a length, or the end of the connection."""
    async with serving(PATIENT) as port:
        reader, writer = await port.open(request(path, *more).replace(b"HTTP/1.1", b"HTTP/1.0"))
        head = (await reader.readuntil(b"\r\n\r\n")).lower()
        async with asyncio.timeout(20):
            if b"content-length: " in head:
                assert f"content-length: {size}\r\n".encode() in head
                await reader.readexactly(size)
            else:
                assert b"connection: close\r\n" in head
                assert len([await reader.readexactly(1 << 20) for _ in range(size >> 20)]) == 64
                assert await reader.read() == b""
        writer.close()


@pytest.mark.parametrize("version", [b"HTTP/1.0", b"HTTP/1.1"])
async def test_a_client_that_has_closed_its_side_gets_its_answers(version: bytes) -> None:
    """All requests that came before the end of what a client sends are answered, also slow ones, and then the connection ends."""
    async with serving(PATIENT) as port:
        asked = request("/hold") if version == b"HTTP/1.0" else request("/hold") + request("/quick") * 3
        reader, writer = await port.open(asked.replace(b"HTTP/1.1", version))
        writer.write_eof()
        await until(lambda: port.held)
        port.let_go.set()
        assert (await is_closed(reader)).count(b" 200 OK\r\n") == asked.count(b"GET")
        assert not port.refused


@pytest.mark.parametrize("sent", [b"", b"GET /qui", request("/quick")], ids=["nothing", "half", "one before"])
async def test_a_client_that_leaves_is_let_go(sent: bytes) -> None:
    """The end of what a client sends, with no whole request before it, ends the connection."""
    async with serving(PATIENT) as port:
        reader, writer = await port.open(sent)
        if sent.endswith(b"\r\n\r\n"):
            await reader.readuntil(b"ok")
        writer.write_eof()
        assert await is_closed(reader) == b""
        assert not port.refused


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
