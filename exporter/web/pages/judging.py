"""Judgement of a task by its record: its condition, and whether it needs attention. Pure."""

from __future__ import annotations

from collections import Counter, defaultdict
from collections.abc import Collection, Iterable, Mapping
from dataclasses import dataclass, field, replace
from enum import IntEnum
from typing import Any, Final

from exporter.api.documented import OLDER_EDITION_LACKS
from exporter.api.model import TaskState, TaskStats
from exporter.metrics.poll_history import failing_since
from exporter.metrics.records import TaskRecord
from exporter.metrics.trouble import STALE_PENDING, Finding, is_stale

ENOUGH_CALLS: Final = 30
"""Calls from which on an answer ratio is compared with its threshold: with fewer, chance alone is below it often."""

_READ_BY: Final = frozenset({"answer_rate", "answer_rate.answered", "answer_rate.noAnswer", "number_status"})
_JUDGED_BY: Final = _READ_BY | {"number_status.status", "number_status.count"}
"""The platform's fields without which calls cannot be judged: of a list of numbers, one that is odd says nothing of the others."""

_NO_STATS: Final = TaskStats()


class Standing(IntEnum):
    """The condition of a task, the worst first.

    The first five need attention, each by what an alert looks at and for as long as that waits. LATE is what may become
    FAILING or OVERDUE: a poll or two failed, or the next success is overdue.
    """

    BLOCKED = 0
    LOW = 1
    FAILING = 2
    OVERDUE = 3
    EMPTY = 4
    LATE = 5
    NEW = 6
    WELL = 7
    LEAVING = 8
    UNPOLLED = 9

    @property
    def needs_look(self) -> bool:
        """Whether somebody has to look at such a task."""
        return self <= Standing.EMPTY


