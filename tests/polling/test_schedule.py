"""The schedule alone: pure values, no event loop."""

from __future__ import annotations

import math
import random
from collections import Counter
from itertools import pairwise

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from hypothesis.stateful import RuleBasedStateMachine, invariant, precondition, rule

from exporter.api.model import TaskState
from exporter.polling.schedule import LATE_SHARE, MAX_BACKOFF_SECONDS, Cadence, Due, Schedule, back_off, spread

RUNNING, WAITING, PAUSED, UNKNOWN = (
    TaskState.RUNNING,
    TaskState.WAITING,
    TaskState.PAUSED,
    TaskState.UNKNOWN,
)


def schedule_of(*keys: str, interval: float = 60.0, now: float = 0.0) -> Schedule[str]:
    """Return a schedule whose keys are all due at ``now``."""
    schedule: Schedule[str] = Schedule()
    for key in keys:
        schedule.add(key, key, interval, now)
    return schedule


def pop(schedule: Schedule[str], now: float) -> Due[str]:
    """Return what is due; there must be something."""
    due = schedule.pop(now)
    assert due is not None
    return due


def poll(schedule: Schedule[str], now: float) -> str:
    """Poll what is due in no time and return its key."""
    due = pop(schedule, now)
    schedule.done(due, now, now)
    return due.key


def queued(schedule: Schedule[str]) -> int:
    """Count what the queues hold, void or not."""
    return sum(map(len, schedule._queues.values()))


@pytest.mark.parametrize(
    ("state", "still_polls", "finished", "expected"),
    [
        (RUNNING, 0, False, 60),
        (RUNNING, 100, False, 60),
        (RUNNING, 1, True, 900),
        (RUNNING, 0, True, 60),
        (WAITING, 1, False, 900),
        (WAITING, 0, False, 60),
        (PAUSED, 1, False, 900),
        (PAUSED, 0, False, 60),
        (UNKNOWN, 0, False, 60),
        (UNKNOWN, 2, False, 60),
        (UNKNOWN, 3, False, 120),
        (UNKNOWN, 4, False, 240),
        (UNKNOWN, 5, False, 480),
        (UNKNOWN, 6, False, 900),
        (UNKNOWN, 10**9, False, 900),
        (UNKNOWN, 1, True, 900),
        (UNKNOWN, 0, True, 60),
    ],
)
def test_cadence(state: TaskState, still_polls: int, finished: bool, expected: float) -> None:  # noqa: FBT001  # a table's column
    """What runs or moves has the short interval, what rests the long one, and the unknown drifts by doubling."""
    assert Cadence(60.0, 900.0).of(state, still_polls=still_polls, finished=finished) == expected


@pytest.mark.parametrize(
    ("interval", "failures", "middle"),
    [(60, 1, 60), (60, 2, 120), (60, 3, 240), (60, 4, 300), (60, 10**6, 300), (900, 1, 900), (900, 9, 900)],
)
def test_back_off(interval: float, failures: int, middle: float) -> None:
    """A back-off doubles up to a bound, which a long interval lifts, and its jitter fills a quarter to either side."""
    rng = random.Random(0)
    waits = [back_off(interval, failures, rng) for _ in range(1000)]
    assert middle * 0.75 <= min(waits) < middle * 0.76
    assert middle * 1.24 < max(waits) <= middle * 1.25
    assert max(interval, MAX_BACKOFF_SECONDS) * 1.25 >= max(waits)


def test_spread_is_fixed_and_even() -> None:
    """A text's place is the same in every process, lies in [0, 1), and places fill it evenly."""
    assert spread("61551b2c-e3f3-4707-b4ed-f362f0925e03") == pytest.approx(0.184787, abs=1e-6)
    places = [spread(str(index)) for index in range(10_000)]
    tenths = Counter(int(place * 10) for place in places)
    assert set(tenths) == set(range(10))
    assert max(tenths.values()) < 1.15 * 1000


def add_later(schedule: Schedule[str], key: str, identity: str, interval: float, now: float) -> None:
    """Add a key that was polled just now, so that it is due at its next turn."""
    schedule.add(key, identity, interval, now)
    schedule.done(pop(schedule, now), now, now)


def test_new_key_is_due_when_it_is_said_to_be() -> None:
    """A key that is added is due at the time given; after that poll, at its next turn in the interval."""
    schedule: Schedule[str] = Schedule()
    add_later(schedule, "known", "known", 60.0, 1000.0)
    schedule.add("new", "new", 60.0, 1000.0)
    schedule.add("resumed", "resumed", 900.0, 1000.0, due=1400.0)
    assert schedule.next_due(1000.0) == 0
    assert pop(schedule, 1000.0).key == "new"
    assert schedule.pop(1000.0) is None
    turn = 1000.0 + schedule.next_due(1000.0)
    assert 1000 < turn <= 1060
    assert turn % 60 == pytest.approx(spread("known") * 60)
    assert pop(schedule, turn).key == "known"
    assert 1000.0 + schedule.next_due(1000.0) == 1400


