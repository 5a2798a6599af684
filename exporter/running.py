"""The accounts of the configuration in force, each polled by a task."""

from __future__ import annotations

import asyncio
from collections.abc import Iterable, Sequence
from dataclasses import replace
from typing import Final

from exporter.api.tokens import Token
from exporter.config.settings import AccountSettings, Settings
from exporter.logs import get_logger
from exporter.metrics.clock import SteadyClock
from exporter.metrics.exposition import TaskRenderer
from exporter.polling.account import Account, Surroundings, open_account
from exporter.polling.budget import warnings
from exporter.web.exporter import Broken

log: Final = get_logger(__name__)

REOPEN_SECONDS: Final = 10.0
"""How soon an account that could not be opened, or broke off, is opened again."""


class Running:
    """What is in force, and the accounts that are polled by it. ``tasks`` are what polls them, by the account's name.

    ``broken`` is what was read last and is not in force, as ``web.exporter`` has it.
    """

    def __init__(
        self, settings: Settings, tokens: dict[str, Token], renderer: TaskRenderer, around: Surroundings
    ) -> None:
        self.settings = settings
        self.tokens = tokens
        self.renderer = renderer
        self.around = around
        self.accounts: dict[str, Account] = {}
        self.tasks: dict[str, asyncio.Task[None]] = {}
        self.broken: dict[str, Broken] = {}
        self._opened = asyncio.Event()

    def start(self, accounts: Iterable[AccountSettings], group: asyncio.TaskGroup) -> None:
        """Poll accounts in tasks of a group. Each has its token in ``tokens``."""
        for account in accounts:
            discovery = "off" if account.discovery is None else "on"
            log.info("account is polled", account=account.name, listed_tasks=len(account.tasks), discovery=discovery)
            for warning in warnings(account):
                log.warning(warning)
            self.tasks[account.name] = group.create_task(self._poll(account))

    async def end(self, names: Sequence[str]) -> None:
        """Stop polling accounts and close their connections."""
        tasks = [self.tasks.pop(name) for name in names if name in self.tasks]
        for task in tasks:
            task.cancel()
        if tasks:
            await asyncio.wait(tasks)
        for name in names:
            self.accounts.pop(name, None)

    def forget(self, name: str) -> None:
        """Remove all series of an account that has ended: its tasks', and those of its calls."""
        self.around.store.forget_account(name)
        self.around.metrics.forget_account(name)
        self.tokens.pop(name, None)

    async def read_credentials(self, names: Iterable[str]) -> None:
        """Read the files of accounts that go on, also if they look unchanged: of the same size and time."""
        await asyncio.gather(*(self.accounts[name].read_credentials() for name in names if name in self.accounts))

    def follow(self, clock: SteadyClock) -> None:
        """Shift the store's clock and all times taken from it, if the wall clock was stepped: what is shown are its times."""
        seconds = clock.step()
        if not seconds:
            return
        clock.shift(seconds)
        self.around.store.shift(seconds)
        self.around.metrics.reload_success_timestamp.inc(seconds)
        self.broken |= {what: replace(broken, since=broken.since + seconds) for what, broken in self.broken.items()}
        log.warning("the wall clock was stepped; all times follow it", seconds=round(seconds, 1))

    async def first_round(self) -> None:
        """Return when each account has tried its discovery and the first poll of each task."""
        await self._opened.wait()
        for account in list(self.accounts.values()):
            await account.first_round()

    async def _poll(self, settings: AccountSettings) -> None:
        """Poll an account until cancelled; what breaks off is its own affair, and begins again after a while."""
        while True:
            try:
                await self._open_and_run(settings)
            except Exception:
                log.exception("account broke off; it is opened again", account=settings.name, after=REOPEN_SECONDS)
                self.accounts.pop(settings.name, None)
                await asyncio.sleep(REOPEN_SECONDS)

    async def _open_and_run(self, settings: AccountSettings) -> None:
        token = self.tokens[settings.name]
        async with open_account(self.settings, settings, token, self.around) as account:
            self.accounts[account.name] = account
            if len(self.accounts) == len(self.tasks):
                self._opened.set()
            await account.run()
