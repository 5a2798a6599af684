"""The daemon's life: start, run, stop. It reads top to bottom; every resource is a context, every task has an owner."""

from __future__ import annotations

import asyncio
import random
import signal
import time
from collections.abc import AsyncIterator, Awaitable, Callable, Iterator, Mapping, Sequence
from contextlib import AsyncExitStack, asynccontextmanager, contextmanager
from typing import Final

from exporter import __version__, revision
from exporter.api.gate import TokenGates
from exporter.api.quota import DAEMON, Spending
from exporter.api.tokens import Token
from exporter.config.faults import SettingsError
from exporter.config.settings import Settings
from exporter.descriptors import Descriptors
from exporter.files.changes import Watched
from exporter.logs import get_logger
from exporter.metrics.clock import SteadyClock
from exporter.metrics.exposition import Page, TaskRenderer
from exporter.metrics.instrumentation import AccountCollector, ExporterMetrics
from exporter.metrics.store import Store
from exporter.polling.account import Account, Surroundings
from exporter.polling.shards import Shard, find_shard
from exporter.reloading import Load, Reloading
from exporter.running import Running
from exporter.state.saving import StoreSource
from exporter.state.state_file import StateFile
from exporter.state.state_writer import writing
from exporter.systemd import report_ready
from exporter.web.accepting import Shortage
from exporter.web.access import Access, open_access
from exporter.web.app import make_app, make_health_app
from exporter.web.connections import Limits
from exporter.web.exporter import Broken
from exporter.web.server import listening

log = get_logger(__name__)

WATCH_SECONDS: Final = 5.0
"""How often the configuration file is looked at, with ``auto_reload``."""


CLOCK_SECONDS: Final = 1.0
"""How often the wall clock is looked at: for how long a step of it shows in what is served."""


def make_surroundings(
    renderer: TaskRenderer, stale_after: float, clock: SteadyClock, spending: Spending = DAEMON
) -> Surroundings:
    """Return what all accounts share; ages go by ``clock``, calendar days by the system's. ``stale_after`` is seconds."""
    store = Store(renderer, clock, stale_after)
    metrics = ExporterMetrics(__version__, revision())
    metrics.registry.register(AccountCollector(store))
    return Surroundings(store, metrics, time.time, random.Random(), TokenGates(spending))


def make_daemon(
    settings: Settings, tokens: dict[str, Token], load: Load, config: Watched | None = None, pace: float = 1.0
) -> Daemon:
    """Wire a daemon; it calls ``load`` to reload: on request, or when the configuration file changes.

    ``pace`` is how many times as fast as time the calls are judged.
    """
    renderer = TaskRenderer(settings.info_labels)
    clock = SteadyClock()
    around = make_surroundings(renderer, settings.poll.stale_after, clock)
    around.store.pace = pace
    return Daemon(Running(settings, tokens, renderer, around), load, config or Watched(), clock)


