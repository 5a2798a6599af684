"""The HTTP side: /metrics, /probe, /sd, health and reload; the pages for people are in ``exporter.web.pages``.

It reads the store and never waits for the platform, but for /probe, which is asked to.
"""

from __future__ import annotations

import asyncio
import json
import math
import time
from collections.abc import Callable, Iterator, Sequence
from concurrent.futures import ThreadPoolExecutor
from dataclasses import replace
from functools import partial
from itertools import islice
from typing import Final
from urllib.parse import urlsplit

from aiohttp import web
from isal import isal_zlib
from prometheus_client import CollectorRegistry

from exporter.api.model import Task
from exporter.metrics.exposition import Page
from exporter.metrics.records import TaskRecord
from exporter.patterns import UUID
from exporter.polling.probes import TooManyProbesError
from exporter.web.exporter import Exporter
from exporter.web.negotiation import accepts_gzip, wants_openmetrics
from exporter.web.pages import add_pages
from exporter.web.turns import Turns

TEXT: Final = "text/plain; version=0.0.4; charset=utf-8"
OPENMETRICS: Final = "application/openmetrics-text; version=1.0.0; charset=utf-8"

_ANSWER_SECONDS: Final = 60.0
"""For a client to take in an answer: as long as it takes, the numbers of that moment stay in memory."""

_TARGETS_AT_ONCE: Final = 100  # of service discovery: a millisecond's work

WORK_SECONDS: Final = 0.005
"""For which an answer is put together before others run."""

_GZIP_LEVEL: Final = (
    1  # aiohttp's own compression knows only isal's default, 2: 5 % more CPU and 10 % more time for the same size
)
_COMPRESSED_AT_ONCE: Final = 1 << 20  # bytes; handing work to a thread costs as much as compressing some ten kilobytes
_COMPRESSING: Final = ThreadPoolExecutor(
    2, "gzip"
)  # apart from what may hang, and few enough for the event loop's sake
_GZIP_WBITS: Final = 31  # zlib's way to ask for a gzip header


def make_app(exporter: Exporter) -> web.Application:
    """Return the application of the main port."""
    handlers = _Handlers(exporter)
    app = make_health_app(exporter)
    app.add_routes(
        [
            web.get("/metrics", handlers.metrics),
            web.get("/probe", handlers.probe),
            web.get("/sd", handlers.service_discovery),
            web.post("/-/reload", handlers.reload),
        ]
    )
    add_pages(app, exporter)
    return app


def make_health_app(exporter: Exporter) -> web.Application:
    """Return the application with the health paths alone."""

    async def healthz(_: web.Request) -> web.Response:
        return web.Response(text="ok\n")

    async def readyz(_: web.Request) -> web.Response:
        if reason := exporter.unready():
            return web.Response(status=503, text=f"not ready: {reason}\n")
        return web.Response(text="ready\n")

    app = web.Application()
    app.add_routes([web.get("/healthz", healthz), web.get("/readyz", readyz)])
    return app


def is_own_page(request: web.Request) -> bool:
    """Return whether a request comes from a page of this exporter, or from no page at all.

    Browsers say where it comes from: by Origin with every POST, by Sec-Fetch-Site where the address is trustworthy (https or
    loopback), by Referer if nothing else. Other programs, such as curl, send none of them.
    """
    origins = request.headers.getall("Origin", []) or request.headers.getall("Referer", [])
    sites = request.headers.getall("Sec-Fetch-Site", [])
    return all(_is_at(origin, request.host) for origin in origins) and {*sites} <= {"none", "same-origin"}


def _is_at(origin: str, host: str) -> bool:
    """Return whether the URL of a page is at the host and port of a Host header, whose scheme a proxy may have changed."""
    try:
        page = urlsplit(origin)
        asked = urlsplit(f"{page.scheme}://{host}")
        default = {"http": 80, "https": 443}.get(page.scheme)
        same = (page.hostname, page.port or default) == (asked.hostname, asked.port or default)
    except ValueError:
        return False
    return same and bool(page.hostname) and default is not None


def _patience(request: web.Request) -> float | None:
    """Return the seconds after which a scraper gives up, as Prometheus says it; None: it does not say, or nothing that can be."""
    try:
        seconds = float(request.headers.get("X-Prometheus-Scrape-Timeout-Seconds", ""))
    except ValueError:
        return None
    return seconds if 0 < seconds < math.inf else None


