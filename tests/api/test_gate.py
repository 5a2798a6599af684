"""The gate that every call of an account passes: rate, order, concurrency, holds."""

from __future__ import annotations

import asyncio
from itertools import pairwise

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from exporter.api.gate import Gate, TokenBucket
from tests.support.virtual_time import in_virtual_time

NEAR = 1e-6  # virtual time runs on by a nanosecond per jump
rates = st.floats(0.05, 200)


class Traffic:
    """Sends calls through a gate and notes, by name, when they passed."""

    def __init__(self, rate: float, concurrency: int = 1000) -> None:
        self.loop = asyncio.get_running_loop()
        self.waits: list[float] = []
        self.gate = Gate(rate, concurrency, self.waits.append)
        self.passed: dict[str, float] = {}
        self.at_once = self.most_at_once = 0

    async def call(self, name: str, *, arrives: float = 0.0, takes: float = 0.0) -> None:
        """Come to the gate at a time, pass it, and be under way for a while."""
        await asyncio.sleep(max(0.0, arrives - self.loop.time()))
        async with self.gate:
            self.passed[name] = self.loop.time()
            self.at_once += 1
            self.most_at_once = max(self.most_at_once, self.at_once)
            await asyncio.sleep(takes)
            self.at_once -= 1


def most_over_quota(times: list[float], rate: float, burst: float) -> float:
    """Return by how many calls the worst span of time exceeds ``burst + rate * length``; at most 0 if none does."""
    worst, lowest = 0.0, float("inf")
    for index, time in enumerate(times):  # a span from call i to call j has j - i + 1 calls
        lowest = min(lowest, index - rate * time)
        worst = max(worst, index + 1 - rate * time - lowest - burst)
    return worst


@given(rates, st.lists(st.floats(0, 5), min_size=1, max_size=200))
def test_bucket_never_exceeds_rate_and_burst(rate: float, pauses: list[float]) -> None:
    """In any span of time there are at most burst + rate * length calls, and a told wait is enough and is needed."""
    bucket, now, taken = TokenBucket(rate, 0.0), 0.0, []
    for pause in pauses:
        now += pause
        if wait := bucket.take(now):
            assert bucket.take(now + wait * 0.99) > 0
            now += wait
            assert bucket.take(now) == 0
        taken.append(now)
    assert most_over_quota(taken, rate, max(1.0, rate)) < 1e-3


@settings(max_examples=40, deadline=None)
@given(rates, st.integers(1, 10), st.lists(st.floats(0, 30), min_size=1, max_size=60), st.floats(0, 5))
def test_gate_never_exceeds_rate_and_burst(rate: float, concurrency: int, arrivals: list[float], takes: float) -> None:
    """Whenever calls come and however long they take, no span has too many, and no more are under way than may be."""

    @in_virtual_time
    async def scenario() -> None:
        traffic = Traffic(rate, concurrency)
        async with asyncio.TaskGroup() as group:
            for index, arrives in enumerate(arrivals):
                group.create_task(traffic.call(str(index), arrives=arrives, takes=takes))
        assert len(traffic.passed) == len(arrivals)
        assert most_over_quota(sorted(traffic.passed.values()), rate, max(1.0, rate)) < 1e-3
        assert traffic.most_at_once <= concurrency

    scenario()


@in_virtual_time
async def test_calls_pass_in_the_order_they_come() -> None:
    """First come, first served: a burst at once, then one per turn of the rate."""
    traffic = Traffic(rate=2)
    async with asyncio.TaskGroup() as group:
        for name in "abcdef":
            group.create_task(traffic.call(name))
    assert list(traffic.passed) == list("abcdef")
    assert list(traffic.passed.values()) == pytest.approx([0, 0, 0.5, 1, 1.5, 2], abs=NEAR)


@in_virtual_time
async def test_waiting_is_told_once() -> None:
    """Only the call whose turn it is reports its wait, so the sum over time is the share of time the limit bound."""
    traffic = Traffic(rate=1)
    async with asyncio.TaskGroup() as group:
        for name in "abcd":
            group.create_task(traffic.call(name))
        group.create_task(traffic.call("e", arrives=10))
    assert traffic.waits == pytest.approx([1, 1, 1], abs=NEAR)


@in_virtual_time
async def test_concurrency_bounds_calls_under_way() -> None:
    """With all places taken a call waits for one, which is no waiting for the rate limit."""
    traffic = Traffic(rate=100, concurrency=2)
    async with asyncio.TaskGroup() as group:
        for name in "abcde":
            group.create_task(traffic.call(name, takes=10))
    assert list(traffic.passed.values()) == pytest.approx([0, 0, 10, 10, 20], abs=NEAR)
    assert traffic.most_at_once == 2
    assert traffic.waits == []


