"""The poll loop of one account: it takes what is due, has it read, and records the outcome in the store.

Whenever something is due and a place is free, the most urgent task is polled. A slow API call occupies one place, and a
held account only its own places.
"""

from __future__ import annotations

import asyncio
import math
import random
from collections.abc import Callable, Iterable
from dataclasses import dataclass, field
from typing import Final

from exporter.api.client import YunfuClient
from exporter.api.model import Task, TaskRef, TaskStats
from exporter.config.settings import AccountSettings, Settings
from exporter.logs import get_logger
from exporter.metrics.instrumentation import ExporterMetrics
from exporter.metrics.records import UNCHANGED, TaskRecord, Unchanged
from exporter.metrics.store import Store
from exporter.polling.intervals import Resumed, TaskIntervals
from exporter.polling.outages import Outages
from exporter.polling.schedule import Cadence, Due, Schedule, back_off
from exporter.polling.task_reader import Memory, TaskReader

log = get_logger(__name__)

BATCH_SECONDS: Final = 0.05
"""Polls that fall due within this time of each other start together: to wake up for each costs twice the processor time.

It is less where intervals are short: a poll starts late by a hundredth of the interval at most.
"""


SHARE_SECONDS: Final = 30.0
"""How often the quota is shared anew among the tasks."""

LEAST_SHARE: Final = 0.2
"""The least part of the account's quota that the polls have, however much discovery takes."""


@dataclass(slots=True)
class _Progress:
    """What the poller remembers of a task between its polls."""

    task: Task
    seen: bool = False
    still_polls: int = 1  # the first poll cannot show a change
    finished: bool = False
    failures: int = 0
    phone_calls: int | None = None
    read_at: float = 0.0
    memory: Memory = field(default_factory=Memory)

    def interval(self, cadence: Cadence) -> float:
        """Return the seconds between two polls of the task, as far as the quota allows it."""
        return cadence.of(self.task.state, still_polls=self.still_polls, finished=self.finished)

    def resume(self, record: TaskRecord | None, now: float, unix_now: float) -> Resumed | None:
        """Go on from what was read before a restart or reload; return when the next poll was due, None: nothing was read."""
        if record is None or record.status.last_success is None or record.status.interval is None:
            return None
        success = record.status.last_success
        self.read_at = now - (unix_now - success)
        if record.stats is not None:
            self.record(record.stats, moved=False)
            self.phone_calls = (record.stats.answered or 0) + (record.stats.unanswered or 0)
        due = success if record.status.due is None else record.status.due
        latest = now + record.status.interval  # the clock may have been set back
        return Resumed(record.status.interval, min(latest, now + due - unix_now))

    def record(self, stats: TaskStats | Unchanged, *, moved: bool) -> None:
        """Record the statistics of a poll, and whether they differ from those of the poll before."""
        if self.seen:  # the first statistics have nothing to differ from
            self.still_polls = 0 if moved else self.still_polls + 1
        self.seen = True
        if stats is not UNCHANGED:
            self.finished = (stats.progress_ratio or 0) >= 1

    def count_calls(self, stats: TaskStats | Unchanged, now: float) -> tuple[int, float]:
        """Return the phone calls made since the last poll and the seconds since its start; 0 seconds: there was none."""
        before, seconds = self.phone_calls, now - self.read_at
        if stats is not UNCHANGED:
            self.phone_calls = (stats.answered or 0) + (stats.unanswered or 0)
        self.read_at = now
        return (0, 0.0) if before is None or self.phone_calls is None else (self.phone_calls - before, seconds)


