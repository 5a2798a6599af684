"""The latest outcome of every task and account, as immutable values swapped by one assignment.

Collecting writes here and serving reads here; they meet nowhere else. What a task's lines on the page are is decided by
the renderer that is passed in, when the task is polled: a scrape has only to join the lines. The numbers stay beside
them, for the pages.
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Callable, Collection, Iterable, Mapping
from dataclasses import KW_ONLY, dataclass, replace
from enum import Enum
from typing import Final, NamedTuple, Protocol

from exporter.api.errors import Failure
from exporter.api.model import Task, TaskRef, TaskState, TaskStats
from exporter.metrics.counters import Sums, TaskCounters
from exporter.metrics.poll_history import Poll, add_poll

Lines = tuple[bytes, ...]
"""One piece of exposition text per metric family, in the order of the table of families."""


@dataclass(frozen=True, slots=True)
class TaskStatus:
    """What is known of a task beside its statistics. Times are Unix seconds, the interval is seconds.

    ``up`` is None until the first poll, ``last_success`` until the first that worked, and ``interval`` is None for a
    task that is known but not polled. ``failure`` is why the last poll failed, None if it worked.
    ``missing_since`` is when the platform began to say that there is no such task, and ``due`` is when the success after
    the last one is expected.
    """

    task: Task
    _: KW_ONLY
    interval: float | None = None
    up: bool | None = None
    last_success: float | None = None
    failure: Failure | None = None
    missing_since: float | None = None
    due: float | None = None


@dataclass(frozen=True, slots=True)
class Reading:
    """The statistics of a task's whole life, and the counters that follow from watching them."""

    stats: TaskStats
    calls: Mapping[str, int]
    numbers: Mapping[str, int]
    resets: int | None


class Unchanged(Enum):
    """Stands for statistics that are those the store holds already: the platform's answer was the same, byte for byte."""

    UNCHANGED = "unchanged"


UNCHANGED: Final = Unchanged.UNCHANGED


class WindowReading(NamedTuple):
    """The statistics of one window. At ``expires`` (Unix seconds) the window has moved on and they say nothing."""

    window: str
    stats: TaskStats | Unchanged
    expires: float


@dataclass(frozen=True, slots=True)
class PollOutcome:
    """The outcome of one poll of a task: what was read, and why the first API call that failed did (None: none failed)."""

    stats: TaskStats | Unchanged | None = None
    windows: tuple[WindowReading, ...] = ()
    failure: Failure | None = None


@dataclass(frozen=True, slots=True)
class AccountStatus:
    """What is known of an account. Times are Unix seconds; None: not known, or not yet.

    ``up`` is whether the platform served the account's last API call, ``failure`` why it did not. ``discovery_interval`` is seconds, None without
    discovery; ``rate_limit`` is API calls a second.
    """

    name: str
    _: KW_ONLY
    up: bool | None = None
    failure: Failure | None = None
    token_expiry: float | None = None
    discovery_last_success: float | None = None
    discovery_interval: float | None = None
    rate_limit: float | None = None
    tasks_left_out: int = 0


class Renderer(Protocol):
    """Turns values into lines of exposition text."""

    def status(self, status: TaskStatus, before: TaskRecord | None = None) -> Lines:
        """Render what is known beside the statistics; ``before`` is what this renderer made of the task last time."""

    def reading(self, ref: TaskRef, reading: Reading) -> Lines:
        """Render the statistics of the whole life and the counters."""

    def window(self, ref: TaskRef, window: str, stats: TaskStats) -> Lines:
        """Render the statistics of a window."""


@dataclass(frozen=True, slots=True)
class WindowLines:
    """The rendered statistics of a window, when they were read and are due again, and when the window moves on."""

    lines: Lines
    stats: TaskStats
    read_at: float
    due: float
    expires: float


