"""The square-root rule and the rates it goes by: pure values."""

from __future__ import annotations

import math
import random
from itertools import pairwise

import pytest
from hypothesis import given
from hypothesis import strategies as st

from exporter.polling.intervals import (
    FALL_SECONDS,
    KNOWN_SECONDS,
    LONGEST_SHARE,
    RISE_SECONDS,
    STEP,
    STEPS_KEPT,
    CallRate,
    Demand,
    solve,
)

INTERVAL, IDLE = 60.0, 900.0

rates = st.none() | st.just(0.0) | st.floats(1e-4, 1e3)
demands = st.lists(st.builds(Demand, st.sampled_from([INTERVAL, 120.0, IDLE]), rates), min_size=1, max_size=40)
budgets = st.floats(1e-3, 1.0)
"""Polls per second and task."""


def running(*rates: float | None) -> list[Demand]:
    """Return what running tasks ask for."""
    return [Demand(INTERVAL, rate) for rate in rates]


def intervals(tasks: list[Demand], budget: float) -> list[float]:
    """Return the intervals in seconds, before they are put in steps."""
    sharing = solve(tasks, budget, IDLE)
    return [sharing.interval(task) for task in tasks]


def longest(tasks: list[Demand], budget: float) -> float:
    """Return the longest interval that may be, with a step to spare."""
    return max(IDLE, STEP * len(tasks) / (LONGEST_SHARE * budget)) * (1 + 1e-9)


@given(demands, budgets)
def test_the_budget_is_kept_and_used(tasks: list[Demand], share: float) -> None:
    """All polls together are the budget, or what the tasks ask for if that is less."""
    budget = share * len(tasks)
    polls = sum(1 / interval for interval in intervals(tasks, budget))
    wanted = sum(1 / task.interval for task in tasks)
    assert polls <= budget * (1 + 1e-9)
    assert polls == pytest.approx(min(budget, wanted), rel=1e-6)


@given(demands, budgets, st.floats(1, 1e5))
def test_steps_keep_the_budget_and_the_bounds(tasks: list[Demand], share: float, current: float) -> None:
    """An interval in steps is never shorter than the exact one, and longer by what is kept of the one before at most."""
    budget = share * len(tasks)
    sharing = solve(tasks, budget, IDLE)
    for task in tasks:
        exact, stepped = sharing.interval(task), sharing.next_interval(task, current)
        assert task.interval <= exact <= longest(tasks, budget)
        assert exact <= stepped * (1 + 1e-9)
        assert stepped <= min(exact * STEP**STEPS_KEPT, longest(tasks, budget)) * (1 + 1e-9)


@given(demands, budgets)
def test_more_phone_calls_never_mean_a_longer_interval(tasks: list[Demand], share: float) -> None:
    """Of two tasks with the same cadence, the one with the higher rate has no longer interval; equal rates, equal ones."""
    sharing = solve(tasks, share * len(tasks), IDLE)
    known = sorted((task.interval, task.rate, sharing.interval(task)) for task in tasks if task.rate is not None)
    for (cadence, rate, slow), (other, higher, fast) in pairwise(known):
        if cadence == other:
            assert slow == fast if rate == higher else slow >= fast


@given(demands, budgets, st.floats(1e-3, 1e3))
def test_only_proportions_count(tasks: list[Demand], share: float, factor: float) -> None:
    """If all tasks make more phone calls by the same factor, no interval changes."""
    scaled = [Demand(task.interval, None if task.rate is None else task.rate * factor) for task in tasks]
    budget = share * len(tasks)
    assert intervals(scaled, budget) == pytest.approx(intervals(tasks, budget), rel=1e-6)


@given(st.lists(st.floats(0.1, 10), min_size=2, max_size=20), st.randoms(use_true_random=False))
def test_no_other_sharing_leaves_fewer_calls_unseen(values: list[float], rng: random.Random) -> None:
    """To move polls from any task to any other, within the bounds, makes the phone calls not yet seen no fewer."""
    tasks = running(*values)
    found = intervals(tasks, len(tasks) / 300)
    give, take = rng.sample(range(len(tasks)), 2)
    moved = 1e-3 / 300
    fewer, more = 1 / found[give] - moved, 1 / found[take] + moved
    if fewer < 1 / IDLE or more > 1 / INTERVAL:
        return
    before = values[give] * found[give] + values[take] * found[take]
    assert values[give] / fewer + values[take] / more >= before * (1 - 1e-9)


def test_four_times_the_phone_calls_twice_the_polls() -> None:
    """Between the bounds, intervals are as the inverse square roots of the rates."""
    slow, fast = intervals(running(1.0, 4.0), 2 / 300)
    assert slow == pytest.approx(2 * fast)