@dataclass(frozen=True, slots=True, kw_only=True)
class Glance:
    """A task at a glance. Its numbers are those of the last reading, as old as ``last_success``.

    ``since`` is when its standing began (Unix seconds), None where that is not known.
    """

    record: TaskRecord
    standing: Standing
    since: float | None
    is_fresh: bool

    @property
    def stats(self) -> TaskStats:
        """The statistics of the last reading; empty if there was none."""
        return self.record.stats or _NO_STATS

    @property
    def calls(self) -> int | None:
        """The calls made; None if the platform did not report both outcomes."""
        answered, unanswered = self.stats.answered, self.stats.unanswered
        return None if answered is None or unanswered is None else answered + unanswered

    @property
    def answer_ratio(self) -> float | None:
        """The share of answered calls, 0-1."""
        return self.stats.answer_ratio

    @property
    def progress(self) -> float | None:
        """The share of the list that is done, 0-1."""
        return self.stats.progress_ratio

    @property
    def numbers(self) -> Mapping[str, int]:
        """The phone numbers by status."""
        return self.stats.numbers

    @property
    def finding(self) -> Finding | None:
        """What is wrong with the recent calls, if the task is blocked or low."""
        if self.record.trouble is None or self.standing > Standing.LOW:
            return None
        return self.record.trouble.blocked if self.standing is Standing.BLOCKED else self.record.trouble.low

    @property
    def cause(self) -> str:
        """What may be wrong with many tasks at once: tasks with the same cause are one line. Empty: nothing of the kind."""
        if self.standing not in _SHARED:
            return ""
        if self.standing is Standing.EMPTY:
            return f"empty-{empty_kind(self.stats)}"
        failure = self.record.status.failure
        return f"{self.standing.name.lower()}-{failure.reason}" if failure else self.standing.name.lower()

    @property
    def answers_too_few(self) -> bool:
        """Whether too few of its recent calls are answered, also while it is called blocked."""
        if self.standing is Standing.LOW:
            return True
        trouble = self.record.trouble
        return self.standing is Standing.BLOCKED and trouble is not None and trouble.low is not None

    @property
    def failed_polls(self) -> int:
        """How many polls have failed since the last that worked."""
        return failing_since(self.record.polls)[0]

    @property
    def is_never_read(self) -> bool:
        """Whether its polls have failed so far, all of them."""
        return self.record.status.up is False and self.record.status.last_success is None

    @property
    def is_shaky(self) -> bool:
        """Whether it is not well although no alert speaks of it yet: never read, failed twice, or without fresh statistics."""
        return self.standing is Standing.LATE and (not self.is_fresh or self.failed_polls > 1)

    @property
    def badness(self) -> tuple[Any, ...]:
        """What tasks are sorted by, the worst first: by standing and how bad it is, or by how near the threshold is."""
        status = self.record.status
        if self.standing.needs_look:
            return self.standing, self._degree, status.task.ref.id
        return self.standing, not status.task.state.may_call, self._margin, status.task.ref.id

    @property
    def _degree(self) -> float:
        """How bad it is among tasks of the same standing, the worst the least."""
        if self.finding is not None:
            share = self.finding.found.share
            return (
                -share if self.standing is Standing.BLOCKED else share / (self.record.status.task.min_answer_ratio or 1)
            )
        return self.record.status.last_success or 0.0

    @property
    def _margin(self) -> float:
        """How far above its threshold the task answers, as a share of it; many where that says nothing."""
        if self.threshold is None or self.answer_ratio is None or self.has_few_calls:
            return 1e9
        return self.answer_ratio / (self.threshold or 1)

    @property
    def is_active(self) -> bool:
        """Whether calls are to be expected: it runs, or may run, and its list is not finished."""
        return self.record.status.task.state.may_call and (self.progress or 0) < 1

    @property
    def is_empty(self) -> bool:
        """Whether the task is running but has neither calls nor numbers, by what the alert YunfuFormatUnknown looks at."""
        is_running = self.record.status.task.state is TaskState.RUNNING
        return is_running and self.stats.answered is None and not self.numbers

    @property
    def missing(self) -> Collection[str]:
        """The documented parts that the last answer lacks, if the task is running; tags may be lacking, as in the older edition."""
        if self.is_empty or self.record.status.task.state is not TaskState.RUNNING:
            return ()
        missing = {*self.stats.missing}
        return missing - OLDER_EDITION_LACKS if missing >= OLDER_EDITION_LACKS else missing

    @property
    def threshold(self) -> float | None:
        """The threshold of the answer ratio, 0-1; None if the task is inbound: it is for calls that go out."""
        task = self.record.status.task
        return None if task.kind == "inbound" else task.min_answer_ratio

    @property
    def is_unjudged(self) -> bool:
        """Whether the task is running and was read, but its answer lacks something that alerts on calls look at."""
        if self.is_empty or self.record.status.task.state is not TaskState.RUNNING or self.record.stats is None:
            return False
        is_half = (self.stats.answered is None) != (self.stats.unanswered is None)
        return is_half or not _JUDGED_BY.isdisjoint(self.stats.missing) or not _READ_BY.isdisjoint(self.stats.unread)

    @property
    def is_low(self) -> bool:
        """Whether the answer ratio of the task's whole life is below its threshold, with however few calls."""
        threshold, ratio = self.threshold, self.answer_ratio
        return threshold is not None and ratio is not None and ratio < threshold

    @property
    def has_few_calls(self) -> bool:
        """Whether there are too few calls to judge the answer ratio by."""
        return (self.calls or 0) < ENOUGH_CALLS


def empty_kind(stats: TaskStats) -> str:
    """Return why a task has neither calls nor numbers, as the texts name it: ``missing``, ``instead``, ``unread``, ``nothing``."""
    if any(map(is_counted, stats.missing)):
        return "instead" if stats.unknown else "missing"
    return "unread" if any(map(is_counted, stats.unread)) else "nothing"


def is_counted(field: str) -> bool:
    """Return whether calls or numbers are read from a field of the platform's."""
    return field.partition(".")[0] in ("answer_rate", "number_status")


def glance(record: TaskRecord, now: float) -> Glance:
    """Judge a task by its record at a moment (Unix seconds)."""
    is_fresh = record.is_fresh(now)
    standing, since = _standing(record, now, is_fresh=is_fresh)
    seen = Glance(record=record, standing=standing, since=since, is_fresh=is_fresh)
    if record.stats is None or standing not in _JUDGED_BY_NUMBERS:
        return seen
    judged_at = record.judged_at(now)
    for trouble, found in (record.trouble and zip(_TROUBLES, record.trouble, strict=True)) or ():
        if found is not None and found.holds(judged_at):
            since = now - (judged_at - found.since) / record.pace
            seen = replace(seen, standing=trouble, since=since)
    if seen.is_empty:
        return replace(seen, standing=Standing.EMPTY, since=None)
    return seen


_TROUBLES: Final = (Standing.LOW, Standing.BLOCKED)  # in the order of Trouble; of both, the last one says why


