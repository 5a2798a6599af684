"""The loop: takes what is due, has it read, lays the outcome in the store. One poller per account.

Whenever something is due and a place is free, the most urgent task is polled, beside as many others as calls may run at
once; a slow call takes up one place, a held account only its own. What fails is told once, when it begins and when it
ends, not at every poll.
"""

from __future__ import annotations

import asyncio
import math
import random
from collections.abc import Callable, Iterable
from dataclasses import dataclass, field
from typing import Final
from zoneinfo import ZoneInfo

from exporter.api.client import YunfuClient
from exporter.api.errors import ApiError
from exporter.api.model import Task, TaskRef
from exporter.logs import get_logger
from exporter.metrics.instrumentation import ExporterMetrics
from exporter.metrics.store import UNCHANGED, Store, TaskRecord
from exporter.polling.reading import Memory, TaskReader
from exporter.polling.schedule import Cadence, Due, Schedule, back_off
from exporter.polling.windows import Window

log = get_logger(__name__)

BATCH_SECONDS: Final = 0.05
"""Polls that fall due within so long of each other start together: to wake up for each costs twice the processor time.

It is less where intervals are short: a poll starts late by a hundredth of the interval at most.
"""


@dataclass(frozen=True, slots=True)
class PollPlan:
    """How an account is polled: at what cadence, which windows beside the whole life, how many calls at once."""

    cadence: Cadence
    concurrency: int
    rate_limit: float
    timezone: ZoneInfo
    tag_limit: int
    windows: tuple[Window, ...] = ()


@dataclass(slots=True)
class _Progress:
    """What the poller remembers of a task between its polls."""

    task: Task
    seen: bool = False
    still_polls: int = 1  # nothing was seen to move yet
    finished: bool = False
    failures: int = 0
    error: ApiError | None = None
    memory: Memory = field(default_factory=Memory)
    turn: asyncio.Lock = field(default_factory=asyncio.Lock)


@dataclass(slots=True)
class _Outages:
    """Which tasks fail for a reason that is not their own, so that an outage is one line and not one per task."""

    account: str
    failing: dict[str, set[TaskRef]] = field(default_factory=dict)

    def begin(self, ref: TaskRef, error: ApiError) -> None:
        tasks = self.failing.setdefault(error.reason, set())
        if not tasks:
            log.warning(
                "calls fail",
                account=self.account,
                reason=error.reason,
                error=error,
                task=ref.id,
            )
        tasks.add(ref)

    def end(self, ref: TaskRef, reason: str) -> None:
        tasks = self.failing.get(reason, set())
        tasks.discard(ref)
        if not tasks and self.failing.pop(reason, None) is not None:
            log.info("calls no longer fail for this reason", account=self.account, reason=reason)


