"""The connections of one account to the platform: kept between API calls, and never believed unasked.

aiohttp keeps what arrives on an idle connection without bound, and takes it for the answer to the next request. Here an idle
connection is closed at its first byte, and one with something to read is not used again: that is an answer to nobody's
question, or the end of the connection, which is found out before it costs an API call.
"""

from __future__ import annotations

import functools
import os
import re
import select
import ssl
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from typing import Any, Final

import aiohttp
from aiohttp.client_proto import ResponseHandler
from aiohttp.http_exceptions import ContentEncodingError, HttpProcessingError
from yarl import URL

from exporter import __version__
from exporter.api.errors import ApiError, ApiTimeout, ConnectError, MalformedError, TlsError

MAX_HEADER_BYTES: Final = 64 * 1024
"""The longest header of a response that is read, as curl reads it; aiohttp's own bound is 8 KB."""

_HEAD_END: Final = re.compile(rb"\r?\n\r?\n")
_SAME_LENGTH: Final = re.compile(
    rb"(\ncontent-length:[ \t]*(\d+)[ \t]*(?=\r?\n))(.*?)\r?\ncontent-length:[ \t]*\2[ \t]*(?=\r?\n|\Z)",
    re.IGNORECASE | re.DOTALL,
)


@asynccontextmanager
async def open_session(*, timeout_seconds: float) -> AsyncIterator[aiohttp.ClientSession]:
    """Open the connections of one account."""
    session = aiohttp.ClientSession(
        connector=Connector(limit=0),  # the gate bounds the API calls at once, so the connections
        cookie_jar=aiohttp.DummyCookieJar(),
        headers={
            "Accept": "application/json",
            "Accept-Encoding": "gzip, deflate",
            "User-Agent": f"yunfu-exporter/{__version__}",
        },
        timeout=aiohttp.ClientTimeout(total=timeout_seconds),
        auto_decompress=False,  # see bodies.read_body
        max_line_size=MAX_HEADER_BYTES,
        max_field_size=MAX_HEADER_BYTES,
    )
    async with session:
        yield session


def split_proxy(proxy: str | None) -> tuple[URL | None, dict[str, str]]:
    """Return a proxy's address without its user and password, and the header that has them, as UTF-8: aiohttp's is Latin-1."""
    url = None if proxy is None else URL(proxy)
    if url is None or url.user is None:
        return url, {}
    credentials = aiohttp.encode_basic_auth(url.user, url.password or "", "utf-8")
    return url.with_user(None), {"Proxy-Authorization": credentials}


class Connector(aiohttp.TCPConnector):
    """Makes connections and keeps them; those that were idle are looked at before they are used again."""

    def __init__(self, **options: Any) -> None:  # those of aiohttp's
        super().__init__(**options)
        protocol: type[ResponseHandler] = _Protocol
        self._factory = functools.partial(protocol, loop=self._loop)

    def close_idle(self) -> None:
        """Close all idle connections: where one turns out to be dead, the others are likely to be."""
        for kept in self._conns.values():
            for protocol, _ in kept:
                protocol.close()

    async def _get(self, key: Any, traces: Any) -> Any:  # aiohttp's types are its own
        """Return an idle connection to the host of ``key`` on which nothing has arrived, or None."""
        while connection := await super()._get(key, traces):
            if not _has_input(connection.transport):
                return connection
            connection.close()
        return None

    def _release(self, key: Any, protocol: Any, *, should_close: bool = False) -> None:  # as above
        """Keep a connection, or close it if its answer was not read to the end."""
        super()._release(key, protocol, should_close=should_close)
        protocol.is_idle = True


class _Protocol(ResponseHandler):
    """A connection, which is closed when something arrives on it while no request waits for an answer."""

    is_idle = True

    def set_response_params(self, **parameters: Any) -> None:  # aiohttp's types are its own
        """Await an answer from now on: aiohttp calls this right before it sends a request."""
        self.is_idle = False
        super().set_response_params(**parameters)

    def data_received(self, data: bytes) -> None:
        """Read a part of an answer, if there was a question."""
        if self.is_idle and data:  # aiohttp itself calls this with nothing when it resumes
            self.abort()
        else:
            super().data_received(_with_one_length(data) if data.startswith(b"HTTP/") else data)


def _with_one_length(data: bytes) -> bytes:
    """Return the start of an answer without a Content-Length that only repeats the one before, which aiohttp refuses.

    RFC 9112, section 6.3, lets a client read such an answer. A head that comes in pieces stays as it is.
    """
    end = _HEAD_END.search(data)
    if end is None:
        return data
    return _SAME_LENGTH.sub(rb"\1\3", data[: end.start()]) + data[end.start() :]


def _has_input(transport: Any) -> bool:  # a transport of asyncio
    """Return whether something has arrived that the event loop has not read yet, be it the end of the connection."""
    poll = select.poll()
    poll.register(transport.get_extra_info("socket").fileno(), select.POLLIN)
    return bool(poll.poll(0))


def translate_error(foreign: Exception, url: URL, seconds: float | None) -> ApiError:
    """Return the ApiError for an error of aiohttp or below; ``seconds`` is the time limit of a call.

    The error's own text is not used: it could hold a proxy's password.
    """
    where = f"{url.scheme}://{url.authority}"
    match foreign:
        case TimeoutError():
            return ApiTimeout(f"no complete answer within {seconds:g} s (poll.timeout)")
        case aiohttp.ClientConnectorCertificateError():
            problem = getattr(foreign.certificate_error, "verify_message", "") or "not valid for this host"
            return TlsError(f"the certificate of {where} is not accepted: {problem}")
        case aiohttp.ClientSSLError() | ssl.SSLError():
            return TlsError(f"TLS with {where} failed: {_os_reason(foreign)}")
        case aiohttp.ClientHttpProxyError() | aiohttp.ClientProxyConnectionError():
            return ConnectError(f"the proxy refused or could not be reached on the way to {where}")
        case aiohttp.ClientConnectorDNSError():
            return ConnectError(f"the name {url.host} cannot be resolved")
        case aiohttp.ClientConnectorError():
            return ConnectError(f"cannot connect to {where}: {_os_reason(foreign)}")
        case aiohttp.ClientPayloadError() if isinstance(foreign.__cause__, ContentEncodingError):
            return MalformedError("the answer's compression is damaged")
        case aiohttp.ClientResponseError() | HttpProcessingError():
            return MalformedError("the answer is not valid HTTP")
        case _:
            return ConnectError(f"the connection to {where} broke")


def _os_reason(error: Exception) -> str:
    inner = getattr(error, "os_error", error)
    number = getattr(inner, "errno", None)
    if isinstance(inner, ssl.SSLError) or not isinstance(number, int) or number <= 0:
        return getattr(inner, "reason", None) or type(inner).__name__
    return os.strerror(number)
