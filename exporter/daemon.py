"""The daemon's life: start, reload, stop. It reads top to bottom; every resource is a context, every task has an owner."""

from __future__ import annotations

import asyncio
import random
import signal
import time
from collections.abc import AsyncIterator, Awaitable, Callable, Iterator, Sequence
from contextlib import AsyncExitStack, asynccontextmanager, contextmanager
from dataclasses import astuple
from typing import Final

from exporter import __version__, revision
from exporter.api.tokens import Token
from exporter.config.faults import SettingsError
from exporter.config.settings import AccountSettings, Settings
from exporter.file_changes import Watched
from exporter.logs import get_logger, set_up
from exporter.metrics.exposition import Page, TaskRenderer
from exporter.metrics.instrumentation import AccountCollector, ExporterMetrics
from exporter.metrics.store import Store
from exporter.polling.account import Account, Surroundings, open_account
from exporter.polling.budget import warnings
from exporter.polling.shards import find_shard
from exporter.systemd import tell_ready, tell_status
from exporter.web.access import Doors, open_doors
from exporter.web.app import make_app, make_health_app
from exporter.web.server import listening

log = get_logger(__name__)

WATCH_SECONDS: Final = 5.0
"""How often the configuration file is looked at, with ``auto_reload``."""

Load = Callable[[], tuple[Settings, dict[str, Token]]]
"""Reads and checks the configuration and its files anew. Raises SettingsError."""


def make_surroundings(renderer: TaskRenderer, stale_after: float) -> Surroundings:
    """Make what all accounts share, for the real world's time. ``stale_after`` is seconds."""
    store = Store(renderer, time.time, stale_after)
    metrics = ExporterMetrics(__version__, revision())
    metrics.registry.register(AccountCollector(store))
    return Surroundings(store, metrics, time.time, random.Random())


def make_daemon(settings: Settings, tokens: dict[str, Token], load: Load, config: Watched | None = None) -> Daemon:
    """Wire a daemon; it calls ``load`` when it is told to reload, or when the configuration file changes."""
    renderer = TaskRenderer(settings.info_labels)
    return Daemon(
        settings,
        tokens,
        load=load,
        config=config or Watched(None),
        around=make_surroundings(renderer, settings.poll.stale_after),
        renderer=renderer,
    )


