"""A day of 1,000 tasks with enough API calls, simulated: the proof of the schedule.

``python -m tests.system.test_fleet_day`` prints the figures. Everything that decides when an API call is made is the
exporter's own: Schedule, Cadence and Quota. The fleet, the platform (a private deployment, since the vendor's own quota is
smaller) and the time are simulated, event by event. ``test_fleet_unseen`` is about too few API calls.
"""

from __future__ import annotations

import functools
import heapq
import math
import random
from collections import deque
from collections.abc import Iterator
from dataclasses import dataclass, field
from pathlib import Path

from exporter.api.model import TaskState
from exporter.api.quota import MINUTE, Quota
from exporter.polling.schedule import Cadence, Due, Schedule

LATENCY_SECONDS = 0.2
SAMPLE_SECONDS = 20.0


@dataclass(frozen=True)
class Fleet:
    """An account: how many tasks it has, how many run at any moment and for how long, and how it is polled."""

    tasks: int = 1000
    running: int = 100
    run_seconds: tuple[float, float] = (1200.0, 4 * 3600.0)
    seconds: float = 86_400.0
    interval: float = 60.0
    idle_interval: float = 900.0
    calls_per_minute: int = 300
    discovery_interval: float = 60.0
    full_interval: float = 900.0
    active_pages: int = 3  # running and waiting ones of 1.0, and both together of 2.0
    whole_pages: int = 10  # 500 tasks of each generation


@dataclass
class Figures:
    """What was seen. Times are seconds; gaps lie between two polls of a task that ran, or rested, all the while."""

    polls: int = 0
    discovery_calls: int = 0
    longest_list: float = 0.0
    first_round: float = 0.0
    busiest_minute: int = 0
    ages: list[float] = field(default_factory=list)
    cadence_after_start: list[float] = field(default_factory=list)
    poll_after_start: list[float] = field(default_factory=list)
    running_gaps: list[float] = field(default_factory=list)
    idle_gaps: list[float] = field(default_factory=list)


@dataclass
class _Task:
    """What is true of a task, what discovery has told of it, and what the poller remembers of it."""

    running: bool = False
    changed: float = -1.0
    told: TaskState = TaskState.PAUSED
    absent: int = 0
    still_polls: int = 1
    polled: float = -math.inf
    slow_since: float | None = None
    unseen_since: float | None = None


