"""Serving HTTP within bounds: how many connections, how long a client may take, how much it may send.

A connection waits for a request, or one is under way. While it waits it has a deadline, and is the first to go when all
places are taken; so whoever opens connections and says nothing keeps nobody out. While a request is under way
its handler has the say, but a client that does not read what it is sent is dropped.
"""

from __future__ import annotations

import asyncio
import logging
import os
import resource
import socket
import ssl
from collections.abc import AsyncIterator, Callable, Iterator, Mapping, MutableMapping, Sequence
from contextlib import asynccontextmanager, contextmanager
from dataclasses import dataclass, field
from typing import Any, Final

from aiohttp import web
from aiohttp.http_exceptions import HttpProcessingError
from aiohttp.typedefs import Handler, Middleware

SHUTDOWN_SECONDS: Final = 2.0

log = logging.getLogger(__name__)

Refused = Callable[[str], None]
"""Is told why a connection or request was turned away: a label value, never a caller's words."""


def _most_connections() -> int:
    """Leave half of the files that the process may open to the calls of the platform and the rest."""
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
    """TLS of a port: with whom to speak. ``admits`` is asked about the client's verified certificate, if it has one."""

    context: ssl.SSLContext
    admits: Callable[[Mapping[str, Any]], bool]


def _tell_nobody(_: str) -> None: ...


@asynccontextmanager
async def listening(
    app: web.Application,
    addresses: Sequence[tuple[str, int]],
    *,
    tls: Callable[[], ServerTls] | None = None,
    limits: Limits | None = None,
    refused: Refused = _tell_nobody,
) -> AsyncIterator[None]:
    """Serve an application on addresses for as long as the context lasts; an empty host is every interface.

    With ``tls`` each new connection gets what that returns. Raises OSError, with a message that names the address, if
    one cannot be had.
    """
    limits = limits or Limits()
    app.middlewares.insert(0, _bounded(limits))
    runner = web.AppRunner(
        app,
        access_log=None,
        logger=_ServerLog(log, refused),
        shutdown_timeout=SHUTDOWN_SECONDS,
        handler_cancellation=True,
        keepalive_timeout=limits.idle_seconds,
        lingering_time=SHUTDOWN_SECONDS,
        auto_decompress=False,
        max_line_size=limits.line_bytes,
        max_field_size=limits.line_bytes,
        max_headers=limits.header_fields,
    )
    await runner.setup()
    assert runner.server is not None  # noqa: S101  # told to mypy
    port = _Port(runner.server, limits, tls, refused)
    servers: list[asyncio.Server] = []
    try:
        for host, number in addresses:
            try:
                alone = all(other == host for other, same in addresses if same == number)
                servers.append(await _listen(port, host, number, both=host == "::" and alone))
            except OSError as error:
                raise listen_error(host, number, error) from error
        yield
    finally:
        for server in servers:
            server.close()
        await runner.cleanup()
        port.close()


async def _listen(port: _Port, host: str, number: int, *, both: bool) -> asyncio.Server:
    """Listen; ``both`` is every interface of IPv6 and IPv4, or of the one that the machine has. Raises OSError."""
    loop = asyncio.get_running_loop()
    if both and socket.has_dualstack_ipv6():  # asyncio would take IPv6 alone
        sock = socket.create_server((host, number), family=socket.AF_INET6, dualstack_ipv6=True)
        return await loop.create_server(port.connection, sock=sock)
    return await loop.create_server(port.connection, None if both else host or None, number)


def listen_error(host: str, port: int, error: OSError) -> OSError:
    """Say in one clear line why an address cannot be listened on."""
    shown = f"[{host}]" if ":" in host else host
    reason = os.strerror(error.errno) if error.errno and error.errno > 0 else error.strerror or str(error)
    return OSError(f"cannot listen on {shown}:{port}: {reason}")


def _bounded(limits: Limits) -> Middleware:
    """Make what marks a connection as busy while a request of its is handled."""

    @web.middleware
    async def bounded(request: web.Request, handler: Handler) -> web.StreamResponse:
        if (request.content_length or 0) > limits.request_bytes:
            response = web.Response(status=413, text="no request here needs a body\n")
            response.force_close()
            return response
        connection = request.transport and request.transport.get_protocol()
        if not isinstance(connection, _Connection):  # it has gone already
            return await handler(request)
        with connection.request_under_way():
            return await handler(request)

    return bounded


class _Port:
    """The connections of the addresses that are listened on together."""

    def __init__(
        self, server: web.Server, limits: Limits, tls: Callable[[], ServerTls] | None, refused: Refused
    ) -> None:
        self.handler = server
        self.limits = limits
        self.tls = tls
        self.refused = refused
        self.open: set[_Connection] = set()
        self.waiting: dict[_Connection, None] = {}
        """Those without a request under way; who has waited longest comes first."""

    def connection(self) -> _Connection:
        return _Connection(self)

    def admit(self, connection: _Connection) -> bool:
        """Give a connection a place, if need be that of the one that has waited longest; tell whether there is any."""
        if len(self.open) >= self.limits.connections:
            self.refused("connections")
            if not self.waiting:
                return False
            next(iter(self.waiting)).drop()
        self.open.add(connection)
        self.waiting[connection] = None
        return True

    def leave(self, connection: _Connection) -> None:
        self.open.discard(connection)
        self.waiting.pop(connection, None)

    def close(self) -> None:
        for connection in [*self.open]:
            connection.drop()


