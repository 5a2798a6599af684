"""The discovery of one account: which of its tasks are polled, chosen from its task lists and kept current.

A list that cannot be read leaves the other lists alone, and what was known of its own tasks stays in use.
"""

from __future__ import annotations

import asyncio
from collections.abc import Callable, Sequence
from dataclasses import replace
from functools import partial
from hashlib import blake2b
from itertools import chain
from typing import Final

from exporter.api.client import YunfuClient
from exporter.api.errors import Failure
from exporter.api.model import Task, TaskRef
from exporter.config.rules import TaskRules
from exporter.config.settings import AccountSettings, DiscoverySettings, Settings
from exporter.lists.account_lists import AccountLists
from exporter.lists.choices import Choice, HidingSetting, choose, complete, configured_tasks, found_task, with_terms
from exporter.lists.entries import PER_PAGE, task_lists
from exporter.lists.reader import ListReader
from exporter.lists.watch import ListWatch
from exporter.logs import get_logger
from exporter.metrics.store import Store
from exporter.polling.poller import AccountPoller
from exporter.polling.shards import Shard

log = get_logger(__name__)

MAX_HIDDEN: Final = 5000
"""How many tasks hidden by the settings are kept, so that a page can say why each is not there: a few megabytes."""

LISTED_PER_TASK: Final = 4
"""How many entries of a list are read per task of ``max_tasks``: most tasks of an old account are paused for ever."""

MIN_ENTRIES: Final = 10 * PER_PAGE
"""How many entries of a list are read however few ``max_tasks`` are."""


