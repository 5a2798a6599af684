"""The reload of the configuration: it is loaded, compared with what is in force, and swapped in or refused."""

from __future__ import annotations

import asyncio
from collections.abc import Awaitable, Callable, Sequence
from dataclasses import astuple
from typing import Final

from exporter.api.tokens import Token
from exporter.config.faults import SettingsError
from exporter.config.settings import AccountSettings, Settings
from exporter.descriptors import Descriptors
from exporter.logs import get_logger, set_up
from exporter.metrics.exposition import TaskRenderer
from exporter.polling.shards import find_shard
from exporter.running import Running
from exporter.systemd import set_status
from exporter.web.access import Access
from exporter.web.exporter import Broken

log = get_logger(__name__)

Load = Callable[[], tuple[Settings, dict[str, Token]]]
"""Reads and checks the configuration and its files anew. Raises SettingsError."""

Loaded = tuple[Settings, dict[str, Token], Sequence[str]]
_STOPPING: Final = "the exporter is stopping"


class Reloading:
    """Reloads what runs, one reload at a time, and keeps the metrics of how the last one went."""

    def __init__(self, running: Running, access: Access, load: Load, group: asyncio.TaskGroup) -> None:
        self._running = running
        self._access = access
        self._load = load
        self._group = group
        self._lock = asyncio.Lock()
        self._next: asyncio.Task[Sequence[str]] | None = None
        self._reading: asyncio.Task[Loaded] | None = None
        self._has_ended = False
        self._record("all")

    def request(self) -> Awaitable[Sequence[str]]:
        """Start a reload and return its faults; it goes on when the client who asked for it has gone.

        Whoever asks before it has begun gets the same one: however many ask, one is under way and one waits.
        """
        if self._next is None:
            self._next = self._group.create_task(self._reload())
        return asyncio.shield(self._next)

    async def end(self) -> None:
        """Wait for the reload under way, but not for files, and refuse all that follow: they would start accounts that nobody ends."""
        self._has_ended = True
        if self._reading is not None:
            self._reading.cancel()
        async with self._lock:
            pass

    def record_web(self, faults: Sequence[str]) -> None:
        """Log and record that changed files of the web configuration are in force, or why they are not."""
        self._record("web", faults)
        if faults:
            log.error("web configuration is broken; the previous one stays in use", faults="; ".join(faults))
        else:
            log.info("web configuration reloaded", file=self._running.settings.web_config_file)

    async def _reload(self) -> Sequence[str]:
        async with self._lock:
            self._next = None
            if self._has_ended:
                return [_STOPPING]
            try:
                faults = await self._load_and_swap()
            except SettingsError as error:
                faults = error.faults
            except Exception as error:  # a fault of our own must not end what runs
                log.exception("reload broke off")
                faults = [f"the reload broke off with {type(error).__name__}; see the log for the traceback"]
            self._record("all", faults)
            if faults:
                what, why = "reload failed; the previous configuration stays in use", "; ".join(faults)
                log.error(what, faults=why)
                set_status(f"{what}: {why}")
            else:
                log.info("configuration reloaded", accounts=len(self._running.settings.accounts))
                set_status("configuration reloaded")
            return faults

    async def _load_and_swap(self) -> Sequence[str]:
        """Load the configuration and put it in force, or return its faults. Raises SettingsError, and what breaks it."""
        self._reading = reading = asyncio.create_task(self._read())
        await asyncio.wait({reading})
        if reading.cancelled():
            return [_STOPPING]
        settings, tokens, faults = reading.result()
        before, tokens_before = self._running.settings, dict(self._running.tokens)
        if faults:
            return faults
        try:
            await self._swap(settings, tokens)
        except Exception:
            await self._swap(before, tokens_before)
            raise
        return []

    async def _read(self) -> Loaded:
        """Read the configuration and then, if it can be put in force, that of the web; return what is wrong with them too."""
        settings, tokens = await asyncio.to_thread(self._load)  # thousands of tasks take a while to read
        faults = _unchangeable(self._running.settings, settings) + Descriptors().faults(len(settings.accounts))
        return settings, tokens, faults or await self._access.refresh()

    async def _swap(self, settings: Settings, tokens: dict[str, Token]) -> None:
        """Apply a checked configuration. Accounts whose settings stay are polled on without a break."""
        running, before = self._running, self._running.settings
        running.settings = settings
        set_up(settings.log.level, settings.log.format)
        old = {account.name: _essence(before, account) for account in before.accounts}
        new = {account.name: _essence(settings, account) for account in settings.accounts}
        await running.end([name for name in old if old[name] != new.get(name)])
        self._judge_by(settings, before)
        changed = [account for account in settings.accounts if account.name not in running.tasks]
        for account in changed:
            running.tokens[account.name] = tokens[account.name]
        for name in old.keys() - new.keys():
            running.forget(name)
        running.start(changed, self._group)
        await running.read_credentials(old.keys() - {account.name for account in changed})

    def _judge_by(self, settings: Settings, before: Settings) -> None:
        """Render all tasks, those known already too, and judge their age by the settings."""
        running, store = self._running, self._running.around.store
        if settings.info_labels != before.info_labels:
            running.renderer = TaskRenderer(settings.info_labels)
            store.use(running.renderer)
        if settings.poll.stale_after != before.poll.stale_after:
            store.set_stale_after(settings.poll.stale_after)

    def _record(self, what: str, faults: Sequence[str] = ()) -> None:
        """Record whether what was read last is in force: all of the configuration, or that of the web alone."""
        settings, metrics, broken = self._running.settings, self._running.around.metrics, self._running.broken
        now = self._running.around.store.clock()
        if faults:
            broken[what] = Broken(broken[what].since if what in broken else now, faults)
        else:
            for mended in (what, "web"):  # all includes it
                broken.pop(mended, None)
            metrics.reload_success_timestamp.set(now)
            metrics.show_shard(*astuple(find_shard(settings.shard)))
            metrics.show_links(settings.links.grafana, settings.links.runbook)
        metrics.reload_successful.set(not broken)


def _essence(settings: Settings, account: AccountSettings) -> tuple[object, ...]:
    """Return all that an account's polling depends on: if it is the same after a reload, the account goes on untouched."""
    parts = settings.shard, settings.poll, settings.windows, settings.timezone, settings.labels, settings.thresholds
    return (
        account,
        *parts,
        settings.info_labels,
        Descriptors().calls_at_once(account.concurrency, len(settings.accounts)),
    )


def _unchangeable(before: Settings, after: Settings) -> list[str]:
    return [
        f"{name}: cannot be changed by a reload; restart the exporter for it"
        for name in ("listen", "health_listen", "web_config_file", "state_file")
        if getattr(before, name) != getattr(after, name)
    ]
