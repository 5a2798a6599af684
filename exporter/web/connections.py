"""Clients' connections and their bounds: how many there are, how long a client may take, how much it may send.

A connection is silent until its first byte comes, then it waits for a request, or one is under way. Until then it has a
deadline, and when all places are taken the oldest of the network that holds most is closed, silent ones first; so a client
that opens connections and sends nothing keeps no other client out. While a request is under way only its handler's own
time limits apply, but a client that does not read its response is dropped: soon, if another one wants its place.
"""

from __future__ import annotations

import asyncio
import math
import socket
import ssl
from collections.abc import Callable, Iterator, Mapping
from contextlib import contextmanager
from dataclasses import dataclass, field
from typing import Any, Final

from aiohttp import web

from exporter.descriptors import Descriptors
from exporter.web.accepting import Silent
from exporter.web.networks import ByNetwork, Lately, network_of

SHUTDOWN_SECONDS: Final = 2.0
"""For answers that are under way when the exporter stops, for the rest of a client's request, and for TLS to close."""

_LAST_SECONDS: Final = 1.0
"""For the last answer to be written to a client that has closed its side of the connection."""

Refused = Callable[[str], None]
"""Called with the reason why a connection or request was turned away: a label value, never a caller's text."""


SLOW_SECONDS: Final = 2.0
"""For which a client that does not read keeps its place while another one wants it."""

REMEMBERED_SECONDS: Final = 60.0
"""For how long it is remembered that a network has lost a place for not reading."""


@dataclass(frozen=True, slots=True)
class Limits:
    """What clients may ask of a port."""

    connections: int = field(default_factory=lambda: Descriptors().main)
    head_seconds: float = 10.0
    """From the first byte of a request, or from a new connection, to the end of its header; TLS included."""
    idle_seconds: float = 75.0
    """Between two requests."""
    stall_seconds: float = 20.0
    """For a client to take in what is buffered for it, which is a megabyte or so at most."""
    line_bytes: int = 8190
    """A request's first line, and each of its header fields."""
    header_fields: int = 64
    request_bytes: int = 64 * 1024
    """All of a request; none needs a body."""


@dataclass(frozen=True, slots=True)
class ServerTls:
    """TLS of a port. ``admits`` is called with the client's verified certificate, if it has one."""

    context: ssl.SSLContext
    admits: Callable[[Mapping[str, Any]], bool]


class Port:
    """The connections of the addresses that are listened on together."""

    def __init__(
        self, server: web.Server, limits: Limits, tls: Callable[[], ServerTls] | None, refused: Refused
    ) -> None:
        self.handler = server
        self.limits = limits
        self.tls = tls
        self.refused = refused
        self.open: set[Connection] = set()
        self.silent = ByNetwork[Silent]()
        self.waiting, self.busy = ByNetwork[Connection](), ByNetwork[Connection]()
        self._slow = Lately(REMEMBERED_SECONDS, asyncio.get_running_loop().time)

    def take_in(self, client: socket.socket, host: str) -> bool:
        """Take in a new connection, if need be in place of another one, or close it.

        Return whether the next one may take its place at once: not before what it has sent is looked at.
        """
        network = network_of(host)
        if is_full := len(self.silent) + len(self.open) >= self.limits.connections:
            self.refused("connections")
            if not (self.make_room() or self._drop_busy(network)):
                client.close()
                return True
        silent = Silent(self, client, network)
        self.silent.add(silent)
        silent.start(self.limits.head_seconds)
        return not is_full or silent in self.silent

    def make_room(self) -> bool:
        """Drop a connection that has no request under way; return whether there was one."""
        return _drop(self.silent.longest_of_most() or self.waiting.longest_of_most())

    def speaks(self, silent: Silent, client: socket.socket, seconds: float) -> None:
        """Take a connection whose first byte has come; its header is to end within some seconds."""
        connection = Connection(self, silent.network)
        self.open.add(connection)
        self.waiting.add(connection)
        connection.open(client, seconds)

    def move(self, connection: Connection, stage: ByNetwork[Connection]) -> None:
        """Move a connection to another stage, as the last one there; one that has left stays away."""
        if connection in self.open:
            self._remove(connection)
            stage.add(connection)

    def leave(self, connection: Connection) -> None:
        """Remove a connection; one that is not there is no error."""
        self.open.discard(connection)
        self._remove(connection)

    def close(self) -> None:
        """Drop all connections."""
        for connection in [*self.silent, *self.open]:
            connection.drop()

    def _remove(self, connection: Connection) -> None:
        self.waiting.remove(connection)
        self.busy.remove(connection)

    def _drop_busy(self, network: str) -> bool:
        """Drop a connection with a request under way for one of a network, if that is fair; return whether it was.

        It is where another network has at least two more, or a client has not read for a while. Whoever has lost a place so has no
        right to others' for a minute, or they would all be among those who do not read.
        """
        if network in self._slow:
            return False
        largest = self.busy.longest_of_most()
        if largest is not None and self.busy.count(largest.network) >= self.busy.count(network) + 2:
            return _drop(largest)
        latest = asyncio.get_running_loop().time() - SLOW_SECONDS
        slowest = next((each for each in self.busy if each.network in self._slow or each.stalled_since < latest), None)
        if slowest is not None:
            self._slow.note(slowest.network)
        return _drop(slowest)


