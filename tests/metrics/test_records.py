"""The record of a task: how long it may be shown, and what a changed interval does to that."""

from __future__ import annotations

import math
from dataclasses import replace

import pytest

from exporter.api.model import Task, TaskRef, TaskStats
from exporter.metrics.poll_history import Poll, add_poll, read_polls
from exporter.metrics.recent_calls import Part, RecentCalls, shifted
from exporter.metrics.records import AccountStatus, TaskRecord, TaskStatus, WindowLines
from exporter.metrics.trouble import Finding, Trouble

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


@pytest.mark.parametrize("step", [3600.0, -900.0])
def test_a_record_is_as_old_after_a_shift_of_the_clock(step: float) -> None:
    """All its times move by the step, and what may be shown is the same; a task that was never read has no times."""
    polls = add_poll(b"", Poll(READ_AT, 0.5, "timeout"))
    finding, recent = Finding(READ_AT, 600, Part(1, 100)), RecentCalls(at=86_400).pack()
    before = replace(record(), polls=polls, recent=recent, trouble=Trouble(finding))
    before = replace(before, status=replace(before.status, missing_since=READ_AT))
    after = before.shifted(step)
    assert after.status.last_success == after.status.missing_since == READ_AT + step
    assert [poll.at for poll in read_polls(after.polls)] == [READ_AT + step]
    assert after.recent == shifted(recent, step) != recent
    assert after.trouble == Trouble(finding._replace(since=READ_AT + step))
    for now in (READ_AT, READ_AT + STALE_AFTER + INTERVAL, READ_AT + STALE_AFTER + INTERVAL + 1):
        assert after.is_fresh(now + step) is before.is_fresh(now)
        assert after.is_gone(now + step) is before.is_gone(now)
        assert list(after.fresh_windows(now + step)) == list(before.fresh_windows(now))
    assert after.paced(900, READ_AT + step) == before.paced(900, READ_AT).shifted(step)
    never = TaskRecord(status=TaskStatus(TASK), status_lines=(), stale_after=STALE_AFTER)
    assert never.shifted(step) == replace(never, windows={})


def test_a_day_ends_by_the_wall_clock() -> None:
    """A shift over midnight ends what was read of the day before; one back hides a day that has not begun."""
    midnight = 86_400.0
    late = replace(record(expires=midnight)).shifted(midnight - READ_AT - 60)
    assert list(late.fresh_windows(midnight - 1)) == [(b"today",)]
    assert list(late.shifted(3600).fresh_windows(midnight - 1 + 3600)) == []
    early = record(expires=midnight + READ_AT - 60)
    assert list(early.fresh_windows(READ_AT)) == [(b"today",)]
    assert list(early.shifted(-3600).fresh_windows(READ_AT - 3600)) == []
    assert list(early.shifted(-30).fresh_windows(READ_AT - 30)) == [(b"today",)]


def test_an_account_s_times_move_with_the_clock() -> None:
    """When its lists were read does; the expiry of its token is a date, and what never was stays so."""
    status = AccountStatus("main", token_expiry=9000.0, discovery_last_success=READ_AT, lists_read=(READ_AT, "abc"))
    after = replace(status, discovery_last_success=READ_AT + 60, lists_read=(READ_AT + 60, "abc"))
    assert status.shifted(60) == after
    assert AccountStatus("main").shifted(60) == AccountStatus("main")
