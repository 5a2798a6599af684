"""Judgement of a task by its record: its condition, and whether it needs attention. Pure."""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterable, Mapping
from dataclasses import dataclass, field, replace
from enum import IntEnum
from typing import Final

from exporter.api.model import TaskState, TaskStats
from exporter.metrics.records import TaskRecord

ENOUGH_CALLS: Final = 30
"""Calls from which on an answer ratio is compared with its threshold: with fewer, chance alone is below it often."""

_NO_STATS: Final = TaskStats()


class Standing(IntEnum):
    """The condition of a task, the worst first. The first four need attention."""

    FAILING = 0
    OVERDUE = 1
    EMPTY = 2
    LOW = 3
    NEW = 4
    WELL = 5
    LEAVING = 6
    UNPOLLED = 7

    @property
    def needs_look(self) -> bool:
        """Whether somebody has to look at such a task."""
        return self <= Standing.LOW


@dataclass(frozen=True, slots=True, kw_only=True)
class Glance:
    """A task at a glance. Its numbers are those of the last reading, as old as ``last_success``."""

    record: TaskRecord
    standing: Standing
    is_fresh: bool

    @property
    def stats(self) -> TaskStats:
        """The statistics of the last reading; empty if there was none."""
        return self.record.stats or _NO_STATS

    @property
    def calls(self) -> int | None:
        """The calls made; None if the platform reported neither count."""
        answered, unanswered = self.stats.answered, self.stats.unanswered
        return None if answered is None and unanswered is None else (answered or 0) + (unanswered or 0)

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
    def is_active(self) -> bool:
        """Whether calls are to be expected: it runs, or may run, and its list is not finished."""
        return self.record.status.task.state.may_call and (self.progress or 0) < 1

    @property
    def is_empty(self) -> bool:
        """Whether the task is running but has neither calls nor numbers, by what the alert YunfuFormatUnknown looks at."""
        is_running = self.record.status.task.state is TaskState.RUNNING
        return is_running and self.stats.answered is None and not self.numbers

    @property
    def is_low(self) -> bool:
        """Whether the answer ratio is below its threshold, with however few calls."""
        return self.answer_ratio is not None and self.answer_ratio < self.record.status.task.min_answer_ratio

    @property
    def has_few_calls(self) -> bool:
        """Whether there are too few calls to judge the answer ratio by."""
        return (self.calls or 0) < ENOUGH_CALLS


def glance(record: TaskRecord, now: float) -> Glance:
    """Judge a task by its record at a moment (Unix seconds)."""
    is_fresh = record.is_fresh(now)
    seen = Glance(record=record, standing=_standing(record, is_fresh=is_fresh), is_fresh=is_fresh)
    if seen.standing is Standing.WELL and seen.is_empty:
        return replace(seen, standing=Standing.EMPTY)
    if seen.standing is Standing.WELL and seen.is_active and seen.is_low and not seen.has_few_calls:
        return replace(seen, standing=Standing.LOW)
    return seen


@dataclass(slots=True)
class Survey:
    """All tasks at a glance, and what they add up to; taken in piece by piece, so that others can run in between.

    ``active`` counts the active tasks with fresh statistics that are not empty, ``running`` those of them that the platform
    lists as running.
    """

    now: float
    seen: list[Glance] = field(default_factory=list)
    standings: Counter[Standing] = field(default_factory=Counter)
    states: Counter[tuple[str, TaskState]] = field(default_factory=Counter)
    polled: Counter[str] = field(default_factory=Counter)
    active: int = 0
    running: int = 0

    def take(self, records: Iterable[TaskRecord]) -> None:
        """Judge more tasks."""
        for record in records:
            each = glance(record, self.now)
            task = record.status.task
            self.seen.append(each)
            self.standings[each.standing] += 1
            self.states[task.ref.account, task.state] += 1
            if record.status.interval is not None:
                self.polled[task.ref.account] += 1
                if each.is_fresh and each.is_active and not each.is_empty:
                    self.active += 1
                    self.running += task.state is TaskState.RUNNING

    @property
    def looks(self) -> int:
        """How many tasks need a look."""
        return sum(count for standing, count in self.standings.items() if standing.needs_look)


def _standing(record: TaskRecord, *, is_fresh: bool) -> Standing:
    status = record.status
    if status.interval is None:
        return Standing.UNPOLLED if status.missing_since is None else Standing.LEAVING
    if status.up is None:
        return Standing.NEW
    if not status.up:
        return Standing.FAILING
    return Standing.WELL if is_fresh else Standing.OVERDUE
