import copy
from collections import Counter
from collections.abc import Iterable, Iterator
from itertools import accumulate

import pytest
from hypothesis import given
from hypothesis import strategies as st

from exporter.api.model import MAX_ENTRIES, TaskStats
from exporter.metrics.counters import RESET_GROWTHS, TaskCounters


def _calls(answered: int | None, unanswered: int | None = None) -> TaskStats:
    return TaskStats(answered=answered, unanswered=unanswered)


def _numbers(**numbers: int) -> TaskStats:
    return TaskStats(numbers=numbers)


def _both(answered: int, **numbers: int) -> TaskStats:
    return TaskStats(answered=answered, numbers=numbers)


BOTH = {"answered": 0, "unanswered": 0}

HISTORIES: dict[str, tuple[list[TaskStats], dict[str, int], dict[str, int], int]] = {
    "no burst at first sight": ([_calls(61, 6)], BOTH, {}, 0),
    "nothing reported": ([TaskStats()], {}, {}, 0),
    "growth adds up": ([_calls(10, 5), _calls(12, 5), _calls(15, 9)], {"answered": 5, "unanswered": 4}, {}, 0),
    "a fall is a reset once it has grown four times, and growth starts there": (
        [_calls(20, 5), _calls(2, 0), _calls(3, 1), _calls(4, 1), _calls(6, 2), _calls(8, 3), _calls(9, 3)],
        {"answered": 7, "unanswered": 3},
        {},
        1,
    ),
    "a fall that grows less often is none yet": (
        [_calls(20, 5), _calls(2, 0), _calls(3, 1), _calls(4, 1), _calls(6, 2), _calls(6, 2)],
        BOTH,
        {},
        0,
    ),
    "replicas that take turns are neither calls nor resets": (
        [_calls(count, count) for count in (5, 2, 5, 2, 5, 2, 5, 2, 5, 2, 5)],
        BOTH,
        {},
        0,
    ),
    "nor are they while calls are made": (
        [_calls(count) for count in (5, 2, 6, 3, 8, 5, 9, 6, 12, 8, 12, 12)],
        {"answered": 7},
        {},
        0,
    ),
    "a replica that lags is read several times in a row": (
        [_calls(count) for count in (100, 20, 40, 60, 80, 100, 120)],
        {"answered": 20},
        {},
        0,
    ),
    "the numbers of a replica that lags are no results": (
        [
            _both(5, connected=3, busy=2),
            _both(2, connected=1, busy=1),
            _both(5, connected=3, busy=2),
            _both(4, connected=2, busy=2),
            _both(6, connected=3, busy=3),
        ],
        {"answered": 1},
        {"connected": 0, "busy": 1},
        0,
    ),
    "after a reset the numbers count from the fall": (
        [
            _both(20, waiting=0, busy=9),
            _both(0, waiting=9, busy=0),
            _both(1, waiting=8, busy=1),
            _both(2, waiting=7, busy=2),
            _both(3, waiting=6, busy=3),
            _both(5, waiting=4, busy=5),
        ],
        {"answered": 5},
        {"waiting": 0, "busy": 5},
        1,
    ),
    "a lagging replica after a reset delays it": (
        [_calls(count) for count in (50, 0, 50, 4, 2, 6, 5, 8, 9, 12)],
        {"answered": 10},
        {},
        1,
    ),
    "old readings count nothing twice": (
        [_calls(100), _calls(112), _calls(110), _calls(112), _calls(120)],
        {"answered": 20},
        {},
        0,
    ),
    "half of the most is no reset yet": ([_calls(8), _calls(10), _calls(5), _calls(11)], {"answered": 3}, {}, 0),
    "less than half of the most is one, however it is reached": (
        [_calls(count) for count in (20, 12, 4, 5, 6, 7, 8)],
        {"answered": 4},
        {},
        1,
    ),
    "a fall of one outcome leaves the other's growth": (
        [_calls(10, 5), _calls(9, 7)],
        {"answered": 0, "unanswered": 2},
        {},
        0,
    ),
    "at a reset by one outcome the other starts anew as well": (
        [_calls(10, 5), _calls(0, 4), _calls(0, 5), _calls(0, 6), _calls(0, 7), _calls(1, 7)],
        {"answered": 1, "unanswered": 3},
        {},
        1,
    ),
    "a reset that is back where it was before it was certain is not seen": (
        [_calls(count) for count in (3, 0, 1, 2, 3, 4)],
        {"answered": 1},
        {},
        0,
    ),
    "two falls are two resets": (
        [_calls(count) for count in (30, 0, 1, 2, 3, 14, 2, 3, 4, 5, 6)],
        {"answered": 18},
        {},
        2,
    ),
    "a gap is no fall": ([_calls(10), _calls(None), _calls(13)], {"answered": 3}, {}, 0),
    "a gap of one outcome is none of the other": (
        [_calls(10, 5), _calls(None, 6), _calls(13, 6)],
        {"answered": 3, "unanswered": 1},
        {},
        0,
    ),
    "an outcome seen late starts at zero": (
        [_calls(10), _calls(10, 50), _calls(10, 51)],
        {"answered": 0, "unanswered": 1},
        {},
        0,
    ),
    "numbers move between statuses and only growth counts": (
        [
            _numbers(waiting=10, busy=0),
            _numbers(waiting=8, busy=2),
            _numbers(waiting=9, busy=1),
            _numbers(waiting=8, busy=2),
        ],
        {},
        {"waiting": 1, "busy": 3},
        0,
    ),
    "a status seen late starts at zero": (
        [_numbers(waiting=1), _numbers(waiting=1, code_13=40), _numbers(code_13=42)],
        {},
        {"waiting": 0, "code_13": 2},
        0,
    ),
    "a status that comes back is compared with where it was": (
        [_numbers(busy=5), _numbers(waiting=1), _numbers(busy=7)],
        {},
        {"busy": 2, "waiting": 0},
        0,
    ),
}


