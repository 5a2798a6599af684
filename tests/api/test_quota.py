"""The quota of one token: its limit, what the others leave, and what a 429 changes."""

from __future__ import annotations

import heapq
import random
from bisect import bisect_right
from itertools import pairwise

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from exporter.api.quota import COMMAND, LimitReason, Quota, Spending

LATENCY = (0.02, 0.15)


def made(quota: Quota, seconds: float, start: float = 0.0) -> list[float]:
    """Return when calls are made in a span of time if there are always some to make."""
    now, calls = start, []
    while now < start + seconds:
        if wait := quota.take(now):
            now += wait + 1e-6
        else:
            calls.append(now)
            quota.finish()
    return calls


def most_in_a_minute(calls: list[float]) -> int:
    """Return the most calls in any span of 60 s, both ends included."""
    return max((bisect_right(calls, at + 60) - index for index, at in enumerate(calls)), default=0)


@settings(max_examples=60, deadline=None)
@given(st.floats(0.2, 900), st.booleans(), st.lists(st.floats(0, 90), max_size=12))
def test_no_minute_has_more_calls_than_the_limit(limit: float, paced: bool, pauses: list[float]) -> None:  # noqa: FBT001  # drawn
    """No span of 60 s, the first one included, has more calls than the limit, whenever calls are wanted."""
    quota = Quota(Spending(paced=paced))
    quota.configure(limit)
    now, calls = 0.0, []
    for pause in [*pauses, 0.0]:
        now += pause
        calls += made(quota, 20.0, now)
        now += 20.0
    assert most_in_a_minute(calls) <= max(1, limit)


@pytest.mark.parametrize("limit", [1, 30, 60, 300, 6000])
def test_the_limit_is_used_when_there_are_calls_to_make(limit: int) -> None:
    """A minute with enough to do has at least 97 % of the limit's calls."""
    quota = Quota()
    quota.configure(limit)
    assert len(made(quota, 610)) >= 9.7 * limit


def test_calls_are_spread_over_the_minute() -> None:
    """Thirty calls per minute are one every two seconds, and not thirty at once."""
    calls = made(Quota(), 60)
    assert len(calls) == 30
    assert min(b - a for a, b in pairwise(calls)) >= 1.9


def test_the_pace_follows_the_first_answer_at_once() -> None:
    """Once an answer grants more, the next call goes by that: after a tenth of a second, and not after two seconds."""
    quota = Quota()
    assert quota.take(0.0) == 0.0
    quota.observe(0.05, 1200, 1199)
    quota.finish()
    assert quota.take(0.05) == pytest.approx(0.1)
    assert quota.take(0.15) == 0.0


def test_a_command_that_runs_once_waits_only_for_the_limit() -> None:
    """Without pacing, the calls that the limit allows are made at once, and the next one 61 s after the first."""
    quota = Quota(COMMAND)
    quota.configure(None, part=0.25)
    assert made(quota, 62) == pytest.approx([0, 0, 0, 0, 0, 0, 61, 61, 61, 61, 61, 61], abs=0.01)


def test_without_a_configured_limit_half_of_what_is_granted_is_ours() -> None:
    """Thirty calls per minute until an answer says what is granted, then half of it."""
    quota = Quota()
    assert quota.limit(0) == (30, LimitReason.DOCUMENTED)
    quota.take(0)
    quota.observe(0.1, 600, 599)
    assert quota.limit(1) == (300, LimitReason.GRANTED)


def test_a_configured_limit_is_kept_and_divided_among_shards() -> None:
    """A configured limit prevails over what is granted, and a shard has its part of it."""
    quota = Quota()
    quota.configure(40, 0.25)
    quota.observe(0.1, 600, 599)
    assert quota.limit(1) == (10, LimitReason.CONFIGURED)


def test_a_falling_remainder_that_is_not_ours_slows_us_down() -> None:
    """What the others use in a minute, and a fifth of the quota, are not ours; it is over when they have been gone for minutes."""
    quota = Quota()
    quota.take(0.0)
    quota.observe(0.05, 60, 59)
    quota.observe(0.1, 60, 24)  # 36 are used, 35 of them by others
    quota.finish()
    assert quota.limit(1) == (48 - 35, LimitReason.OTHERS)
    for minute in range(1, 7):
        quota.take(minute * 61.0)
        quota.observe(minute * 61.0 + 0.1, 60, 59)
        quota.finish()
    assert quota.limit(400) == (30, LimitReason.GRANTED)


def test_the_last_fifth_of_a_minute_is_never_ours() -> None:
    """Once a fifth of the minute's quota is left, calls wait until the platform's minute is over."""
    quota = Quota()
    quota.take(0.0)
    quota.observe(0.1, 60, 59)
    quota.finish()
    quota.take(61.2)
    quota.observe(61.3, 60, 13)
    quota.finish()
    assert quota.take(80) == 0
    quota.observe(80.1, 60, 12)
    quota.finish()
    assert 80.1 + quota.take(80.1) == pytest.approx(61.3 + 61)


