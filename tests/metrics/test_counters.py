import copy

import pytest
from hypothesis import given
from hypothesis import strategies as st

from exporter.api.model import MAX_ENTRIES, TaskStats
from exporter.metrics.counters import TaskCounters


def _calls(answered: int | None, unanswered: int | None = None) -> TaskStats:
    return TaskStats(answered=answered, unanswered=unanswered)


def _numbers(**numbers: int) -> TaskStats:
    return TaskStats(numbers=numbers)


ANSWERED = {"answered": 0}
BOTH = {"answered": 0, "unanswered": 0}

HISTORIES: dict[str, tuple[list[TaskStats], dict[str, int], dict[str, int], int]] = {
    "no burst at first sight": ([_calls(61, 6)], BOTH, {}, 0),
    "nothing reported": ([TaskStats()], {}, {}, 0),
    "growth adds up": ([_calls(10, 5), _calls(12, 5), _calls(15, 9)], {"answered": 5, "unanswered": 4}, {}, 0),
    "a fall is a reset and growth starts there": (
        [_calls(10, 5), _calls(2, 0), _calls(3, 1)],
        {"answered": 1, "unanswered": 1},
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
        [_calls(10), _calls(6), _calls(4), _calls(5)],
        {"answered": 1},
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
        [_calls(10, 5), _calls(0, 4), _calls(0, 5)],
        {"answered": 0, "unanswered": 1},
        {},
        1,
    ),
    "an only call that is gone is a reset": ([_calls(1), _calls(0), _calls(1)], {"answered": 1}, {}, 1),
    "two falls are two resets": ([_calls(9), _calls(4), _calls(4), _calls(1)], ANSWERED, {}, 2),
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
    for answered in (5, 9, 0, 3, 3, 100, 99, 0):
        counters.observe(_calls(answered))
        assert counters.calls["answered"] >= before
        before = counters.calls["answered"]
    assert before == 4 + 3 + 97


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
    """At first sight, growth and a reset something moved; at the same counts, old ones, fewer of them, or ratios not."""
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
        (TaskStats(answered=0, numbers={"busy": 0}), True),
        (TaskStats(answered=0, unanswered=0, numbers={"busy": 0}), True),
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
