"""The recent calls of a task, packed."""

import sys
from itertools import pairwise

import pytest
from hypothesis import given
from hypothesis import strategies as st

from exporter.metrics.recent_calls import SIZE, Bin, Growth, Part, RecentCalls, is_current, shifted, trend

NOON = 1_751_256_000.0  # a whole hour, Unix seconds
SPANS = (600, 1800, 5400, 21_600)
WIDTHS = {600: 300, 1800: 300, 5400: 600, 21_600: 3600}
"""The width of the bin that each span ends in, at most."""


def grow(packed: bytes, now: float, growth: Growth) -> bytes:
    """Return the recent calls after a poll."""
    recent = RecentCalls.unpack(packed)
    recent.advance(now)
    recent.add(growth)
    return recent.pack()


def at(packed: bytes, now: float) -> RecentCalls:
    """Return the recent calls at a moment."""
    recent = RecentCalls.unpack(packed)
    recent.advance(now)
    return recent


POLLS = st.lists(st.tuples(st.integers(1, 4000), st.integers(0, 400), st.integers(0, 400)), min_size=1, max_size=80)


@given(POLLS, st.integers(0, 7200), st.integers(0, 3000))
def test_a_span_has_the_calls_in_it(polls: list[tuple[int, int, int]], start: int, later: int) -> None:
    """However polls fall, a span has all calls seen in it, and of those around its beginning at most a bin's."""
    packed, now, seen = b"", NOON + start, []
    for seconds, answered, unanswered in polls:
        now += seconds
        packed = grow(packed, now, Growth(answered + unanswered, answered))
        seen.append((now, answered + unanswered, answered))
    now += later
    for span, parts in zip(SPANS, at(packed, now).answered(SPANS), strict=True):
        for column, value in ((1, parts.of), (2, parts.part)):
            surely = sum(poll[column] for poll in seen if poll[0] >= now - span + WIDTHS[span])
            perhaps = sum(poll[column] for poll in seen if poll[0] >= now - span - WIDTHS[span])
            assert surely - 1e-6 <= value <= perhaps + 1e-6


@given(POLLS)
def test_results_are_those_of_the_last_half_hour(polls: list[tuple[int, int, int]]) -> None:
    """Results and carrier blocks are kept for half an hour, to a bin."""
    packed, now, seen = b"", NOON, []
    for seconds, blocked, others in polls:
        now += seconds
        packed = grow(packed, now, Growth(results=blocked + others, blocked=blocked))
        seen.append((now, blocked + others, blocked))
    found = at(packed, now).blocked(1800)
    for column, value in ((1, found.of), (2, found.part)):
        assert value >= sum(poll[column] for poll in seen if poll[0] >= now - 1500) - 1e-6
        assert value <= sum(poll[column] for poll in seen if poll[0] >= now - 2100) + 1e-6


def test_a_steady_task_is_seen_to_the_minute() -> None:
    """Of calls that come evenly, a span that ends within a bin has its part of that bin."""
    packed = b""
    for minute in range(600):
        packed = grow(packed, NOON + 60 * minute, Growth(30, 10, 30, 3))
    for second in range(0, 600, 60):
        recent = at(packed, NOON + 60 * 599)
        recent.advance(NOON + 60 * 599 + second)
        spans = [span - second for span in SPANS]
        for part, span in zip(recent.answered(SPANS), spans, strict=True):
            assert part.of == pytest.approx(span / 2, abs=90)
            assert part.share == pytest.approx(1 / 3, abs=0.001)
        assert recent.blocked(1800).share == pytest.approx(0.1, abs=0.01)


def test_the_last_hour_is_small_bins() -> None:
    """The trend has bins of 5 and 10 minutes without gaps, and a task that was seen for less has less of them."""
    packed = b""
    for minute in range(25):
        packed = grow(packed, NOON + 60 * minute, Growth(60, 20))
    young = trend(packed, NOON + 60 * 24 + 30)
    assert [round(each.begin - each.end) for each in young] == [300, 300, 300, 300, 270]
    assert young[-1] == Bin(begin=270, end=0, calls=300, answered=100)
    assert young[-2].calls_per_minute == 60
    for minute in range(25, 125):
        packed = grow(packed, NOON + 60 * minute, Growth(60, 20))
    old = trend(packed, NOON + 60 * 124)
    assert all(before.end == after.begin for before, after in pairwise(old))
    assert 3000 < old[0].begin <= 3600
    assert old[-1].end == 0
    assert sum(each.calls for each in old) == pytest.approx(old[0].begin, abs=60)