class _Day:
    """The simulation: at each event, calls are answered, runs end and begin, and what is due and allowed is called."""

    def __init__(self, fleet: Fleet, seed: int) -> None:
        self.fleet = fleet
        self.figures = Figures()
        self.rng = random.Random(seed)
        self.cadence = Cadence(fleet.interval, fleet.idle_interval)
        self.schedule: Schedule[int] = Schedule()
        self.quota = Quota()
        self.quota.configure(fleet.calls_per_minute)
        self.token_at = 0.0
        self.tasks = [_Task() for _ in range(fleet.tasks)]
        self.resting = list(range(fleet.tasks))
        self.stops: list[tuple[float, int]] = []
        self.answers: deque[tuple[float, float, Due[int] | None]] = deque()  # ready at, started, poll or page
        self.listed: list[bool] = []
        self.next_list = self.next_whole = self.list_begun = 0.0
        self.is_whole = False
        self.pages_left = 0
        self.page_wanted = False
        self.recent: deque[float] = deque()
        self.unpolled = fleet.tasks

    def run(self) -> Figures:
        for _ in range(self.fleet.running):
            self.start_one(0.0)
        now, sample = 0.0, SAMPLE_SECONDS
        while now < self.fleet.seconds:
            while self.stops and self.stops[0][0] <= now:
                self.stop_one(heapq.heappop(self.stops))
            while self.answers and self.answers[0][0] <= now:
                self.take_answer(*self.answers.popleft())
            if self.next_list <= now:
                self.begin_list(now)
            if sample <= now:
                sample += SAMPLE_SECONDS
                self.sample(now)
            self.call(now)
            now = min(self.stops[0][0], self.next_list, sample, self.next_call(now), self.next_answer())
        return self.figures

    def next_answer(self) -> float:
        return self.answers[0][0] if self.answers else math.inf

    def next_call(self, now: float) -> float:
        wanted = now if self.page_wanted else now + self.schedule.next_due(now)
        return max(wanted, self.token_at)

    def start_one(self, now: float) -> None:
        index = self.rng.randrange(len(self.resting))
        self.resting[index], self.resting[-1] = self.resting[-1], self.resting[index]
        key = self.resting.pop()
        task = self.tasks[key]
        task.running, task.changed = True, now
        task.slow_since = task.unseen_since = now or None
        heapq.heappush(self.stops, (now + self.rng.uniform(*self.fleet.run_seconds), key))

    def stop_one(self, stop: tuple[float, int]) -> None:
        now, key = stop
        task = self.tasks[key]
        task.running, task.changed = False, now
        task.slow_since = task.unseen_since = None
        self.start_one(now)
        self.resting.append(key)

    def begin_list(self, now: float) -> None:
        """Read the pages one after another, the active tasks' or all; what they show in the end is as old as the first."""
        self.listed, self.list_begun = [task.running for task in self.tasks], now
        self.is_whole = now >= self.next_whole
        if self.is_whole:
            self.next_whole = now + self.fleet.full_interval
        self.pages_left = self.fleet.whole_pages if self.is_whole else self.fleet.active_pages
        self.page_wanted, self.next_list = True, math.inf

    def end_list(self, now: float) -> None:
        self.next_list = now + self.fleet.discovery_interval
        self.figures.longest_list = max(self.figures.longest_list, now - self.list_begun)
        for key, (task, running) in enumerate(zip(self.tasks, self.listed, strict=True)):
            task.absent = 0 if running else task.absent + 1
            if not (running or self.is_whole or task.absent > 1):
                continue  # a filtered list has to leave a task out twice
            told = TaskState.RUNNING if running else TaskState.PAUSED
            new = key not in self.schedule
            if told is not task.told or new:
                task.told = told
                interval = self.cadence.of(told, still_polls=task.still_polls)
                if new:
                    self.schedule.add(key, f"task {key}", interval, now)
                self.set_interval(key, interval, now)

    def set_interval(self, key: int, interval: float, now: float) -> None:
        self.schedule.set_interval(key, interval, now)
        task = self.tasks[key]
        if interval == self.fleet.interval and task.slow_since is not None:
            self.figures.cadence_after_start.append(now - task.slow_since)
            task.slow_since = None

    def call(self, now: float) -> None:
        while self.page_wanted or self.schedule.next_due(now) == 0:
            if wait := self.quota.take(now):
                self.token_at = now + wait
                return
            self.count_call(now)
            if self.page_wanted:
                self.page_wanted = False
                self.answers.append((now + LATENCY_SECONDS, now, None))
            else:
                due = self.schedule.pop(now)
                assert due is not None
                self.begin_poll(due, now)

    def count_call(self, now: float) -> None:
        self.recent.append(now)
        while self.recent[0] <= now - MINUTE:
            self.recent.popleft()
        self.figures.busiest_minute = max(self.figures.busiest_minute, len(self.recent))

    def begin_poll(self, due: Due[int], now: float) -> None:
        task, figures = self.tasks[due.key], self.figures
        if task.polled >= task.changed:
            (figures.running_gaps if task.running else figures.idle_gaps).append(now - task.polled)
        if task.unseen_since is not None:
            figures.poll_after_start.append(now - task.unseen_since)
            task.unseen_since = None
        self.answers.append((now + LATENCY_SECONDS, now, due))

    def take_answer(self, now: float, started: float, due: Due[int] | None) -> None:
        self.quota.finish()
        if due is None:
            self.figures.discovery_calls += 1
            self.pages_left -= 1
            self.page_wanted = self.pages_left > 0
            if not self.page_wanted:
                self.end_list(now)
            return
        self.figures.polls += 1
        task = self.tasks[due.key]
        if task.polled == -math.inf:
            self.unpolled -= 1
            if not self.unpolled:
                self.figures.first_round = now
        else:
            moved = task.running or task.changed > task.polled
            task.still_polls = 0 if moved else task.still_polls + 1
        task.polled = started
        self.set_interval(due.key, self.cadence.of(task.told, still_polls=task.still_polls), now)
        self.schedule.done(due, started, now)

    def sample(self, now: float) -> None:
        if not self.unpolled:
            self.figures.ages += [now - task.polled for task in self.tasks if task.running]


DAY = Fleet()


@functools.cache
def simulate(fleet: Fleet) -> Figures:
    """Run an account and return what was seen; the same at each run."""
    return _Day(fleet, seed=1).run()


