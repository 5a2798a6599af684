"""The gates that every API call passes: rate, order, calls at once, holds of endpoints, tokens and accounts."""

from __future__ import annotations

import asyncio
from itertools import pairwise

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from exporter.api.gate import AccountGate, TokenGates
from exporter.api.quota import SLACK_SECONDS
from tests.support.virtual_time import in_virtual_time

NEAR = 1e-6  # virtual time runs on by a nanosecond per jump
HOST = "https://platform.example"


class Traffic:
    """Sends calls of one account through its gates and notes, by name, when they passed."""

    def __init__(
        self,
        per_minute: float,
        concurrency: int = 1000,
        *,
        gates: TokenGates | None = None,
        account: str = "main",
        token: str = "t",
        configured: bool = True,
    ) -> None:
        self.loop = asyncio.get_running_loop()
        self.waits: list[float] = []
        self.gate = AccountGate(
            gates or TokenGates(),
            account=account,
            base_url=HOST,
            token=token,
            configured=per_minute if configured else None,
            concurrency=concurrency,
            waited=self.waits.append,
        )
        self.passed: dict[str, float] = {}
        self.at_once = self.most_at_once = 0

    async def call(self, name: str, *, endpoint: str = "stat", arrives: float = 0.0, takes: float = 0.0) -> None:
        """Come to the gate at a time, pass it, and be under way for a while."""
        await asyncio.sleep(max(0.0, arrives - self.loop.time()))
        async with self.gate.call(endpoint):
            self.passed[name] = self.loop.time()
            self.at_once += 1
            self.most_at_once = max(self.most_at_once, self.at_once)
            await asyncio.sleep(takes)
            self.at_once -= 1

    async def calls(self, names: str, **how: float) -> None:
        """Let several calls come one after the other, without waiting for the one before."""
        async with asyncio.TaskGroup() as group:
            for name in names:
                group.create_task(self.call(name, **how))  # type: ignore[arg-type]  # takes and arrives

    def times(self, names: str) -> list[float]:
        """Return when some calls passed."""
        return [self.passed[name] for name in names]


@settings(max_examples=40, deadline=None)
@given(st.integers(1, 600), st.integers(1, 10), st.lists(st.floats(0, 90), min_size=1, max_size=60), st.floats(0, 5))
def test_gate_never_exceeds_its_limits(limit: int, concurrency: int, arrivals: list[float], takes: float) -> None:
    """Whenever calls come and however long they take, no minute has too many, and no more are under way than may be."""

    @in_virtual_time
    async def scenario() -> None:
        traffic = Traffic(limit, concurrency)
        async with asyncio.TaskGroup() as group:
            for index, arrives in enumerate(arrivals):
                group.create_task(traffic.call(str(index), arrives=arrives, takes=takes))
        times = sorted(traffic.passed.values())
        assert len(times) == len(arrivals)
        assert all(sum(at <= other <= at + 60 for other in times) <= limit for at in times)
        assert traffic.most_at_once <= concurrency

    scenario()


@in_virtual_time
async def test_calls_pass_in_the_order_they_come() -> None:
    """First come, first served, at an even pace."""
    traffic = Traffic(30)
    await traffic.calls("abcdef")
    assert list(traffic.passed) == list("abcdef")
    assert list(traffic.passed.values()) == pytest.approx([0, 2, 4, 6, 8, 10], abs=NEAR)


@in_virtual_time
async def test_waiting_is_counted_once() -> None:
    """Only the call whose turn it is reports its wait, so the sum over time is the share of time the limit bound."""
    traffic = Traffic(60)
    await traffic.calls("abcd")
    await traffic.call("e", arrives=10)
    assert sum(traffic.waits) == pytest.approx(3, abs=NEAR)


@in_virtual_time
async def test_concurrency_bounds_calls_under_way() -> None:
    """With all places taken a call waits for one, which is no waiting for the rate limit."""
    traffic = Traffic(60_000, concurrency=2)
    await traffic.calls("abcde", takes=10)
    assert list(traffic.passed.values()) == pytest.approx([0, 0, 10, 10, 20], abs=0.01)
    assert traffic.most_at_once == 2
    assert sum(traffic.waits) < 0.01


