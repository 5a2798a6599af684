"""The store: the latest record of every task and account, each swapped whole by one assignment.

Polling writes here and serving reads here; they meet nowhere else. The renderer makes a task's lines of exposition text
when the task is polled, so a scrape has only to join them. The numbers stay beside them, for the pages.
"""

from __future__ import annotations

from collections.abc import Callable, Collection, Mapping
from dataclasses import replace
from typing import Protocol

from exporter.api.model import Task, TaskRef, TaskStats
from exporter.metrics.counters import Sums, TaskCounters
from exporter.metrics.poll_history import Poll, add_poll
from exporter.metrics.recent_calls import Growth
from exporter.metrics.records import (
    UNCHANGED,
    AccountStatus,
    CountedStats,
    Lines,
    PollOutcome,
    TaskRecord,
    TaskStatus,
    WindowLines,
)
from exporter.metrics.trouble import is_dialling, watch


class Renderer(Protocol):
    """Turns values into lines of exposition text."""

    def status(self, status: TaskStatus, before: TaskRecord | None = None) -> Lines:
        """Render a status; ``before`` is the record that this renderer made of the task last time."""

    def stats(self, ref: TaskRef, counted: CountedStats) -> Lines:
        """Render the statistics of the whole life and the counters."""

    def window(self, ref: TaskRef, window: str, stats: TaskStats) -> Lines:
        """Render the statistics of a window."""