def test_nothing_seen_is_no_trend() -> None:
    """A task without recent calls, and bytes of another layout, have no bins and no calls."""
    assert trend(b"", NOON)[:-1] == ()
    assert RecentCalls.unpack(b"x" * (SIZE - 1)) == RecentCalls()
    assert [*RecentCalls().answered([600])] == [Part(0, 0)]
    assert Part(0, 0).share == 0


def test_a_clock_that_is_set_back_stands_still() -> None:
    """Growth seen meanwhile counts in the newest bin, and nothing is lost."""
    packed = grow(b"", NOON, Growth(10, 5))
    packed = grow(packed, NOON - 7200, Growth(10, 5))
    assert [*at(packed, NOON - 3600).answered([600])] == [Part(10, 20)]
    assert [*at(packed, NOON + 30).answered([600])] == [Part(10, 20)]


@pytest.mark.parametrize("step", [3600, -3600, 7, -7, 299, 86_401, -5_000_000])
def test_calls_are_as_long_ago_after_a_shift_of_the_clock(step: int) -> None:
    """Whatever the step, the bins and all that is asked of them are the same, then and while more calls are seen."""
    plain = b""
    for minute in range(400):
        plain = grow(plain, NOON + 60 * minute, Growth(minute, minute // 2, minute, minute // 5))
    now, there = NOON + 60 * 399, shifted(shifted(plain, step - 11.0), 11.2)
    for minute in range(0, 200, 3):
        then = now + 60 * minute
        assert trend(there, then + step) == trend(plain, then)
        assert is_current(there, then + step + 200) is is_current(plain, then + 200)
        one, other = at(there, then + step), at(plain, then)
        assert [*one.answered(SPANS)] == [*other.answered(SPANS)]
        assert (one.blocked(1800), one.past) == (other.blocked(1800), other.past)
        plain, there = (grow(each, moment, Growth(9, 3)) for each, moment in ((plain, then), (there, then + step)))


def test_a_shift_by_decades_forgets_the_calls() -> None:
    """Calls that would be of before 1970 or after 2106 are forgotten, and no calls stay none."""
    for step in (-NOON - 86_400, 1e10):
        assert shifted(grow(b"", NOON, Growth(10, 5)), step) == b""
    assert shifted(b"", 3600) == b""


def test_what_is_long_past_is_forgotten() -> None:
    """After a gap of days nothing is left, and it costs no more than a day's bins."""
    packed = grow(b"", NOON, Growth(10, 5, 10, 5))
    for days in (1, 30, 3000):
        recent = at(packed, NOON + 86_400 * days)
        assert [*recent.answered(SPANS)] == [Part(0, 0)] * 4
        assert recent.blocked(1800) == Part(0, 0)


def test_an_hour_kept_counts_half_an_hour_later_for_two_days() -> None:
    """What is kept at a whole hour is compared with from half an hour later until two days have gone by."""
    recent = at(b"", NOON)
    recent.keep_hour(Part(5, 100))
    for minutes, expected in ((29, 0), (30, 100), (1440, 100), (3 * 1440, 0)):
        recent = at(recent.pack(), NOON + 60 * minutes)
        assert recent.blocked_before(172_800).of == pytest.approx(expected, abs=1), minutes


def test_a_bin_that_is_too_full_keeps_its_shares() -> None:
    """More than 65,535 calls in a bin are halved, all its numbers alike."""
    packed = grow(b"", NOON, Growth(200_000, 50_000, 200_000, 20_000))
    recent = at(packed, NOON)
    assert next(recent.answered([600])).share == pytest.approx(0.25)
    assert recent.blocked(1800).share == pytest.approx(0.1)


def test_recent_calls_are_small() -> None:
    """They are one bytes object of less than 180 bytes, whatever has happened."""
    packed = b""
    for minute in range(1000):
        packed = grow(packed, NOON + 60 * minute, Growth(99_999, 9_999, 99_999, 9_999))
    assert sys.getsizeof(packed) < 180