def quantile(values: list[float], share: float) -> float:
    """Return the smallest of the values that at least this share of them does not exceed."""
    return sorted(values)[max(0, math.ceil(share * len(values)) - 1)]


def polls_without_cadence(fleet: Fleet) -> float:
    """Return the calls it takes to poll every task every ``interval``."""
    return fleet.tasks * fleet.seconds / fleet.interval


def report() -> Iterator[str]:
    """Yield the figures as the lines that docs/scheduling.md quotes."""
    day, calls = simulate(DAY), simulate(DAY).polls + simulate(DAY).discovery_calls
    yield f"A day of {DAY.tasks:,} tasks, {DAY.running} of them running, at {DAY.calls_per_minute} API calls per minute:"
    yield f"  polls {day.polls:,} + discovery {day.discovery_calls:,} = {calls:,} API calls"
    yield f"  every task every minute would take {polls_without_cadence(DAY):,.0f}: {polls_without_cadence(DAY) / calls:.2f} times as many"
    yield f"  busiest minute: {day.busiest_minute} API calls, on average {MINUTE * calls / DAY.seconds:.0f}"
    yield f"  age of a running task: median {quantile(day.ages, 0.5):.0f} s, p99 {quantile(day.ages, 0.99):.0f} s"
    starts = day.cadence_after_start
    yield f"  {len(starts):,} tasks started; full cadence after: median {quantile(starts, 0.5):.0f} s, at most {max(starts):.0f} s"
    yield f"  first poll after that start: median {quantile(day.poll_after_start, 0.5):.0f} s, at most {max(day.poll_after_start):.0f} s"
    yield f"  first round after a restart: {day.first_round:.0f} s"


def _gaps(figures: Figures, fleet: Fleet) -> list[tuple[str, list[float], float]]:
    return [
        ("running", figures.running_gaps, fleet.interval),
        ("idle", figures.idle_gaps, fleet.idle_interval),
    ]


def test_cadence_saves_calls() -> None:
    """With a tenth of the tasks running, a day takes less than a sixth of the API calls, those of discovery included."""
    day = simulate(DAY)
    active = DAY.active_pages / DAY.discovery_interval
    whole = DAY.whole_pages / (DAY.full_interval + DAY.discovery_interval)
    assert day.discovery_calls > 0.9 * DAY.seconds * (active + whole)
    assert polls_without_cadence(DAY) > 6 * (day.polls + day.discovery_calls)


def test_running_tasks_are_fresh() -> None:
    """99 of 100 looks at a running task find a poll begun within 1.5 intervals, from the first round on."""
    day = simulate(DAY)
    assert day.first_round < 1.5 * MINUTE * DAY.tasks / DAY.calls_per_minute
    assert len(day.ages) > 0.99 * DAY.running * (DAY.seconds - day.first_round) / SAMPLE_SECONDS
    assert quantile(day.ages, 0.99) < 1.5 * DAY.interval


def test_no_task_waits_longer_than_its_interval() -> None:
    """Within the quota no gap between two polls exceeds the task's interval by much, be it running or idle."""
    for _, gaps, interval in _gaps(simulate(DAY), DAY):
        assert max(gaps) < 1.5 * interval
        assert quantile(gaps, 0.99) < 1.1 * interval


def test_started_task_is_back_at_full_cadence() -> None:
    """A task that starts has its cadence with the next list that shows it, and its first poll within an interval of that."""
    day = simulate(DAY)
    known_after = DAY.discovery_interval + 2 * day.longest_list  # it may have started while a list was being read
    assert day.longest_list < 15  # the first one competes with the first round
    assert len(day.cadence_after_start) > 1000
    assert max(day.cadence_after_start) <= known_after
    assert max(day.poll_after_start) < known_after + 1.1 * DAY.interval


def test_no_minute_has_too_many_calls() -> None:
    """No 60 seconds of the day hold more API calls than the limit."""
    assert simulate(DAY).busiest_minute <= DAY.calls_per_minute


def test_documentation_quotes_these_figures() -> None:
    """The figures in both languages' scheduling pages are those that the command beside them prints."""
    for name in ("scheduling.md", "scheduling.zh-CN.md"):
        text = (Path(__file__).parent.parent.parent / "docs" / name).read_text(encoding="utf-8")
        assert "\n".join(report()) in text


if __name__ == "__main__":
    print("\n".join(report()))