def test_polls_of_many_tasks_spread_over_the_interval() -> None:
    """10,000 tasks of one interval never bunch, although all were taken in at once, and each keeps its place."""
    schedule: Schedule[int] = Schedule()
    for key in range(10_000):
        schedule.add(key, str(key), 60.0, 0.0)
    starts: dict[int, list[float]] = {key: [] for key in range(10_000)}
    now = 0.0
    while now <= 240:
        while due := schedule.pop(now):
            starts[due.key].append(now)
            schedule.done(due, now, now + 0.2)
        now += max(schedule.next_due(now), 1e-6)
    seconds = Counter(int(start) for each in starts.values() for start in each if 60 <= start < 240)
    assert len(seconds) == 180
    assert max(seconds.values()) < 1.3 * 10_000 / 60
    for key, each in starts.items():
        assert len(each) == 5
        assert all(b - a == pytest.approx(60, abs=0.001) for a, b in pairwise(each[1:]))
        assert each[-1] % 60 == pytest.approx(spread(str(key)) * 60, abs=0.001)


def test_the_most_overdue_in_proportion_goes_first() -> None:
    """Two minutes late is more for an interval of one minute than ten minutes are for one of fifteen."""
    schedule = schedule_of("idle", interval=900.0, now=0.0)
    schedule.add("first", "first", 60.0, 479.0)
    schedule.add("second", "second", 60.0, 480.0)
    schedule.add("fresh", "fresh", 60.0, 590.0)
    schedule.add("later", "later", 60.0, 601.0)
    assert [pop(schedule, 600.0).key for _ in range(4)] == ["first", "second", "idle", "fresh"]
    assert schedule.pop(600.0) is None


def test_a_late_poll_does_not_make_up_for_lost_time() -> None:
    """A poll that starts a little late keeps its place; one that starts much too late has its next an interval on."""
    place = spread("a") * 60
    for late, expected in [(60 * LATE_SHARE - 0.1, place + 120), (60 * LATE_SHARE + 0.1, place + 126.1)]:
        schedule: Schedule[str] = Schedule()
        add_later(schedule, "a", "a", 60.0, place)
        start = place + 60 + late
        assert poll(schedule, start) == "a"
        assert start + schedule.next_due(start) == pytest.approx(expected)


def test_a_late_poll_finds_its_place_again() -> None:
    """Once the shortage is over, polls are back at their places."""
    schedule: Schedule[str] = Schedule()
    schedule.add("a", "a", 60.0, 0.0)
    now = 45.0
    for _ in range(3):
        assert poll(schedule, now) == "a"
        now += schedule.next_due(now)
    assert now % 60 == pytest.approx(spread("a") * 60)


def test_shorter_interval_brings_the_next_poll_forward() -> None:
    """A task that starts to run does not wait for the end of its idle interval."""
    schedule = schedule_of("a", interval=900.0)
    poll(schedule, 0.0)
    schedule.set_interval("a", 60.0, 1.0)
    assert 0 < schedule.next_due(1.0) <= 60
    assert schedule.interval("a") == 60


def test_longer_interval_puts_the_next_poll_off() -> None:
    """A task that comes to rest waits for its place in the idle interval; one that is due already is still polled."""
    schedule = schedule_of("a")
    poll(schedule, 0.0)
    schedule.set_interval("a", 900.0, 1.0)
    turn = 1.0 + schedule.next_due(1.0)
    assert turn % 900 == pytest.approx(spread("a") * 900)
    schedule.set_interval("a", 1800.0, turn + 1)
    assert pop(schedule, turn + 1).since == pytest.approx(turn)


def test_interval_that_changes_in_flight_counts_from_the_next_poll() -> None:
    """While a key is in flight it is not due, whatever becomes of its interval; the new one decides its next turn."""
    schedule = schedule_of("a", interval=900.0)
    due = pop(schedule, 0.0)
    schedule.set_interval("a", 60.0, 1.0)
    assert schedule.next_due(1e6) == math.inf
    assert schedule.pop(1e6) is None
    schedule.done(due, 0.0, 2.0)
    assert schedule.next_due(0.0) == pytest.approx(spread("a") * 60)


