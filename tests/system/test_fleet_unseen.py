"""Phone calls not yet seen, simulated: the proof of the square-root rule. ``python -m tests.system.test_fleet_unseen`` prints the figures.

What decides when a task is polled is the exporter's own: CallRate, Sharing and Schedule. The fleet, the platform and the
time are simulated, event by event.
"""

from __future__ import annotations

import functools
import heapq
import math
import random
import statistics
from collections import deque
from collections.abc import Iterator
from dataclasses import dataclass, field, replace
from pathlib import Path

import pytest

from exporter.polling.intervals import CallRate, Demand, solve
from exporter.polling.schedule import Due, Schedule

LATENCY_SECONDS = 0.2


@dataclass(frozen=True)
class Fleet:
    """Running tasks, how their phone calls differ and change, and the API calls that there are for them."""

    running: int
    by_rate: bool = True
    """Whether the rule shares the polls; else all intervals stretch alike."""

    phone_calls_per_minute: float = 50.0
    """Of a task, on average over all tasks."""

    sigma: float = 1.6
    """Of the logarithm of the call rates."""

    run_seconds: tuple[float, float] = (6 * 3600.0, 30 * 3600.0)
    change_seconds: float = 7200.0
    """The mean time after which a task's call rate changes, by a third up or down in the middle."""

    likeness: float = 0.95
    """The correlation of the logarithms of the rates before and after a change."""

    interval: float = 60.0
    idle_interval: float = 900.0
    api_calls_per_minute: int = 30
    discovery_calls_per_minute: int = 5
    solve_seconds: float = 60.0
    warm_seconds: float = 4 * 3600.0
    """Before the figures begin: the first round is not what is compared."""

    seconds: float = 12 * 3600.0
    seed: int = 1

    @property
    def budget(self) -> float:
        """The polls per second."""
        return (self.api_calls_per_minute - self.discovery_calls_per_minute) / 60


@dataclass
class Figures:
    """What was seen after the warm-up."""

    unseen_seconds: float = 0.0
    """Phone calls not yet seen, times the seconds that they were not."""

    polls: int = 0
    gaps: list[float] = field(default_factory=list)
    """Seconds between two polls of a task in proportion to the interval in force when the second was due."""

    ages: list[float] = field(default_factory=list)
    """Seconds since a task's last poll, or since it was listed: just before its next, or at its end."""

    intervals: int = 0
    """The largest number of different intervals."""


@dataclass
class _Task:
    """What is true of a task, and what the poller remembers of it."""

    rate: float
    level: float
    ends: float
    since: float
    """When ``unseen`` and ``unseen_seconds`` were true."""

    unseen: float = 0.0
    unseen_seconds: float = 0.0
    listed: float = math.inf
    polled: float | None = None
    read: CallRate = field(default_factory=CallRate)

    def advance(self, now: float) -> None:
        seconds = now - self.since
        self.unseen_seconds += self.unseen * seconds + self.rate * seconds**2 / 2
        self.unseen += self.rate * seconds
        self.since = now