class _Handlers:
    def __init__(self, exporter: Exporter) -> None:
        self._exporter = exporter
        self._turns = Turns(_ANSWER_SECONDS)

    async def metrics(self, request: web.Request) -> web.StreamResponse:
        return await self._answer(request, self._exporter.page(), self._exporter.store.records())

    async def probe(self, request: web.Request) -> web.StreamResponse:
        account, task = request.query.get("account", ""), request.query.get("task", "")
        sub_user_id = request.query.get("sub_user_id") or None
        for name, value in (("task", task), ("sub_user_id", sub_user_id)):
            if value is not None and not UUID.fullmatch(value.lower()):
                return web.Response(status=400, text=f"{name} must be a UUID, such as the platform shows\n")
        if (polled := self._exporter.accounts.get(account)) is None:
            known = ", ".join(sorted(self._exporter.accounts))
            return web.Response(status=400, text=f"account is not configured; expected one of: {known}\n")
        try:
            record = await polled.probe(task.lower(), sub_user_id and sub_user_id.lower(), _patience(request))
        except TooManyProbesError as error:
            self._exporter.note_refusal("probes")
            return web.Response(status=503, text=f"{error}\n", headers={"Retry-After": str(error.seconds)})
        # It was asked for by its name, so its up is 0 also when the platform has long denied it.
        record = replace(record, status=replace(record.status, missing_since=None))
        why = "" if record.status.failure is None else str(record.status.failure)
        alone = Page(self._exporter.page().renderer, CollectorRegistry(), comment=" ".join(why.split()))
        return await self._answer(request, alone, [record])

    async def service_discovery(self, request: web.Request) -> web.StreamResponse:
        """Answer Prometheus' http_sd: each task a target of /probe, at the address that the request was sent to.

        Each has an instance label: without it, all targets of that address would write the one series of ``up``.
        """
        targets = _targets(self._exporter.store.records(), request.host)
        headers = {"Content-Type": "application/json; charset=utf-8", "Vary": "Accept-Encoding"}
        return await self._send(request, targets, headers)

    async def reload(self, request: web.Request) -> web.Response:
        if not self._exporter.settings.web.reload:
            return web.Response(status=403, text="turned off by web.reload; SIGHUP reloads\n")
        if not is_own_page(request):
            return web.Response(status=403, text="the request came from a page of another site; no reload\n")
        faults = await self._exporter.reload()
        if faults:
            text = "the previous configuration stays in use:\n" + "".join(f"{fault}\n" for fault in faults)
            return web.Response(status=500, text=text)
        return web.Response(text="reloaded\n")

    async def _answer(self, request: web.Request, page: Page, records: Sequence[TaskRecord]) -> web.StreamResponse:
        openmetrics = wants_openmetrics(request.headers.get("Accept", ""))
        # The time is taken with the records: while the client waits for a turn, the clock may be shifted and they are not.
        pieces = page.pieces(records, self._exporter.store.clock(), openmetrics=openmetrics)
        headers = {"Content-Type": OPENMETRICS if openmetrics else TEXT, "Vary": "Accept, Accept-Encoding"}
        return await self._send(request, pieces, headers)

    async def _send(self, request: web.Request, pieces: Iterator[bytes], headers: dict[str, str]) -> web.StreamResponse:
        """Answer in pieces, compressed if the client allows it."""
        compressed = accepts_gzip(request.headers.get("Accept-Encoding", ""))
        if compressed:
            headers["Content-Encoding"] = "gzip"
        response = web.StreamResponse(headers=headers)
        try:
            async with self._turns.of(request.remote or ""):
                await response.prepare(request)
                if request.method != "HEAD":
                    await (_write_compressed(response, pieces) if compressed else _write(response, pieces))
                await response.write_eof()
        except TimeoutError:
            self._exporter.note_refusal("slow_reader")
            if request.transport is not None:
                request.transport.abort()  # half an answer must not look like a whole one
        return response


class Breaks:
    """The breaks in the work on an answer, in which others run: one whenever some milliseconds of work have passed.

    Not one after each piece: there are hundreds of small ones, and what others do in a break can take longer than a piece.
    """

    def __init__(self, clock: Callable[[], float] = time.perf_counter) -> None:
        self._clock = clock
        self._since = clock()

    async def take(self) -> None:
        """Let others run, if it is time."""
        if self._clock() - self._since >= WORK_SECONDS:
            await asyncio.sleep(0)
            self._since = self._clock()


async def _write(response: web.StreamResponse, pieces: Iterator[bytes]) -> None:
    breaks = Breaks()
    for piece in pieces:
        await response.write(piece)
        await breaks.take()


def _targets(records: Sequence[TaskRecord], host: str) -> Iterator[bytes]:
    """Yield the JSON of the polled tasks as targets at a host and port, some at a time."""
    polled = (record.status.task for record in records if record.status.interval is not None)
    before = "["
    while some := [_target(task, host) for task in islice(polled, _TARGETS_AT_ONCE)]:
        yield f"{before}{json.dumps(some)[1:-1]}".encode()
        before = ", "
    yield b"[]" if before == "[" else b"]"


def _target(task: Task, host: str) -> dict[str, object]:
    labels = {
        "instance": f"{task.ref.account}/{task.ref.id}",
        "__metrics_path__": "/probe",
        "__param_account": task.ref.account,
        "__param_task": task.ref.id,
        "__meta_yunfu_task_name": task.name,
        "__meta_yunfu_task_state": task.state.value,
    }
    if task.ref.sub_user_id:
        labels["__param_sub_user_id"] = task.ref.sub_user_id
    return {"targets": [host], "labels": labels}


async def _write_compressed(response: web.StreamResponse, pieces: Iterator[bytes]) -> None:
    """Compress in a thread, a megabyte or so at a time: igzip releases the interpreter, so the event loop is not blocked."""
    compressor = isal_zlib.compressobj(_GZIP_LEVEL, wbits=_GZIP_WBITS)
    compress = partial(asyncio.get_running_loop().run_in_executor, _COMPRESSING)
    waiting: list[bytes] = []
    breaks = Breaks()
    for piece in pieces:
        waiting.append(piece)
        await breaks.take()
        if sum(map(len, waiting)) >= _COMPRESSED_AT_ONCE:
            if packed := await compress(compressor.compress, b"".join(waiting)):
                await response.write(packed)
            waiting.clear()
    last = await compress(compressor.compress, b"".join(waiting))
    await response.write(last + compressor.flush())