@in_virtual_time
async def test_after_a_hold_one_goes_first() -> None:
    """A hold stops all calls; when it ends one goes first and the others follow at the rate, without a burst."""
    traffic = Traffic(rate=5)
    traffic.gate.hold(30)
    assert traffic.gate.held_seconds == pytest.approx(30)
    async with asyncio.TaskGroup() as group:
        for name in "abcd":
            group.create_task(traffic.call(name))
    times = list(traffic.passed.values())
    assert times[0] == pytest.approx(30, abs=NEAR)
    assert [b - a for a, b in pairwise(times)] == pytest.approx([0.2, 0.2, 0.2], abs=NEAR)
    assert sum(traffic.waits) == pytest.approx(30.6, abs=NEAR)
    assert traffic.gate.held_seconds == 0


@pytest.mark.parametrize(
    ("holds", "passes"),
    [([(0, 30), (10, 5)], 30), ([(0, 30), (10, 60)], 70), ([(5, 10)], 15), ([(0, 30), (29.9, 0.2)], 30.1)],
    ids=["shorter while held", "longer while held", "while waiting for the rate", "just before the end"],
)
def test_the_longest_hold_counts(holds: list[tuple[float, float]], passes: float) -> None:
    """A hold can be lengthened while calls wait for its end, or for the rate, but not shortened by another."""

    @in_virtual_time
    async def scenario() -> None:
        traffic = Traffic(rate=0.1)  # the second call would pass at 10
        await traffic.call("uses up the burst")
        async with asyncio.TaskGroup() as group:
            group.create_task(traffic.call("a"))
            for at, seconds in holds:
                asyncio.get_running_loop().call_at(at, traffic.gate.hold, seconds)
        assert passes <= traffic.passed["a"] <= passes + 10 + NEAR

    scenario()


@in_virtual_time
async def test_release_ends_a_hold_at_once() -> None:
    """A release lets the first waiting call go at that moment, the others follow at the rate."""
    traffic = Traffic(rate=5)
    traffic.gate.hold(3600)
    asyncio.get_running_loop().call_at(7, traffic.gate.release)
    async with asyncio.TaskGroup() as group:
        for name in "abc":
            group.create_task(traffic.call(name))
    assert list(traffic.passed.values()) == pytest.approx([7, 7.2, 7.4], abs=NEAR)
    traffic.gate.hold(10)  # an old release does not undo a new hold
    await traffic.call("d")
    assert traffic.passed["d"] == pytest.approx(17.4, abs=NEAR)


@in_virtual_time
async def test_cancelled_call_gives_its_place_back() -> None:
    """Calls cancelled at any stage - for a place, in line, at the head of it, under way - leave no place taken."""
    traffic = Traffic(rate=1, concurrency=3)
    names = ["under way", "at the head", "in line", "without a place", "also without"]
    calls = [asyncio.create_task(traffic.call(name, takes=100)) for name in names]
    await asyncio.sleep(0.5)
    for call in calls:
        call.cancel()
    results = await asyncio.gather(*calls, return_exceptions=True)
    assert [type(result) for result in results] == [asyncio.CancelledError] * 5
    traffic.at_once = 0
    async with asyncio.TaskGroup() as group:
        for name in "abcd":
            group.create_task(traffic.call(name, takes=10))
    assert [traffic.passed[name] for name in "abcd"] == pytest.approx([1, 2, 3, 11], abs=NEAR)
    assert traffic.most_at_once == 3


@in_virtual_time
async def test_failed_call_gives_its_place_back() -> None:
    """A call that raises leaves its place to the next, and its exception comes through."""
    traffic = Traffic(rate=10, concurrency=1)
    with pytest.raises(ZeroDivisionError):
        async with traffic.gate:
            raise ZeroDivisionError
    await traffic.call("next")
    assert traffic.passed["next"] == 0


@in_virtual_time
async def test_waiting_shows_while_it_lasts() -> None:
    """A hold of a minute is told second by second, not as a lump when it is over."""
    traffic = Traffic(rate=5)
    traffic.gate.hold(60)
    waiting = asyncio.create_task(traffic.call("held"))
    await asyncio.sleep(10.5)
    assert 9 < sum(traffic.waits) <= 10.5
    await waiting
    assert sum(traffic.waits) == pytest.approx(60, abs=NEAR)
