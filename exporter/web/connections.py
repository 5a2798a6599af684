"""Clients' connections and their bounds: how many there are, how long a client may take, how much it may send.

A connection waits for a request, or one is under way. While it waits it has a deadline, and when all places are taken
the oldest waiting connection of the address that holds most is closed; so a client that opens connections and sends
nothing keeps no other client out. While a request is under way only its handler's own time limits apply, but a client
that does not read its response is dropped.
"""

from __future__ import annotations

import asyncio
import resource
import ssl
from collections.abc import Callable, Iterator, Mapping
from contextlib import contextmanager
from dataclasses import dataclass, field
from typing import Any, Final

from aiohttp import web

SHUTDOWN_SECONDS: Final = 2.0
"""For answers that are under way when the exporter stops, for the rest of a client's request, and for TLS to close."""

Refused = Callable[[str], None]
"""Called with the reason why a connection or request was turned away: a label value, never a caller's text."""


def _most_connections() -> int:
    """Return half of the files that the process may open; the rest is for API calls and files."""
    return min(512, resource.getrlimit(resource.RLIMIT_NOFILE)[0] // 2)


@dataclass(frozen=True, slots=True)
class Limits:
    """What clients may ask of a port."""

    connections: int = field(default_factory=_most_connections)
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
        self._waiting: dict[str, dict[Connection, None]] = {}
        """Those without a request under way, by the client's address; the longest waiting first."""

    def connection(self) -> Connection:
        """Return the protocol of a new connection."""
        return Connection(self)

    def admit(self, connection: Connection) -> bool:
        """Add a connection, if need be in place of one that waits; return whether there was room."""
        if len(self.open) >= self.limits.connections:
            self.refused("connections")
            if not self._waiting:
                return False
            most = max(self._waiting.values(), key=len)
            next(iter(most)).drop()
        self.open.add(connection)
        self.let_wait(connection)
        return True

    def let_wait(self, connection: Connection) -> None:
        """Mark a connection as waiting for a request, the last of its address to be dropped."""
        self._waiting.setdefault(connection.client, {})[connection] = None

    def let_work(self, connection: Connection) -> None:
        """Mark a connection as not waiting."""
        of_client = self._waiting.get(connection.client, {})
        of_client.pop(connection, None)
        if not of_client:
            self._waiting.pop(connection.client, None)

    def leave(self, connection: Connection) -> None:
        """Remove a connection; one that is not there is no error."""
        self.open.discard(connection)
        self.let_work(connection)

    def close(self) -> None:
        """Drop all connections."""
        for connection in [*self.open]:
            connection.drop()


class Connection(asyncio.Protocol):
    """A client's connection: forwards everything to aiohttp's own protocol, and keeps the deadlines (event loop's seconds)."""

    def __init__(self, port: Port) -> None:
        self._loop = asyncio.get_running_loop()
        self._port = port
        self._limits = port.limits
        self._inner: web.RequestHandler | None = None
        self.client = ""
        self._transport: asyncio.Transport | None = None
        self._handshake: asyncio.Task[None] | None = None
        self._deadline: asyncio.TimerHandle | None = None
        self._stalled: asyncio.TimerHandle | None = None
        self._received = 0
        self._early = b""
        self._is_shaking_hands = port.tls is not None
        self._is_quiet = False

    def connection_made(self, transport: asyncio.BaseTransport) -> None:
        """Add the connection to the port, and start the TLS handshake if the port has TLS."""
        assert isinstance(transport, asyncio.Transport)  # noqa: S101  # for mypy
        self._transport = transport
        self.client = str((transport.get_extra_info("peername") or ("",))[0])
        if not self._port.admit(self):
            transport.abort()
            return
        self._expect_within(self._limits.head_seconds, "slow_request")
        if self._port.tls is not None:
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

    def eof_received(self) -> None:
        """Forward the end of what the client sends."""
        if self._inner is not None:
            self._inner.eof_received()

    def pause_writing(self) -> None:
        """Begin to wait for a client that does not read."""
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
        self._port.let_work(self)
        self._cancel_deadline()
        try:
            yield
        finally:
            self._received = 0
            if self in self._port.open:
                self._is_quiet = True
                self._port.let_wait(self)
                # aiohttp closes an idle connection well; what it cannot close well is dropped
                self._expect_within(self._limits.idle_seconds + self._limits.head_seconds, "idle")

    def drop(self, reason: str = "") -> None:
        """Abort the connection at once; count it as refused for ``reason``, if that is one."""
        if reason and reason != "idle":
            self._port.refused(reason)
        self._leave()
        if self._transport is not None:
            self._transport.abort()

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
