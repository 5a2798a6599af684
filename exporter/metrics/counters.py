"""Counters of what was seen to grow, made from counts of the platform's that can fall. Pure.

The platform's counts are no counters: numbers move between statuses when they are redialled, and a task can be reset.
Only growth between two polls is added up, so ``increase()`` shows what happened. At first sight, and so after a restart
without a state file, the counts are taken as they stand and nothing is added: no burst. Nor does a reading that is
older than the one before (a replica of the platform's that lags) count anything twice, or pass for a reset.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field, replace
from typing import Final

from exporter.api.model import MAX_ENTRIES, TaskStats
from exporter.metrics.recent_calls import Growth

RESET_GROWTHS: Final = 4
"""How often calls have to grow after a fall, below where they were, to be those of a task that was reset.

A replica that lags by up to five polls has caught up with what was seen before the fall in fewer."""


@dataclass(frozen=True, slots=True)
class Fall:
    """Calls below half of the most that were seen: a reset, or a replica that lags. ``growths`` is how often they grew since.

    ``calls`` and ``numbers`` are the first counts after the fall, ``most_calls`` the most calls since.
    """

    calls: Mapping[str, int]
    numbers: Mapping[str, int]
    most_calls: Mapping[str, int]
    growths: int = 0


@dataclass(frozen=True, slots=True)
class Sums:
    """All that ``TaskCounters`` remember, as a value: the sums, and the platform's counts that growth starts from."""

    calls: Mapping[str, int] = field(default_factory=dict)
    numbers: Mapping[str, int] = field(default_factory=dict)
    resets: int = 0
    most_calls: Mapping[str, int] = field(default_factory=dict)
    last_numbers: Mapping[str, int] = field(default_factory=dict)
    fall: Fall | None = None


class TaskCounters:
    """The sums of growth of one task: its calls by outcome, its numbers by status, and how often it was reset.

    Of the statuses, the first MAX_ENTRIES that were seen are counted: each stays, as a counter does.
    """

    __slots__ = ("_fall", "_last_numbers", "_most_calls", "calls", "numbers", "resets")

    def __init__(self, sums: Sums = Sums()) -> None:
        self.calls = dict(sums.calls)
        self.numbers = dict(sums.numbers)
        self.resets = sums.resets
        self._most_calls = sums.most_calls
        self._last_numbers = sums.last_numbers
        self._fall = sums.fall

    def sums(self) -> Sums:
        """Return what is remembered; counters made of it continue from there, and count what grew in between."""
        calls, numbers = dict(self.calls), dict(self.numbers)
        return Sums(calls, numbers, self.resets, self._most_calls, self._last_numbers, self._fall)

    def counted(self) -> Growth:
        """Return what has been counted; what is counted until later is the growth in between."""
        results = sum(self.numbers.values()) - self.numbers.get("waiting", 0)
        calls = sum(self.calls.values())
        return Growth(calls, self.calls.get("answered", 0), results, self.numbers.get("carrier_blocked", 0))

    def observe(self, stats: TaskStats) -> bool:
        """Add what has grown since the last observation; return whether anything moved (at first sight: yes).

        Calls are never undone. A reading with fewer calls is an old one: it moves nothing, and growth starts above the
        most that were seen. With less than half of them it may be the first after a reset, see ``_observe_fall``.
        """
        outcomes = {"answered": stats.answered, "unanswered": stats.unanswered}
        calls = {outcome: count for outcome, count in outcomes.items() if count is not None}
        most = self._most_calls
        if not any(count < most.get(outcome, 0) for outcome, count in calls.items()):
            self._fall = None
        elif self._fall is not None or any(2 * count < most.get(outcome, 0) for outcome, count in calls.items()):
            return self._observe_fall(calls, stats.numbers)
        elif not _has_grown(calls, most):
            return False
        return self._count(calls, stats.numbers)

    def _observe_fall(self, calls: Mapping[str, int], numbers: Mapping[str, int]) -> bool:
        """Observe calls that have fallen; return whether they moved.

        If they grow RESET_GROWTHS times without being back where they were, the platform has reset or restarted the
        task: that is counted, and so is the growth since the fall.
        """
        fall = self._fall
        if fall is None or any(count < fall.calls.get(outcome, 0) for outcome, count in calls.items()):
            self._fall = Fall(calls, numbers, calls)
            return False
        if not _has_grown(calls, fall.most_calls):
            return False
        most_calls = _highest(calls, fall.most_calls)
        self._fall = replace(fall, most_calls=most_calls, growths=fall.growths + 1)
        if self._fall.growths == RESET_GROWTHS:
            self.resets += 1
            self._most_calls, self._last_numbers, self._fall = fall.calls, fall.numbers, None
            self._count(most_calls, numbers)
        return True

    def _count(self, calls: Mapping[str, int], numbers: Mapping[str, int]) -> bool:
        """Add what has grown, and let growth start from these counts; return whether anything moved."""
        highest = _highest(calls, self._most_calls)
        moved_calls = _add_growth(self.calls, self._most_calls, highest)
        moved_numbers = _add_growth(self.numbers, self._last_numbers, numbers)
        self._most_calls = _latest(self.calls, self._most_calls, highest)
        self._last_numbers = _latest(self.numbers, self._last_numbers, numbers)
        return moved_calls or moved_numbers


def _has_grown(calls: Mapping[str, int], most: Mapping[str, int]) -> bool:
    return any(count > most.get(outcome, count) for outcome, count in calls.items())


def _highest(calls: Mapping[str, int], most: Mapping[str, int]) -> dict[str, int]:
    return {outcome: max(count, most.get(outcome, 0)) for outcome, count in calls.items()}


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