class _Hours:
    """The simulation. Rates and runs come from a random generator of their own, so that both rules see the same fleet."""

    def __init__(self, fleet: Fleet) -> None:
        self.fleet = fleet
        self.figures = Figures()
        self.truth, self.chance = random.Random(fleet.seed), random.Random(-fleet.seed - 7)
        self.schedule: Schedule[int] = Schedule()
        self.sharing = solve([], fleet.budget, fleet.idle_interval)
        self.tasks: dict[int, _Task] = {}
        self.events: list[tuple[float, int, int]] = []  # when, a task that changes or ends, its number of changes
        self.answers: deque[tuple[float, float, Due[int], float]] = deque()
        self.calls: deque[float] = deque([-math.inf] * fleet.api_calls_per_minute, maxlen=fleet.api_calls_per_minute)
        self.started = 0

    def run(self) -> Figures:
        fleet = self.fleet
        for _ in range(fleet.running):
            self.start_one(0.0)
        now = lists = solves = 0.0
        while now < fleet.seconds:
            while self.events[0][0] <= now:
                self.change(*heapq.heappop(self.events)[:2])
            while self.answers and self.answers[0][0] <= now:
                self.take_answer(*self.answers.popleft())
            if lists <= now:
                lists += 60.0
                self.list_all(now)
            if solves <= now:
                solves += fleet.solve_seconds
                self.share(now)
            self.poll(now)
            next_poll = max(now + self.schedule.next_due(now), self.calls[0] + 60)
            next_answer = self.answers[0][0] if self.answers else math.inf
            now = min(self.events[0][0], lists, solves, next_poll, next_answer)
        for task in self.tasks.values():
            task.advance(now)
            self.count_unseen(task, now)
        return self.figures

    def rate(self, level: float) -> float:
        fleet = self.fleet
        return fleet.phone_calls_per_minute / 60 * math.exp(fleet.sigma * level - fleet.sigma**2 / 2)

    def start_one(self, now: float) -> None:
        level = self.truth.gauss()
        task = _Task(self.rate(level), level, now + self.truth.uniform(*self.fleet.run_seconds), since=now)
        self.tasks[self.started] = task
        self.next_change(self.started, task, now)
        self.started += 1

    def next_change(self, key: int, task: _Task, now: float) -> None:
        when = min(task.ends, now + self.truth.expovariate(1 / self.fleet.change_seconds))
        heapq.heappush(self.events, (when, key, 0))

    def change(self, now: float, key: int) -> None:
        """Let a task end and another start, or let it go on, faster or slower."""
        task, fleet = self.tasks[key], self.fleet
        task.advance(now)
        if task.ends <= now:
            self.count_unseen(task, now)
            del self.tasks[key]
            self.schedule.remove(key)
            self.start_one(now)
            return
        task.level = fleet.likeness * task.level + math.sqrt(1 - fleet.likeness**2) * self.truth.gauss()
        task.rate = self.rate(task.level)
        self.next_change(key, task, now)

    def list_all(self, now: float) -> None:
        """Discovery takes its calls and shows what has started."""
        self.calls.extend([now] * self.fleet.discovery_calls_per_minute)
        for key, task in self.tasks.items():
            if key not in self.schedule:
                task.listed = now
                self.schedule.add(key, f"task {key}", self.fleet.interval, now)
                self.set_interval(key, now)

    def share(self, now: float) -> None:
        if self.fleet.by_rate:
            demands = [Demand(self.fleet.interval, self.tasks[key].read.known) for key in self.tasks]
            self.sharing = solve(demands, self.fleet.budget, self.fleet.idle_interval)
            for key in self.tasks:
                if key in self.schedule:
                    self.set_interval(key, now)
        if now > self.fleet.warm_seconds:
            self.figures.intervals = max(
                self.figures.intervals, len({self.schedule.interval(key) for key in self.tasks if key in self.schedule})
            )

    def set_interval(self, key: int, now: float) -> None:
        if self.fleet.by_rate:
            demand = Demand(self.fleet.interval, self.tasks[key].read.known)
            interval = self.sharing.next_interval(demand, self.schedule.interval(key))
            self.schedule.set_interval(key, interval, now, on_grid=self.sharing.scale == 0)

    def poll(self, now: float) -> None:
        while self.calls[0] + 60 <= now and (due := self.schedule.pop(now)) is not None:
            self.calls.append(now)
            task = self.tasks[due.key]
            task.advance(now)
            if now > self.fleet.warm_seconds:
                self.figures.polls += 1
                if task.polled is not None:
                    self.figures.gaps.append((now - task.polled) / self.schedule.interval(due.key))
            seen = self.poisson(task.unseen)
            self.count_unseen(task, now)
            self.answers.append((now + LATENCY_SECONDS, now, due, seen))

    def count_unseen(self, task: _Task, now: float) -> None:
        """Record what was not seen until now, and since when."""
        if now > self.fleet.warm_seconds:
            self.figures.unseen_seconds += task.unseen_seconds
            self.figures.ages.append(now - (task.listed if task.polled is None else task.polled))
        task.unseen = task.unseen_seconds = 0.0

    def take_answer(self, now: float, started: float, due: Due[int], seen: float) -> None:
        if due.key in self.schedule:
            task = self.tasks[due.key]
            if task.polled is not None:
                task.read.observe(seen, started - task.polled)
            task.polled = started
            self.set_interval(due.key, now)
            self.schedule.done(due, started, now)

    def poisson(self, mean: float) -> float:
        """Return a whole number as chance has it; close enough to Poisson's for a mean above 30."""
        if mean > 30:
            return max(0.0, round(self.chance.gauss(mean, math.sqrt(mean))))
        number, product, limit = 0, self.chance.random(), math.exp(-mean)
        while product > limit:
            number += 1
            product *= self.chance.random()
        return number