class Daemon:
    """Polls the accounts of a configuration and serves their metrics, until ``stop`` is called."""

    def __init__(self, running: Running, load: Load, config: Watched, clock: SteadyClock) -> None:
        self._running = running
        self._load = load
        self._config = config
        self._clock = clock
        self._stopping = asyncio.Event()
        self.ready = asyncio.Event()

    async def run(self) -> None:
        """Serve and poll until stopped.

        Raises OSError if an address cannot be listened on, SettingsError if the web configuration is bad or the process may
        not open enough files.
        """
        if faults := Descriptors().faults(len(self.settings.accounts)):
            raise SettingsError(faults)
        async with self._remembering(), self._serving() as access, asyncio.TaskGroup() as group:
            self._reloading = Reloading(self._running, access, self._load, group)
            with _signals(stop=self.stop, reload=self.reload):
                self._running.start(self.settings.accounts, group)
                others = [
                    group.create_task(self._become_ready()),
                    group.create_task(self._report_first_round()),
                    group.create_task(access.watch(self._reloading.record_web)),
                    group.create_task(self._watch_config()),
                    group.create_task(self._watch_clock()),
                ]
                tls = "off" if access.tls is None else "on"
                log.info("serving", listen=" ".join(map(str, self.settings.listen)), tls=tls)
                report_ready()
                await self._stopping.wait()
                log.info("stopping")
                await self._reloading.end()
                for task in (*others, *self._running.tasks.values()):
                    task.cancel()

    def stop(self) -> None:
        """End ``run``: calls under way are given up, connections are closed."""
        self._stopping.set()

    @property
    def settings(self) -> Settings:
        """The configuration in force."""
        return self._running.settings

    @property
    def store(self) -> Store:
        """The tasks and accounts."""
        return self._running.around.store

    @property
    def accounts(self) -> Mapping[str, Account]:
        """The accounts that are polled, by name."""
        return self._running.accounts

    @property
    def broken(self) -> Mapping[str, Broken]:
        """What was read last and is not in force: ``all`` of the configuration, or that of the ``web``."""
        return self._running.broken

    @property
    def shard(self) -> Shard:
        """The part of the tasks that is polled here."""
        return find_shard(self.settings.shard)

    def page(self) -> Page:
        """Return the page for a scrape."""
        return Page(self._running.renderer, self._running.around.metrics.registry)

    def exposition(self) -> bytes:
        """Return the whole of /metrics in the text format."""
        return b"".join(self.page().pieces(self.store.records(), self.store.clock(), openmetrics=False))

    def unready(self) -> str:
        """Return why there is nothing to scrape yet; empty if there is."""
        if not self.ready.is_set():
            return "the first round of polls is still under way"
        if not (shard := self.shard).is_active:
            return f"shard.ordinal is {shard.ordinal}, but shard.total is {shard.total}: no task is this shard's"
        return ""

    def reload(self) -> Awaitable[Sequence[str]]:
        """Load the configuration anew and swap it in, or return its faults and change nothing."""
        return self._reloading.request()

    def note_refusal(self, reason: str) -> None:
        """Count a request or connection that was turned away, for one of the reasons in ``words.labels.REFUSALS``."""
        self._running.around.metrics.note_refusal(reason)

    @asynccontextmanager
    async def _remembering(self) -> AsyncIterator[None]:
        """Restore what the state file has, and keep the file up to date; go without it if it cannot be used."""
        path = self.settings.state_file
        file = None if path is None else await asyncio.to_thread(StateFile.open, path)
        if file is None:
            yield
            return
        source, shard = StoreSource(self.store), self.shard
        names = {account.name for account in self.settings.accounts}
        state = await asyncio.to_thread(file.load)
        source.restore(state, lambda ref: ref.account in names and shard.owns(ref.id))
        log.info("state file read", file=path, tasks=len(state.tasks))
        async with writing(file, source):
            yield

    @asynccontextmanager
    async def _serving(self) -> AsyncIterator[Access]:
        settings, refused, shortage = self.settings, self.note_refusal, Shortage()
        async with AsyncExitStack() as stack:
            access = await stack.enter_async_context(open_access(settings.web_config_file, refused))
            app = make_app(self)
            access.guard(app)
            addresses = [(address.host, address.port) for address in settings.listen]
            tls, headers = access.tls, access.headers
            main = listening(app, addresses, tls=tls, refused=refused, headers=headers, shortage=shortage)
            await stack.enter_async_context(main)
            if (health := settings.health_listen) is not None:
                few, address = Limits(connections=Descriptors().health), (health.host, health.port)
                beside = listening(make_health_app(self), [address], limits=few, refused=refused, shortage=shortage)
                await stack.enter_async_context(beside)
            yield access

    async def _become_ready(self) -> None:
        """Mark the exporter as ready when the first round has been tried; a platform that is down or slow delays that by an interval at most."""
        try:
            async with asyncio.timeout(self.settings.poll.interval):
                await self._running.first_round()
        except TimeoutError:
            log.warning("ready, although the first round of polls is not complete yet")
        self.ready.set()

    async def _report_first_round(self) -> None:
        """Log when the first round has been tried: how many tasks were polled, how many of them failed, and after how many seconds."""
        clock = asyncio.get_running_loop().time
        started = clock()
        await self._running.first_round()
        ups = [record.status.up for record in self.store.records() if record.status.up is not None]
        log.info("first round done", polled=len(ups), failed=ups.count(False), seconds=round(clock() - started, 1))

    async def _watch_config(self) -> None:
        """Reload whenever the configuration file has changed, for as long as ``auto_reload`` is on."""
        while True:
            await asyncio.sleep(WATCH_SECONDS)
            if await asyncio.to_thread(self._config.has_changed) and self.settings.auto_reload:
                await self.reload()

    async def _watch_clock(self) -> None:
        """Follow the wall clock when it is stepped."""
        while True:
            await asyncio.sleep(CLOCK_SECONDS)
            self._running.follow(self._clock)


@contextmanager
def _signals(*, stop: Callable[[], object], reload: Callable[[], object]) -> Iterator[None]:
    """Handle the signals of a daemon, and hand them back afterwards. PID 1 has no default action, so all are set."""
    loop = asyncio.get_running_loop()
    handlers = {signal.SIGTERM: stop, signal.SIGINT: stop, signal.SIGHUP: reload}
    for number, handler in handlers.items():
        loop.add_signal_handler(number, handler)
    try:
        yield
    finally:
        for number in handlers:
            loop.remove_signal_handler(number)