@dataclass(frozen=True, slots=True, kw_only=True)
class TaskRecord:
    """The latest of one task, rendered.

    ``stale_after`` is by how many seconds a success may be overdue, or the task be denied, before it leaves /metrics.
    ``stats`` are the statistics of ``reading_lines``, and ``polls`` are the last polls, packed by ``poll_history``.
    """

    status: TaskStatus
    status_lines: Lines
    stale_after: float
    reading_lines: Lines = ()
    windows: Mapping[str, WindowLines] | None = None
    stats: TaskStats | None = None
    polls: bytes = b""

    def is_fresh(self, now: float) -> bool:
        """Return whether the statistics may still be shown at a moment (Unix seconds)."""
        due = self.status.due
        return due is not None and now <= due + self.stale_after

    def is_gone(self, now: float) -> bool:
        """Return whether the platform has been denying the task for too long to show it at a moment (Unix seconds)."""
        since = self.status.missing_since
        return since is not None and now > since + self.stale_after

    def fresh_windows(self, now: float) -> Iterable[Lines]:
        """Return the lines of the windows that may still be shown at a moment (Unix seconds)."""
        for window in (self.windows or {}).values():
            if now < window.expires and now <= window.due + self.stale_after:
                yield window.lines

    def paced(self, interval: float | None, now: float) -> TaskRecord:
        """Return the record with its interval changed now; without one, what was due stays due.

        A longer interval counts from the last success. A shorter one counts from now: that the task would have been
        polled by now, had its interval been that short, makes no success overdue.
        """
        status = self.status
        if interval == status.interval:
            return self
        if interval is None or status.last_success is None or status.due is None:
            return replace(self, status=replace(status, interval=interval))
        latest = now + interval
        windows = {
            name: replace(window, due=max(window.read_at + interval, min(window.due, latest)))
            for name, window in (self.windows or {}).items()
        }
        due = max(status.last_success + interval, min(status.due, latest))
        return replace(self, status=replace(status, interval=interval, due=due), windows=windows)


