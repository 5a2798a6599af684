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
from exporter.polling.outages import Outages
from exporter.polling.schedule import Cadence, Due, Schedule, back_off
from exporter.polling.task_reader import Memory, TaskReader

log = get_logger(__name__)

BATCH_SECONDS: Final = 0.05
"""Polls that fall due within this time of each other start together: to wake up for each costs twice the processor time.

It is less where intervals are short: a poll starts late by a hundredth of the interval at most.
"""


@dataclass(slots=True)
class _Progress:
    """What the poller remembers of a task between its polls."""

    task: Task
    seen: bool = False
    still_polls: int = 1  # the first poll cannot show a change
    finished: bool = False
    failures: int = 0
    memory: Memory = field(default_factory=Memory)
    turn: asyncio.Lock = field(default_factory=asyncio.Lock)

    def interval(self, cadence: Cadence) -> float:
        """Return the seconds between two polls of the task, as far as the quota allows it."""
        return cadence.of(self.task.state, still_polls=self.still_polls, finished=self.finished)

    def record(self, stats: TaskStats | Unchanged, *, moved: bool) -> None:
        """Record the statistics of a poll, and whether they differ from those of the poll before."""
        if self.seen:  # the first statistics have nothing to differ from
            self.still_polls = 0 if moved else self.still_polls + 1
        self.seen = True
        if stats is not UNCHANGED:
            self.finished = (stats.progress_ratio or 0) >= 1


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
    """Polls the tasks of one account. ``clock`` is Unix time; intervals are measured with the loop's clock."""

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
        self._calls_per_poll = 1 + len(settings.windows)
        self._rate_limit = account.rate_limit
        self._reader = TaskReader(client, settings, clock=clock, count_unread=self._count_unread)
        self._store = store
        self._metrics = metrics
        self._lag = metrics.poll_lag.labels(account.name)
        self._rng = rng
        self._schedule: Schedule[TaskRef] = Schedule()
        self._tasks: dict[TaskRef, _Progress] = {}
        # Without places all that is due would queue at the gate in the order it came, and not by urgency.
        self._places = asyncio.Semaphore(account.concurrency)
        self._due = _DuePolls(self._schedule, min(BATCH_SECONDS, settings.poll.interval / 100))
        self._outages = Outages(account.name)
        self._untried: set[TaskRef] = set()
        self._reserved = 0.0
        self.first_round = asyncio.Event()
        """Set while every task has been tried at least once."""

    async def run(self) -> None:
        """Poll until cancelled."""
        async with asyncio.TaskGroup() as group:
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
        stretch = self._stretch()  # which depends on all of them
        for ref in wanted:
            self._store.put_task(self._tasks[ref].task, self._schedule.interval(ref) * stretch)
        self._update_first_round()
        self._due.look_again()

    def poll_interval(self, ref: TaskRef) -> float:
        """Return a task's interval in seconds, stretched where the quota does not suffice for all."""
        return self._schedule.interval(ref) * self._stretch()

    def next_poll(self, ref: TaskRef) -> float | None:
        """Return the seconds until a task's next poll; None: it is not polled, or a poll is under way."""
        return self._schedule.due_in(ref, asyncio.get_running_loop().time())

    @property
    def calls_per_second(self) -> float:
        """The API calls per second that the intervals ask for, whatever the quota is."""
        return self._schedule.polls_per_second * self._calls_per_poll + self._reserved

    def reserve(self, calls_per_second: float) -> None:
        """Allow for the API calls per second that discovery makes under the same quota."""
        self._reserved = calls_per_second

    async def poll_all(self) -> None:
        """Poll every task once."""
        async with asyncio.TaskGroup() as group:
            for progress in self._tasks.values():
                group.create_task(self._attempt(progress))

    async def probe(self, task: Task) -> TaskRecord:
        """Poll any task now and return its record; a task that is not polled anyway leaves nothing in the store."""
        progress = self._tasks.get(task.ref)
        if progress is not None:
            await self._poll(progress)
            record = self._store.record(task.ref)
            if record is not None:
                return record
        outcome, _ = await self._reader.read(task.ref, Memory())
        return self._store.render_once(task, outcome)

    def _stretch(self) -> float:
        return max(1.0, self.calls_per_second / self._rate_limit)

    def _add_or_change(self, task: Task, now: float) -> None:
        progress = self._tasks.get(task.ref)
        if progress is None:
            self._tasks[task.ref] = progress = _Progress(task)
            record = self._store.record(task.ref)
            known = record is not None and record.status.last_success is not None
            self._schedule.add(task.ref, task.ref.id, progress.interval(self._cadence), now, at_once=not known)
            if not known:
                self._untried.add(task.ref)
        elif task != progress.task:
            progress.task = task
            self._schedule.set_interval(task.ref, progress.interval(self._cadence), now)

    def _remove(self, ref: TaskRef) -> None:
        del self._tasks[ref]
        self._schedule.remove(ref)
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
        async with progress.turn:  # else a probe could overtake a poll; what follows the reading does not wait
            started = asyncio.get_running_loop().time()
            memory = self._memory(progress)
            outcome, error = await self._reader.read(ref, memory)
        if self._tasks.get(ref) is not progress:  # it was removed while the API call was under way
            return None
        self._outages.record(progress.task, error)
        progress.failures = progress.failures + 1 if error else 0
        seconds = asyncio.get_running_loop().time() - started
        moved = self._store.record_poll(progress.task, outcome, self.poll_interval(ref), seconds)
        progress.memory = memory  # and not before: a response that did not reach the store is to be parsed again
        if outcome.stats is not None:
            progress.record(outcome.stats, moved=moved)
            self._adapt_interval(progress)
        if error is None or error.holds:  # the gate sees to a hold
            return None
        if error.lasting:
            return self._cadence.idle_interval * self._rng.uniform(0.75, 1.0)
        return back_off(self._schedule.interval(ref), progress.failures, self._rng)

    def _adapt_interval(self, progress: _Progress) -> None:
        ref, interval = progress.task.ref, progress.interval(self._cadence)
        if interval != self._schedule.interval(ref):
            self._schedule.set_interval(ref, interval, asyncio.get_running_loop().time())
            self._store.put_task(progress.task, self.poll_interval(ref))

    def _memory(self, progress: _Progress) -> Memory:
        """Return a copy of a task's memory; an empty one if the store no longer has what was read."""
        record = self._store.record(progress.task.ref)
        return progress.memory.copy() if record is not None and record.reading_lines else Memory()

    def _count_unread(self, name: str, count: int) -> None:
        self._metrics.unread_fields.labels(self._account, name).inc(count)

    def _update_first_round(self) -> None:
        if self._untried:
            self.first_round.clear()
        else:
            self.first_round.set()
