"""Counters of what was seen to grow, made from counts of the platform's that can fall. Pure.

The platform's counts are no counters: numbers move between statuses when they are redialled, and a task can be reset.
Only growth between two polls is added up, so ``increase()`` shows what happened. At first sight, and so after a restart
without a state file, the counts are taken as they stand and nothing is added: no burst. Nor does a reading that is
older than the one before (a replica of the platform's that lags) count anything twice.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field

from exporter.api.model import MAX_ENTRIES, TaskStats
from exporter.metrics.recent_calls import Growth


@dataclass(frozen=True, slots=True)
class Sums:
    """All that ``TaskCounters`` remember, as a value: the sums, and the platform's counts that growth starts from."""

    calls: Mapping[str, int] = field(default_factory=dict)
    numbers: Mapping[str, int] = field(default_factory=dict)
    resets: int = 0
    most_calls: Mapping[str, int] = field(default_factory=dict)
    last_numbers: Mapping[str, int] = field(default_factory=dict)


class TaskCounters:
    """The sums of growth of one task: its calls by outcome, its numbers by status, and how often it was reset.

    Of the statuses, the first MAX_ENTRIES that were seen are counted: each stays, as a counter does.
    """

    __slots__ = ("_last_numbers", "_most_calls", "calls", "numbers", "resets")

    def __init__(self, sums: Sums = Sums()) -> None:
        self.calls = dict(sums.calls)
        self.numbers = dict(sums.numbers)
        self.resets = sums.resets
        self._most_calls = sums.most_calls
        self._last_numbers = sums.last_numbers

    def sums(self) -> Sums:
        """Return what is remembered; counters made of it continue from there, and count what grew in between."""
        return Sums(dict(self.calls), dict(self.numbers), self.resets, self._most_calls, self._last_numbers)

    def counted(self) -> Growth:
        """Return what has been counted; what is counted until later is the growth in between."""
        results = sum(self.numbers.values()) - self.numbers.get("waiting", 0)
        calls = sum(self.calls.values())
        return Growth(calls, self.calls.get("answered", 0), results, self.numbers.get("carrier_blocked", 0))

    def observe(self, stats: TaskStats) -> bool:
        """Add what has grown since the last observation; return whether anything moved (at first sight: yes).

        Calls are never undone. If they fall below half of the most that were seen, the platform has reset or restarted
        the task: that is counted, and the new counts are where growth starts from again. If they fall by less, the
        reading is an old one: it moves nothing, and growth starts above the most that were seen.
        """
        outcomes = {"answered": stats.answered, "unanswered": stats.unanswered}
        calls = {outcome: count for outcome, count in outcomes.items() if count is not None}
        if any(2 * count < self._most_calls.get(outcome, 0) for outcome, count in calls.items()):
            self.resets += 1
            self._most_calls = {}
        highest = {outcome: max(count, self._most_calls.get(outcome, 0)) for outcome, count in calls.items()}
        moved_calls = _add_growth(self.calls, self._most_calls, highest)
        moved_numbers = _add_growth(self.numbers, self._last_numbers, stats.numbers)
        self._most_calls = _latest(self.calls, self._most_calls, highest)
        self._last_numbers = _latest(self.numbers, self._last_numbers, stats.numbers)
        return moved_calls or moved_numbers


def _add_growth(totals: dict[str, int], last: Mapping[str, int], counts: Mapping[str, int]) -> bool:
    """Add to the totals what grew since the last counts; return whether any count differs from the last one."""
    moved = False
    for label, count in counts.items():
        before = last.get(label)
        if count == before or (label not in totals and len(totals) >= MAX_ENTRIES):
            continue
        growth = 0 if before is None else max(0, count - before)
        totals[label] = totals.get(label, 0) + growth
        moved = True
    return moved


def _latest(totals: Mapping[str, int], last: Mapping[str, int], counts: Mapping[str, int]) -> Mapping[str, int]:
    """Return the latest count of each label that is counted."""
    if counts.keys() == totals.keys():
        return counts  # nearly always; the statistics keep it anyway, so it costs no memory
    return {**last, **{label: count for label, count in counts.items() if label in totals}}