class Store:
    """Holds one record per task and one status per account. ``clock`` is Unix time, ``stale_after`` is seconds.

    ``task_changed`` and ``account_changed`` are called with the name of each that is put, changed or dropped.
    """

    def __init__(self, renderer: Renderer, clock: Callable[[], float], stale_after: float = 0.0) -> None:
        self.clock = clock
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
        """Return what is known of one task, or None if it is not known."""
        return self._records.get(ref)

    def accounts(self) -> list[AccountStatus]:
        """Return a snapshot of the accounts."""
        return list(self._accounts.values())

    def account(self, name: str) -> AccountStatus:
        """Return what is known of an account; of an unknown one, nothing."""
        return self._accounts.get(name) or AccountStatus(name)

    def put_account(self, status: AccountStatus) -> None:
        """Replace what is known of an account."""
        self._accounts[status.name] = status
        self.account_changed(status.name)

    def know(self, task: Task, interval: float | None) -> None:
        """Take note of a task, its facts and its interval; what was read of it before stays.

        If all that is new is an interval that differs by less than 1 %, it is left to the next poll to tell: one task
        more changes the interval of all where the quota is short, and to render thousands anew takes long.
        That a task is missing stands only while it is polled on, and its polls say so: else it has just been listed.
        """
        before = self._records.get(task.ref)
        last = TaskStatus(task) if before is None else before.status
        is_same = last.task is task or last.task == task
        if before is not None and is_same and _is_near(last.interval, interval) and last.missing_since is None:
            return  # nearly always: discovery finds what is known
        polled_on = interval is not None and last.interval is not None
        missing_since = last.missing_since if polled_on else None
        paced = before and before.paced(interval, self.clock())
        task = last.task if is_same else task  # the renderer knows by it that the facts are the same
        status = replace(paced.status if paced else last, task=task, interval=interval, missing_since=missing_since)
        if before is None or status != last:
            self._put(status, paced)

    def settle(self, task: Task, outcome: PollOutcome, interval: float, seconds: float = 0.0) -> bool:
        """Lay in what a poll of so many seconds brought; tell whether the counts moved since the one before.

        At first sight they have. Statistics are only unchanged if they are those that were laid in last.
        """
        ref, now = task.ref, self.clock()
        before = self._records.get(ref)
        before = before and before.paced(interval, now)
        last = before.status if before else TaskStatus(task)
        moved, reading_lines = False, before.reading_lines if before else ()
        if isinstance(outcome.stats, TaskStats):
            counters = self._counters.setdefault(ref, TaskCounters())
            moved = counters.observe(outcome.stats)
            reading = Reading(outcome.stats, counters.calls, counters.numbers, counters.resets)
            reading_lines = self._renderer.reading(ref, reading)
        status = TaskStatus(
            task,
            interval=interval,
            up=outcome.failure is None,
            last_success=last.last_success if outcome.stats is None else now,
            failure=outcome.failure,
            missing_since=_missing_since(last, outcome, now),
            due=last.due if outcome.stats is None else now + interval,
        )
        windows = before.windows if before else None
        if outcome.windows:
            windows = {**(windows or {}), **self._windows(ref, outcome, now, interval, windows or {})}
        stats = outcome.stats if isinstance(outcome.stats, TaskStats) else before.stats if before else None
        reason = outcome.failure.reason if outcome.failure else ""
        lines = self._renderer.status(status, before)
        self._keep(
            TaskRecord(
                status=status,
                status_lines=lines,
                stale_after=self._stale_after,
                reading_lines=reading_lines,
                windows=windows,
                stats=stats,
                polls=add_poll(before.polls if before else b"", Poll(now, seconds, reason)),
            )
        )
        return moved

    def render_once(self, task: Task, outcome: PollOutcome) -> TaskRecord:
        """Render what a poll brought without keeping it; counters need watching, so there are none."""
        now = self.clock()
        stats = outcome.stats
        success = None if stats is None else now
        status = TaskStatus(
            task, up=outcome.failure is None, last_success=success, failure=outcome.failure, due=success
        )
        reading = Reading(stats, {}, {}, None) if isinstance(stats, TaskStats) else None
        lines = self._renderer.reading(task.ref, reading) if reading else ()
        windows = self._windows(task.ref, outcome, now, 0, {})
        return TaskRecord(
            status=status,
            status_lines=self._renderer.status(status),
            stale_after=self._stale_after,
            reading_lines=lines,
            windows=windows,
        )

    def use(self, renderer: Renderer) -> None:
        """Render from now on with another renderer, and the status of all tasks anew.

        Their configured labels are dropped, as they may not be those of this renderer; ``know`` brings the new ones.
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

    def miss(self, ref: TaskRef) -> None:
        """Take note that the platform no longer lists a task: it leaves once that has lasted."""
        record = self._records.get(ref)
        if record is not None and record.status.missing_since is None:
            self._put(replace(record.status, interval=None, missing_since=self.clock()), record)

    def keep_windows(self, ref: TaskRef, names: Collection[str]) -> None:
        """Drop what was read of a task's other windows: they are no longer asked for."""
        record = self._records[ref]
        windows = {name: lines for name, lines in (record.windows or {}).items() if name in names}
        if len(windows) < len(record.windows or {}):  # hardly ever: thousands of records need no copy at each reload
            self._keep(replace(record, windows=windows))

    def forget(self, ref: TaskRef) -> None:
        """Drop all that is known of a task."""
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
        counters = self._counters.get(ref)
        return None if counters is None else counters.sums()

    def restore(self, saved: TaskRecord, sums: Sums | None) -> None:
        """Put back a record of before a restart, rendered anew: what it lacks is lines. Its counters go on from ``sums``."""
        ref = saved.status.task.ref
        sums = sums or Sums()
        reading = saved.stats and Reading(saved.stats, sums.calls, sums.numbers, sums.resets)
        self._counters[ref] = TaskCounters(sums)
        self._records[ref] = replace(
            saved,
            stale_after=self._stale_after,
            status_lines=self._renderer.status(saved.status),
            reading_lines=self._renderer.reading(ref, reading) if reading else (),
            windows={
                name: replace(window, lines=self._renderer.window(ref, name, window.stats))
                for name, window in (saved.windows or {}).items()
            },
        )

    def count_states(self) -> Counter[tuple[str, TaskState]]:
        """Count the tasks by account and state."""
        return Counter((ref.account, record.status.task.state) for ref, record in self._records.items())

    def _put(self, status: TaskStatus, before: TaskRecord | None) -> None:
        lines = self._renderer.status(status, before)
        self._keep(
            TaskRecord(status=status, status_lines=lines, stale_after=self._stale_after)
            if before is None
            else replace(before, status=status, status_lines=lines)
        )

    def _keep(self, record: TaskRecord) -> None:
        ref = record.status.task.ref
        self._records[ref] = record
        self.task_changed(ref)

    def _windows(
        self, ref: TaskRef, outcome: PollOutcome, now: float, interval: float, before: Mapping[str, WindowLines]
    ) -> dict[str, WindowLines]:
        return {
            window: replace(before[window], read_at=now, due=now + interval, expires=expires)
            if stats is UNCHANGED
            else WindowLines(self._renderer.window(ref, window, stats), stats, now, now + interval, expires)
            for window, stats, expires in outcome.windows
        }


def _ignore(_: object) -> None:
    """Stand for a listener where nobody listens."""


def _is_near(told: float | None, interval: float | None) -> bool:
    if told is None or interval is None:
        return told is interval
    return abs(told - interval) < 0.01 * interval


def _missing_since(last: TaskStatus, outcome: PollOutcome, now: float) -> float | None:
    """Return since when the platform has denied the task; a time-out in between says nothing about that."""
    if outcome.failure is not None and outcome.failure.missing:
        return last.missing_since or now
    return None if outcome.stats is not None else last.missing_since
