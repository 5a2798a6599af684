"""The judgement of a task by its recent calls."""

import math
import tracemalloc
from dataclasses import dataclass, field, replace

import pytest
from hypothesis import given
from hypothesis import strategies as st

from exporter.api.model import Task, TaskRef, TaskState
from exporter.metrics.recent_calls import LONG_AGO, Growth, Part, RecentCalls
from exporter.metrics.trouble import PENDING, Finding, Trouble, Z, bound, is_stale, watch

MIDNIGHT = 1_751_155_200.0  # Unix seconds
TASK = Task(TaskRef("main", "0a0a0a0a-0000-4000-8000-000000000000"), min_answer_ratio=0.2, state=TaskState.RUNNING)


@dataclass
class Watched:
    """A task that is polled once a minute; ``growth`` is that of a minute."""

    task: Task = TASK
    now: float = MIDNIGHT
    packed: bytes = b""
    trouble: Trouble | None = None
    minutes: int = field(default=0)

    def live(self, minutes: int, growth: Growth) -> None:
        """Let minutes go by."""
        for _ in range(minutes):
            self.now += 60
            self.minutes += 1
            self.packed, self.trouble = watch(self.packed, self.trouble, self.task, growth, self.now)

    @property
    def is_low(self) -> bool:
        """Whether too few calls are answered, and have been for as long as an alert waits."""
        return "low" in self.wrong

    @property
    def is_blocked(self) -> bool:
        """Whether the carrier blocks too many, and has for as long as an alert waits."""
        return "blocked" in self.wrong

    @property
    def wrong(self) -> set[str]:
        """What has been wrong for as long as an alert waits."""
        found = (self.trouble or Trouble())._asdict()
        return {name for name, finding in found.items() if finding and finding.holds(self.now)}

    def until(self, wrong: set[str], growth: Growth) -> int:
        """Return after how many minutes that is wrong."""
        start = self.minutes
        while self.wrong != wrong:
            self.live(1, growth)
            assert self.minutes - start < 24 * 60, "it never is"
        return self.minutes - start


GOOD, BAD = Growth(20, 8, 20, 1), Growth(20, 1, 20, 1)
BLOCKED = Growth(20, 1, 20, 16)


def test_a_good_task_is_in_no_trouble() -> None:
    """A day of good calls is nothing, and neither is one without calls."""
    task = Watched()
    task.live(1440, GOOD)
    assert task.trouble is None
    task.live(1440, Growth())
    assert task.trouble is None


def test_a_fall_is_found_within_minutes_and_holds_until_it_is_over() -> None:
    """Beyond the limit of ten minutes' calls it is low at once, for as long as the ratio is under the threshold."""
    task = Watched()
    task.live(300, GOOD)
    assert task.until({"low"}, BAD) in range(8, 13)
    assert task.trouble is not None
    assert task.trouble.low is not None
    assert task.trouble.low.since == task.now - PENDING
    assert task.trouble.low.span == 600
    task.live(600, BAD)
    assert task.trouble.low.found.share == pytest.approx(1 / 20, abs=0.2)
    assert task.until(set(), GOOD) in range(3, 8)


def test_what_was_low_stays_so_up_to_the_threshold() -> None:
    """Between the limit and the threshold a task that was low stays so, and another does not become so at once."""
    between = Growth(20, 3)
    was_low, was_good = Watched(), Watched()
    was_low.live(60, Growth(20, 1))
    was_good.live(60, Growth(20, 5))
    assert was_low.is_low
    was_low.live(15, between)
    was_good.live(15, between)
    assert (was_low.is_low, was_good.is_low) == (True, False)


def test_trouble_is_told_only_when_it_has_lasted() -> None:
    """Like the alerts, two minutes."""
    task = Watched()
    task.live(300, GOOD)
    while task.trouble is None:
        task.live(1, BAD)
    assert task.trouble.low is not None
    assert not task.trouble.low.holds(task.now + PENDING - 1)
    assert task.trouble.low.holds(task.now + PENDING)


def test_few_calls_prove_nothing() -> None:
    """Ten calls without an answer are no trouble; fifty are."""
    few, many = Watched(), Watched()
    few.live(10, Growth(1, 0))
    many.live(10, Growth(5, 0))
    assert (few.trouble, many.is_low) == (None, True)


def test_a_small_task_is_judged_over_hours() -> None:
    """A call every two minutes is too few for an hour and a half, but not for six hours."""
    task = Watched()
    for _ in range(180):
        task.live(1, Growth(1, 0))
        task.live(1, Growth())
    assert task.is_low
    assert task.trouble is not None
    assert task.trouble.low is not None
    assert task.trouble.low.span >= 5400


def test_a_task_without_calls_is_low_no_longer() -> None:
    """After an hour and a half without a call nothing is left of it."""
    task = Watched()
    task.live(60, BAD)
    assert task.is_low
    assert task.until(set(), Growth()) in range(85, 105)