@pytest.mark.parametrize(("history", "calls", "numbers", "resets"), HISTORIES.values(), ids=HISTORIES)
def test_only_growth_that_was_seen_is_counted(
    history: list[TaskStats], calls: dict[str, int], numbers: dict[str, int], resets: int
) -> None:
    """The counters after a history of polls."""
    counters = TaskCounters()
    for stats in history:
        counters.observe(stats)
    assert (counters.calls, counters.numbers, counters.resets) == (calls, numbers, resets)


def test_counters_never_fall() -> None:
    """Whatever the platform's counts do, no counter goes down."""
    counters = TaskCounters()
    before = 0
    for answered in (5, 9, 0, 1, 2, 3, 4, 4, 100, 99, 0):
        counters.observe(_calls(answered))
        assert counters.calls["answered"] >= before
        before = counters.calls["answered"]
    assert before == 4 + 4 + 96


def test_the_labels_of_a_task_are_bounded() -> None:
    """New statuses beyond the bound are left out, from first to last; those that were there before go on counting."""
    counters = TaskCounters()
    for poll in range(5):
        numbers = {f"code_{100 * poll + each}": 1 for each in range(MAX_ENTRIES - 1)}
        counters.observe(TaskStats(numbers={**numbers, "busy": poll}))
    assert len(counters.numbers) == len(counters.sums().last_numbers) == MAX_ENTRIES
    assert counters.numbers["busy"] == 4
    assert not counters.observe(TaskStats(numbers={"code_7777": 5}))


def test_moved_is_whether_any_count_differs() -> None:
    """At first sight and with growth, also after a fall, something moved; at the same counts, old ones, a fall, or ratios not."""
    counters = TaskCounters()
    history = [
        (TaskStats(answered=1, numbers={"busy": 1}), True),
        (TaskStats(answered=1, numbers={"busy": 1}), False),
        (TaskStats(answered=1), False),
        (TaskStats(answered=1, progress_ratio=0.5), False),
        (TaskStats(answered=1, numbers={"busy": 0}), True),
        (TaskStats(answered=2, numbers={"busy": 0}), True),
        (TaskStats(answered=1, numbers={"busy": 0}), False),
        (TaskStats(answered=2, numbers={"busy": 0}), False),
        (TaskStats(answered=0, numbers={"busy": 0}), False),
        (TaskStats(answered=1, numbers={"busy": 0}), True),
        (TaskStats(answered=1, numbers={"busy": 1}), False),
        (TaskStats(answered=2, numbers={"busy": 0}), False),
        (TaskStats(answered=2, unanswered=0, numbers={"busy": 0}), True),
    ]
    assert [counters.observe(stats) for stats, _ in history] == [moved for _, moved in history]


