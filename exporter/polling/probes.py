"""The probes of one account: polls of single tasks on request, bounded in number and in time."""

from __future__ import annotations

import asyncio
from math import ceil

from exporter.api.errors import ApiTimeout, Failure
from exporter.api.model import Task, TaskRef
from exporter.config.settings import AccountSettings, Settings
from exporter.metrics.records import PollOutcome, TaskRecord
from exporter.metrics.store import Store
from exporter.polling.poller import AccountPoller


class TooManyProbesError(Exception):
    """As many probes of the account are under way as it can answer in time; the message says so."""


class Probes:
    """Polls single tasks of one account on request."""

    def __init__(self, settings: Settings, account: AccountSettings, *, poller: AccountPoller, store: Store) -> None:
        self._account = account.name
        self._timeout = settings.poll.timeout
        self._default_ratio = settings.thresholds.min_answer_ratio
        self._poller = poller
        self._store = store
        self._concurrency = account.concurrency
        self._under_way = 0

    async def probe(self, task_id: str, sub_user_id: str | None) -> TaskRecord:
        """Poll a task now and return its record; one that is polled anyway is brought up to date by it.

        It takes ``poll.timeout`` at most; without a response by then the task is not up. Raises TooManyProbesError.
        """
        if self._under_way >= max(self._concurrency, ceil(self._poller.gate.share / 60 * self._timeout)):
            raise TooManyProbesError(
                f"{self._under_way} probes of account {self._account} are under way, and no more can be answered in "
                "time; probe less often, or raise its rate_limit if the platform allows it"
            )
        self._under_way += 1
        try:
            return await self._poll(self._find(task_id, sub_user_id))
        finally:
            self._under_way -= 1

    def _find(self, task_id: str, sub_user_id: str | None) -> Task:
        """Return the known task with this id and, if one is given, this owner; else a task of these."""
        for record in self._store.records_of(self._account):
            ref = record.status.task.ref
            if ref.id == task_id and sub_user_id in (None, ref.sub_user_id):
                return record.status.task
        return Task(TaskRef(self._account, task_id, sub_user_id), min_answer_ratio=self._default_ratio)

    async def _poll(self, task: Task) -> TaskRecord:
        try:
            async with asyncio.timeout(self._timeout):  # the account may be held back for an hour
                return await self._poller.probe(task)
        except TimeoutError:
            failure = Failure(ApiTimeout.reason, f"no answer within {self._timeout:g} s, waiting included")
        outcome = PollOutcome(failure=failure)
        before = self._store.record(task.ref)
        if before is None or before.status.interval is None:
            return self._store.render_once(task, outcome)
        self._store.record_poll(task, outcome, before.status.interval, self._timeout)
        return self._store.record(task.ref) or before
