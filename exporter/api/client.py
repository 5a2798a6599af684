"""The platform's REST API: one client per account.

Envelope, paths and headers are those of the vendor's public API documentation. Whatever goes wrong is raised as an
``ApiError`` of ``errors``: aiohttp's own exceptions do not leave this module.
"""

from __future__ import annotations

import hashlib
import json
import logging
import os
import ssl
import time
from collections.abc import AsyncIterator, Callable, Mapping
from contextlib import asynccontextmanager
from email.utils import parsedate_to_datetime
from http import HTTPStatus
from typing import Any, Final, NamedTuple, NoReturn, TypeAlias, TypeVar
from urllib.parse import urlencode

import aiohttp
from aiohttp.http_exceptions import ContentEncodingError, HttpProcessingError
from yarl import URL

from exporter import __version__
from exporter.api.errors import (
    ApiError,
    ApiTimeout,
    ConnectError,
    EnvelopeError,
    Forbidden,
    HttpError,
    MalformedError,
    NotFound,
    Throttled,
    TlsError,
    Unauthorized,
)
from exporter.api.gate import Gate
from exporter.api.model import TaskRef, read_number
from exporter.api.tokens import Token, TokenError
from exporter.logs import get_logger

log = get_logger(__name__)

MAX_BODY_BYTES: Final = 8 * 1024 * 1024
"""The largest body that is read, counted after decompression; a statistics response has a few kilobytes."""

MAX_HOLD_SECONDS: Final = 3600.0
"""The longest that a header of the platform's can hold an account back."""

DEFAULT_THROTTLE_SECONDS: Final = 30.0
"""The hold after a 429 that does not say for how long."""

EXHAUSTED_SECONDS: Final = 5.0
"""The hold after ``X-RateLimit-Remaining: 0`` that does not say for how long."""

KNOCK_SECONDS: Final = 60.0
"""The time between two calls of an account whose token is refused; a changed token file ends it at once."""

_BOM: Final = b"\xef\xbb\xbf"
_MAX_REFUSAL_BYTES: Final = 64 * 1024
Observer: TypeAlias = Callable[[str, float, ApiError | None], None]
"""Is told each call's endpoint, its duration in seconds and its error, if it failed."""


_FOREIGN: Final = (TimeoutError, aiohttp.ClientError, HttpProcessingError, OSError, UnicodeError)
"""What a request can end with; the last is raised for a host name that cannot be encoded."""

_BY_STATUS: Final = {401: Unauthorized, 403: Forbidden, 404: NotFound}

Read = TypeVar("Read")


class Answer(NamedTuple):
    """An answer with statistics: its ``data``, or None if it is, byte for byte, the one that the caller knows already.

    By its ``digest`` (BLAKE2b, 16 bytes, of the whole body) the caller can say so the next time.
    """

    digest: bytes
    data: Mapping[str, Any] | list[Any] | None


def open_envelope(body: bytes) -> Mapping[str, Any]:
    """Return the envelope of a successful answer. Raises EnvelopeError or MalformedError."""
    try:
        envelope = json.loads(body.removeprefix(_BOM).decode("utf-8", "replace"))
    except (ValueError, RecursionError):
        raise MalformedError(f"the answer of {len(body)} bytes is not JSON") from None
    if not isinstance(envelope, dict) or "code" not in envelope:
        raise MalformedError("the answer is JSON, but not the API's envelope: it has no code")
    code = read_number(envelope["code"])
    if code != HTTPStatus.OK or envelope.get("status") in ("error", "failed"):  # a set would choke on a list
        shown = "no code" if code is None else "a failure" if code == HTTPStatus.OK else f"code {code:g}"
        raise EnvelopeError(code, f"the platform answered HTTP 200, but the envelope says {shown}")
    return envelope