def test_with_enough_polls_the_cadence_stays() -> None:
    """With as many polls as the tasks ask for, each has the interval of its cadence, a silent one too."""
    tasks = [*running(0.0, 5.0, None), Demand(IDLE)]
    assert intervals(tasks, 3 / INTERVAL + 1 / IDLE) == [INTERVAL, INTERVAL, INTERVAL, IDLE]


def test_new_task_counts_as_the_median() -> None:
    """A task whose rate is not known has the interval of the median running one."""
    *_, median, _, new = intervals(running(0.1, 1.0, 50.0, None), 4 / 300)
    assert new == median


def test_silent_and_idle_tasks_have_the_idle_interval() -> None:
    """A running task without phone calls goes to ``idle_interval`` while others need the polls; an idle one stays there."""
    *_, silent, idle = intervals([*running(1.0, 1.0, 1.0, 0.0), Demand(IDLE, 9.0)], 5 / 200)
    assert silent == idle == IDLE


def test_longest_interval_grows_with_the_shortage() -> None:
    """Beyond ``idle_interval``, nobody waits more than twice an equal share, and a step."""
    tasks = running(*(1.02**n for n in range(1000)))
    sharing = solve(tasks, 0.4, IDLE)
    assert 2 * 1000 / 0.4 <= max(map(sharing.interval, tasks)) == sharing.longest <= STEP * 2 * 1000 / 0.4


def test_intervals_do_not_flap() -> None:
    """While the budget goes up and down by a hundredth at random, an interval changes once at most."""
    tasks, rng = running(*(1.1**n for n in range(50))), random.Random(1)
    current = dict.fromkeys(tasks, INTERVAL)
    changes = dict.fromkeys(tasks, -1)  # the first is no change
    for _ in range(200):
        sharing = solve(tasks, 50 / 300 * rng.uniform(0.99, 1.01), IDLE)
        for task in tasks:
            interval = sharing.next_interval(task, current[task])
            changes[task] += interval != current[task]
            current[task] = interval
    assert max(changes.values()) <= 1


def test_steady_calls_give_a_steady_interval() -> None:
    """Chance in the phone calls of a steady task moves its interval by less than a fifth, 19 times of 20."""
    rng, rate, seconds = random.Random(2), CallRate(), 200.0
    others = running(*(1.1**n / 10 for n in range(50)))
    found: list[float] = []
    for _ in range(300):
        rate.observe(sum(rng.random() < 0.1 for _ in range(1000)), seconds)  # half a call per second
        task = Demand(INTERVAL, rate.known)
        found.append(solve([*others, task], 51 / 300, IDLE).next_interval(task, found[-1] if found else INTERVAL))
    middle = sorted(found)[150]
    assert sum(abs(interval / middle - 1) < 0.2 for interval in found) >= 0.95 * len(found)


def test_ten_thousand_tasks_have_few_intervals() -> None:
    """However many tasks there are, their intervals are about a hundred: a schedule keeps a queue for each."""
    rng = random.Random(3)
    tasks = running(*(math.exp(1.6 * rng.gauss()) for _ in range(10_000)))
    sharing = solve(tasks, 20.0, IDLE)
    assert len({sharing.next_interval(task, INTERVAL) for task in tasks}) < 120


@given(st.floats(0, 100), st.floats(0, 100), st.integers(1, 50), st.floats(1, 3000))
def test_rate_does_not_depend_on_the_spacing_of_polls(first: float, then: float, polls: int, seconds: float) -> None:
    """A task watched for the same time has the same rate, seen in one poll or in many."""
    once, often = CallRate(), CallRate()
    once.observe(first * 60, 60)
    often.observe(first * 60, 60)
    once.observe(then * seconds, seconds)
    for _ in range(polls):
        often.observe(then * seconds / polls, seconds / polls)
    assert often.per_second == pytest.approx(once.per_second, rel=1e-6, abs=1e-9)


def test_rate_rises_fast_and_falls_slowly() -> None:
    """A task that starts has half its rate after ``RISE_SECONDS``; one that stops loses half in ``FALL_SECONDS``."""
    rate = CallRate()
    rate.observe(0, 600)
    rate.observe(2 * RISE_SECONDS, RISE_SECONDS)
    assert rate.known == pytest.approx(1)
    rate.observe(0, FALL_SECONDS)
    assert rate.known == pytest.approx(0.5)


def test_rate_is_known_after_a_while() -> None:
    """A glance at a task is not enough to know its rate, nor does a poll beside another or a falling count harm it."""
    rate = CallRate()
    assert rate.known is None
    rate.observe(5, KNOWN_SECONDS / 2)
    assert rate.known is None
    rate.observe(5, 0)
    rate.observe(5, KNOWN_SECONDS / 2)
    assert rate.known == pytest.approx(10 / KNOWN_SECONDS)
    rate.observe(-1000, 600)
    assert 0 <= (rate.known or 0.0) < 10 / KNOWN_SECONDS