class Discovery:
    """Decides which tasks of an account are polled: those configured, and those found if the settings ask for it.

    ``count_unread`` receives the field of each part of a list that cannot be read.
    """

    def __init__(
        self,
        settings: Settings,
        account: AccountSettings,
        shard: Shard,
        *,
        client: YunfuClient,
        poller: AccountPoller,
        store: Store,
        count_unread: Callable[[str], None],
    ) -> None:
        self._account = account
        self._settings = account.discovery if shard.is_active else None
        self.rules = TaskRules(settings, account)
        self._shard = shard
        self._poller = poller
        self._store = store
        self.configured = configured_tasks(account, self.rules)
        watches = _watches(settings, account, self._settings, client, count_unread)
        self.lists = [watch.list for watch in watches]
        self._poller.gate.service.resources = max(1, len(self.lists))
        self.account_lists = AccountLists(account.name, watches)
        self.interval = None if self._settings is None else self._settings.interval
        """Seconds between two readings of the lists; None: there are none to read."""
        self._resumed: dict[str, Task] = {}
        self._digest = blake2b(
            repr((account.base_url, account.user_id, account.discovery)).encode(), digest_size=8
        ).hexdigest()
        self.hidden: dict[str, Choice] = {}
        """By task id, at most MAX_HIDDEN; ``hidden_total`` counts all."""
        self.hidden_total = 0
        self.tried = asyncio.Event()
        """Set once the lists have been read or have failed, at once if there are none to read."""
        if self._settings is None:
            self.tried.set()

    async def resume(self) -> None:
        """Poll the configured tasks and those known from before, until the lists have been read."""
        await self.rules.learn(record.status.task.name for record in self._store.records_of(self._account.name))
        known = self._known_tasks()
        if self._settings is not None:
            self._resumed = {task.ref.id: task for task in known[len(self.configured) :]}
            self.account_lists.has_previous = bool(self._resumed)
            self._resume_lists()
        self.update(self._divide([Choice(task) for task in known]), is_complete=self._settings is None)
        for status in (record.status for record in self._store.records_of(self._account.name)):
            if status.interval is None and status.missing_since is None:  # the rules may be others now
                self._store.put_task(with_terms(status.task, self.rules), None)

    def _resume_lists(self) -> None:
        """Schedule the whole lists for when they would have been read without a restart; for now if the settings changed."""
        lists_read = self._store.account(self._account.name).lists_read
        if self._resumed and lists_read is not None and lists_read[1] == self._digest:
            ago = max(0.0, self._store.clock() - lists_read[0])
            self.account_lists.resume(asyncio.get_running_loop().time() - ago)

    async def run(self) -> None:
        """Read what is due of the lists and update the tasks at the interval until cancelled; return if there are no lists."""
        if self._settings is None:
            return
        loop, interval = asyncio.get_running_loop(), self._settings.interval
        while True:
            started = loop.time()
            try:
                await self.account_lists.read(partial(ListWatch.refresh, now=started))
                await self._apply(self._settings)
            except Exception:  # a fault of our own must not end the polls
                log.exception("discovery broke off", account=self._account.name)
            self.tried.set()
            await asyncio.sleep(started + interval - loop.time())

    async def run_once(self) -> bool:
        """Read the lists and update the tasks once; return whether all lists could be read."""
        choices, failures = await self.discover()
        what = "discovery fails; the token is refused, so no task is polled"
        is_refused = self._poller.gate.refused.is_set()
        for failure in failures:
            log.warning(what if is_refused else "discovery fails", account=self._account.name, error=str(failure))
        self.update(choices, is_complete=not failures)
        return not failures

    async def discover(self) -> tuple[list[Choice], list[Failure]]:
        """Return all tasks that are configured or in a list that can be read, and why other lists cannot be."""
        if self._settings is None:
            return self._divide([Choice(task) for task in self.configured]), []
        now = asyncio.get_running_loop().time()
        await self.account_lists.read(partial(ListWatch.read_whole, now=now), logs_failures=False)
        is_refused = self._poller.gate.refused.is_set()  # which is the account's failure, and not each list's
        return await self._choose(self._settings), self.account_lists.failures[: 1 if is_refused else None]

    async def _apply(self, settings: DiscoverySettings) -> None:
        """Update the tasks to what the lists have brought."""
        if self.account_lists.are_known:
            self._resumed, self.account_lists.has_previous = {}, False
        elif not self.account_lists.tasks():
            return  # there is nothing new
        choices = await self._choose(settings)
        self._poller.reserve(self.account_lists.calls_per_second)
        await asyncio.sleep(0)
        self.update(choices, is_complete=not self._resumed)
        self._keep_hidden(choices, settings.max_tasks)

    async def _choose(self, settings: DiscoverySettings) -> list[Choice]:
        """Choose among the listed tasks, and those of before a restart while a list has not been read whole."""
        listed = self.account_lists.tasks()
        known = (*self._resumed.values(), *self.configured)
        await self.rules.learn(chain((task.name for task in listed.values()), (task.name for task in known)))
        found = self._resumed | {id_: found_task(task, self._account, self.rules) for id_, task in listed.items()}
        await asyncio.sleep(0)  # with thousands of tasks each part takes a while
        return self._divide(choose(found.values(), self.configured, settings, self.rules))

    def update(self, choices: Sequence[Choice], *, is_complete: bool) -> None:
        """Poll the chosen tasks from now on; if these are all tasks that there are, let the others leave the metrics."""
        self._poller.update(choice.task for choice in choices if not choice.why_not)
        self._poller.gate.service.resources = max(1, self._poller.task_count + len(self.lists))
        for choice in choices:
            if choice.why_not and not choice.hidden:
                self._store.put_task(choice.task, None)
        self._remove_others({choice.task.ref for choice in choices if not choice.hidden}, is_complete=is_complete)

    def _remove_others(self, shown: set[TaskRef], *, is_complete: bool) -> None:
        """Remove tasks at once if their id has another owner now, and after ``stale_after`` if they are listed no longer."""
        now, ids = self._store.clock(), {ref.id for ref in shown}
        for record in self._store.records_of(self._account.name):
            ref = record.status.task.ref
            if ref in shown or not (is_complete or ref.id in ids):
                continue
            if self._settings is None or ref.id in ids or record.is_gone(now):
                self._store.forget(ref)
            else:
                self._store.mark_missing(ref)

    def _known_tasks(self) -> list[Task]:
        """Return the configured tasks, completed from the store, and the discovered ones that it has from before."""
        if self._settings is None:
            return self.configured
        statuses = {record.status.task.ref.id: record.status for record in self._store.records_of(self._account.name)}
        configured = [
            complete(task, statuses[task.ref.id].task, self.rules) if task.ref.id in statuses else task
            for task in self.configured
        ]
        ids = {task.ref.id for task in configured}
        return configured + [
            with_terms(status.task, self.rules)
            for status in statuses.values()
            if status.interval is not None and status.task.ref.id not in ids
        ]

    def _divide(self, choices: list[Choice]) -> list[Choice]:
        """Hide the tasks that other shards poll."""
        return choices if self._shard == Shard() else [self._hide_if_foreign(choice) for choice in choices]

    def _hide_if_foreign(self, choice: Choice) -> Choice:
        if choice.hidden or (owner := self._shard.owner(choice.task.ref.id)) == self._shard.ordinal:
            return choice
        return replace(choice, why_not=f"shard {owner} of {self._shard.total} polls it", hidden_by=HidingSetting.SHARD)

    def _keep_hidden(self, choices: Sequence[Choice], max_tasks: int) -> None:
        """Keep the hidden tasks, and record how many are left out and, if all lists could be read, when that was."""
        hidden = [choice for choice in choices if choice.hidden]
        self.hidden = {choice.task.ref.id: choice for choice in hidden[:MAX_HIDDEN]}
        self.hidden_total = len(hidden)
        left_out = sum(choice.hidden_by is HidingSetting.MAX_TASKS for choice in hidden)
        before = self._store.account(self._account.name)
        if left_out and not before.tasks_left_out:
            what = "more tasks than max_tasks; the rest is not polled"
            log.warning(what, account=self._account.name, left_out=left_out, max_tasks=max_tasks)
        success = before.discovery_last_success if self.account_lists.failure else self._store.clock()
        now, read_at = asyncio.get_running_loop().time(), self.account_lists.read_at
        lists_read = None if read_at is None else (self._store.clock() - (now - read_at), self._digest)
        status = replace(before, discovery_last_success=success, tasks_left_out=left_out, lists_read=lists_read)
        self._store.put_account(replace(status, lists_lacking=len(self.account_lists.lacking)))


def _watches(
    settings: Settings,
    account: AccountSettings,
    discovery: DiscoverySettings | None,
    client: YunfuClient,
    unread: Callable[[str], None],
) -> list[ListWatch]:
    if discovery is None:
        return []
    max_entries = max(MIN_ENTRIES, LISTED_PER_TASK * discovery.max_tasks)
    reader = ListReader(client, settings.timezone, unread, max_entries=max_entries)
    return [
        ListWatch(each, reader, interval=discovery.interval, full_interval=discovery.full_interval)
        for each in task_lists(account.user_id, discovery.generations, sub_accounts=discovery.sub_accounts)
    ]