def open_answer(body: bytes, known: bytes = b"") -> Answer:
    """Return the statistics in an answer, unless ``known`` is its digest. Raises EnvelopeError or MalformedError."""
    digest = hashlib.blake2b(body, digest_size=16).digest()
    if digest == known:
        return Answer(digest, None)
    data = open_envelope(body).get("data")
    if not isinstance(data, dict) and data != []:  # PHP writes an empty map as a list
        raise MalformedError("the answer's data is no object")
    return Answer(digest, data)


class YunfuClient:
    """Calls the API for one account. Every call passes the gate, carries the token, and is told to the observer."""

    def __init__(
        self,
        session: aiohttp.ClientSession,
        *,
        base_url: str,
        user_id: str,
        token: Token,
        gate: Gate,
        observe: Observer,
        proxy: str | None = None,
    ) -> None:
        self._session = session
        self._base = f"{base_url}/agent-api"
        self.user_id = user_id
        self._token = token
        self._gate = gate
        self._observe = observe
        self._proxy = proxy

    async def stat(self, ref: TaskRef, span: tuple[str, str] | None = None, known: bytes = b"") -> Answer:
        """Return a task's statistics, for a span of platform times or the whole life; ``known`` is the last digest.

        Raises ApiError.
        """
        query = [] if span is None else [("date[]", span[0]), ("date[]", span[1])]
        if ref.sub_user_id:
            query.append(("sub_user_id", ref.sub_user_id))
        path = f"/user/{self.user_id}/task/{ref.id}/stat"
        return await self._call("stat", path, query, lambda body: open_answer(body, known))

    async def get(
        self, endpoint: str, path: str, query: list[tuple[str, str]], read: Callable[[Mapping[str, Any]], Read]
    ) -> Read:
        """Return what ``read`` makes of the envelope of a GET below ``/agent-api``; ``endpoint`` is the metric's label.

        Raises ApiError; one that ``read`` raises is a failure of the call.
        """
        return await self._call(endpoint, path, query, lambda body: read(open_envelope(body)))

    @property
    def held_seconds(self) -> float:
        """How much longer the account's calls are held back; 0 if they are not."""
        return self._gate.held_seconds

    def take_up_token(self) -> bool:
        """Read a changed token file and end a hold if the token is another one; tell whether it is.

        Raises TokenError for a file that cannot be read; the token before stays in force.
        """
        changed = self._token.refresh()
        if changed:
            self._gate.release()
        return changed

    def _is_token_renewed(self) -> bool:
        """Take up a changed token file, for a call; if it cannot be read, the account's watch tells."""
        try:
            return self.take_up_token()
        except TokenError:
            return False

    async def _call(
        self, endpoint: str, path: str, query: list[tuple[str, str]], read: Callable[[bytes], Read]
    ) -> Read:
        """Pass the gate, make the call, tell the observer."""
        url = URL(f"{self._base}{path}?{urlencode(query)}" if query else f"{self._base}{path}", encoded=True)
        async with self._gate:
            start = time.perf_counter()
            try:
                answer = await self._fetch(url, read)
            except ApiError as error:
                self._observe(endpoint, time.perf_counter() - start, error)
                raise
            self._observe(endpoint, time.perf_counter() - start, None)  # a call that is given up is neither
            return answer

    async def _fetch(self, url: URL, read: Callable[[bytes], Read]) -> Read:
        """Make the call, and hold the gate where the answer asks for it."""
        self._is_token_renewed()
        token = self._token.value
        try:
            return read(await self._read(url, token))
        except Throttled as error:
            self._gate.hold(error.seconds)
            raise
        except (Unauthorized, EnvelopeError) as error:
            if isinstance(error, EnvelopeError) and error.code == HTTPStatus.TOO_MANY_REQUESTS:
                self._gate.hold(DEFAULT_THROTTLE_SECONDS)
            elif error.holds and token == self._token.value and not self._is_token_renewed():
                self._gate.hold(KNOCK_SECONDS)
            raise

    async def _read(self, url: URL, token: str) -> bytes:
        """Return the body of a 200 answer. Every foreign error is translated."""
        headers = {"Authorization": f"Bearer {token}"}
        try:
            async with self._session.get(url, headers=headers, allow_redirects=False, proxy=self._proxy) as response:
                if response.status != HTTPStatus.OK:
                    raise await _refusal(response)
                if response.headers.get("X-RateLimit-Remaining") == "0":
                    self._gate.hold(_hold_seconds(response.headers, EXHAUSTED_SECONDS))
                body = await _read_body(response)
                if log.isEnabledFor(logging.DEBUG):  # never what it says: that is people's data
                    log.debug("answered", path=url.path, status=response.status, bytes=len(body))
                return body
        except _FOREIGN as foreign:
            raise _translate(foreign, url) from foreign


