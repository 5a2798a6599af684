"""Judgement of tasks at a glance."""

from __future__ import annotations

from dataclasses import replace

import pytest

from exporter.api.model import TaskState, TaskStats
from exporter.metrics.recent_calls import Part
from exporter.metrics.records import UNCHANGED, PollOutcome
from exporter.metrics.trouble import PENDING, Finding, Trouble
from exporter.web.pages.judging import Standing
from tests.support.pages import BLOCKED, FAILED, INTERVAL, LOW, NOW, STALE_AFTER, Filled, stats


@pytest.mark.parametrize(
    ("outcome", "trouble", "standing"),
    [
        (None, None, Standing.NEW),
        (FAILED, None, Standing.LATE),
        (stats(0.1), None, Standing.WELL),
        (stats(0.5), LOW, Standing.LOW),
        (stats(0.5), BLOCKED, Standing.BLOCKED),
        (stats(0.5), Trouble(blocked=BLOCKED.blocked), Standing.BLOCKED),
        (stats(0.5), Trouble(Finding(NOW - 119, 600, Part(1, 100))), Standing.WELL),
        (stats(None), None, Standing.EMPTY),
        (stats(None, waiting=0), None, Standing.WELL),
    ],
)
def test_a_task_is_judged_as_the_alerts_do(
    filled: Filled, outcome: PollOutcome | None, trouble: Trouble | None, standing: Standing
) -> None:
    """By its recent calls, for as long as an alert waits, and not by its whole life; a running task has calls or numbers."""
    filled.task("a", outcome, trouble=trouble)
    assert filled.overview().rows[0].seen.standing is standing


@pytest.mark.parametrize("state", [TaskState.WAITING, TaskState.UNKNOWN, TaskState.PAUSED])
def test_only_a_running_task_has_to_have_numbers(filled: Filled, state: TaskState) -> None:
    """Another one may wait for its list."""
    filled.task("a", stats(None), state)
    assert filled.overview().rows[0].seen.standing is Standing.WELL


@pytest.mark.parametrize(("kind", "is_low"), [("outbound", True), ("", True), ("inbound", False)])
def test_an_inbound_task_is_never_low(filled: Filled, kind: str, *, is_low: bool) -> None:
    """The threshold is for calls that go out; a task that does not say its kind is taken for outbound."""
    filled.task("a", stats(0.1), kind=kind)
    assert filled.overview().rows[0].seen.is_low == is_low


def test_numbers_are_those_of_the_last_reading(filled: Filled) -> None:
    """What a row shows is what is on /metrics; an answer that is unchanged leaves it as it is."""
    task = filled.task("a", stats(0.25, calls=400, progress=0.125, waiting=3, connected=100, code_17=1))
    filled.store.record_poll(task, PollOutcome(UNCHANGED), INTERVAL)
    (row,) = filled.overview().rows
    assert (row.seen.calls, row.seen.answer_ratio, row.seen.progress) == (400, 0.25, 0.125)
    assert row.seen.numbers == {"waiting": 3, "connected": 100, "code_17": 1}


def test_what_was_not_told_is_not_made_up(filled: Filled) -> None:
    """Without numbers there are none, not zeros."""
    filled.task("a", TaskStats())
    (row,) = filled.overview().rows
    assert (row.seen.calls, row.seen.answer_ratio, row.seen.progress, row.seen.numbers) == (None, None, None, {})


def test_what_needs_a_look_comes_first() -> None:
    """The standings that need a look are the worst ones."""
    assert [standing.needs_look for standing in sorted(Standing)] == [True] * 5 + [False] * 5


def test_failed_polls_are_an_alarm_when_the_alert_would_say_so(filled: Filled) -> None:
    """Not one, nor a few: 2.5 intervals and ten minutes after the last success; what was read before still counts until then."""
    task = filled.task("a", stats(0.5))
    for after, standing in ((60, Standing.LATE), (689, Standing.LATE), (1, Standing.FAILING)):
        filled.now += after
        filled.store.record_poll(task, FAILED, INTERVAL)
        (row,) = filled.overview().rows
        assert (row.seen.standing, row.seen.since) == (standing, NOW + 60)
    filled.task("a", stats(0.5), trouble=LOW)
    filled.store.record_poll(task, FAILED, INTERVAL)
    filled.store._records[task.ref] = replace(filled.store._records[task.ref], trouble=LOW)
    assert filled.overview().rows[0].seen.standing is Standing.LOW


def test_a_task_never_read_is_an_alarm_after_five_minutes(filled: Filled) -> None:
    """One poll alone is none, however long ago."""
    task = filled.task("a", FAILED)
    filled.now += 400
    assert filled.overview().rows[0].seen.standing is Standing.LATE
    filled.store.record_poll(task, FAILED, INTERVAL)
    assert filled.overview().rows[0].seen.standing is Standing.FAILING


@pytest.mark.parametrize(("pace", "standing"), [(1.0, Standing.WELL), (20.0, Standing.LOW)])
def test_at_a_faster_pace_calls_are_judged_sooner(filled: Filled, pace: float, standing: Standing) -> None:
    """By the same spans, each that much shorter; since when is a moment of real time."""
    filled.store.pace = pace
    task = filled.task("a", stats(0.0, calls=0))
    for calls in range(10, 210, 10):
        filled.now += 3
        filled.store.record_poll(task, PollOutcome(stats(0.0, calls=calls)), 3)
    (row,) = filled.overview().rows
    assert row.seen.standing is standing
    if standing is Standing.LOW:
        assert row.seen.since is not None
        assert NOW < row.seen.since <= filled.now - PENDING / pace
        assert row.trend is not None
        assert row.trend.calls == 200


@pytest.mark.parametrize(("pace", "standing"), [(1.0, Standing.LATE), (20.0, Standing.FAILING)])
def test_at_a_faster_pace_tasks_that_are_not_read_need_a_look_sooner(
    filled: Filled, pace: float, standing: Standing
) -> None:
    """Those that were read before, and those that never were."""
    filled.store.pace = pace
    tasks = filled.task("a", stats(0.5)), filled.task("b", FAILED)
    filled.now += 200
    for task in tasks:
        filled.store.record_poll(task, FAILED, INTERVAL)
    assert {row.seen.standing for row in filled.overview().rows} == {standing}


def test_a_success_that_is_overdue_is_late_before_it_is_an_alarm(filled: Filled) -> None:
    """From when the statistics leave /metrics; it is overdue since the poll should have been."""
    filled.task("a", stats(0.5))
    filled.now += INTERVAL + STALE_AFTER + 1
    (row,) = filled.overview().rows
    assert (row.seen.standing, row.seen.since) == (Standing.LATE, NOW + INTERVAL)
    filled.now = NOW + 750
    assert filled.overview().rows[0].seen.standing is Standing.OVERDUE
