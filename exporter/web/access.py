"""Access to the main port, and the headers of its answers, by the web configuration in force, re-read when it changes."""

from __future__ import annotations

import asyncio
import logging
from collections.abc import AsyncIterator, Callable, Mapping, Sequence
from contextlib import asynccontextmanager
from dataclasses import dataclass, field
from pathlib import Path
from typing import Final

from aiohttp import web
from aiohttp.typedefs import Handler

from exporter.config.faults import SettingsError
from exporter.files.changes import Watched
from exporter.web.connections import Refused, ServerTls
from exporter.web.passwords import BusyError, Passwords, read_basic
from exporter.web.server import HEADERS
from exporter.web.tls import make_tls
from exporter.web.web_config import WebConfig, read_web_config

log = logging.getLogger(__name__)

WATCH_SECONDS: Final = 1.0
"""How often the files are looked at; changed ones are in force within that time."""


class TokenBucket:
    """The ``rate_limit`` of the web configuration: a request every ``interval`` seconds on average, at most ``burst`` at once.

    ``now`` is seconds of any steady clock.
    """

    def __init__(self, interval: float, burst: int, now: float) -> None:
        self._interval = interval
        self._burst = self._tokens = float(burst)
        self._at = now

    def take(self, now: float) -> bool:
        """Take a token; return whether there was one."""
        self._tokens = min(self._burst, self._tokens + (now - self._at) / self._interval)
        self._at = now
        if self._tokens < 1 - 1e-9:  # float noise
            return False
        self._tokens -= 1
        return True


@dataclass(frozen=True, slots=True)
class _InForce:
    """A web configuration and what follows from it. The default is what is in force without a file."""

    config: WebConfig = field(default_factory=WebConfig)
    tls: ServerTls | None = None
    headers: Mapping[str, str] = field(default_factory=lambda: HEADERS)
    hashes: dict[bytes, str] = field(default_factory=dict)
    files: tuple[Path, ...] = ()


def check_web_config(path: Path | None) -> None:
    """Read the file and all that it names. Raises SettingsError."""
    if path is not None:
        _load(path)


def _load(path: Path) -> _InForce:
    config = read_web_config(path)
    settings = config.tls_server_config
    try:
        tls = None if settings is None else make_tls(settings)
    except SettingsError as error:
        raise SettingsError(f"{path}: {fault}" for fault in error.faults) from None
    return _InForce(
        config,
        tls,
        {**HEADERS, **config.http_server_config.header_fields},
        {user.encode(): each.get_secret_value() for user, each in config.basic_auth_users.items()},
        (path, *(settings.files if settings else ())),
    )


@asynccontextmanager
async def open_access(path: Path | None, refused: Refused) -> AsyncIterator[Access]:
    """Open access control by a web configuration, or without one. Raises SettingsError."""
    access = Access(path, refused)
    if faults := await access.refresh():
        raise SettingsError(faults)
    try:
        yield access
    finally:
        access.close()


class Access:
    """Admits requests to an application, and knows the headers of its answers, by the web configuration in force."""

    def __init__(self, path: Path | None, refused: Refused) -> None:
        self._path = path
        self._refused = refused
        self._passwords = Passwords()
        self._in_force = _InForce(files=() if path is None else (path,))
        self._is_open = False
        self._watched = Watched()
        self._bucket: TokenBucket | None = None

    @property
    def tls(self) -> Callable[[], ServerTls] | None:
        """A function that returns the TLS of a new connection; None without TLS, which stays so."""
        return None if self._in_force.tls is None else self._current_tls

    def guard(self, app: web.Application) -> None:
        """Admit the requests to an application from now on."""
        app.middlewares.append(self._admit)

    def headers(self) -> Mapping[str, str]:
        """Return the headers that every answer carries."""
        return self._in_force.headers

    def close(self) -> None:
        """Check no more passwords."""
        self._passwords.close()

    async def refresh(self) -> Sequence[str]:
        """Read the files anew and put them in force, or return their faults and change nothing."""
        if self._path is None:
            return []
        self._watched = await asyncio.to_thread(Watched, *self._in_force.files)
        try:
            new = await asyncio.to_thread(_load, self._path)
        except SettingsError as error:
            return error.faults
        if self._is_open and (new.tls is None) != (self._in_force.tls is None):
            return [
                f"{self._path}: tls_server_config: TLS can be neither added nor removed now; restart the exporter for it"
            ]
        if new.files != self._in_force.files:
            self._watched = await asyncio.to_thread(Watched, *new.files)
        if new.config.rate_limit != self._in_force.config.rate_limit:
            self._bucket = _make_bucket(new.config)
        self._in_force, self._is_open = new, True
        return []

    async def watch(self, changed: Callable[[Sequence[str]], object]) -> None:
        """Read changed files until cancelled; ``changed`` is called with the faults of each change, none if it is in force."""
        while self._path is not None:
            await asyncio.sleep(WATCH_SECONDS)
            if not await asyncio.to_thread(self._watched.has_changed):
                continue
            try:
                changed(await self.refresh())
            except Exception as error:  # a fault of our own must not end what runs
                log.exception("reading the web configuration broke off")
                changed(
                    [f"{self._path}: reading it broke off with {type(error).__name__}; see the log for the traceback"]
                )

    def _current_tls(self) -> ServerTls:
        assert self._in_force.tls is not None, "it is neither added nor removed"  # noqa: S101  # for mypy
        return self._in_force.tls

    @web.middleware
    async def _admit(self, request: web.Request, handler: Handler) -> web.StreamResponse:
        """Pass a request on, or turn it away as exporter-toolkit does: 429, then 401."""
        if self._bucket is not None and not self._bucket.take(asyncio.get_running_loop().time()):
            return self._turn_away("rate_limited", 429, "too many requests: rate_limit of the web configuration")
        if not (hashes := self._in_force.hashes):
            return await handler(request)
        credentials = read_basic(request.headers.get("Authorization", ""))
        try:
            if credentials is not None and await self._passwords.is_right(credentials, hashes, request.remote or ""):
                return await handler(request)
        except BusyError:
            return self._turn_away(
                "busy", 503, "too many passwords wait to be checked; try again", {"Retry-After": "1"}
            )
        basic = {"WWW-Authenticate": 'Basic realm="yunfu-exporter", charset="UTF-8"'}
        return self._turn_away("unauthorized", 401, "a user name and password are needed", basic)

    def _turn_away(self, reason: str, status: int, text: str, headers: dict[str, str] | None = None) -> web.Response:
        self._refused(reason)
        return web.Response(status=status, text=f"{text}\n", headers=headers)


def _make_bucket(config: WebConfig) -> TokenBucket | None:
    limit = config.rate_limit
    return TokenBucket(limit.interval, limit.burst, asyncio.get_running_loop().time()) if limit.interval else None