def test_one_call_per_minute_is_made_even_if_the_others_use_all() -> None:
    """However much the others use, one call per minute looks whether there is quota again."""
    quota, now = Quota(), 0.0
    quota.observe(now, 60, 60)
    for _ in range(5):
        quota.take(now)
        quota.observe(now + 0.1, 60, 0)
        quota.finish()
        now += 61.2
    assert quota.limit(now)[0] == 1
    assert quota.take(now) == 0


def test_a_429_halves_the_limit_and_it_comes_back_to_a_little_below() -> None:
    """After a 429 the limit is half, grows by a twentieth per minute, and stays a tenth below where the 429 came."""
    quota = Quota()
    quota.throttle(0.0, 30.0)
    quota.throttle(10.0, 30.0)  # a call that was under way with the first
    assert quota.limit(1.0) == (15, LimitReason.THROTTLED)
    assert quota.limit(125.0)[0] == pytest.approx(18)
    assert quota.limit(3500.0)[0] == pytest.approx(27)
    assert quota.limit(3700.0) == (30, LimitReason.DOCUMENTED)


def day_with_others(  # noqa: C901  # one loop over events
    seed: int, *, minutes: int, burst: int, every: float, granted: int = 60, has_headers: bool = True
) -> tuple[int, int, float]:
    """Return the others' 429s, ours, and our calls per minute, at a fixed-minute throttle and with bursts of others."""
    rng, quota = random.Random(seed), Quota()
    events: list[tuple[float, int, str, int | None]] = []

    def push(at: float, kind: str, answer: int | None = None) -> None:
        heapq.heappush(events, (at, len(events) + rng.randrange(1 << 30), kind, answer))

    first, begun, used = rng.uniform(0, every), -60.0, 0
    for number in range(int(minutes * 60 / every)):
        for index in range(burst):
            push(first + number * every + index * 0.02, "other")
    push(0.0, "ours")
    refused = {"other": 0, "ours": 0}
    calls, held_until = 0, 0.0
    while events and events[0][0] < minutes * 60:
        now, _, kind, answer = heapq.heappop(events)
        if kind == "ours":
            if wait := max(0.0, held_until - now) or quota.take(now):
                push(now + wait + 1e-3, "ours")
            else:
                calls += 1
                push(now + rng.uniform(*LATENCY), "at the platform")
                push(now, "ours")
        elif kind == "answer":
            if has_headers:
                quota.observe(now, granted, answer or 0)
            if answer is None:
                quota.throttle(now, begun + 60 - now)
                held_until = begun + 60
            quota.finish()
        else:
            if now >= begun + 60:
                begun, used = now, 0
            is_refused = used >= granted
            used += not is_refused
            refused["other" if kind == "other" else "ours"] += is_refused
            if kind != "other":
                push(now + rng.uniform(*LATENCY), "answer", None if is_refused else granted - used)
    return refused["other"], refused["ours"], calls / minutes


@pytest.mark.parametrize("seed", range(40))
def test_a_second_program_gets_no_429(seed: int) -> None:
    """Beside 30 calls per minute in bursts of ten, of 60 granted: no 429 for the others, at most two for us, in 20 minutes."""
    others, ours, rate = day_with_others(seed, minutes=20, burst=10, every=20.0)
    assert others == 0
    assert ours <= 2
    assert rate >= 16


@pytest.mark.parametrize("seed", range(10))
def test_without_headers_the_limit_settles_below_what_is_granted(seed: int) -> None:
    """Where no header says that only 20 calls per minute are granted, an hour has at most three 429s, and 15 calls per minute."""
    _, ours, rate = day_with_others(seed, minutes=60, burst=0, every=60.0, granted=20, has_headers=False)
    assert ours <= 3
    assert rate >= 15


def test_what_is_used_is_said_with_its_reason() -> None:
    """The use of a quota names the limit in force with its reason, what is granted and left, and whose calls they were."""
    quota = Quota()
    quota.take(0.0)
    quota.observe(0.05, 60, 59)
    quota.observe(0.1, 60, 29)
    quota.finish()
    use = quota.use(1.0)
    assert (use.limit, use.reason, use.granted, use.remaining, use.ours, use.others) == (18, "others", 60, 29, 1, 30)
    assert use.is_contended


def test_what_was_used_before_the_first_answer_is_nobodys_in_particular() -> None:
    """The calls of this exporter before a restart are in the same minute, and are not taken for those of others."""
    quota = Quota()
    quota.take(0.0)
    quota.observe(0.1, 60, 30)
    use = quota.use(1.0)
    assert (use.limit, use.others, use.is_contended) == (30, 0, False)


def test_a_few_calls_of_others_are_no_contention() -> None:
    """A configured limit above four fifths of what is granted is cut to them, which is nobody's fault."""
    quota = Quota()
    quota.configure(60)
    quota.take(0.0)
    quota.observe(0.05, 60, 59)
    quota.observe(0.1, 60, 57)
    use = quota.use(1.0)
    assert (use.limit, use.alone, use.others, use.is_contended) == (46, 48, 2, False)