class Store:
    """Holds one record per task and one status per account. ``clock`` is Unix time that nobody steps, ``stale_after`` is seconds.

    Tasks are judged as if time ran ``pace`` times as fast.
    ``task_changed`` and ``account_changed`` are called with the name of each that is put, changed or dropped.
    """

    def __init__(self, renderer: Renderer, clock: Callable[[], float], stale_after: float = 0.0) -> None:
        self.clock = clock
        self.pace = 1.0
        self.task_changed: Callable[[TaskRef], None] = _ignore
        self.account_changed: Callable[[str], None] = _ignore
        self._renderer = renderer
        self._stale_after = stale_after
        self._records: dict[TaskRef, TaskRecord] = {}
        self._counters: dict[TaskRef, TaskCounters] = {}
        self._accounts: dict[str, AccountStatus] = {}

    def records(self) -> list[TaskRecord]:
        """Return a snapshot: it does not change under a reader's hands."""
        return list(self._records.values())

    def records_of(self, account: str) -> list[TaskRecord]:
        """Return the records of one account's tasks."""
        return [record for ref, record in self._records.items() if ref.account == account]

    def record(self, ref: TaskRef) -> TaskRecord | None:
        """Return the record of one task, or None if there is none."""
        return self._records.get(ref)

    def accounts(self) -> list[AccountStatus]:
        """Return a snapshot of the accounts."""
        return list(self._accounts.values())

    def account(self, name: str) -> AccountStatus:
        """Return the status of an account; one that has no status yet has an empty one."""
        return self._accounts.get(name) or AccountStatus(name)

    def put_account(self, status: AccountStatus) -> None:
        """Replace the status of an account."""
        self._accounts[status.name] = status
        self.account_changed(status.name)

    def put_task(self, task: Task, interval: float | None) -> None:
        """Add or update a task and its interval in seconds, None: it is not polled; what was read of it stays.

        An interval alone that differs by less than 1 % is left to the next poll: one task more changes the interval of
        all where the quota is short, and to render thousands anew takes long. A task that is polled on stays missing
        until a poll finds it; any other has just been listed, so it is not missing.
        """
        before = self._records.get(task.ref)
        last = TaskStatus(task) if before is None else before.status
        is_same = last.task is task or last.task == task
        if before is not None and is_same and _hardly_differ(last.interval, interval) and last.missing_since is None:
            return  # nearly always: discovery finds what is in the store
        polled_on = interval is not None and last.interval is not None
        missing_since = last.missing_since if polled_on else None
        paced = before and before.paced(interval, self.clock())
        task = last.task if is_same else task  # the renderer knows by it that the facts are the same
        status = replace(paced.status if paced else last, task=task, interval=interval, missing_since=missing_since)
        if before is None or status != last:
            self._put(status, paced)

    def record_poll(self, task: Task, outcome: PollOutcome, interval: float, seconds: float = 0.0) -> bool:
        """Record the outcome of a poll that took some seconds; return whether the counts moved since the poll before.

        The first statistics of a task count as moved. ``interval`` is the seconds until the next success is expected.
        UNCHANGED statistics must be those of the record.
        """
        ref, now = task.ref, self.clock()
        before = (kept := self._records.get(ref)) and kept.paced(interval, now)
        status = _status_after(before.status if before else TaskStatus(task), task, outcome, interval, now)
        record = before or self._begin(status)
        moved, growth, stats, lines, windows = False, Growth(), record.stats, record.stats_lines, record.windows
        if isinstance(outcome.stats, TaskStats):
            stats = outcome.stats
            moved, growth, lines = self._count(ref, stats)
            growth = _of_both_outcomes(growth, record.stats, stats)
        if outcome.windows:
            windows = _windows(self._renderer, ref, outcome, now, interval, windows or {})
        poll = Poll(now, seconds, outcome.failure.reason if outcome.failure else "")
        recent, trouble = watch(record.recent, record.trouble, task, growth, record.judged_at(now))
        self._keep(
            replace(
                record,
                status=status,
                status_lines=self._renderer.status(status, before),
                stats_lines=lines,
                windows=windows,
                stats=stats,
                polls=add_poll(record.polls, poll),
                recent=recent,
                trouble=trouble,
                exchange=outcome.exchange,
            )
        )
        return moved

    def render_once(self, task: Task, outcome: PollOutcome) -> TaskRecord:
        """Render what a poll brought without keeping it; counters need watching, so they are those of the last poll kept."""
        before, now = self._records.get(task.ref), self.clock()
        last = before.status if before else TaskStatus(task)
        status = replace(last, task=task, up=outcome.failure is None, failure=outcome.failure)
        record = before or self._begin(status)
        lines = record.stats_lines
        if isinstance(outcome.stats, TaskStats):
            status = replace(status, last_success=now, due=now + (last.interval or 0))
            lines = self._renderer.stats(task.ref, _counted(outcome.stats, self.sums(task.ref)))
        windows = _windows(self._renderer, task.ref, outcome, now, 0, record.windows or {})
        shown = self._renderer.status(status)
        return replace(record, status=status, status_lines=shown, stats_lines=lines, windows=windows)

    def use(self, renderer: Renderer) -> None:
        """Render from now on with another renderer, and the status of all tasks anew.

        Their configured labels are dropped, as they may not be those of this renderer; ``put_task`` brings the new ones.
        """
        self._renderer = renderer
        for record in self.records():
            status = replace(record.status, task=replace(record.status.task, labels=()))
            self._records[status.task.ref] = replace(record, status=status, status_lines=renderer.status(status))

    def set_stale_after(self, stale_after: float) -> None:
        """Judge from now on by another ``stale_after``, all tasks."""
        self._stale_after = stale_after
        for record in self.records():
            self._records[record.status.task.ref] = replace(record, stale_after=stale_after)

    def shift(self, seconds: float) -> None:
        """Move all times by some seconds; the clock has just been shifted by as many."""
        for record in self.records():
            self._keep(_shifted(record, seconds, self._renderer))
        for status in self.accounts():
            self.put_account(status.shifted(seconds))

    def mark_missing(self, ref: TaskRef) -> None:
        """Mark a task as no longer listed by the platform; it leaves after ``stale_after``."""
        record = self._records.get(ref)
        if record is not None and record.status.missing_since is None:
            self._put(replace(record.status, interval=None, missing_since=self.clock()), record)

    def keep_windows(self, ref: TaskRef, names: Collection[str]) -> None:
        """Drop the other windows of a task: they are no longer asked for."""
        record = self._records[ref]
        windows = {name: lines for name, lines in (record.windows or {}).items() if name in names}
        if len(windows) < len(record.windows or {}):  # hardly ever: thousands of records need no copy at each reload
            self._keep(replace(record, windows=windows))

    def forget(self, ref: TaskRef) -> None:
        """Drop a task."""
        self._records.pop(ref, None)
        self._counters.pop(ref, None)
        self.task_changed(ref)

    def forget_account(self, name: str) -> None:
        """Drop an account and all its tasks."""
        self._accounts.pop(name, None)
        self.account_changed(name)
        for ref in [ref for ref in self._records if ref.account == name]:
            self.forget(ref)

    def sums(self, ref: TaskRef) -> Sums | None:
        """Return what the counters of a task remember, or None if there are none."""
        return counters.sums() if (counters := self._counters.get(ref)) else None

    def restore(self, saved: TaskRecord, sums: Sums | None, *, shows_counters: bool = True) -> None:
        """Put back a record of before a restart, which lacks only its lines; its counters go on from ``sums``."""
        self._counters[saved.status.task.ref] = TaskCounters(sums or Sums())
        record = _rendered(saved, sums if shows_counters else None, self._renderer)
        self._records[saved.status.task.ref] = replace(record, stale_after=self._stale_after, pace=self.pace)

    def _count(self, ref: TaskRef, stats: TaskStats) -> tuple[bool, Growth, Lines]:
        """Count what has grown; return whether anything moved, the growth, and the lines of statistics and counters."""
        counters = self._counters.setdefault(ref, TaskCounters())
        before = counters.counted()
        moved = counters.observe(stats)
        counted = CountedStats(stats, counters.calls, counters.numbers, counters.resets)
        return moved, counters.counted().since(before), self._renderer.stats(ref, counted)

    def _put(self, status: TaskStatus, before: TaskRecord | None) -> None:
        record = before or self._begin(status)
        trouble = record.trouble if is_dialling(status.task) else None  # as the alerts end, at once
        self._keep(replace(record, status=status, status_lines=self._renderer.status(status, before), trouble=trouble))

    def _begin(self, status: TaskStatus) -> TaskRecord:
        return TaskRecord(status=status, status_lines=(), stale_after=self._stale_after, pace=self.pace)

    def _keep(self, record: TaskRecord) -> None:
        self._records[record.status.task.ref] = record
        self.task_changed(record.status.task.ref)


