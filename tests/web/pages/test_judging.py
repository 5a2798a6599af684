"""Judgement of tasks at a glance."""

from __future__ import annotations

import pytest

from exporter.api.model import TaskState, TaskStats
from exporter.metrics.records import UNCHANGED, PollOutcome
from exporter.web.pages.judging import Standing
from tests.support.pages import FAILED, INTERVAL, Filled, stats


@pytest.mark.parametrize(
    ("outcome", "state", "standing"),
    [
        (None, TaskState.RUNNING, Standing.NEW),
        (FAILED, TaskState.RUNNING, Standing.FAILING),
        (stats(0.1), TaskState.RUNNING, Standing.LOW),
        (stats(0.1), TaskState.UNKNOWN, Standing.LOW),
        (stats(0.1), TaskState.PAUSED, Standing.WELL),
        (stats(0.1), TaskState.WAITING, Standing.WELL),
        (stats(0.1, calls=29), TaskState.RUNNING, Standing.WELL),
        (stats(0.1, calls=30), TaskState.RUNNING, Standing.LOW),
        (stats(0.1, progress=1.0), TaskState.RUNNING, Standing.WELL),
        (stats(0.2), TaskState.RUNNING, Standing.WELL),
        (stats(None), TaskState.RUNNING, Standing.EMPTY),
        (stats(None, waiting=0), TaskState.RUNNING, Standing.WELL),
        (stats(None), TaskState.WAITING, Standing.WELL),
        (stats(None), TaskState.UNKNOWN, Standing.WELL),
    ],
)
def test_a_task_is_judged_by_plain_rules(
    filled: Filled, outcome: PollOutcome | None, state: TaskState, standing: Standing
) -> None:
    """A low answer rate counts while calls are to be expected, and from 30 calls on; a running task has calls or numbers."""
    filled.task("a", outcome, state)
    assert filled.overview().rows[0].seen.standing is standing


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
    assert [standing.needs_look for standing in sorted(Standing)] == [True] * 4 + [False] * 4