class _Connection(asyncio.Protocol):
    """A client's connection: hands everything on to aiohttp's own protocol, and keeps the clock."""

    def __init__(self, port: _Port) -> None:
        self._loop = asyncio.get_running_loop()
        self._port = port
        self._limits = port.limits
        self._inner = port.handler()
        self._transport: asyncio.Transport | None = None
        self._handshake: asyncio.Task[None] | None = None
        self._deadline: asyncio.TimerHandle | None = None
        self._stalled: asyncio.TimerHandle | None = None
        self._received = 0
        self._is_quiet = False
        self._is_handed_over = False

    def connection_made(self, transport: asyncio.BaseTransport) -> None:
        assert isinstance(transport, asyncio.Transport)  # noqa: S101  # told to mypy
        self._transport = transport
        if not self._port.admit(self):
            transport.abort()
            return
        self._expect_within(self._limits.head_seconds, "slow_request")
        if self._port.tls is None:
            self._hand_over()
        else:
            transport.pause_reading()
            self._handshake = self._loop.create_task(self._start_tls(transport, self._port.tls()))

    async def _start_tls(self, transport: asyncio.Transport, tls: ServerTls) -> None:
        """Shake hands; the deadline for a request's header is for this too."""
        try:
            secure = await self._loop.start_tls(
                transport, self, tls.context, server_side=True, ssl_shutdown_timeout=SHUTDOWN_SECONDS
            )
        except OSError:  # TLS's own errors are OSErrors too
            return self._refuse("tls", transport)
        if secure is None or transport.is_closing():
            return self._leave()
        if (certificate := secure.get_extra_info("peercert")) and not tls.admits(certificate):
            return self._refuse("tls", secure)
        self._transport = secure
        self._hand_over()
        return None

    def _refuse(self, reason: str, transport: asyncio.Transport) -> None:
        self._port.refused(reason)
        self._leave()
        transport.abort()

    def _hand_over(self) -> None:
        self._is_handed_over = True
        assert self._transport is not None  # noqa: S101  # told to mypy
        self._inner.connection_made(self._transport)

    def data_received(self, data: bytes) -> None:
        self._received += len(data)
        if self._received > self._limits.request_bytes:
            self.drop("too_large")
            return
        if self._is_quiet:
            self._is_quiet = False
            self._expect_within(self._limits.head_seconds, "slow_request")
        self._inner.data_received(data)

    def eof_received(self) -> None:
        self._inner.eof_received()

    def pause_writing(self) -> None:
        self._stalled = self._loop.call_later(self._limits.stall_seconds, self.drop, "slow_reader")
        self._inner.pause_writing()

    def resume_writing(self) -> None:
        if self._stalled is not None:
            self._stalled.cancel()
        self._inner.resume_writing()

    def connection_lost(self, exc: Exception | None) -> None:
        self._leave()
        if self._is_handed_over:
            self._inner.connection_lost(exc)

    @contextmanager
    def request_under_way(self) -> Iterator[None]:
        """Keep no deadline while a request is handled; then wait for the next one."""
        self._port.waiting.pop(self, None)
        self._cancel_deadline()
        try:
            yield
        finally:
            self._received = 0
            if self in self._port.open:
                self._is_quiet = True
                self._port.waiting[self] = None
                # aiohttp closes an idle connection well; what it cannot close well is dropped
                self._expect_within(self._limits.idle_seconds + self._limits.head_seconds, "idle")

    def drop(self, reason: str = "") -> None:
        """Cut the connection off, now."""
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


class _ServerLog(logging.LoggerAdapter[logging.Logger]):
    """Says nothing of malformed requests, which it counts, and of clients that went away.

    Anybody can make any number of them, and the text of a request can hold a password.
    """

    def __init__(self, logger: logging.Logger, refused: Refused) -> None:
        super().__init__(logger)
        self._refused = refused

    def log(self, level: int, msg: object, *args: object, exc_info: Any = None, **more: Any) -> None:
        """Log what is a fault of ours."""
        if isinstance(exc_info, HttpProcessingError | web.RequestPayloadError):
            self._refused("malformed")
        elif not isinstance(exc_info, ConnectionError):
            super().log(level, msg, *args, exc_info=exc_info, **more)

    def process(self, msg: Any, kwargs: MutableMapping[str, Any]) -> tuple[Any, MutableMapping[str, Any]]:
        """Leave a message as it is."""
        return msg, kwargs