@pytest.mark.parametrize("quiet", [{"state": TaskState.PAUSED}, {"state": TaskState.WAITING}, {"kind": "inbound"}])
def test_only_those_that_dial_are_in_trouble(quiet: dict[str, str]) -> None:
    """A task that is paused, waits or takes calls is not in trouble, and what it was before is forgotten."""
    task = Watched()
    task.live(60, BLOCKED)
    assert task.is_low
    assert task.is_blocked
    task.task = replace(TASK, **quiet)  # type: ignore[arg-type]  # states and kinds
    task.live(1, BLOCKED)
    assert task.trouble is None
    task.task = TASK
    task.live(1, BLOCKED)
    assert not task.is_low


def test_a_block_is_found_and_held_until_it_has_left_the_half_hour() -> None:
    """A line that is blocked after a good night is found within minutes, and over half an hour after its end."""
    task = Watched()
    task.live(600, GOOD)
    task.until({"blocked"}, Growth(20, 5, 20, 16))
    assert task.minutes in range(604, 613)
    task.live(300, Growth(20, 5, 20, 16))
    assert task.trouble is not None
    assert task.trouble.blocked is not None
    assert task.trouble.blocked.found.share == pytest.approx(0.8, abs=0.01)
    assert task.until(set(), GOOD) in range(24, 36)


def test_a_task_that_was_always_blocked_is_blocked() -> None:
    """With no past to compare with, and with a past that is the incident itself, the absolute limit counts."""
    task = Watched()
    task.live(5, BLOCKED)
    assert task.is_blocked
    task.live(1000, BLOCKED)
    assert task.is_blocked


def test_more_than_usual_is_told_by_the_past() -> None:
    """A fifth is too much where a twentieth is usual, and not where an eighth is."""
    usual, unusual = Watched(), Watched()
    usual.live(600, Growth(100, 40, 100, 8))
    unusual.live(600, Growth(100, 40, 100, 5))
    for task in (usual, unusual):
        task.live(60, Growth(100, 40, 100, 20))
    assert (usual.is_blocked, unusual.is_blocked) == (False, True)


def test_hours_in_trouble_are_no_past_to_compare_with() -> None:
    """The past is of half hours that were neither blocked nor low."""
    low, blocked, calm = Watched(), Watched(), Watched()
    low.live(300, Growth(20, 1, 20, 1))
    blocked.live(300, Growth(20, 8, 20, 10))
    calm.live(300, Growth(20, 8, 20, 1))
    pasts = [RecentCalls.unpack(task.packed).blocked_before(172_800).of for task in (low, blocked, calm)]
    assert pasts[:2] == [0, 0]
    assert pasts[2] > 0


def test_a_single_bad_quarter_of_an_hour_holds_ten_minutes() -> None:
    """When it was last too much is kept as the seconds since then."""
    task = Watched()
    task.live(20, BLOCKED)
    assert RecentCalls.unpack(task.packed).over_limit == 0
    task.live(60, GOOD)
    assert 60 < RecentCalls.unpack(task.packed).over_limit < LONG_AGO


@given(st.integers(1, 10_000), st.floats(0, 1))
def test_the_bounds_are_wilsons(count: int, share: float) -> None:
    """They are where the ratio is Z standard errors away."""
    part = Part(share * count, count)
    for sign in (Z, -Z):
        at = bound(part, sign)
        assert abs(part.share - at) == pytest.approx(Z * math.sqrt(max(0.0, at * (1 - at)) / count), abs=1e-6)


def test_trouble_moves_with_the_clock() -> None:
    """After a shift it has lasted for as long as before; what was not found is not."""
    finding = Finding(MIDNIGHT, 600, Part(1, 100))
    assert Trouble(finding).shifted(-3600) == Trouble(finding._replace(since=MIDNIGHT - 3600))
    assert Trouble(blocked=finding).shifted(60) == Trouble(blocked=finding._replace(since=MIDNIGHT + 60))


def test_stale_is_what_was_not_read_for_intervals_and_minutes() -> None:
    """The alert's two and a half intervals and five minutes, and the five minutes that it waits."""
    assert not is_stale(2.5 * 60 + 599, 60)
    assert is_stale(2.5 * 60 + 600, 60)


def test_what_is_kept_of_a_task_is_under_two_hundred_bytes() -> None:
    """Measured over two hundred tasks, each in hours of traffic."""
    growths = [Growth(7 * minute % 31, minute % 5, minute % 29, minute % 3) for minute in range(400)]
    packed = [b""] * 200
    watch(b"", None, TASK, growths[0], MIDNIGHT)
    tracemalloc.start()
    for place in range(200):
        kept = b""
        for minute in range(place % 7, 400, 80):
            kept, _ = watch(kept, None, TASK, growths[minute], MIDNIGHT + 60 * minute)
        packed[place] = kept
    size, _ = tracemalloc.get_traced_memory()
    tracemalloc.stop()
    assert size / 200 + 16 < 200, "beside the two references in the record"
