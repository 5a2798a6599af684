"""The record of a task: how long it may be shown, and what a changed interval does to that."""

from __future__ import annotations

import math

import pytest

from exporter.api.model import Task, TaskRef, TaskStats
from exporter.metrics.records import TaskRecord, TaskStatus, WindowLines

READ_AT, INTERVAL, STALE_AFTER = 1000.0, 60.0, 300.0
TASK = Task(TaskRef("main", "t"), min_answer_ratio=0.2)


def record(*, expires: float = math.inf) -> TaskRecord:
    """Return the record of a task that was read at READ_AT, with one window."""
    return TaskRecord(
        status=TaskStatus(TASK, interval=INTERVAL, up=True, last_success=READ_AT, due=READ_AT + INTERVAL),
        status_lines=(),
        stale_after=STALE_AFTER,
        windows={"today": WindowLines((b"today",), TaskStats(), READ_AT, READ_AT + INTERVAL, expires)},
    )


def test_statistics_are_fresh_until_a_success_is_overdue() -> None:
    """A success may be overdue by stale_after; a task that was never read is not fresh."""
    assert record().is_fresh(READ_AT + INTERVAL + STALE_AFTER)
    assert not record().is_fresh(READ_AT + INTERVAL + STALE_AFTER + 1)
    assert not TaskRecord(status=TaskStatus(TASK), status_lines=(), stale_after=STALE_AFTER).is_fresh(READ_AT)


@pytest.mark.parametrize(("now", "shown"), [(1100, True), (1360, True), (1361, False)])
def test_a_window_is_shown_until_it_is_overdue(now: float, shown: bool) -> None:  # noqa: FBT001  # a row
    """A window leaves like the statistics do."""
    assert list(record().fresh_windows(now)) == [(b"today",)] * shown


def test_a_window_leaves_when_it_moves_on() -> None:
    """Yesterday's figures are none of today's."""
    assert list(record(expires=1100).fresh_windows(1100)) == []


@pytest.mark.parametrize(
    ("interval", "now", "due"), [(900, 1050, 1900), (30, 1010, 1040), (10, 1050, 1060), (60, 1050, 1060)]
)
def test_a_changed_interval_makes_no_success_overdue(interval: float, now: float, due: float) -> None:
    """A longer interval counts from the last success, a shorter one from now, but not beyond what was due."""
    paced = record().paced(interval, now)
    assert (paced.status.interval, paced.status.due) == (interval, due)
    assert [window.due for window in (paced.windows or {}).values()] == [due]