class AccountPoller:
    """Polls the tasks of one account. ``clock`` is Unix time; intervals are measured with the loop's clock."""

    def __init__(
        self,
        account: str,
        plan: PollPlan,
        *,
        client: YunfuClient,
        store: Store,
        metrics: ExporterMetrics,
        clock: Callable[[], float],
        rng: random.Random,
    ) -> None:
        self.account = account
        self._plan = plan
        self._reader = TaskReader(
            client,
            windows=plan.windows,
            timezone=plan.timezone,
            tag_limit=plan.tag_limit,
            clock=clock,
            count_unread=self._count_unread,
        )
        self._store = store
        self._metrics = metrics
        self._lag = metrics.poll_lag.labels(account)
        self._rng = rng
        self._schedule: Schedule[TaskRef] = Schedule()
        self._tasks: dict[TaskRef, _Progress] = {}
        self._places = asyncio.Semaphore(plan.concurrency)
        self._batch = min(BATCH_SECONDS, plan.cadence.interval / 100)
        self._changed = asyncio.Event()
        self._waiting_until = math.inf
        self._outages = _Outages(account)
        self._untried: set[TaskRef] = set()
        self._reserved = 0.0
        self.first_round = asyncio.Event()
        """Set while every task has been tried at least once."""

    async def run(self) -> None:
        """Poll until cancelled."""
        async with asyncio.TaskGroup() as group:
            while True:
                await self._places.acquire()
                due = await self._next_due()
                group.create_task(self._work(due, self._tasks[due.key]))

    def update(self, tasks: Iterable[Task]) -> None:
        """Poll these tasks from now on and no others; what is known of those that stay is kept."""
        wanted = {task.ref: task for task in tasks}
        for ref in self._tasks.keys() - wanted.keys():
            self._drop(ref)
        now = asyncio.get_running_loop().time()
        for task in wanted.values():
            self._take(task, now)
        stretch = self._stretch()  # which depends on all of them
        for ref in wanted:
            self._store.know(self._tasks[ref].task, self._schedule.interval(ref) * stretch)
        self._note_round()
        self._changed.set()

    def poll_interval(self, ref: TaskRef) -> float:
        """Return a task's interval in seconds, stretched where the quota does not suffice for all."""
        return self._schedule.interval(ref) * self._stretch()

    def next_poll(self, ref: TaskRef) -> float | None:
        """Return the seconds until a task's next poll; None: it is not polled, or a poll is under way."""
        return self._schedule.due_in(ref, asyncio.get_running_loop().time())

    @property
    def calls_per_second(self) -> float:
        """The calls that the intervals ask for, whatever the quota is."""
        return self._schedule.polls_per_second * (1 + len(self._plan.windows)) + self._reserved

    def _stretch(self) -> float:
        return max(1.0, self.calls_per_second / self._plan.rate_limit)

    def reserve(self, calls_per_second: float) -> None:
        """Reckon with so many calls a second that others make of the same quota."""
        self._reserved = calls_per_second

    async def poll_all(self) -> None:
        """Poll every task once."""
        async with asyncio.TaskGroup() as group:
            for progress in self._tasks.values():
                group.create_task(self._attempt(progress))

    async def probe(self, task: Task) -> TaskRecord:
        """Poll any task now and return what is known of it; of one that is not polled anyway nothing is kept."""
        progress = self._tasks.get(task.ref)
        if progress is not None:
            await self._poll(progress)
            record = self._store.record(task.ref)
            if record is not None:
                return record
        outcome, _ = await self._reader.read(task.ref, Memory())
        return self._store.render_once(task, outcome)

    def _take(self, task: Task, now: float) -> None:
        progress = self._tasks.get(task.ref)
        if progress is None:
            self._tasks[task.ref] = progress = _Progress(task)
            record = self._store.record(task.ref)
            known = record is not None and record.status.last_success is not None
            self._schedule.add(task.ref, task.ref.id, self._cadence(progress), now, at_once=not known)
            if not known:
                self._untried.add(task.ref)
        elif task != progress.task:
            progress.task = task
            self._schedule.set_interval(task.ref, self._cadence(progress), now)

    def _drop(self, ref: TaskRef) -> None:
        progress = self._tasks.pop(ref)
        self._schedule.remove(ref)
        self._untried.discard(ref)
        if progress.error is not None and not progress.error.is_tasks_own:
            self._outages.end(ref, progress.error.reason)

    def _cadence(self, progress: _Progress) -> float:
        state = progress.task.state
        return self._plan.cadence.of(state, still_polls=progress.still_polls, finished=progress.finished)

    async def _work(self, due: Due[TaskRef], progress: _Progress) -> None:
        """Poll a task, say when it is due again, and give up the place that it had."""
        loop = asyncio.get_running_loop()
        started = loop.time()
        try:
            retry_in = await self._attempt(progress)
            self._schedule.done(due, started, loop.time(), retry_in=retry_in)
            if loop.time() + self._schedule.next_due(loop.time()) + self._batch < self._waiting_until:
                self._changed.set()
        finally:
            self._places.release()

    async def _attempt(self, progress: _Progress) -> float | None:
        """Poll a task as ``_poll`` does, but survive a fault of our own: it must not take the other tasks along."""
        ref = progress.task.ref
        try:
            return await self._poll(progress)
        except Exception:
            log.exception("poll broke off", account=ref.account, task=ref.id)
            return self._plan.cadence.idle_interval
        finally:
            if self._tasks.get(ref) is progress:
                self._untried.discard(ref)
                self._note_round()

    async def _next_due(self) -> Due[TaskRef]:
        """Wait for something to be due, but never for less than a batch."""
        loop = asyncio.get_running_loop()
        while True:
            self._changed.clear()
            now = loop.time()
            if due := self._schedule.pop(now):
                self._lag.observe(now - due.since)
                return due
            seconds = max(self._batch, self._schedule.next_due(now))
            self._waiting_until = now + seconds
            alarm = loop.call_later(seconds, self._changed.set) if seconds < math.inf else None
            try:
                await self._changed.wait()
            finally:
                if alarm is not None:
                    alarm.cancel()

    async def _poll(self, progress: _Progress) -> float | None:
        """Poll a task and lay the outcome in the store; return the seconds to back off, or None for the next turn."""
        ref = progress.task.ref
        async with progress.turn:  # else a probe could overtake a poll; what follows the reading does not wait
            started = asyncio.get_running_loop().time()
            memory = self._remembered(progress)
            outcome, error = await self._reader.read(ref, memory)
        if self._tasks.get(ref) is not progress:  # it was dropped while the call was under way
            return None
        self._tell(progress, error)
        progress.failures = progress.failures + 1 if error else 0
        seconds = asyncio.get_running_loop().time() - started
        moved = self._store.settle(progress.task, outcome, self.poll_interval(ref), seconds)
        progress.memory = memory  # and not before: an answer that was not laid in is to be read again
        if outcome.stats is not None:
            if progress.seen:  # at first sight nothing has been seen to move
                progress.still_polls = 0 if moved else progress.still_polls + 1
            progress.seen = True
            if outcome.stats is not UNCHANGED:
                progress.finished = (outcome.stats.progress_ratio or 0) >= 1
            cadence = self._cadence(progress)
            if cadence != self._schedule.interval(ref):
                self._schedule.set_interval(ref, cadence, asyncio.get_running_loop().time())
                self._store.know(progress.task, self.poll_interval(ref))
        if error is None or error.holds:  # the gate sees to a hold
            return None
        if error.lasting:
            return self._plan.cadence.idle_interval * self._rng.uniform(0.75, 1.0)
        return back_off(self._schedule.interval(ref), progress.failures, self._rng)

    def _remembered(self, progress: _Progress) -> Memory:
        """Return what is remembered of a task's answers: nothing, if the store has forgotten what was made of them."""
        record = self._store.record(progress.task.ref)
        return progress.memory.copy() if record is not None and record.reading_lines else Memory()

    def _count_unread(self, name: str, count: int) -> None:
        self._metrics.unread_fields.labels(self.account, name).inc(count)

    def _tell(self, progress: _Progress, error: ApiError | None) -> None:
        """Log a change of a task's state: its own failures one by one, those of the account or the way to it as one."""
        before, progress.error = progress.error, error
        if _kind(before) == _kind(error):
            return
        ref = progress.task.ref
        name = progress.task.name
        if before is not None and not before.is_tasks_own:
            self._outages.end(ref, before.reason)
        elif before is not None and error is None:
            log.info("task is read again", account=ref.account, task=ref.id, name=name)
        if error is not None and not error.is_tasks_own:
            self._outages.begin(ref, error)
        elif error is not None:
            log.warning(
                "task cannot be read",
                account=ref.account,
                task=ref.id,
                name=name,
                reason=error.reason,
                error=str(error),
            )

    def _note_round(self) -> None:
        if self._untried:
            self.first_round.clear()
        else:
            self.first_round.set()


def _kind(error: ApiError | None) -> tuple[str, bool] | None:
    """Return what failures have in common: the reason, and whether it is the task's own."""
    return None if error is None else (error.reason, error.is_tasks_own)
