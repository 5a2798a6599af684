"""The client of the platform's REST API, one per account.

Paths and headers are those of the vendor's public API documentation. Whatever goes wrong is raised as an
``ApiError`` of ``errors``: aiohttp's own exceptions do not leave this module.
"""

from __future__ import annotations

import asyncio
import logging
import time
from collections.abc import Callable, Mapping
from contextlib import AbstractAsyncContextManager
from copy import copy
from dataclasses import dataclass
from http import HTTPStatus
from typing import Any, Final, Protocol, TypeAlias, TypeVar
from urllib.parse import urlencode

import aiohttp
from yarl import URL

from exporter.api.bodies import FOREIGN_ERRORS, MAX_BYTES, MAX_STAT_BYTES, read_body, read_start
from exporter.api.connections import Connector, split_proxy, translate_error
from exporter.api.errors import (
    ApiError,
    EnvelopeError,
    Exchange,
    HttpError,
    Repeated,
    Throttled,
)
from exporter.api.gate import AccountGate, Attempt
from exporter.api.model import TaskRef
from exporter.api.responses import (
    DEFAULT_THROTTLE_SECONDS,
    StatResponse,
    parse_envelope,
    parse_stat_response,
    refuse,
)
from exporter.api.service import Service
from exporter.api.tokens import Token, TokenError
from exporter.files.authorities import Authorities
from exporter.logs import get_logger
from exporter.masking import MASK

log = get_logger(__name__)

REFUSED_TOKEN_SECONDS: Final = 60.0
"""The time between two API calls of an account whose token is refused; a changed token file ends it at once."""

API_PATH: Final = "/agent-api"
"""What follows the base URL in the path of every API call."""

Observer: TypeAlias = Callable[[str, float, ApiError | None], None]
"""Receives each API call's endpoint, its duration in seconds and its error, if it failed."""


Read = TypeVar("Read")


@dataclass(frozen=True, slots=True)
class Answer:
    """What came back of an API call, be it a refusal; ``seconds`` are those from the request to the end of the body."""

    status: int
    headers: Mapping[str, str]
    body: bytes
    seconds: float


Watch: TypeAlias = Callable[[Answer], None]


class Passage(Protocol):
    """What API calls pass, and what hears whether the token was refused and the account served."""

    service: Service

    def call(self, endpoint: str) -> AbstractAsyncContextManager[Attempt]:
        """Wait until a call may start."""

    def refuse(self, resource: str, seconds: float) -> bool:
        """Record that the token was refused for a resource; return whether the calls are held back for it, for some seconds."""

    def accept(self) -> None:
        """Record that the token was accepted."""


def stat_path(user_id: str, ref: TaskRef) -> str:
    """Return the path of a task's statistics, below ``API_PATH``."""
    return f"/user/{user_id}/task/{ref.id}/stat"


