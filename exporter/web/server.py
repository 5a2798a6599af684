"""Serving an application over HTTP or TLS on addresses, within the bounds of ``exporter.web.connections``."""

from __future__ import annotations

import asyncio
import logging
import os
import socket
from collections.abc import AsyncIterator, Awaitable, Callable, Mapping, MutableMapping, Sequence
from contextlib import ExitStack, asynccontextmanager
from typing import Any, Final

from aiohttp import StreamReader, web
from aiohttp.abc import AbstractStreamWriter
from aiohttp.http_exceptions import HttpProcessingError
from aiohttp.http_parser import RawRequestMessage
from aiohttp.http_writer import HttpVersion11
from aiohttp.web_protocol import ERROR

from exporter.web.accepting import Shortage, accepting
from exporter.web.connections import SHUTDOWN_SECONDS, Connection, Limits, Port, Refused, ServerTls

log = logging.getLogger(__name__)


_BACKLOG: Final = 1024
"""Connections that wait to be accepted. In a flood the queue must not be full, or good clients wait for seconds to try again."""

HEADERS: Final = {
    "Server": "yunfu-exporter",
    "X-Content-Type-Options": "nosniff",
    "Referrer-Policy": "no-referrer",
    "Content-Security-Policy": "default-src 'self'; base-uri 'none'; form-action 'self'; frame-ancestors 'none'",
}
"""What every answer carries, unless the web configuration says otherwise."""

Headers = Callable[[], Mapping[str, str]]
"""Returns the headers that every answer carries."""

_Handle = Callable[[Any], Awaitable[web.StreamResponse]]


def _ignore(_: str) -> None: ...


def _plain_headers() -> Mapping[str, str]:
    return HEADERS


@asynccontextmanager
async def listening(
    app: web.Application,
    addresses: Sequence[tuple[str, int]],
    *,
    tls: Callable[[], ServerTls] | None = None,
    limits: Limits | None = None,
    refused: Refused = _ignore,
    headers: Headers = _plain_headers,
    shortage: Shortage | None = None,
) -> AsyncIterator[None]:
    """Serve an application on addresses for as long as the context lasts; an empty host is every interface.

    With ``tls`` each new connection gets what that returns. Raises OSError, with a message that names the address, if
    one is not available.
    """
    limits, shortage = limits or Limits(), shortage or Shortage()
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

    async def prepare(request: web.Request, response: web.StreamResponse) -> None:
        response.headers.update(headers())
        if request.version < HttpVersion11 and response.content_length is None:
            response.force_close()  # what has neither length nor chunks ends with its connection
            response.headers["Connection"] = "close"

    app.on_response_prepare.append(prepare)
    await runner.setup()
    assert runner.server is not None  # noqa: S101  # for mypy
    runner.server.request_handler = _bounded(runner.server.request_handler, limits, refused, headers)
    runner.server.request_factory = _with_headers(runner.server.request_factory, headers)
    port = Port(runner.server, limits, tls, refused)
    try:
        with ExitStack() as stack:
            for host, number in addresses:
                alone = all(other == host for other, same in addresses if same == number)
                try:
                    listeners = await _listen(host, number, both=host == "::" and alone)
                except OSError as error:
                    raise listen_error(host, number, error) from error
                for listener in listeners:
                    stack.enter_context(listener)
                    stack.enter_context(accepting(listener, port, shortage))
            yield
    finally:
        await runner.cleanup()
        port.close()


async def _listen(host: str, number: int, *, both: bool) -> list[socket.socket]:
    """Listen; ``both`` is every interface of IPv6 and IPv4, or of the one that the machine has. Raises OSError."""
    if both and socket.has_dualstack_ipv6():  # asyncio would take IPv6 alone
        listener = socket.create_server((host, number), family=socket.AF_INET6, backlog=_BACKLOG, dualstack_ipv6=True)
        listener.settimeout(0)
        return [listener]
    # asyncio looks the name up and binds, but does not accept
    server = await asyncio.get_running_loop().create_server(
        asyncio.Protocol, None if both else host or None, number, start_serving=False
    )
    with ExitStack() as undo:
        undo.callback(server.close)
        listeners = [undo.enter_context(bound.dup()) for bound in server.sockets]
        for listener in listeners:
            listener.settimeout(0)
            listener.listen(_BACKLOG)
        undo.pop_all()
    server.close()
    return listeners


def listen_error(host: str, port: int, error: OSError) -> OSError:
    """Return an error that says in one line why an address cannot be listened on."""
    shown = f"[{host}]" if ":" in host else host
    reason = os.strerror(error.errno) if error.errno and error.errno > 0 else error.strerror or str(error)
    return OSError(f"cannot listen on {shown}:{port}: {reason}")


def _bounded(handle: _Handle, limits: Limits, refused: Refused, headers: Headers) -> _Handle:
    """Return a handler that checks each request's size and marks its connection as busy, then calls ``handle``."""

    def turn_away(reason: str, status: int, text: str) -> web.Response:
        refused(reason)
        response = web.Response(status=status, text=f"{text}\n", headers=headers())
        response.force_close()
        return response

    async def bounded(request: web.Request) -> web.StreamResponse:
        if (request.content_length or 0) > limits.request_bytes:
            return turn_away("too_large", 413, "no request here needs a body")
        if not request.headers.get("Expect", "").isascii():  # aiohttp stumbles over what is not UTF-8
            return turn_away("malformed", 400, "nothing of that kind is to be expected")
        connection = request.transport and request.transport.get_protocol()
        if not isinstance(connection, Connection):  # it has gone already
            return await handle(request)
        with connection.request_under_way():
            return await handle(request)

    return bounded


def _with_headers(make: Callable[..., web.BaseRequest], headers: Headers) -> Callable[..., web.BaseRequest]:
    """Return a factory of requests whose answers carry the headers also where aiohttp answers by itself what is no HTTP."""

    class Malformed(web.BaseRequest):
        async def _prepare_hook(self, response: web.StreamResponse) -> None:
            response.headers.update(headers())

    def make_request(
        message: RawRequestMessage,
        payload: StreamReader,
        protocol: web.RequestHandler,
        writer: AbstractStreamWriter,
        task: asyncio.Task[None],
    ) -> web.BaseRequest:
        if message is ERROR:
            return Malformed(message, payload, protocol, writer, task, asyncio.get_running_loop())
        return make(message, payload, protocol, writer, task)

    return make_request


class _ServerLog(logging.LoggerAdapter[logging.Logger]):
    """A log without malformed requests, which are counted, and without clients that went away.

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
        """Return a message as it is."""
        return msg, kwargs
