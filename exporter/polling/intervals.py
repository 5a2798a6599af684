"""The intervals of an account's tasks under a budget of polls, by the square-root rule. Pure.

With enough polls every task has the interval of its cadence. With too few, the phone calls that were made and not yet
seen are kept to the minimum: the sum of rate * interval / 2 over all tasks, while the sum of 1 / interval is the budget.
At the minimum each interval is proportional to 1 / sqrt(rate): four times the phone calls, twice the polls.

No interval is shorter than the cadence's, nor longer than ``idle_interval``, unless all tasks at ``idle_interval`` would
take more than half the budget. Then the longest interval is the one at which they take half, twice an equal share: the
other half is left for the rule to distribute. So nobody starves, and with ever more tasks nothing changes abruptly.
"""

from __future__ import annotations

import math
import statistics
from bisect import bisect_left
from collections.abc import Collection, Hashable, Iterable
from dataclasses import dataclass, replace
from itertools import accumulate
from typing import Final, Generic, NamedTuple, TypeVar

from exporter.config.settings import PollSettings
from exporter.polling.schedule import Schedule

Key = TypeVar("Key", bound=Hashable)

RISE_SECONDS: Final = 60.0
"""The half-life of a task's call rate when it makes more phone calls than before: what starts is soon noticed."""

FALL_SECONDS: Final = 300.0
"""The half-life when it makes fewer: a short silence is not yet an end."""

KNOWN_SECONDS: Final = 60.0
"""For how long a task must have been watched before its rate counts."""

LONGEST_SHARE: Final = 0.5
"""The share of the budget that all tasks may take at the longest interval."""

LEAST_RATE: Final = 0.001
"""The least rate that a task counts with, as a share of the mean: with more polls to spare, a silent task has some too."""

STEP: Final = 1.03
"""The ratio of two neighbouring intervals: a schedule keeps a queue for each."""

STEPS_KEPT: Final = 3
"""By how many steps an interval may be longer than the rule asks for before it is shortened."""

ENOUGH_SHARE: Final = 0.95
"""Of a budget that was too small, the part that must suffice before it counts as enough."""

WINDOW_ROUNDS: Final = 2
"""How often a budget is shared in a row where there are windows, whose number follows from the intervals: right to some percent."""

BISECTIONS: Final = 60
"""By which a scale is as exact as a float, be the largest possible one a million times the least."""


@dataclass(slots=True)
class CallRate:
    """A task's recent phone calls per second, as seen between polls: an average that halves the past with time.

    It does not depend on how often the task is polled, as long as the task's real rate stays the same.
    """

    per_second: float = 0.0
    watched_seconds: float = 0.0

    @property
    def known(self) -> float | None:
        """The phone calls per second, or None if the task has not been watched for long enough."""
        return self.per_second if self.watched_seconds >= KNOWN_SECONDS else None

    def observe(self, phone_calls: float, seconds: float) -> None:
        """Record the phone calls made since the last poll, which began ``seconds`` before this one."""
        if seconds <= 0:
            return
        seen = max(0.0, phone_calls) / seconds
        half_life = RISE_SECONDS if seen > self.per_second else FALL_SECONDS
        kept = 0.5 ** (seconds / half_life) if self.watched_seconds else 0.0
        self.per_second = kept * self.per_second + (1 - kept) * seen
        self.watched_seconds += seconds


class Demand(NamedTuple):
    """What a task asks for: its interval in seconds with enough polls, and its phone calls per second, if known."""

    interval: float
    rate: float | None = None


@dataclass(frozen=True, slots=True)
class Sharing:
    """How a budget is shared, from which follows the interval of every task, of one that was not there as well."""

    longest: float
    """The longest interval, in seconds, unless a task asks for a longer one itself."""

    unknown: float
    """The phone calls per second that a task counts with whose rate is not known: the median of the others."""

    least: float
    """The least that a task counts with."""

    scale: float = 0.0
    """The interval of a task with one phone call per second, before it is limited. 0: there are enough polls."""

    def interval(self, demand: Demand) -> float:
        """Return a task's interval in seconds."""
        if self.scale == 0:
            return demand.interval
        return max(demand.interval, min(self.longest, self.scale / math.sqrt(self.rate(demand))))

    def next_interval(self, demand: Demand, current: float) -> float:
        """Return a task's interval in steps, or the current one as long as it is little longer than the rule's.

        It is never shorter than the rule's, so the budget is kept, and few intervals differ.
        """
        exact = self.interval(demand)
        if exact in {demand.interval, self.longest}:
            return exact
        kept = exact <= current <= min(self.longest, exact * STEP**STEPS_KEPT)
        return current if kept else min(self.longest, step_above(exact))

    def rate(self, demand: Demand) -> float:
        """Return the phone calls per second that a task counts with."""
        return max(self.least, self.unknown if demand.rate is None else demand.rate)


class Resumed(NamedTuple):
    """The interval that a task had before a restart, in seconds, and when its next poll was due."""

    interval: float
    due: float