@in_virtual_time
async def test_accounts_with_the_same_token_share_one_quota() -> None:
    """Two accounts with one token at one platform make together what one alone might make; another token has its own."""
    gates = TokenGates()
    first, second = Traffic(30, gates=gates, account="a"), Traffic(30, gates=gates, account="b")
    other = Traffic(30, gates=gates, account="c", token="another")
    await asyncio.gather(first.calls("abc"), second.calls("xyz"), other.calls("pqr"))
    assert sorted([*first.passed.values(), *second.passed.values()]) == pytest.approx([0, 2, 4, 6, 8, 10], abs=NEAR)
    assert other.times("pqr") == pytest.approx([0, 2, 4], abs=NEAR)


@in_virtual_time
async def test_a_limit_that_one_account_states_holds_for_the_token() -> None:
    """An account that states no limit is bound by the one that another account with its token states."""
    gates = TokenGates()
    Traffic(6, gates=gates, account="a")
    unstated = Traffic(0, gates=gates, account="b", configured=False)
    await unstated.calls("xy")
    assert unstated.times("xy") == pytest.approx([0, 10], abs=NEAR)


@in_virtual_time
async def test_demand_divides_the_limit_among_accounts() -> None:
    """Each account has the part of the limit that its demand has of all demands; one without a demand yet, an equal part."""
    gates = TokenGates()
    first, second = Traffic(30, gates=gates, account="a"), Traffic(30, gates=gates, account="b")
    assert first.gate.quota.share("a") == 15
    first.gate.quota.demand("a", 100)
    assert second.gate.quota.share("b") == 15, "its tasks are not known yet"
    second.gate.quota.demand("b", 20)
    assert first.gate.quota.share("a") == pytest.approx(25)
    assert second.gate.quota.share("b") == pytest.approx(5)
    second.gate.close()
    assert first.gate.quota.share("a") == pytest.approx(30)


@in_virtual_time
async def test_a_changed_token_moves_the_waiting_calls_too() -> None:
    """Calls that wait in the line of a token's gate go on in the line of the new token's, within a second."""
    traffic = Traffic(1)
    waiting = asyncio.create_task(traffic.calls("abc"))
    await asyncio.sleep(10)
    traffic.gate.use_token("another")
    await asyncio.sleep(1.5)
    assert 10 <= traffic.passed["b"] <= 11 + NEAR
    waiting.cancel()


@in_virtual_time
async def test_a_throttled_endpoint_holds_only_itself() -> None:
    """A 429 on the list's route holds no statistics; the next 429, on theirs, holds every call of the token."""
    traffic = Traffic(600)
    traffic.gate.quota.throttle("tasks", 30)
    await asyncio.gather(traffic.call("list", endpoint="tasks"), traffic.call("stat"))
    assert traffic.passed == pytest.approx({"stat": 0, "list": 30}, abs=NEAR)
    traffic.gate.quota.throttle("tasks", 30)
    traffic.gate.quota.throttle("stat", 20)
    await asyncio.gather(traffic.call("third", endpoint="new_tasks"), traffic.call("list", endpoint="tasks"))
    assert traffic.passed["third"] == pytest.approx(50, abs=NEAR)
    assert traffic.passed["list"] == pytest.approx(60, abs=NEAR)


@in_virtual_time
async def test_held_calls_take_no_places_from_another_endpoint() -> None:
    """However many calls wait for their endpoint, since before its 429 or after, another endpoint's call has its turn."""
    traffic = Traffic(60, concurrency=2)
    async with asyncio.TaskGroup() as group:
        for arrives in (0.0, 0.1, 0.2, 5.0):
            group.create_task(traffic.call(f"{arrives}", arrives=arrives))
        await asyncio.sleep(0.5)
        traffic.gate.quota.hold("stat", 100)
        await traffic.call("list", endpoint="tasks", arrives=10)
    waits = {"list": 10, "0.0": 0, "0.1": 100.5, "0.2": 101.5, "5.0": 102.5}
    assert traffic.passed == pytest.approx(waits, abs=2 * SLACK_SECONDS)
    assert sum(traffic.waits) == pytest.approx(102, abs=1), "one of them counts at a time"


@in_virtual_time
async def test_after_a_hold_calls_follow_at_the_pace() -> None:
    """A hold stops an endpoint's calls; when it ends they follow at the pace, without a burst, and each second of it is counted."""
    traffic = Traffic(300)
    traffic.gate.quota.hold("stat", 30)
    assert traffic.gate.held_seconds("stat") == pytest.approx(30)
    waiting = asyncio.create_task(traffic.calls("abcd"))
    await asyncio.sleep(10.5)
    assert 9 < sum(traffic.waits) <= 10.5
    await waiting
    times = traffic.times("abcd")
    assert times[0] == pytest.approx(30, abs=NEAR)
    assert [b - a for a, b in pairwise(times)] == pytest.approx([0.2, 0.2, 0.2], abs=SLACK_SECONDS + NEAR)
    assert sum(traffic.waits) == pytest.approx(30.6, abs=SLACK_SECONDS + NEAR)
    assert traffic.gate.held_seconds("stat") == 0


