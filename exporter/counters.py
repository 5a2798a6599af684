"""Counters of what was seen to grow, made from counts of the platform's that can fall. Pure.

The platform's counts are no counters: numbers move between statuses when they are redialled, and a task can be reset.
Only growth between two polls is added up, so ``increase()`` tells what happened. At first sight, and so after a restart
of the exporter, the counts are taken as they stand and nothing is added: no burst.
"""

from __future__ import annotations

from collections.abc import Mapping

from exporter.model import TaskStats


class TaskCounters:
    """The sums of growth of one task: its calls by outcome, its numbers by status, and how often it was reset."""

    __slots__ = ("_last_calls", "_last_numbers", "calls", "numbers", "resets")

    def __init__(self) -> None:
        self.calls: dict[str, int] = {}
        self.numbers: dict[str, int] = {}
        self.resets = 0
        self._last_calls: Mapping[str, int] = {}
        self._last_numbers: Mapping[str, int] = {}

    def observe(self, stats: TaskStats) -> bool:
        """Add what has grown since the last observation; tell whether anything moved (at first sight: yes).

        Calls are never undone, so fewer of them than before mean that the platform reset or restarted the task:
        that is counted, and the new counts are where growth starts from again.
        """
        outcomes = {"answered": stats.answered, "unanswered": stats.unanswered}
        calls = {outcome: count for outcome, count in outcomes.items() if count is not None}
        if any(count < self._last_calls.get(outcome, 0) for outcome, count in calls.items()):
            self.resets += 1
        moved_calls = _add_growth(self.calls, self._last_calls, calls)
        moved_numbers = _add_growth(self.numbers, self._last_numbers, stats.numbers)
        if moved_calls:
            self._last_calls = {**self._last_calls, **calls}
        if moved_numbers:
            self._last_numbers = {**self._last_numbers, **stats.numbers}
        return moved_calls or moved_numbers


def _add_growth(totals: dict[str, int], last: Mapping[str, int], counts: Mapping[str, int]) -> bool:
    moved = False
    for label, count in counts.items():
        before = last.get(label)
        if before is None:
            totals.setdefault(label, 0)
        elif count > before:
            totals[label] += count - before
        moved = moved or count != before
    return moved