_COUNT = st.none() | st.integers(0, 20)
_READINGS = st.builds(
    TaskStats, answered=_COUNT, unanswered=_COUNT, numbers=st.dictionaries(st.sampled_from("abc"), st.integers(0, 20))
)


@given(st.lists(_READINGS, min_size=1, max_size=6))
def test_the_same_reading_again_moves_nothing(history: list[TaskStats]) -> None:
    """Whatever came before, a reading that is repeated leaves all sums as they are: it need not be observed."""
    counters = TaskCounters()
    for stats in history:
        counters.observe(stats)
    before = [copy.copy(getattr(counters, name)) for name in TaskCounters.__slots__]
    assert not counters.observe(history[-1])
    assert [getattr(counters, name) for name in TaskCounters.__slots__] == before


MOST_LAG = RESET_GROWTHS + 1
"""Polls: a replica that lags by no more has caught up before its growth can pass for that of a task that was reset."""

_TALKS = st.lists(st.tuples(st.sampled_from(["", "a", "b"]), st.sampled_from("ab")), max_size=4)
"""The phone calls between two polls: the status of the number before, empty if it was waiting, and its result."""


def _history(polls: Iterable[list[tuple[str, str]]]) -> Iterator[tuple[TaskStats, Counter[str]]]:
    """Yield the true statistics at each poll of a task, and the results of all its calls so far. ``a`` is an answered call."""
    numbers, results = Counter({"waiting": 1000, "a": 0, "b": 0}), Counter({"a": 0, "b": 0})
    for calls in polls:
        for before, result in calls:
            numbers[before if numbers[before] else "waiting"] -= 1
            numbers[result] += 1
            results[result] += 1
        yield TaskStats(answered=results["a"], unanswered=results["b"], numbers=dict(numbers)), results.copy()


@given(st.lists(st.tuples(_TALKS, st.integers(0, MOST_LAG)), min_size=1, max_size=30))
def test_replicas_that_lag_add_no_calls_and_hide_none(polls: list[tuple[list[tuple[str, str]], int]]) -> None:
    """However replicas with whatever lags take turns, no more is counted than happened, all calls in the end, and no reset."""
    history = list(_history(calls for calls, _ in polls))
    shown = [max(0, at - lag) for at, (_, lag) in enumerate(polls)]
    counters, first = TaskCounters(), history[0][1]
    for at, reading in enumerate(shown):
        counters.observe(history[reading][0])
        happened = history[at][1] - first
        assert counters.calls["answered"] <= happened["a"] >= counters.numbers["a"]
        assert counters.calls["unanswered"] <= happened["b"] >= counters.numbers["b"]
    last, truth = history[-1]
    counters.observe(last)
    assert counters.calls == {"answered": truth["a"] - first["a"], "unanswered": truth["b"] - first["b"]}
    assert counters.resets == 0


@given(
    st.lists(st.integers(0, 9), max_size=9),
    st.lists(st.integers(1, 9), min_size=RESET_GROWTHS, max_size=12),
    st.integers(0, 20),
    st.lists(st.booleans(), max_size=MOST_LAG),
)
def test_what_grows_on_after_a_fall_is_counted_once(
    before: list[int], after: list[int], fallen: int, turns: list[bool]
) -> None:
    """A reset is one, and its calls count from the fall on, also if an old replica has turns at first; nothing counts twice."""
    first = 1 + 2 * (fallen + sum(after))  # so that a fall is beyond doubt, and not made up for
    rising = list(accumulate(before, initial=first))
    falling = [rising[-1] if is_old else fallen for is_old in turns]
    counters = TaskCounters()
    for answered in (*rising, *falling, *accumulate(after, initial=fallen)):
        counters.observe(_calls(answered))
    assert counters.calls == {"answered": sum(before) + sum(after)}
    assert counters.resets == 1