@dataclass(slots=True)
class Shared:
    """The tasks that share a cause, their accounts, and since when the first of them has had it (Unix seconds)."""

    tasks: list[Glance] = field(default_factory=list)
    accounts: set[str] = field(default_factory=set)
    since: float | None = None

    def add(self, each: Glance) -> None:
        """Add a task."""
        self.tasks.append(each)
        self.accounts.add(each.record.status.task.ref.account)
        if each.since is not None:
            self.since = each.since if self.since is None else min(self.since, each.since)


@dataclass(slots=True)
class Survey:
    """All tasks at a glance, and what they add up to; taken in piece by piece, so that others can run in between.

    ``active`` counts the active outbound tasks with fresh statistics that say enough, ``running`` those of them that the
    platform lists as running, and ``inbound`` the like that are inbound. ``unread`` counts the tasks of an account that are failing or overdue, or were not read at two polls or
    more and never before. ``shaky`` and ``never_read`` count tasks that are late, and ``low`` those that answer too few calls, blocked ones too;
    ``unjudged`` count those whose answers say too little, and ``missing`` running tasks by documented field that is not there. ``worst`` is the task that needs a look most, and ``causes`` are the tasks by cause.
    """

    now: float
    seen: list[Glance] = field(default_factory=list)
    standings: Counter[Standing] = field(default_factory=Counter)
    states: Counter[tuple[str, TaskState]] = field(default_factory=Counter)
    polled: Counter[str] = field(default_factory=Counter)
    unread: Counter[str] = field(default_factory=Counter)
    causes: defaultdict[str, Shared] = field(default_factory=lambda: defaultdict(Shared))
    worst: Glance | None = None
    low: int = 0
    shaky: int = 0
    never_read: int = 0
    unjudged: int = 0
    missing: Counter[str] = field(default_factory=Counter)
    active: int = 0
    running: int = 0
    inbound: int = 0

    def take(self, records: Iterable[TaskRecord]) -> None:
        """Judge more tasks."""
        for record in records:
            each = glance(record, self.now)
            task = record.status.task
            self.seen.append(each)
            self.standings[each.standing] += 1
            if each.standing.needs_look and (self.worst is None or each.badness < self.worst.badness):
                self.worst = each
            self.states[task.ref.account, task.state] += 1
            self.low += each.answers_too_few
            if cause := each.cause:
                self.causes[cause].add(each)
                is_never_read = each.standing is Standing.LATE and each.is_never_read
                self.unread[task.ref.account] += each.standing in _UNREAD or (is_never_read and each.failed_polls > 1)
                self.never_read += is_never_read
                self.shaky += each.is_shaky
            if record.status.interval is not None:
                self.polled[task.ref.account] += 1
                self.unjudged += each.is_unjudged
                self.missing.update(each.missing)
                is_shown = each.is_fresh and each.is_active and not each.is_empty
                if is_shown and each.threshold is None:
                    self.inbound += 1
                elif each.answers_too_few or (is_shown and not each.is_unjudged):
                    self.active += 1
                    self.running += task.state is TaskState.RUNNING

    @property
    def looks(self) -> int:
        """How many tasks need a look."""
        return sum(count for standing, count in self.standings.items() if standing.needs_look)


_JUDGED_BY_NUMBERS: Final = frozenset({Standing.WELL, Standing.LATE})
_UNREAD: Final = frozenset({Standing.FAILING, Standing.OVERDUE})
_SHARED: Final = frozenset({Standing.FAILING, Standing.OVERDUE, Standing.EMPTY, Standing.LATE})


def _standing(record: TaskRecord, now: float, *, is_fresh: bool) -> tuple[Standing, float | None]:
    """Return the standing by the task's polls, and since when."""
    status = record.status
    if status.interval is None:
        return (Standing.UNPOLLED, None) if status.missing_since is None else (Standing.LEAVING, status.missing_since)
    if status.up is None:
        return Standing.NEW, None
    if status.up and is_fresh:
        return Standing.WELL, None
    count, failed_since = failing_since(record.polls)
    if status.last_success is None:
        is_unread = count > 1 and (now - failed_since) * record.pace >= STALE_PENDING
    else:
        is_unread = is_stale((now - status.last_success) * record.pace, status.interval * record.pace)
    if status.up:
        return Standing.OVERDUE if is_unread else Standing.LATE, status.due
    return Standing.FAILING if is_unread else Standing.LATE, failed_since or None
