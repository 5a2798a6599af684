"""Accepting connections, with and without free descriptors."""

from __future__ import annotations

import asyncio
import errno
import logging
import os
import socket
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field

import pytest

from exporter.web.accepting import Shortage, accepting
from tests.support.clock import until
from tests.support.connections import PATIENT, request, serving
from tests.support.virtual_time import in_virtual_time


@dataclass
class Listener:
    """A listening socket with clients in its queue, or without descriptors for them."""

    errors: list[int] = field(default_factory=list)
    clients: int = 0

    def accept(self) -> tuple[socket.socket, tuple[str, int]]:
        """Accept a client, or fail."""
        if self.errors:
            number = self.errors.pop(0)
            raise OSError(number, os.strerror(number))
        if not self.clients:
            raise BlockingIOError
        self.clients -= 1
        return socket.socket(), ("192.0.2.1", 1)


@dataclass
class Port:
    """A port that takes in all connections and closes them."""

    taken: int = 0
    made_room: int = 0

    def take_in(self, client: socket.socket, _: str) -> bool:
        """Take in a connection."""
        client.close()
        self.taken += 1
        return True

    def make_room(self) -> None:
        """Count the call."""
        self.made_room += 1


@contextmanager
def listening(listener: Listener, port: Port, monkeypatch: pytest.MonkeyPatch) -> Iterator[None]:
    """Accept what is in the listener's queue, as often as the loop lets it."""
    loop = asyncio.get_running_loop()
    polls: list[asyncio.Handle] = []

    def add_reader(_: object, callback: object) -> None:
        polls[:] = [loop.call_soon(poll, callback)]

    def poll(callback: object) -> None:
        if polls:
            polls[:] = [loop.call_later(0.01, poll, callback)]
            assert callable(callback)
            callback()

    monkeypatch.setattr(loop, "add_reader", add_reader)
    monkeypatch.setattr(loop, "remove_reader", lambda _: polls.clear())
    with accepting(listener, port, Shortage()):  # type: ignore[arg-type]  # a stand-in
        yield


@in_virtual_time
async def test_a_shortage_is_two_lines_however_long_it_lasts(
    caplog: pytest.LogCaptureFixture, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Thousands of failures are one line when they begin and one when they are over; each try makes room; then all get in."""
    caplog.set_level(logging.INFO)
    listener, port = Listener([errno.EMFILE] * 1000 + [errno.ENFILE] * 1000, clients=100), Port()
    with listening(listener, port, monkeypatch):
        await asyncio.sleep(50)
        assert [record.levelname for record in caplog.records] == ["WARNING"]
        await asyncio.sleep(300)
    assert [record.getMessage().split(";")[0] for record in caplog.records] == [
        "out of file descriptors",
        "there are enough file descriptors again",
    ]
    assert (port.taken, port.made_room) == (100, 2000)


@in_virtual_time
async def test_a_client_that_has_gone_is_no_shortage(
    caplog: pytest.LogCaptureFixture, monkeypatch: pytest.MonkeyPatch
) -> None:
    """A connection that was closed while it queued is passed over without a word, and the next one is accepted."""
    listener, port = Listener([errno.ECONNABORTED, errno.EPROTO], clients=3), Port()
    with listening(listener, port, monkeypatch):
        await asyncio.sleep(1)
    assert (port.taken, port.made_room) == (3, 0)
    assert not caplog.records


async def test_a_scrape_gets_in_when_descriptors_have_run_out(
    caplog: pytest.LogCaptureFixture, monkeypatch: pytest.MonkeyPatch
) -> None:
    """While connections that say nothing hold the last descriptors, one of them is closed for the next client."""
    left = 3
    accept = socket.socket.accept

    def limited(self: socket.socket) -> tuple[socket.socket, object]:
        client, address = accept(self)
        if sum(each.fileno() >= 0 for each in clients) >= left:
            client.close()  # its client is gone; the next one has the same trouble
            raise OSError(errno.EMFILE, os.strerror(errno.EMFILE))
        clients.append(client)
        return client, address

    clients: list[socket.socket] = []
    monkeypatch.setattr(socket.socket, "accept", limited)
    async with serving(PATIENT) as port:
        for _ in range(left):
            await port.open()
        await until(lambda: len(clients) == left)
        await port.open()  # it fails, and one that says nothing makes room
        reader, _ = await port.open(request())
        assert (await reader.readuntil(b"ok")).startswith(b"HTTP/1.1 200")
    assert [record.levelname for record in caplog.records] == ["WARNING"]
