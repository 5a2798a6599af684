from __future__ import annotations

import re
from asyncio import open_connection, wait_for

import pytest

from exporter.demo.simulator import Fault, SimulatorOptions
from tests.support.simulation import HALF_PAST_NINE, Simulation, serving


@pytest.mark.parametrize(("asked", "encoding"), [("gzip, deflate", "gzip"), ("identity", None)])
async def test_only_long_documents_are_compressed(asked: str, encoding: str | None) -> None:
    """A long list comes compressed if the client likes, statistics never do; both are read alike."""
    async with serving(SimulatorOptions(tasks=150, start=HALF_PAST_NINE)) as simulation:
        path, header = f"{simulation.new_user}/task", {"Accept-Encoding": asked}
        answer = await simulation.get(path, ("per_page", "100"), **header)
        assert answer.headers.get("Content-Encoding") == encoding
        assert (int(answer.headers["Content-Length"]) < len(answer.body) / 2) == (encoding is not None)
        assert len(answer.data) == 100
        few = await simulation.get(path, ("per_page", "5"), **header)
        assert "Content-Encoding" not in few.headers
        assert few.data == answer.data[:5]


NO_HTTP = {
    "no request line": b"HELLO\r\n\r\n",
    "a length in words": b"GET / HTTP/1.1\r\nContent-Length: long\r\n\r\n",
    "a negative length": b"GET / HTTP/1.1\r\nContent-Length: -1\r\n\r\n",
    "too long a body": b"POST /_control/faults HTTP/1.1\r\nContent-Length: 99999999\r\n\r\n",
    "too long a head": b"GET /" + b"x" * 70_000,
}
LAST = {
    "HTTP/1.0": b"GET /_control/calls HTTP/1.0\r\n\r\n",
    "on request": b"GET /_control/calls HTTP/1.1\r\nConnection: close\r\n\r\n",
}


@pytest.mark.parametrize("name", [*NO_HTTP, *LAST])
async def test_a_connection_is_closed_when_it_is_of_no_more_use(simulation: Simulation, name: str) -> None:
    """What is no HTTP is answered 400, what is the last request is answered; both end the connection."""
    host, _, port = simulation.url.removeprefix("http://").partition(":")
    reader, writer = await open_connection(host, int(port))
    writer.write(NO_HTTP.get(name) or LAST[name])
    answer = await wait_for(reader.read(), 5)
    assert answer.startswith(b"HTTP/1.1 400 " if name in NO_HTTP else b"HTTP/1.1 200 ")
    writer.close()


async def test_requests_may_come_in_pieces_or_together(simulation: Simulation) -> None:
    """Each request of a connection is answered in its turn, a slow one before the next."""
    simulation.simulator.add_fault(Fault(kind="latency", seconds=0.02, endpoint="message"))
    host, _, port = simulation.url.removeprefix("http://").partition(":")
    reader, writer = await open_connection(host, int(port))
    head = f" HTTP/1.1\r\nAuthorization: Bearer {simulation.account.token}\r\n"
    slow = f"GET {simulation.user}/message{head}\r\n".encode()
    last = f"GET /nowhere{head}Connection: close\r\n\r\n".encode()
    for piece in (slow[:20], slow[20:] + slow + last[:9], last[9:]):
        writer.write(piece)
        await writer.drain()
    answer = await wait_for(reader.read(), 5)
    assert re.findall(rb"HTTP/1.1 (\d+)", answer) == [b"200", b"200", b"404"]
    writer.close()
