"""Problems of tasks in words."""

from __future__ import annotations

from tests.support.pages import ENGLISH, INTERVAL, REFUSED, STALE_AFTER, Filled, stats


def test_an_overdue_task_is_laid_to_its_account_if_that_is_down(filled: Filled) -> None:
    """Numbers that left /metrics are explained by the account that is not served, else by the quota."""
    filled.task("a", stats())
    filled.now += INTERVAL + STALE_AFTER + 1
    (row,) = filled.overview().rows
    assert row.problem is not None
    assert "quota" in ENGLISH(row.problem)
    filled.account(up=False, failure=REFUSED)
    (row,) = filled.overview().rows
    assert row.problem is not None
    assert "its account cannot use the platform" in ENGLISH(row.problem)