class YunfuClient:
    """Calls the API for one account. Every API call passes the gate, carries the token, and is reported to ``observe``."""

    def __init__(
        self,
        session: aiohttp.ClientSession,
        *,
        base_url: str,
        user_id: str,
        token: Token,
        gate: AccountGate,
        observe: Observer,
        authorities: Authorities | None = None,
        proxy: str | None = None,
    ) -> None:
        self._session = session
        self._authorities = authorities or Authorities()
        self._base = f"{base_url}{API_PATH}"
        self.user_id = user_id
        self._token = token
        self.gate = gate
        self._passage: Passage = gate
        self._observe = observe
        self._proxy, self._proxy_headers = split_proxy(proxy)

    async def stat(self, ref: TaskRef, span: tuple[str, str] | None = None, known: bytes = b"") -> StatResponse:
        """Return a task's statistics: over a span (begin and end as the platform writes times), or its whole life.

        ``known`` is the digest of the last response that the caller has parsed. Raises ApiError.
        """
        query = [] if span is None else [("date[]", span[0]), ("date[]", span[1])]
        if ref.sub_user_id:
            query.append(("sub_user_id", ref.sub_user_id))
        path = stat_path(self.user_id, ref)
        response, exchange = await self._call("stat", path, query, lambda body: parse_stat_response(body, known))
        return response._replace(exchange=exchange)

    async def get(
        self, endpoint: str, path: str, query: list[tuple[str, str]], read: Callable[[Mapping[str, Any]], Read]
    ) -> Read:
        """Return what ``read`` makes of the envelope of a GET below ``/agent-api``; ``endpoint`` is the metric's label.

        Raises ApiError; one that ``read`` raises counts as a failure of the API call.
        """
        answer, _ = await self._call(endpoint, path, query, lambda body: read(parse_envelope(body)))
        return answer

    async def watched(
        self, endpoint: str, path: str, query: list[tuple[str, str]], read: Callable[[bytes], Read], watch: Watch
    ) -> Read:
        """Make an API call as ``get`` does, and pass all of the answer to ``watch``, if one comes. Raises ApiError."""
        answer, _ = await self._call(endpoint, path, query, read, watch)
        return answer

    def through(self, passage: Passage, observe: Observer) -> YunfuClient:
        """Return a client that differs only in what its calls pass and who observes them."""
        other = copy(self)
        other._passage, other._observe = passage, observe  # noqa: SLF001  # of the same class
        return other

    @property
    def held_seconds(self) -> float:
        """The seconds for which the account's statistics are still held back; 0 if they are not."""
        return self.gate.held_seconds("stat")

    async def refresh_token(self, *, force: bool = False) -> bool:
        """Read the token file if it has changed (or if forced); return whether the token is a new one, which ends a hold.

        Raises TokenError for a file that cannot be read; the previous token stays in use.
        """
        if self._token.path is None:
            return False
        changed = await asyncio.to_thread(self._token.refresh, force=force)
        if changed:
            self.gate.use_token(self._token.value)
        return changed

    async def refresh_authorities(self, *, force: bool = False) -> bool:
        """Read the CA file if it has changed (or if forced); return whether its certificates are others.

        Raises AuthoritiesError for a file that cannot be used; the previous certificates stay in use.
        """
        return self._authorities.path is not None and await asyncio.to_thread(self._authorities.refresh, force=force)

    async def _try_refresh_token(self) -> bool:
        """Refresh the token as ``refresh_token`` does; a file that cannot be read is left to the account's token watch."""
        try:
            return await self.refresh_token()
        except TokenError:
            return False

    async def _call(
        self,
        endpoint: str,
        path: str,
        query: list[tuple[str, str]],
        read: Callable[[bytes], Read],
        watch: Watch | None = None,
    ) -> tuple[Read, Exchange]:
        """Pass the gate, make the API call, report it to the observer; the ApiError that it raises has its exchange too."""
        url = URL(f"{self._base}{path}?{urlencode(query)}" if query else f"{self._base}{path}", encoded=True)
        async with self._passage.call(endpoint) as attempt:
            call = _Call(attempt, endpoint, self._observe, watch)
            try:
                answer = await self._fetch(url, call, read)
            except ApiError as error:
                self._passage.service.record(url.path, error)
                error.exchange = call.report(error)
                raise
            self._passage.service.record(url.path, None)
            return answer, call.report(None)  # an API call that is cancelled neither succeeded nor failed

    async def _fetch(self, url: URL, call: _Call, read: Callable[[bytes], Read]) -> Read:
        """Make the API call, and hold back what the response asks to hold back."""
        token = self._token.value
        try:
            answer = read(await self._read(url, token, call))
        except ApiError as error:
            error.said = error.said.replace(token, MASK)  # whatever it looks like
            if seconds := _throttle_seconds(error):
                call.attempt.throttle(seconds)
            elif error.refuses_token:
                is_current = token == self._token.value and not await self._try_refresh_token()
                if is_current and self._passage.refuse(url.path, REFUSED_TOKEN_SECONDS):
                    error.blame_account()
            elif isinstance(error, HttpError) and error.hold_seconds and error.holds:
                call.attempt.hold(error.hold_seconds)
            elif error.is_tasks_own:
                self._passage.accept()
            raise
        self._passage.accept()
        return answer

    async def _read(self, url: URL, token: str, call: _Call) -> bytes:
        """Return the body of a 200 response. Every error of aiohttp and below is translated."""
        headers = {"Authorization": f"Bearer {token}"}
        if url.scheme == "http":  # the proxy reads this request itself, and no other before it
            headers |= self._proxy_headers
        try:
            async with self._session.get(
                url,
                headers=headers,
                allow_redirects=False,
                ssl=self._authorities.context,
                proxy=self._proxy,
                proxy_headers=self._proxy_headers,
                middlewares=(call.send,),
            ) as response:
                call.attempt.observe(response.headers)
                call.status = response.status
                if response.status != HTTPStatus.OK:
                    refusal = await read_start(response)
                    call.record(response, refusal)
                    raise refuse(response.status, response.headers, refusal)
                body = await read_body(response, MAX_STAT_BYTES if call.endpoint == "stat" else MAX_BYTES)
                call.record(response, body)
                if log.isEnabledFor(logging.DEBUG):  # never the body: it has people's data
                    log.debug("answered", path=url.path, status=response.status, bytes=len(body))
                return body
        except FOREIGN_ERRORS as foreign:
            raise translate_error(foreign, url, self._session.timeout.total) from foreign


class _Call:
    """One API call of the observer's count; ``attempt`` is its place in the gate.

    aiohttp sends a GET once more if a kept connection turns out to be closed: that is another API call to the platform,
    so both are reported, and the second passes the gate like any. ``status`` and ``size`` are those of the answer, as far as
    it has come.
    """

    def __init__(self, attempt: Attempt, endpoint: str, observe: Observer, watch: Watch | None) -> None:
        self.attempt = attempt
        self.endpoint = endpoint
        self._observe = observe
        self._watch = watch
        self._start = time.perf_counter()
        self._is_sent = False
        self.status: int | None = None
        self.size: int | None = None

    async def send(self, request: aiohttp.ClientRequest, handler: aiohttp.ClientHandlerType) -> aiohttp.ClientResponse:
        """Send the request; not before the gate lets it pass, if it was sent before (a client middleware of aiohttp)."""
        if self._is_sent:
            self.report(Repeated("the kept connection was closed before the answer; the call is made once more"))
            await self.attempt.renew()
            if isinstance(request.session.connector, Connector):
                request.session.connector.close_idle()
            self._start = time.perf_counter()
        self._is_sent = True
        return await handler(request)

    def record(self, response: aiohttp.ClientResponse, body: bytes) -> None:
        """Note what has come, and pass the answer to whoever watches the call."""
        self.size = len(body)
        if self._watch is not None:
            seconds = time.perf_counter() - self._start
            self._watch(Answer(response.status, response.headers, body, seconds))

    def report(self, error: ApiError | None) -> Exchange:
        """Report the outcome to the observer, with the seconds since the request was sent."""
        seconds = time.perf_counter() - self._start
        self._observe(self.endpoint, seconds, error)
        return Exchange(self.status, self.size, seconds)


def _throttle_seconds(error: ApiError) -> float | None:
    """Return the seconds to wait after a 429, be it the HTTP status or the code of the JSON body; None: it is none."""
    if isinstance(error, Throttled):
        return error.hold_seconds
    is_throttle = isinstance(error, EnvelopeError) and error.code == HTTPStatus.TOO_MANY_REQUESTS
    return DEFAULT_THROTTLE_SECONDS if is_throttle else None