class _DuePolls:
    """The polls that are due, handed out one by one; the wait for the next one lasts at least ``batch`` seconds."""

    def __init__(self, schedule: Schedule[TaskRef], batch: float) -> None:
        self._schedule = schedule
        self._batch = batch
        self._changed = asyncio.Event()
        self._waiting_until = math.inf

    async def next(self) -> Due[TaskRef]:
        """Wait until a poll is due, and return the most urgent one."""
        loop = asyncio.get_running_loop()
        while True:
            self._changed.clear()
            now = loop.time()
            if due := self._schedule.pop(now):
                return due
            seconds = max(self._batch, self._schedule.next_due(now))
            self._waiting_until = now + seconds
            alarm = loop.call_later(seconds, self._changed.set) if seconds < math.inf else None
            try:
                await self._changed.wait()
            finally:
                if alarm is not None:
                    alarm.cancel()

    def look_again(self) -> None:
        """End the wait, since the tasks have changed."""
        self._changed.set()

    def look_again_if_earlier(self) -> None:
        """End the wait if a poll has become due more than a batch before its end."""
        now = asyncio.get_running_loop().time()
        if now + self._schedule.next_due(now) + self._batch < self._waiting_until:
            self._changed.set()


class AccountPoller:
    """Polls the tasks of one account. ``clock`` is the wall clock; intervals are measured with the loop's clock."""

    def __init__(
        self,
        settings: Settings,
        account: AccountSettings,
        *,
        client: YunfuClient,
        store: Store,
        metrics: ExporterMetrics,
        clock: Callable[[], float],
        rng: random.Random,
    ) -> None:
        self._account = account.name
        self._cadence = Cadence(settings.poll.interval, settings.poll.idle_interval)
        self.gate = client.gate
        self._reader = TaskReader(client, settings, metrics=metrics, clock=clock)
        self._store = store
        self._lag = metrics.poll_lag.labels(account.name)
        self._rng = rng
        self._schedule: Schedule[TaskRef] = Schedule()
        self._intervals = TaskIntervals(self._schedule, settings.poll, windows=len(settings.windows))
        self._tasks: dict[TaskRef, _Progress] = {}
        # Without places all that is due would queue at the gate in the order it came, and not by urgency.
        self._places = asyncio.Semaphore(client.gate.concurrency)
        self._due = _DuePolls(self._schedule, min(BATCH_SECONDS, settings.poll.interval / 100))
        self._outages = Outages(account.name)
        self._untried: set[TaskRef] = set()
        self._reserved = 0.0
        self.first_round = asyncio.Event()
        """Set while every task has been tried at least once."""

    async def run(self) -> None:
        """Poll until cancelled."""
        async with asyncio.TaskGroup() as group:
            group.create_task(self._share_regularly())
            while True:
                await self._places.acquire()
                due = await self._due.next()
                self._lag.observe(asyncio.get_running_loop().time() - due.since)
                group.create_task(self._work(due, self._tasks[due.key]))

    def update(self, tasks: Iterable[Task]) -> None:
        """Poll these tasks from now on and no others; the state of those that stay is kept."""
        wanted = {task.ref: task for task in tasks}
        for ref in self._tasks.keys() - wanted.keys():
            self._remove(ref)
        now = asyncio.get_running_loop().time()
        for task in wanted.values():
            self._add_or_change(task, now)
        self._share()  # which depends on all of them
        for ref in wanted:
            self._store.put_task(self._tasks[ref].task, self._schedule.interval(ref))
        self._update_first_round()
        self._due.look_again()

    @property
    def task_count(self) -> int:
        """How many tasks are polled."""
        return len(self._tasks)

    def next_poll(self, ref: TaskRef) -> float | None:
        """Return the seconds until a task's next poll; None: it is not polled, or a poll is under way."""
        return self._schedule.due_in(ref, asyncio.get_running_loop().time())

    @property
    def calls_per_second(self) -> float:
        """The API calls per second that the tasks would have with enough quota."""
        return self._intervals.calls_per_second + self._reserved

    def reserve(self, calls_per_second: float) -> None:
        """Allow for the API calls per second that discovery makes under the same quota."""
        self._reserved = calls_per_second

    async def poll_all(self) -> None:
        """Poll every task once."""
        async with asyncio.TaskGroup() as group:
            for progress in self._tasks.values():
                group.create_task(self._attempt(progress))

    async def _share_regularly(self) -> None:
        """Share the quota anew at intervals until cancelled: call rates change, and so does what others leave."""
        while True:
            await asyncio.sleep(SHARE_SECONDS)
            for ref in self._share():
                self._store.put_task(self._tasks[ref].task, self._schedule.interval(ref))
            self._due.look_again()

    def _share(self) -> set[TaskRef]:
        """Share the quota among the tasks; return those that have another interval now."""
        self.gate.demand(self.calls_per_second * 60)
        calls = max(LEAST_SHARE * self.gate.share / 60, self.gate.share / 60 - self._reserved)
        return self._intervals.share(calls, asyncio.get_running_loop().time())

    def _add_or_change(self, task: Task, now: float) -> None:
        progress = self._tasks.get(task.ref)
        if progress is None:
            self._tasks[task.ref] = progress = _Progress(task)
            record = self._store.record(task.ref)
            if record is not None and record.windows:
                progress.memory = self._reader.resume(record.windows, self._store.clock())
            resumed = progress.resume(record, now, self._store.clock())
            self._intervals.add(task.ref, task.ref.id, progress.interval(self._cadence), now, resumed)
            if resumed is None:
                self._untried.add(task.ref)
        elif task != progress.task:
            progress.task = task
            self._intervals.ask(task.ref, progress.interval(self._cadence), now)

    def _remove(self, ref: TaskRef) -> None:
        del self._tasks[ref]
        self._intervals.remove(ref)
        self._untried.discard(ref)
        self._outages.forget(ref)

    async def _work(self, due: Due[TaskRef], progress: _Progress) -> None:
        """Poll a task, schedule its next poll, and release its place."""
        loop = asyncio.get_running_loop()
        started = loop.time()
        try:
            retry_in = await self._attempt(progress)
            self._schedule.done(due, started, loop.time(), retry_in=retry_in)
            self._due.look_again_if_earlier()
        finally:
            self._places.release()

    async def _attempt(self, progress: _Progress) -> float | None:
        """Poll a task as ``_poll`` does, but survive a fault of our own: it must not end the other tasks' polls."""
        ref = progress.task.ref
        try:
            return await self._poll(progress)
        except Exception:
            log.exception("poll broke off", account=ref.account, task=ref.id)
            return self._cadence.idle_interval
        finally:
            if self._tasks.get(ref) is progress:
                self._untried.discard(ref)
                self._update_first_round()

    async def _poll(self, progress: _Progress) -> float | None:
        """Poll a task and record the outcome; return the seconds to back off, or None for the next turn."""
        ref = progress.task.ref
        started = asyncio.get_running_loop().time()
        memory = _remembered(progress, self._store)
        outcome, error = await self._reader.read(ref, memory)
        if self._tasks.get(ref) is not progress:  # it was removed while the API call was under way
            return None
        self._outages.record(progress.task, error)
        progress.failures = progress.failures + 1 if error else 0
        seconds = asyncio.get_running_loop().time() - started
        moved = self._store.record_poll(progress.task, outcome, self._schedule.interval(ref), seconds)
        progress.memory = memory  # and not before: a response that did not reach the store is to be parsed again
        if outcome.stats is not None:
            progress.record(outcome.stats, moved=moved)
            self._intervals.observe(ref, *progress.count_calls(outcome.stats, started))
            self._adapt_interval(progress)
        if error is None or error.holds:  # the gate sees to a hold
            return None
        if error.lasting:
            return self._cadence.idle_interval * self._rng.uniform(0.75, 1.0)
        return back_off(self._schedule.interval(ref), progress.failures, self._rng)

    def _adapt_interval(self, progress: _Progress) -> None:
        ref = progress.task.ref
        if self._intervals.ask(ref, progress.interval(self._cadence), asyncio.get_running_loop().time()):
            self._store.put_task(progress.task, self._schedule.interval(ref))

    def _update_first_round(self) -> None:
        if self._untried:
            self.first_round.clear()
        else:
            self.first_round.set()


def _remembered(progress: _Progress, store: Store) -> Memory:
    """Return a copy of a task's memory; an empty one if the store no longer has what was read."""
    record = store.record(progress.task.ref)
    return progress.memory.copy() if record is not None and record.stats_lines else Memory()