async def _read_body(response: aiohttp.ClientResponse) -> bytes:
    """Read the body up to its limit; past it the connection is given up."""
    body = await response.content.readany()
    if response.content.at_eof():  # nearly always
        return body if len(body) <= MAX_BODY_BYTES else _too_large(response)
    pieces, size = [body], len(body)
    while piece := await response.content.readany():
        pieces.append(piece)
        size += len(piece)
        if size > MAX_BODY_BYTES:
            _too_large(response)
    return b"".join(pieces)


def _too_large(response: aiohttp.ClientResponse) -> NoReturn:
    response.close()
    raise MalformedError(f"the answer is larger than {MAX_BODY_BYTES} bytes")


async def _refusal(response: aiohttp.ClientResponse) -> HttpError:
    """Make the error of an answer other than 200. Its body is only read to keep the connection, and may be cut."""
    status = response.status
    try:
        await response.content.read(_MAX_REFUSAL_BYTES)
    except _FOREIGN:
        response.close()
    phrase = HTTPStatus(status).phrase if status in set(HTTPStatus) else ""  # its own could say anything
    message = f"the platform answered HTTP {status} {phrase}".rstrip()
    if status == HTTPStatus.TOO_MANY_REQUESTS:
        return Throttled(status, message, _hold_seconds(response.headers, DEFAULT_THROTTLE_SECONDS))
    return _BY_STATUS.get(status, HttpError)(status, message)


def _hold_seconds(headers: Mapping[str, str], default: float) -> float:
    """Read how long to wait from Retry-After (seconds or an HTTP date, RFC 9110) or X-RateLimit-Reset (Unix time)."""
    text = headers.get("Retry-After", "").strip()
    seconds = read_number(text)
    if seconds is None and text:
        try:
            seconds = parsedate_to_datetime(text).timestamp() - time.time()
        except (ValueError, OverflowError):
            seconds = None
    if seconds is None:
        reset = read_number(headers.get("X-RateLimit-Reset"))
        seconds = None if reset is None else reset - time.time()
    return default if seconds is None else min(max(seconds, 1.0), MAX_HOLD_SECONDS)


def _translate(foreign: Exception, url: URL) -> ApiError:
    """Give a foreign error its place in the tree. Its own text is not used: it could hold a proxy's password."""
    where = f"{url.scheme}://{url.authority}"
    match foreign:
        case TimeoutError():
            return ApiTimeout("no whole answer in time")
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


@asynccontextmanager
async def open_session(
    *, concurrency: int, timeout_seconds: float, ca_file: str | None = None
) -> AsyncIterator[aiohttp.ClientSession]:
    """Open the connections of one account. Raises OSError (or its ssl.SSLError) for a CA file that cannot be used."""
    context = ssl.create_default_context(cafile=ca_file)
    session = aiohttp.ClientSession(
        connector=aiohttp.TCPConnector(limit=concurrency, ssl=context),
        cookie_jar=aiohttp.DummyCookieJar(),
        headers={"Accept": "application/json", "User-Agent": f"yunfu-exporter/{__version__}"},
        timeout=aiohttp.ClientTimeout(total=timeout_seconds),
    )
    async with session:
        yield session