class TaskIntervals(Generic[Key]):
    """The intervals at which an account's tasks are polled, kept in their schedule. Times are seconds of any steady clock."""

    def __init__(self, schedule: Schedule[Key], poll: PollSettings, *, windows: int = 0) -> None:
        self._schedule = schedule
        self._idle_interval = poll.idle_interval
        self._window_interval = poll.window_interval
        self._windows = windows
        self._asked: dict[Key, float] = {}
        self._rates: dict[Key, CallRate] = {}
        self._sharing = Sharing(longest=poll.idle_interval, unknown=0.0, least=1.0)

    @property
    def calls_per_second(self) -> float:
        """The API calls per second that the tasks would have with enough of them, for their windows too."""
        return _polls_per_second(self._asked.values()) + self._reads_per_second(self._asked.values())

    def add(self, key: Key, identity: str, interval: float, now: float, resumed: Resumed | None = None) -> None:
        """Add a task to the schedule; ``interval`` is the one that it has with enough polls.

        It is polled at once, or goes on as before a restart.
        """
        self._asked[key], self._rates[key] = interval, CallRate()
        current, due = resumed or (interval, now)
        self._schedule.add(key, identity, current, now, due=due)
        if current == interval and due > now:
            self._schedule.move_to_slot(key, now)
        self._adapt(key, now)

    def remove(self, key: Key) -> None:
        """Remove a task."""
        del self._asked[key], self._rates[key]
        self._schedule.remove(key)

    def ask(self, key: Key, interval: float, now: float) -> bool:
        """Change the interval that a task has with enough polls; return whether it has another interval now."""
        self._asked[key] = interval
        return self._adapt(key, now)

    def observe(self, key: Key, phone_calls: float, seconds: float) -> None:
        """Record the phone calls of a task since its last poll, which began ``seconds`` before this one."""
        self._rates[key].observe(phone_calls, seconds)

    def share(self, calls: float, now: float) -> set[Key]:
        """Share a budget of API calls per second anew; return the tasks that have another interval now."""
        changed: set[Key] = set()
        for _ in range(WINDOW_ROUNDS if self._windows else 1):
            intervals = [self._schedule.interval(key) for key in self._asked]
            polls = _polls_per_second(intervals)
            calls_per_poll = 1 + self._reads_per_second(intervals) / polls if polls else 1.0
            changed.update(self._solve(calls / calls_per_poll, now))
        return changed

    def _solve(self, budget: float, now: float) -> list[Key]:
        asked = _polls_per_second(self._asked.values())
        if self._sharing.scale and ENOUGH_SHARE * budget < asked <= budget:
            budget = asked * ENOUGH_SHARE  # little more than enough is not enough yet, or all would change to and fro
        demands = [Demand(interval, self._rates[key].known) for key, interval in self._asked.items()]
        self._sharing = solve(demands, budget, self._idle_interval)
        return [key for key in self._asked if self._adapt(key, now)]

    def _reads_per_second(self, intervals: Iterable[float]) -> float:
        """Return the API calls per second for windows; a poll reads them if ``window_interval`` has passed."""
        if not self._windows:
            return 0.0
        return self._windows * sum(1 / max(interval, self._window_interval) for interval in intervals)

    def _adapt(self, key: Key, now: float) -> bool:
        before, sharing = self._schedule.interval(key), self._sharing
        interval = sharing.next_interval(Demand(self._asked[key], self._rates[key].known), before)
        self._schedule.set_interval(key, interval, now, on_grid=sharing.scale == 0)
        return interval != before


def _polls_per_second(intervals: Iterable[float]) -> float:
    return sum(1 / interval for interval in intervals)


def step_above(seconds: float) -> float:
    """Return the first step, a power of ``STEP``, that is not below an interval."""
    return STEP ** math.ceil(math.log(seconds, STEP) - 1e-9)


def solve(demands: Collection[Demand], budget: float, idle_interval: float) -> Sharing:
    """Return how a budget of polls per second, above 0, is shared."""
    known = [demand.rate for demand in demands if demand.rate is not None] or [0.0]
    running = [demand.rate for demand in demands if demand.rate is not None and demand.interval < idle_interval]
    longest = len(demands) / (LONGEST_SHARE * budget)
    sharing = Sharing(
        longest=step_above(longest) if longest > idle_interval else idle_interval,
        unknown=statistics.median(running or known),
        least=LEAST_RATE * statistics.fmean(known) or 1.0,
    )
    if sum(1 / demand.interval for demand in demands) <= budget:
        return sharing
    return replace(sharing, scale=_scale(sharing, demands, budget))


def _scale(sharing: Sharing, demands: Collection[Demand], budget: float) -> float:
    """Return the scale at which all polls are the budget, by bisection over sorted roots and their sums."""
    by_interval: dict[float, list[float]] = {}
    for demand in demands:
        by_interval.setdefault(demand.interval, []).append(math.sqrt(sharing.rate(demand)))
    groups: list[tuple[float, list[float], list[float]]] = []
    for interval, roots in by_interval.items():
        roots.sort()
        groups.append((interval, roots, [0.0, *accumulate(roots)]))

    def polls(scale: float) -> float:
        total = 0.0
        for interval, roots, sums in groups:
            slow = bisect_left(roots, scale / max(interval, sharing.longest))
            fast = bisect_left(roots, scale / interval, slow)
            total += slow / max(interval, sharing.longest) + (sums[fast] - sums[slow]) / scale
            total += (len(roots) - fast) / interval
        return total

    short = min(interval * roots[0] for interval, roots, _ in groups)
    long = sharing.longest * max(roots[-1] for _, roots, _ in groups)
    for _ in range(BISECTIONS):
        middle = math.sqrt(short * long)
        if polls(middle) > budget:
            short = middle
        else:
            long = middle
    return long