class Daemon:
    """Polls the accounts of a configuration and serves what is known of them, until ``stop`` is called."""

    def __init__(
        self,
        settings: Settings,
        tokens: dict[str, Token],
        *,
        load: Load,
        config: Watched,
        around: Surroundings,
        renderer: TaskRenderer,
    ) -> None:
        self.settings = settings
        self.store = around.store
        self.accounts: dict[str, Account] = {}
        self._tokens = tokens
        self._load = load
        self._config = config
        self._around = around
        self._renderer = renderer
        self._running: dict[str, asyncio.Task[None]] = {}
        self._stopping = asyncio.Event()
        self._reloading = asyncio.Lock()
        self._next_reload: asyncio.Task[Sequence[str]] | None = None
        self._broken: set[str] = set()
        self._opened = asyncio.Event()
        self.ready = asyncio.Event()

    async def run(self) -> None:
        """Serve and poll until stopped.

        Raises OSError if an address cannot be listened on, SettingsError if the web configuration is bad.
        """
        async with self._served() as doors, asyncio.TaskGroup() as group:
            self._group = group
            with _signals(stop=self.stop, reload=self.reload):
                self._note_reload("all", worked=True)
                for account in self.settings.accounts:
                    self._start(account)
                readiness = group.create_task(self._become_ready())
                watch = group.create_task(doors.watch(self._note_web_config))
                auto_reload = group.create_task(self._watch_config())
                log.info("serving", listen=" ".join(map(str, self.settings.listen)))
                tell_ready()
                await self._stopping.wait()
                log.info("stopping")
                async with self._reloading:  # one under way would start accounts that nobody ends
                    for task in (readiness, watch, auto_reload, *self._running.values()):
                        task.cancel()

    def stop(self) -> None:
        """End ``run``: calls under way are given up, connections are closed."""
        self._stopping.set()

    async def _reload(self) -> Sequence[str]:
        """Load the configuration anew and swap it in, or return its faults and change nothing."""
        async with self._reloading:
            self._next_reload = None
            if self._stopping.is_set():
                return ["the exporter is stopping"]
            try:
                settings, tokens = await asyncio.to_thread(self._load)  # thousands of tasks take a while to read
                faults: Sequence[str] = _unchangeable(self.settings, settings) or await self._doors.refresh()
                if not faults:
                    await self._swap_or_stay(settings, tokens)
                    log.info("configuration reloaded", accounts=len(settings.accounts))
            except SettingsError as error:
                faults = error.faults
            except Exception as error:  # a fault of our own must not end what runs
                log.exception("reload broke off")
                faults = [f"the reload broke off with {type(error).__name__}; the log tells where"]
            self._note_reload("all", worked=not faults)
            if faults:
                what, why = "reload failed; the previous configuration stays in use", "; ".join(faults)
                log.error(what, faults=why)
                tell_status(f"{what}: {why}")
            else:
                tell_status("configuration reloaded")
            return faults

    def exposition(self) -> bytes:
        """Return the whole of /metrics in the text format."""
        return b"".join(self.page().pieces(self.store.records(), self._around.clock(), openmetrics=False))

    def page(self) -> Page:
        """Return what a scrape is answered with."""
        return Page(self._renderer, self._around.metrics.registry)

    def reload(self) -> Awaitable[Sequence[str]]:
        """Start a reload that goes on when the client who asked for it has gone: half of one would be no state at all.

        Whoever asks before it has begun gets the same one: however many ask, one is under way and one waits.
        """
        if self._next_reload is None:
            self._next_reload = self._group.create_task(self._reload())
        return asyncio.shield(self._next_reload)

    async def _watch_config(self) -> None:
        """Reload whenever the configuration file has changed, for as long as ``auto_reload`` is on."""
        while True:
            await asyncio.sleep(WATCH_SECONDS)
            if await asyncio.to_thread(self._config.has_changed) and self.settings.auto_reload:
                await self.reload()

    @asynccontextmanager
    async def _served(self) -> AsyncIterator[Doors]:
        async with AsyncExitStack() as stack:
            self._doors = await stack.enter_async_context(open_doors(self.settings.web_config_file, self.note_refusal))
            main = make_app(self)
            self._doors.guard(main)
            addresses = [(address.host, address.port) for address in self.settings.listen]
            await stack.enter_async_context(listening(main, addresses, tls=self._doors.tls, refused=self.note_refusal))
            if (health := self.settings.health_listen) is not None:
                app = make_health_app(self)
                await stack.enter_async_context(listening(app, [(health.host, health.port)], refused=self.note_refusal))
            yield self._doors

    async def _swap_or_stay(self, settings: Settings, tokens: dict[str, Token]) -> None:
        """Put a checked configuration in force; if that breaks, go back to the one before and raise what broke it."""
        before, tokens_before = self.settings, dict(self._tokens)
        try:
            await self._swap(settings, tokens)
        except Exception:
            await self._swap(before, tokens_before)
            raise

    async def _swap(self, settings: Settings, tokens: dict[str, Token]) -> None:
        """Put a checked configuration in force. Accounts that it does not touch go on as if nothing had been."""
        before, self.settings = self.settings, settings
        set_up(settings.log.level, settings.log.format)
        old = {account.name: _essence(before, account) for account in before.accounts}
        new = {account.name: _essence(settings, account) for account in settings.accounts}
        ended = [name for name in old if old[name] != new.get(name)]
        await self._end(ended)
        if settings.info_labels != before.info_labels:
            self._renderer = TaskRenderer(settings.info_labels)
            self.store.use(self._renderer)
        if settings.poll.stale_after != before.poll.stale_after:
            self.store.set_stale_after(settings.poll.stale_after)
        for name in old.keys() - new.keys():
            _forget(self._around, name)
        for account in settings.accounts:
            if account.name not in self._running:
                self._release_if_another(before, account, tokens[account.name])
                self._tokens[account.name] = tokens[account.name]
                self._start(account)

    def _release_if_another(self, before: Settings, account: AccountSettings, token: Token) -> None:
        """End a hold that was not for this platform, user or token."""
        gate, name = self._around.gates.get(account.name), account.name
        was = [(each.base_url, each.user_id) for each in before.accounts if each.name == name]
        is_another = was != [(account.base_url, account.user_id)] or self._tokens[name].value != token.value
        if gate is not None and is_another:
            gate.release()

    def _start(self, account: AccountSettings) -> None:
        for warning in warnings(account):
            log.warning(warning)
        self._running[account.name] = self._group.create_task(self._run_account(account))

    async def _run_account(self, settings: AccountSettings) -> None:
        token = self._tokens[settings.name]
        async with open_account(self.settings, settings, token, self._around) as account:
            self.accounts[account.name] = account
            if len(self.accounts) == len(self._running):
                self._opened.set()
            await account.run()

    async def _end(self, names: Sequence[str]) -> None:
        tasks = [self._running.pop(name) for name in names if name in self._running]
        for task in tasks:
            task.cancel()
        if tasks:
            await asyncio.wait(tasks)
        for name in names:
            self.accounts.pop(name, None)

    async def _become_ready(self) -> None:
        """Be ready when the first round has been tried; a platform that is down or slow delays it an interval at most."""
        try:
            async with asyncio.timeout(self.settings.poll.interval):
                await self._opened.wait()
                for account in list(self.accounts.values()):
                    await account.first_round()
        except TimeoutError:
            log.warning("ready, although the first round of polls is not complete yet")
        self.ready.set()

    def unready(self) -> str:
        """Return why there is nothing to scrape yet; empty if there is."""
        if not self.ready.is_set():
            return "the first round of polls is still under way"
        shard = find_shard(self.settings.shard)
        return (
            ""
            if shard.is_active
            else f"shard.ordinal is {shard.ordinal}, but shard.total is {shard.total}: no task is this shard's"
        )

    def note_refusal(self, reason: str) -> None:
        """Count a request or connection that was turned away, for one of the reasons in HTTP_REFUSALS."""
        self._around.metrics.note_refusal(reason)

    def _note_web_config(self, faults: Sequence[str]) -> None:
        """Tell that the web configuration was taken up, or why not."""
        self._note_reload("web", worked=not faults)
        if faults:
            log.error("web configuration is broken; the previous one stays in use", faults="; ".join(faults))
        else:
            log.info("web configuration reloaded", file=self.settings.web_config_file)

    def _note_reload(self, what: str, *, worked: bool) -> None:
        """Show whether what was read last, of all and of the web configuration alone, is in force."""
        if worked:
            self._broken -= {what, "web"}  # all includes it
            self._around.metrics.reload_success_timestamp.set(self._around.clock())
            self._around.metrics.show_shard(*astuple(find_shard(self.settings.shard)))
            self._around.metrics.show_links(self.settings.links.grafana, self.settings.links.runbook)
        else:
            self._broken.add(what)
        self._around.metrics.reload_successful.set(not self._broken)


def _essence(settings: Settings, account: AccountSettings) -> tuple[object, ...]:
    """Return all that an account's polling depends on: if it is the same after a reload, the account goes on untouched."""
    parts = settings.shard, settings.poll, settings.windows, settings.timezone, settings.labels, settings.thresholds
    return (account, *parts, settings.info_labels)


def _forget(around: Surroundings, account: str) -> None:
    """Let all series of an account leave: its tasks', and those of its calls."""
    around.store.forget_account(account)
    around.gates.pop(account, None)
    around.metrics.forget_account(account)


def _unchangeable(before: Settings, after: Settings) -> list[str]:
    return [
        f"{name}: cannot be changed by a reload; restart the exporter for it"
        for name in ("listen", "health_listen", "web_config_file")
        if getattr(before, name) != getattr(after, name)
    ]


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