def _drop(connection: Connection | Silent | None) -> bool:
    if connection is not None:
        connection.drop()
    return connection is not None


class Connection(asyncio.Protocol):
    """A client's connection: forwards everything to aiohttp's own protocol, and keeps the deadlines (event loop's seconds)."""

    def __init__(self, port: Port, network: str) -> None:
        self._loop = asyncio.get_running_loop()
        self._port = port
        self._limits = port.limits
        self.network = network
        self.stalled_since = math.inf
        """When the client first left something unread of the answer under way."""
        self._opening: asyncio.Task[None] | None = None
        self._inner: web.RequestHandler | None = None
        self._transport: asyncio.Transport | None = None
        self._handshake: asyncio.Task[None] | None = None
        self._deadline: asyncio.TimerHandle | None = None
        self._stalled: asyncio.TimerHandle | None = None
        self._received = 0
        self._early = b""
        self._is_shaking_hands = port.tls is not None
        self._is_quiet = False
        self._is_half_closed = False

    def open(self, client: socket.socket, seconds: float) -> None:
        """Begin to read what has come; its first request's header is to end within some seconds."""
        self._expect_within(seconds, "slow_request")
        self._opening = self._loop.create_task(self._open(client))

    async def _open(self, client: socket.socket) -> None:
        try:
            await self._loop.connect_accepted_socket(lambda: self, client)
        except OSError:  # it went away in this moment
            self._leave()
            client.close()

    def connection_made(self, transport: asyncio.BaseTransport) -> None:
        """Start the TLS handshake, if the port has TLS."""
        assert isinstance(transport, asyncio.Transport)  # noqa: S101  # for mypy
        self._transport = transport
        if self not in self._port.open:
            transport.abort()
        elif self._port.tls is not None:
            transport.pause_reading()
            self._handshake = self._loop.create_task(self._start_tls(transport, self._port.tls()))

    async def _start_tls(self, transport: asyncio.Transport, tls: ServerTls) -> None:
        """Do the handshake; the deadline of the first request's header includes it."""
        try:
            secure = await self._loop.start_tls(
                transport, self, tls.context, server_side=True, ssl_shutdown_timeout=SHUTDOWN_SECONDS
            )
        except OSError:  # TLS's own errors are OSErrors too
            return self._refuse("tls", transport) if self in self._port.open else None
        if secure is None or transport.is_closing():
            return self._leave()
        if (certificate := secure.get_extra_info("peercert")) and not tls.admits(certificate):
            return self._refuse("tls", secure)
        self._transport, self._is_shaking_hands = secure, False
        if self._early:
            self._read(self._early)
        return None

    def _refuse(self, reason: str, transport: asyncio.Transport) -> None:
        self._port.refused(reason)
        self._leave()
        transport.abort()

    def _hand_over(self) -> web.RequestHandler:
        """Hand the connection to aiohttp once there is something to read, so that silent ones cost little."""
        inner = self._port.handler()
        assert self._transport is not None  # noqa: S101  # for mypy
        inner.connection_made(self._transport)
        return inner

    def data_received(self, data: bytes) -> None:
        """Forward data to aiohttp, up to the limit of a request."""
        self._received += len(data)
        if self._received > self._limits.request_bytes:
            self.drop("too_large")
        elif self._is_shaking_hands:  # the first request came in one piece with the end of it
            self._early += data
        else:
            self._read(data)

    def _read(self, data: bytes) -> None:
        if self._is_quiet:
            self._is_quiet = False
            self._expect_within(self._limits.head_seconds, "slow_request")
        self._inner = self._inner or self._hand_over()
        self._inner.data_received(data)

    def eof_received(self) -> bool:
        """Return whether the connection stays open: a client may send all it will and then wait for its answers (not by TLS)."""
        if self._inner is not None:
            self._inner.eof_received()
        is_busy = self in self._port.busy
        self._is_half_closed = self._port.tls is None and (is_busy or self._received > 0)
        if self._is_half_closed and not is_busy:
            self._close_soon()
        return self._is_half_closed

    def pause_writing(self) -> None:
        """Begin to wait for a client that does not read."""
        self.stalled_since = min(self.stalled_since, self._loop.time())
        self._stalled = self._loop.call_later(self._limits.stall_seconds, self.drop, "slow_reader")
        if self._inner is not None:
            self._inner.pause_writing()

    def resume_writing(self) -> None:
        """Forward that the client reads again."""
        if self._stalled is not None:
            self._stalled.cancel()
        if self._inner is not None:
            self._inner.resume_writing()

    def connection_lost(self, exc: Exception | None) -> None:
        """Remove the connection from the port."""
        self._leave()
        if self._inner is not None:
            self._inner.connection_lost(exc)

    @contextmanager
    def request_under_way(self) -> Iterator[None]:
        """Keep no deadline while a request is handled; then wait for the next one."""
        self._port.move(self, self._port.busy)
        self._cancel_deadline()
        try:
            yield
        finally:
            self._received, self.stalled_since = 0, math.inf
            if self in self._port.open:
                self._is_quiet = True
                self._port.move(self, self._port.waiting)
                # aiohttp closes an idle connection well; what it cannot close well is dropped
                self._expect_within(self._limits.idle_seconds + self._limits.head_seconds, "idle")
                if self._is_half_closed:
                    self._close_soon()

    def drop(self, reason: str = "") -> None:
        """Abort the connection at once; count it as refused for ``reason``, if that is one."""
        if reason and reason != "idle":
            self._port.refused(reason)
        self._leave()
        if self._transport is not None:
            self._transport.abort()

    def _close_soon(self) -> None:
        """Close a connection on which nothing more will come, unless a request that has come already is next."""
        self._cancel_deadline()
        self._deadline = self._loop.call_later(_LAST_SECONDS, self._close)

    def _close(self) -> None:
        self._expect_within(self._limits.idle_seconds, "idle")  # for the client to read what is buffered
        if self._transport is not None:
            self._transport.close()

    def _expect_within(self, seconds: float, reason: str) -> None:
        self._cancel_deadline()
        self._deadline = self._loop.call_later(seconds, self.drop, reason)

    def _cancel_deadline(self) -> None:
        if self._deadline is not None:
            self._deadline.cancel()

    def _leave(self) -> None:
        self._port.leave(self)
        for timer in (self._deadline, self._stalled):
            if timer is not None:
                timer.cancel()