def test_interval_off_the_grid_counts_from_poll_to_poll() -> None:
    """Off the grid, the wait changes like the interval, and the next poll is due a whole interval after the last."""
    schedule = schedule_of("a")
    poll = schedule.pop(0.0)
    assert poll is not None
    schedule.set_interval("a", 100.0, 0.0, on_grid=False)
    schedule.done(poll, 0.0, 1.0)
    assert schedule.due_in("a", 1.0) == 99.0
    schedule.set_interval("a", 110.0, 50.0, on_grid=False)
    assert schedule.due_in("a", 50.0) == pytest.approx(55.0)
    schedule.set_interval("a", 55.0, 50.0, on_grid=False)
    assert schedule.due_in("a", 50.0) == pytest.approx(27.5)


def test_overdue_poll_stays_overdue_off_the_grid() -> None:
    """A poll that waits for its turn loses no time by a change of its interval, be it longer or shorter."""
    for interval in (30.0, 300.0):
        schedule = schedule_of("a", now=10.0)
        schedule.set_interval("a", interval, 70.0, on_grid=False)
        due = schedule.pop(70.0)
        assert due is not None
        assert due.since == 10.0


def test_task_finds_its_place_when_it_comes_back_to_the_grid() -> None:
    """With the same interval on the grid again, a task's next poll is no later, and the ones after are at its place."""
    schedule = schedule_of("a")
    schedule.set_interval("a", 61.0, 0.0, on_grid=False)
    poll = schedule.pop(0.0)
    assert poll is not None
    schedule.done(poll, 0.0, 1.0)
    schedule.set_interval("a", 60.0, 2.0)
    assert schedule.due_in("a", 2.0) == pytest.approx(spread("a") * 60.0 - 2.0)


def test_same_interval_changes_nothing() -> None:
    """Discovery repeats itself every minute; that does not move a poll, nor one that is backing off."""
    schedule = schedule_of("a")
    schedule.done(pop(schedule, 0.0), 0.0, 1.0, retry_in=300.0)
    schedule.set_interval("a", 60.0, 2.0)
    assert schedule.next_due(1.0) == 300


def test_removed_in_flight_stays_away() -> None:
    """A key that is removed while in flight is not taken in again by the end of its poll."""
    schedule = schedule_of("a", "b")
    due = pop(schedule, 0.0)
    schedule.remove(due.key)
    schedule.remove("never there")
    schedule.done(due, 0.0, 1.0)
    assert due.key not in schedule
    assert len(schedule) == 1
    assert poll(schedule, 1.0) != due.key
    assert schedule.polls_per_second == 1 / 60


def test_end_of_an_old_poll_says_nothing_of_a_key_taken_in_anew() -> None:
    """A key that left and came back while its poll was under way is due at once, and not twice."""
    schedule = schedule_of("a")
    old = pop(schedule, 0.0)
    schedule.remove("a")
    schedule.add("a", "a", 60.0, 1.0)
    schedule.done(old, 0.0, 2.0)
    new = pop(schedule, 2.0)
    assert (new.key, new.since) == ("a", 1.0)
    schedule.done(old, 0.0, 3.0)
    assert schedule.next_due(3.0) == math.inf
    schedule.done(new, 2.0, 4.0)
    assert schedule.next_due(4.0) <= 60


def test_next_due() -> None:
    """Nothing due ever is infinity, something overdue is 0, and what was removed is not waited for."""
    schedule = schedule_of()
    assert schedule.next_due(0.0) == math.inf
    schedule.add("a", "a", 60.0, 10.0)
    assert schedule.next_due(4.0) == 6
    assert schedule.next_due(11.0) == 0
    schedule.add("b", "b", 60.0, 30.0)
    schedule.remove("a")
    assert schedule.next_due(11.0) == 19


def test_polls_per_second() -> None:
    """The demand is the sum of the keys' frequencies, and follows their coming, changing and going."""
    schedule = schedule_of("a", "b", "c", interval=60.0)
    schedule.add("d", "d", 900.0, 0.0)
    assert schedule.polls_per_second == pytest.approx(3 / 60 + 1 / 900)
    schedule.set_interval("a", 120.0, 0.0)
    schedule.remove("b")
    assert schedule.polls_per_second == pytest.approx(1 / 60 + 1 / 120 + 1 / 900)


def test_void_entries_do_not_pile_up() -> None:
    """However often intervals flip and keys come and go, the queues hold a few entries per key, and still all of them."""
    keys = [f"key {index}" for index in range(100)]
    schedule = schedule_of(*keys)
    for flip in range(500):
        for key in keys:
            schedule.set_interval(key, 900.0 if flip % 2 else 30.0, 1.0)
        schedule.remove(keys[0])
        schedule.add(keys[0], keys[0], 60.0, 1.0, due=50.0)
    assert queued(schedule) <= 3 * (2 * len(keys) + 17)
    assert {pop(schedule, 1e6).key for _ in keys} == set(keys)
    assert schedule.pop(1e6) is None