def _windows(
    renderer: Renderer,
    ref: TaskRef,
    outcome: PollOutcome,
    now: float,
    interval: float,
    before: Mapping[str, WindowLines],
) -> dict[str, WindowLines]:
    """Return the windows after a poll: those that it has read, rendered, and the others of ``before``.

    Unchanged ones keep the lines of ``before``.
    """
    return {**before} | {
        window: replace(before[window], read_at=now, due=now + max(interval, least), expires=expires, interval=least)
        if stats is UNCHANGED
        else WindowLines(
            renderer.window(ref, window, stats), stats, now, now + max(interval, least), expires, interval=least
        )
        for window, stats, expires, least in outcome.windows
    }


def _rendered(saved: TaskRecord, sums: Sums | None, renderer: Renderer) -> TaskRecord:
    ref = saved.status.task.ref
    counted = saved.stats and _counted(saved.stats, sums)
    return replace(
        saved,
        status_lines=renderer.status(saved.status),
        stats_lines=renderer.stats(ref, counted) if counted else (),
        windows={
            name: replace(window, lines=renderer.window(ref, name, window.stats))
            for name, window in (saved.windows or {}).items()
        },
    )


def _counted(stats: TaskStats, sums: Sums | None) -> CountedStats:
    return CountedStats(stats, *((sums.calls, sums.numbers, sums.resets) if sums else ({}, {}, None)))


def _shifted(record: TaskRecord, seconds: float, renderer: Renderer) -> TaskRecord:
    shifted = record.shifted(seconds)
    return replace(shifted, status_lines=renderer.status(shifted.status, record))


def _of_both_outcomes(growth: Growth, before: TaskStats | None, stats: TaskStats) -> Growth:
    """Return a growth without its calls if those of an outcome are unknown before or after: their share would say nothing."""
    is_known = before is not None and before.has_outcomes and stats.has_outcomes
    return growth if is_known else growth._replace(calls=0, answered=0)


def _ignore(_: object) -> None:
    """Do nothing, where nobody listens."""


def _hardly_differ(recorded: float | None, interval: float | None) -> bool:
    """Return whether two intervals in seconds differ by less than 1 %; None is like None alone."""
    if recorded is None or interval is None:
        return recorded is interval
    return abs(recorded - interval) < 0.01 * interval


def _status_after(last: TaskStatus, task: Task, outcome: PollOutcome, interval: float, now: float) -> TaskStatus:
    return TaskStatus(
        task,
        interval=interval,
        up=outcome.failure is None,
        last_success=last.last_success if outcome.stats is None else now,
        failure=outcome.failure,
        missing_since=_missing_since(last, outcome, now),
        due=last.due if outcome.stats is None else now + interval,
    )


def _missing_since(last: TaskStatus, outcome: PollOutcome, now: float) -> float | None:
    """Return since when the platform has denied the task; a time-out in between says nothing about that."""
    if outcome.failure is not None and outcome.failure.missing:
        return last.missing_since or now
    return None if outcome.stats is not None else last.missing_since