FLEETS = (100, 300, 1000)
"""Running tasks."""

SHORT_LIVED = Fleet(1000, run_seconds=(2 * 3600.0, 10 * 3600.0), change_seconds=3600.0)
"""A fleet of which less is known, since its tasks end after a few polls."""

SEEDS = (1, 2)
"""Each figure is of this many fleets, since a few tasks make most phone calls."""


@functools.cache
def simulate(fleet: Fleet) -> Figures:
    """Run a fleet and return what was seen; the same at each run."""
    return _Hours(fleet).run()


def unseen(fleet: Fleet) -> float:
    """Return the phone calls not yet seen, on average over time and the seeds."""
    seconds = fleet.seconds - fleet.warm_seconds
    return statistics.fmean(simulate(replace(fleet, seed=seed)).unseen_seconds for seed in SEEDS) / seconds


def ratio(fleet: Fleet) -> float:
    """Return the phone calls not yet seen, as a share of those at intervals that stretch alike."""
    return unseen(fleet) / unseen(replace(fleet, by_rate=False))


def pooled(fleet: Fleet, name: str) -> list[float]:
    """Return the gaps or ages of all seeds, sorted."""
    return sorted(value for seed in SEEDS for value in getattr(simulate(replace(fleet, seed=seed)), name))


def report() -> Iterator[str]:
    """Yield the figures as the lines that docs/scheduling.md quotes."""
    yield "Phone calls made and not yet seen, at 30 API calls per minute, 5 of them for discovery:"
    for running in FLEETS:
        yield _line(Fleet(running), f"{running:,} tasks")
    yield _line(SHORT_LIVED, "1,000 short-lived tasks")


def _line(fleet: Fleet, name: str) -> str:
    gaps, ages = pooled(fleet, "gaps"), pooled(fleet, "ages")
    return (
        f"  {name}: {unseen(fleet):,.0f} instead of {unseen(replace(fleet, by_rate=False)):,.0f}, ratio {ratio(fleet):.2f}; "
        f"age at most {ages[-1] / 60:.0f} min; p99 gap {gaps[int(0.99 * len(gaps))]:.2f} intervals"
    )


@pytest.mark.parametrize("running", FLEETS)
def test_fewer_calls_are_unseen(running: int) -> None:
    """Of the phone calls unseen at intervals that stretch alike, at most 0.65 are, with no more API calls."""
    assert ratio(Fleet(running)) <= 0.65
    for seed in SEEDS:
        fleet = Fleet(running, seed=seed)
        budget = fleet.budget * (fleet.seconds - fleet.warm_seconds)
        assert 0.9 * budget < simulate(fleet).polls <= budget + fleet.api_calls_per_minute


@pytest.mark.parametrize("running", FLEETS)
def test_intervals_in_force_are_kept(running: int) -> None:
    """99 of 100 gaps between two polls of a task are at most 1.25 of the interval in force."""
    gaps = pooled(Fleet(running), "gaps")
    assert gaps[int(0.99 * len(gaps))] <= 1.25


def test_nobody_starves() -> None:
    """Of 300 running tasks none is ever older than twice ``idle_interval``, nor older than 2.5 fair shares of 1,000."""
    assert pooled(Fleet(300), "ages")[-1] <= 2 * Fleet(300).idle_interval
    assert pooled(Fleet(1000), "ages")[-1] <= 2.5 * 1000 / Fleet(1000).budget


def test_queues_are_few() -> None:
    """The schedule keeps a queue per interval: they stay below 100, however many tasks there are."""
    assert max(simulate(Fleet(running, seed=seed)).intervals for running in FLEETS for seed in SEEDS) < 100


def test_documentation_quotes_these_figures() -> None:
    """The figures in both languages' scheduling pages are those that the command beside them prints."""
    for name in ("scheduling.md", "scheduling.zh-CN.md"):
        text = (Path(__file__).parent.parent.parent / "docs" / name).read_text(encoding="utf-8")
        assert "\n".join(report()) in text


if __name__ == "__main__":
    print("\n".join(report()))