def test_all_intervals_stretch_alike_when_the_quota_is_short() -> None:
    """At three times the quota every task, of a short or a long interval, is polled about every third interval."""
    schedule: Schedule[str] = Schedule()
    intervals = {f"{interval} {n}": interval for interval in (60.0, 240.0, 900.0) for n in range(int(interval))}
    for key, interval in intervals.items():
        schedule.add(key, key, interval, 0.0)
    assert schedule.polls_per_second == pytest.approx(3)
    last: dict[str, float] = {}
    gaps: dict[float, list[float]] = {interval: [] for interval in intervals.values()}
    for second in range(20_000):  # one call per second
        key = poll(schedule, float(second))
        if second > 9000 and key in last:
            gaps[intervals[key]].append((second - last[key]) / intervals[key])
        last[key] = float(second)
    for stretches in gaps.values():
        assert sum(stretches) / len(stretches) == pytest.approx(3, rel=0.05)
        assert max(stretches) < 3.6


class ScheduleMachine(RuleBasedStateMachine):
    """Whatever is done to a schedule in whatever order, it agrees with a plain account of what is due when."""

    def __init__(self) -> None:
        super().__init__()
        self.schedule: Schedule[str] = Schedule()
        self.now = 0.0
        self.intervals: dict[str, float] = {}
        self.flights: dict[str, Due[str]] = {}
        self.strays: list[Due[str]] = []

    @rule(seconds=st.sampled_from([0.0, 0.5, 7.0, 60.0, 1000.0]))
    def wait(self, seconds: float) -> None:
        """Let time pass."""
        self.now += seconds

    @rule(key=st.sampled_from("abcde"), interval=st.sampled_from([10.0, 60.0, 900.0]), wait=st.sampled_from([0.0, 7.0]))
    def add_or_change(self, key: str, interval: float, wait: float) -> None:
        """Take in a key, or change its interval."""
        if key in self.intervals:
            self.schedule.set_interval(key, interval, self.now)
        else:
            self.schedule.add(key, key, interval, self.now, due=self.now + wait)
        self.intervals[key] = interval

    @rule(key=st.sampled_from("abcde"))
    def remove(self, key: str) -> None:
        """Take out a key; the end of its poll comes as a stray."""
        self.schedule.remove(key)
        self.intervals.pop(key, None)
        if key in self.flights:
            self.strays.append(self.flights.pop(key))

    @rule()
    def pop(self) -> None:
        """Pop: what comes is known, was not in flight, and is due; if nothing is, none of those waiting is due."""
        wait = self.schedule.next_due(self.now)
        due = self.schedule.pop(self.now)
        assert (due is not None) == (wait == 0)
        if due is not None:
            assert due.key in self.intervals
            assert due.key not in self.flights
            assert due.since <= self.now
            self.flights[due.key] = due

    @precondition(lambda self: self.flights)
    @rule(data=st.data(), retry_in=st.sampled_from([None, 5.0, 300.0]), took=st.sampled_from([0.0, 10.0]))
    def done(self, data: st.DataObject, retry_in: float | None, took: float) -> None:
        """End a poll."""
        key = data.draw(st.sampled_from(sorted(self.flights)))
        self.schedule.done(self.flights.pop(key), self.now, self.now + took, retry_in=retry_in)
        self.now += took

    @precondition(lambda self: self.strays)
    @rule()
    def end_stray(self) -> None:
        """End a poll whose key was removed."""
        self.schedule.done(self.strays.pop(), self.now, self.now)

    @invariant()
    def nobody_is_lost(self) -> None:
        """Each key is in flight or due within its interval or the longest back-off, and the sizes add up."""
        assert len(self.schedule) == len(self.intervals)
        waiting = len(self.intervals) - len(self.flights)
        bound = max([300.0, *self.intervals.values()])
        assert (self.schedule.next_due(self.now) <= bound) == (waiting > 0)
        demand = sum(1 / interval for interval in self.intervals.values())
        assert self.schedule.polls_per_second == pytest.approx(demand)


TestScheduleMachine = ScheduleMachine.TestCase
TestScheduleMachine.settings = settings(max_examples=60, stateful_step_count=40, deadline=None)


@given(st.floats(0, 1e9), st.floats(0.5, 1e6), st.text(max_size=8))
def test_turns_are_later_and_within_an_interval(now: float, interval: float, identity: str) -> None:
    """Wherever time stands, a key's next turn lies after now and at most an interval (and float noise) away."""
    schedule: Schedule[str] = Schedule()
    add_later(schedule, "a", identity, interval, now)
    assert schedule.pop(now) is None
    assert 0 < schedule.next_due(now) <= interval * (1 + 1e-6) + 1e-6