@pytest.mark.parametrize(
    ("holds", "passes"),
    [([(0, 30), (10, 5)], 30), ([(0, 30), (10, 60)], 70), ([(5, 10)], 15), ([(0, 30), (29.9, 0.2)], 30.1)],
    ids=["shorter while held", "longer while held", "while waiting for the rate", "just before the end"],
)
def test_the_longest_hold_counts(holds: list[tuple[float, float]], passes: float) -> None:
    """A hold can be lengthened while calls wait for its end, or for the rate, but not shortened by another."""

    @in_virtual_time
    async def scenario() -> None:
        traffic = Traffic(6)  # the second call would pass at 10
        await traffic.call("first")
        async with asyncio.TaskGroup() as group:
            group.create_task(traffic.call("a"))
            for at, seconds in holds:
                asyncio.get_running_loop().call_at(at, traffic.gate.quota.hold, "stat", seconds)
        assert passes <= traffic.passed["a"] <= passes + 10 + NEAR

    scenario()


@in_virtual_time
async def test_a_refused_token_is_tried_by_one_call_at_a_time() -> None:
    """While the token is refused, one call per hold tries it; the others go when it is accepted."""
    traffic = Traffic(6000)
    tried: list[float] = []

    async def refused() -> None:
        async with traffic.gate.call("stat"):
            tried.append(traffic.loop.time())
            await asyncio.sleep(0.1)
            if traffic.loop.time() < 100:
                traffic.gate.refuse("a", 60)
            else:
                traffic.gate.accept()

    traffic.gate.refuse("a", 60)
    async with asyncio.TaskGroup() as group:
        for _ in range(4):
            group.create_task(refused())
    assert tried[:2] == pytest.approx([60, 120.1], abs=NEAR)
    assert tried[3] < 121


@in_virtual_time
async def test_a_new_token_ends_a_refusal_at_once() -> None:
    """A call that waits since the token was refused goes at the moment that there is another token."""
    traffic = Traffic(60)
    traffic.gate.refuse("a", 3600)
    traffic.loop.call_at(7, traffic.gate.use_token, "another")
    await traffic.call("a")
    assert traffic.passed["a"] == pytest.approx(7, abs=NEAR)
    assert 6 < sum(traffic.waits) <= 7 + NEAR


def _cancelled(result: object) -> bool:
    return isinstance(result, asyncio.CancelledError)


@in_virtual_time
async def test_a_cancelled_call_gives_its_place_back() -> None:
    """Calls cancelled at any stage - for a place, in line, at the head of it, under way - leave no place taken."""
    traffic = Traffic(60, concurrency=3)
    names = ["under way", "at the head", "in line", "without a place", "also without"]
    calls = [asyncio.create_task(traffic.call(name, takes=100)) for name in names]
    await asyncio.sleep(0.5)
    for call in calls:
        call.cancel()
    assert all(map(_cancelled, await asyncio.gather(*calls, return_exceptions=True)))
    traffic.at_once = 0
    await traffic.calls("abcd", takes=10)
    assert traffic.times("abcd") == pytest.approx([1, 2, 3, 11], abs=NEAR)
    assert traffic.most_at_once == 3


@in_virtual_time
async def test_a_failed_call_gives_its_place_back() -> None:
    """A call that raises leaves its place to the next, and its exception comes through."""
    traffic = Traffic(6000, concurrency=1)
    with pytest.raises(ZeroDivisionError):
        async with traffic.gate.call("stat"):
            raise ZeroDivisionError
    await traffic.call("next")
    assert traffic.passed["next"] < 0.1


@in_virtual_time
async def test_gates_that_nobody_uses_are_forgotten() -> None:
    """A reload that starts an account anew finds its gate as it was; the gate of a token long given up is forgotten."""
    gates = TokenGates()
    first = Traffic(30, gates=gates)
    await first.call("a")
    first.gate.close()
    again = Traffic(30, gates=gates)
    await again.call("b")
    assert again.passed["b"] == pytest.approx(2, abs=NEAR)
    again.gate.use_token("another")
    old = gates.find(HOST, "t")
    await asyncio.sleep(120)
    assert gates.find(HOST, "t") is not old
