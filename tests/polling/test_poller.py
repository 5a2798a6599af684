"""The poller with a scripted client, in virtual time: it is the loop's clock and Unix time at once."""

from __future__ import annotations

import asyncio
import logging

import pytest

from exporter.api.errors import (
    ApiError,
    ApiTimeout,
    ConnectError,
    EnvelopeError,
    Failure,
    Forbidden,
    HttpError,
    NotFound,
    Throttled,
    Unauthorized,
)
from exporter.api.model import Task, TaskRef, TaskState
from exporter.api.quota import SLACK_SECONDS
from exporter.config.values import WindowSettings
from exporter.metrics.exposition import TaskRenderer
from exporter.metrics.store import Store
from exporter.polling.intervals import STEP, STEPS_KEPT
from exporter.polling.poller import BATCH_SECONDS
from exporter.polling.schedule import spread
from tests.support.polling import IDLE, INTERVAL, Bench, Script, failing, gaps, moving, resting, stats, task
from tests.support.virtual_time import in_virtual_time


@in_virtual_time
async def test_each_task_is_polled_at_its_place() -> None:
    """All tasks are polled at once at first, then each once per interval at the place its id gives it."""
    bench = Bench(concurrency=2)
    names = [f"t{index}" for index in range(20)]
    async with bench.polling(*map(task, names)):
        assert not bench.poller.first_round.is_set()
        await asyncio.sleep(600)
    assert max(bench.client.calls[name][0] for name in names) < 2
    for name in names:
        assert gaps(bench.client.calls[name][1:]) == pytest.approx(
            [INTERVAL] * (len(bench.client.calls[name]) - 2), abs=0.2
        )
        assert bench.client.calls[name][-1] % INTERVAL == pytest.approx(spread(name) * INTERVAL, abs=0.2)
    assert bench.client.most_at_once == 2


@pytest.mark.parametrize("interval", [60.0, 0.5])
@in_virtual_time
async def test_polls_that_fall_due_together_start_together(interval: float) -> None:
    """The poller wakes up for a batch of polls and not for each, and none starts late by more than the batch is long."""
    batch = min(BATCH_SECONDS, interval / 100)
    tasks = [task(f"t{index}") for index in range(int(4 * interval / batch))]  # four to a batch
    bench = Bench(concurrency=len(tasks), rate_limit=1e6, interval=interval)
    bench.client.latency = {each.ref.id: batch / 3 for each in tasks}  # a poll that ends must not break up a batch
    async with bench.polling(*tasks):
        await asyncio.sleep(2 * interval)
    starts = {name: [time for time in calls if time > interval] for name, calls in bench.client.calls.items()}
    for name, times in starts.items():
        assert max((time - spread(name) * interval) % interval for time in times) <= batch + 1e-3 * interval
    moments = {time for times in starts.values() for time in times}
    assert len(moments) <= interval / batch + 1


@in_virtual_time
async def test_outcome_is_in_the_store() -> None:
    """A success and a failure leave up, the time of the last success and the error, and the lines read stay."""
    bench = Bench()
    bench.client.answers["bad"] = lambda now: moving(now) if now < 50 else failing(HttpError(503, "out of order"))(now)
    async with bench.polling(task("good"), task("bad")):
        await asyncio.sleep(10)
        before = bench.record("bad")
        assert (before.status.up, before.status.failure) == (True, None)
        await asyncio.sleep(110)
    good, bad = bench.record("good").status, bench.record("bad").status
    assert (good.up, good.failure, good.interval) == (True, None, INTERVAL)
    assert good.last_success == pytest.approx(bench.client.calls["good"][-1] + 0.1)
    assert (bad.up, bad.failure) == (False, Failure("http_5xx", "out of order"))
    assert bad.last_success is not None
    assert bad.last_success < 60
    assert bench.record("bad").stats_lines


@in_virtual_time
async def test_cadence_follows_the_work() -> None:
    """What runs keeps the interval, what rests, is done or stands still leaves it, and a change brings it back."""
    bench = Bench()
    bench.client.answers = {
        "paused": resting,
        "done": lambda _: stats(7, progress=100),
        "unknown": lambda now: stats(7 if now < 6000 else 8),
        "running": resting,
    }
    tasks = [
        task("paused", TaskState.PAUSED),
        task("unknown", TaskState.UNKNOWN),
        task("done"),
        task("running"),
    ]
    async with bench.polling(*tasks):
        await asyncio.sleep(10 * IDLE)
    count = {name: len(calls) for name, calls in bench.client.calls.items()}
    assert count["paused"] in (11, 12)
    assert count["done"] in (11, 12)
    assert count["running"] in (150, 151)
    unknown = gaps(bench.client.calls["unknown"])
    assert max(unknown) == pytest.approx(IDLE, abs=1)
    seen = next(index for index, time in enumerate(bench.client.calls["unknown"]) if time > 6000)
    assert max(unknown[:2]) <= INTERVAL + 1
    assert unknown[seen] <= INTERVAL + 1
    assert unknown[seen + 1] == pytest.approx(INTERVAL, abs=1)
    assert bench.client.calls["unknown"][seen] <= 6000 + IDLE


@in_virtual_time
async def test_cadence_that_a_poll_changes_is_recorded_at_once() -> None:
    """A task that turns out to be done is recorded with the idle interval, and its statistics are due again by that."""
    bench = Bench()
    bench.client.answers["done"] = lambda _: stats(7, progress=100)
    async with bench.polling(task("done")):
        await asyncio.sleep(1)
    status = bench.record("done").status
    assert status.interval == IDLE
    assert status.due == pytest.approx(IDLE, abs=0.2)


@in_virtual_time
async def test_failing_task_backs_off_and_recovers() -> None:
    """A failing task is asked less and less often, with jitter and a bound, and is back at its place once it answers."""
    bench = Bench()
    bench.client.answers = {name: failing(ApiTimeout("too slow"), until=3000) for name in ("a", "b")}
    async with bench.polling(task("a"), task("b")):
        await asyncio.sleep(4000)
    for name in ("a", "b"):
        waits = gaps(time for time in bench.client.calls[name] if time < 3000)
        for wait, middle in zip(waits, [60, 120, 240, *[300] * 20], strict=False):
            assert middle * 0.75 <= wait - 0.1 <= middle * 1.25 + 0.01
        assert 8 <= len(waits) <= 14
        recovered = [time for time in bench.client.calls[name] if time >= 3000]
        assert recovered[0] <= 3000 + 375.2
        assert gaps(recovered)[1:] == pytest.approx([INTERVAL] * (len(recovered) - 2), abs=0.2)
        assert recovered[-1] % INTERVAL == pytest.approx(spread(name) * INTERVAL, abs=0.2)
        assert bench.record(name).status.up
    assert gaps(bench.client.calls["a"])[:5] != pytest.approx(gaps(bench.client.calls["b"])[:5], rel=0.01)


@pytest.mark.parametrize(
    "broken",
    [failing(ConnectError("refused")), failing(NotFound(404, "gone")), lambda _: 1 / 0],
    ids=["connect", "404", "bug"],
)
def test_slow_and_failing_tasks_delay_no_other(broken: Script, caplog: pytest.LogCaptureFixture) -> None:
    """With some tasks failing, one so by a fault of our own, and others slow, the rest is polled as if alone."""
    caplog.set_level(logging.CRITICAL, "exporter")

    @in_virtual_time
    async def scenario() -> None:
        bench = Bench(concurrency=4)
        good, bad, slow = ([f"{kind}{n}" for n in range(k)] for kind, k in (("good", 10), ("bad", 5), ("slow", 3)))
        bench.client.answers = dict.fromkeys(bad, broken)
        bench.client.latency = dict.fromkeys(slow, 30.0)
        async with bench.polling(*map(task, [*slow, *bad, *good])):
            await asyncio.sleep(1200)
        assert bench.poller.first_round.is_set()
        for name in good:
            assert bench.client.calls[name][0] < 5
            times = bench.client.calls[name][1:]
            assert gaps(times) == pytest.approx([INTERVAL] * (len(times) - 1), abs=1.0)
            assert len(times) >= 18

    scenario()


@pytest.mark.parametrize(
    ("error", "missing"),
    [
        (Forbidden(403, "not yours"), False),
        (NotFound(404, "no such task"), True),
        (EnvelopeError(403, "not yours"), False),
        (EnvelopeError(404, "no such task"), True),
    ],
    ids=repr,
)
def test_refused_tasks_are_asked_seldom(error: ApiError, *, missing: bool) -> None:
    """What a retry soon could not mend is tried again at about the idle interval; only a task that is denied is missing."""

    @in_virtual_time
    async def scenario() -> None:
        bench = Bench()
        bench.client.answers["a"] = failing(error, until=5000)
        async with bench.polling(task("a")):
            await asyncio.sleep(4900)
            assert all(0.75 * IDLE <= gap - 0.1 <= IDLE for gap in gaps(bench.client.calls["a"]))
            status = bench.record("a").status
            assert (status.up, status.missing_since is not None) == (False, missing)
            await asyncio.sleep(1000)
            assert bench.record("a").status.missing_since is None
            assert gaps(bench.client.calls["a"])[-1] <= INTERVAL + 0.1

    scenario()


REFUSED = Unauthorized(401, "token refused")
REFUSED.blame_account()


@pytest.mark.parametrize("error", [REFUSED, Throttled(429, "too many calls", 1.0)])
def test_what_the_gate_holds_back_is_not_backed_off_as_well(error: ApiError) -> None:
    """A refused token or a throttled account holds back the gate; once that is over, no task is late on its own."""

    @in_virtual_time
    async def scenario() -> None:
        bench = Bench()
        names = ["a", "b", "c"]
        bench.client.answers = dict.fromkeys(names, failing(error, until=3600))
        async with bench.polling(*map(task, names)):
            await asyncio.sleep(3600 + INTERVAL + 1)
        assert all(bench.record(name).status.up for name in names)

    scenario()


@in_virtual_time
async def test_update_adds_drops_and_keeps() -> None:
    """A new task is polled at once, one that is gone never again, and one that stays goes on at its place, renamed."""
    bench = Bench()
    async with bench.polling(task("stays"), task("goes"), task("rests", TaskState.PAUSED)):
        await asyncio.sleep(200)
        renamed = Task(TaskRef("main", "stays"), min_answer_ratio=0.5, name="new name", state=TaskState.RUNNING)
        bench.poller.update([renamed, task("comes"), task("rests")])
        await asyncio.sleep(200)
    assert bench.client.calls["comes"][0] == pytest.approx(200, abs=0.01)
    assert max(bench.client.calls["goes"]) < 200
    times = bench.client.calls["stays"][1:]
    assert gaps(times) == pytest.approx([INTERVAL] * (len(times) - 1), abs=0.2)
    assert bench.record("stays").status.task == renamed
    awake = [time for time in bench.client.calls["rests"] if time > 200]
    assert awake[0] <= 200 + INTERVAL
    assert gaps(awake) == pytest.approx([INTERVAL] * (len(awake) - 1), abs=0.2)


@in_virtual_time
async def test_repeated_update_moves_nothing() -> None:
    """Discovery that finds the same every few seconds neither brings polls forward nor puts them off."""
    bench = Bench()
    tasks = [task("a"), task("b", TaskState.UNKNOWN), task("c")]
    bench.client.answers = {"b": resting, "c": failing(ApiTimeout("slow"))}
    async with bench.polling(*tasks):
        for _ in range(400):
            await asyncio.sleep(7)
            bench.poller.update(tasks)
    assert gaps(bench.client.calls["a"][1:]) == pytest.approx([60] * (len(bench.client.calls["a"]) - 2), abs=0.2)
    assert max(gaps(bench.client.calls["b"])) == pytest.approx(IDLE, abs=1)
    assert min(gaps(bench.client.calls["c"])[3:]) >= 300 * 0.75


@in_virtual_time
async def test_task_removed_while_its_call_is_under_way() -> None:
    """The answer for a task that is gone does not reach the store, and when it comes back it is polled at once."""
    bench = Bench()
    bench.client.latency["a"] = 10
    async with bench.polling(task("a"), task("b")):
        await asyncio.sleep(5)
        bench.poller.update([task("b")])
        bench.store.forget(TaskRef("main", "a"))
        await asyncio.sleep(2)
        assert bench.poller.first_round.is_set()
        bench.poller.update([task("a"), task("b")])
        assert not bench.poller.first_round.is_set()
        await asyncio.sleep(4)  # the first call has ended by now, the second has not
        assert bench.record("a").status.up is None
        assert bench.client.calls["a"] == pytest.approx([0, 7], abs=0.01)
        assert not bench.poller.first_round.is_set()
        await asyncio.sleep(10)
        assert bench.record("a").status.up
        assert bench.poller.first_round.is_set()


@in_virtual_time
async def test_recorded_interval_is_what_the_quota_allows() -> None:
    """Over the rate limit the recorded interval is the longer one, for all tasks from the first moment, windows included."""
    bench = Bench(rate_limit=1, windows=(WindowSettings("today"),))
    bench.poller.update(task(f"t{n}") for n in range(90))
    (interval,) = {bench.record(f"t{n}").status.interval for n in range(90)}
    assert interval is not None
    least = 90 / (1 - 90 / 300)  # 90 polls in each interval, and 90 windows in each five minutes
    assert 0.95 * least <= interval <= least * STEP**STEPS_KEPT


@in_virtual_time
async def test_a_window_is_read_at_an_interval_of_its_own() -> None:
    """A task that is polled every minute has each window read every five minutes, and its window is not stale in between."""
    bench = Bench(windows=(WindowSettings("today"),))
    async with bench.polling(task("a")):
        await asyncio.sleep(3600)
    windows = [at for at, span in zip(bench.client.calls["a"], bench.client.spans, strict=True) if span is not None]
    assert len(bench.client.calls["a"]) - len(windows) == 61
    assert len(windows) == 12
    assert max(gaps(windows)[1:]) <= 301
    window = (bench.record("a").windows or {})["today"]
    assert window.due - window.read_at == 300


@in_virtual_time
async def test_a_restart_reads_no_window_before_it_is_due() -> None:
    """What is known from before of a window is read again five minutes after it was read, and not with the first poll."""
    today = (WindowSettings("today"),)
    bench = Bench(windows=today)
    async with bench.polling(task("a")):
        await asyncio.sleep(100)
    again = Bench(windows=today, store=bench.store)
    async with again.polling(task("a")):
        await asyncio.sleep(150)
        assert len(again.client.calls["a"]) >= 2
        assert set(again.client.spans) == {None}
        await asyncio.sleep(110)
        assert len(set(again.client.spans)) == 2


@in_virtual_time
async def test_a_clock_set_back_meanwhile_delays_no_task() -> None:
    """What was polled in the future by the clock of now is due an interval after the restart at the latest."""
    loop, ahead = asyncio.get_running_loop(), [86_400.0]
    bench = Bench(store=Store(TaskRenderer(()), lambda: loop.time() + ahead[0]))
    async with bench.polling(task("a")):
        await asyncio.sleep(1)
    ahead[0] = 0.0
    again = Bench(store=bench.store)
    async with again.polling(task("a", TaskState.PAUSED)):
        await asyncio.sleep(IDLE)
    assert again.client.calls["a"]


@in_virtual_time
async def test_one_more_task_leaves_the_records_of_the_others_as_they_are() -> None:
    """Intervals change in steps: one more task among many changes no other's, many more change all at once."""
    bench = Bench(rate_limit=1)
    names = [f"t{n}" for n in range(236)]
    bench.poller.update(map(task, names[:118]))
    before = [bench.record(name) for name in names[:118]]
    bench.poller.update(map(task, names[:119]))
    assert all(bench.record(name) is record for name, record in zip(names, before, strict=False))
    bench.poller.update(map(task, names))
    assert [bench.record(name).status.interval for name in names] == pytest.approx([240] * 236, rel=STEP - 1)


@in_virtual_time
async def test_shortage_makes_the_tasks_wait_that_make_few_calls() -> None:
    """With too few API calls, busy tasks keep short intervals, quiet and idle ones have up to idle_interval, and no more API calls are made."""
    bench = Bench(rate_limit=0.5)
    bench.client.passes_gate = True
    busy, quiet, idle = ([f"{kind}{n}" for n in range(many)] for kind, many in (("b", 15), ("q", 60), ("i", 90)))
    bench.client.answers = {
        **dict.fromkeys(busy, moving),
        **{name: lambda now: stats(now // 100) for name in quiet},
        **dict.fromkeys(idle, resting),
    }
    tasks = [*map(task, [*busy, *quiet]), *(task(name, TaskState.PAUSED) for name in idle)]
    async with bench.polling(*tasks):
        await asyncio.sleep(12 * IDLE)
        start = asyncio.get_running_loop().time()
        await asyncio.sleep(4 * IDLE)
    seen = {
        kind: [time for name in names for time in bench.client.calls[name] if time >= start]
        for kind, names in (("busy", busy), ("quiet", quiet), ("idle", idle))
    }
    mean = {kind: 4 * IDLE * many / len(seen[kind]) for kind, many in (("busy", 15), ("quiet", 60), ("idle", 90))}
    assert mean["busy"] < mean["quiet"] / 4
    assert mean["quiet"] <= 1.1 * IDLE
    assert mean["idle"] == pytest.approx(IDLE, rel=0.1)
    assert sum(map(len, seen.values())) <= 0.5 * 4 * IDLE
    for name in (busy[0], quiet[0], idle[0]):
        recorded = bench.record(name).status.interval
        assert recorded is not None
        assert max(gaps(time for time in bench.client.calls[name] if time >= start)) <= 1.3 * recorded


@in_virtual_time
async def test_the_first_round_takes_the_running_tasks_first() -> None:
    """At a start with too few API calls, no idle task is polled before a running one, in whatever order they come."""
    bench = Bench(rate_limit=0.5)
    bench.client.passes_gate = True
    running, idle = [f"r{n}" for n in range(20)], [f"i{n}" for n in range(20)]
    async with bench.polling(*(task(name, TaskState.WAITING) for name in idle), *map(task, running)):
        await asyncio.sleep(55)
    firsts = sorted(bench.client.calls, key=lambda name: bench.client.calls[name][0])
    assert set(firsts[:20]) == set(running)


@in_virtual_time
async def test_hold_of_the_account_ends_without_a_rush() -> None:
    """After an hour's hold all tasks are polled at the rate, the running ones first, and then at their places again."""
    bench = Bench(rate_limit=2)
    bench.client.passes_gate = True
    running, idle = [f"r{n}" for n in range(30)], [f"i{n}" for n in range(60)]
    bench.client.answers = dict.fromkeys(idle, resting)
    tasks = [*map(task, running), *(task(name, TaskState.PAUSED) for name in idle)]
    async with bench.polling(*tasks):
        await asyncio.sleep(2000)
        bench.client.gate.quota.hold("stat", 3600)
        await asyncio.sleep(3600 + 1800)
    times = sorted(time for calls in bench.client.calls.values() for time in calls if time > 2000.01)
    assert times[0] == pytest.approx(5600, abs=0.01)
    assert min(gaps(times[:41])) >= 0.5 - SLACK_SECONDS - 1e-6
    for names, start in ((running, 5600 + 30), (idle, 5600 + 90)):
        assert all(any(5600 <= time <= start for time in bench.client.calls[name]) for name in names)
    for name in running:
        assert bench.client.calls[name][-1] % INTERVAL == pytest.approx(spread(name) * INTERVAL, abs=3)


@in_virtual_time
async def test_poll_lag() -> None:
    """How late polls start is observed at each of them: nothing with free workers, the wait for one without."""
    bench = Bench(concurrency=1)
    bench.client.latency = dict.fromkeys("abc", 10.0)
    async with bench.polling(*map(task, "abc")):
        await asyncio.sleep(25)
        assert bench.lag("count") == 3
        assert bench.lag("sum") == pytest.approx(0 + 10 + 20, abs=0.01)


@in_virtual_time
async def test_known_task_waits_for_its_turn() -> None:
    """After a reload a task that was read before is not polled in a burst, and the first round needs no wait for it."""
    bench = Bench()
    async with bench.polling(task("a")):
        await asyncio.sleep(1)
    again = Bench(store=bench.store)
    async with again.polling(task("a"), task("new")):
        await asyncio.sleep(1)
        assert again.poller.first_round.is_set()
        assert again.client.calls == {"new": pytest.approx([1], abs=0.01)}
        await asyncio.sleep(spread("a") * INTERVAL)
    assert again.client.calls["a"] == pytest.approx([spread("a") * INTERVAL], abs=0.2)


@in_virtual_time
async def test_poll_all_survives_failures_of_all_kinds(caplog: pytest.LogCaptureFixture) -> None:
    """Polling everything once tries each task once, whatever fails, be it by a fault of our own."""
    caplog.set_level(logging.CRITICAL, "exporter")
    bench = Bench()
    bench.client.answers = {"a": lambda _: 1 / 0, "b": failing(ConnectError("refused"))}
    bench.poller.update(map(task, "abcd"))
    await bench.poller.poll_all()
    assert {name: len(calls) for name, calls in bench.client.calls.items()} == dict.fromkeys("abcd", 1)
    assert [bench.record(name).status.up for name in "bcd"] == [False, True, True]
    assert bench.poller.first_round.is_set()


@in_virtual_time
async def test_without_tasks_nothing_is_waited_for() -> None:
    """With no tasks the first round is over at once, and the poller waits for tasks to come."""
    bench = Bench()
    async with bench.polling():
        assert bench.poller.first_round.is_set()
        await asyncio.sleep(100)
        bench.poller.update([task("a")])
        assert not bench.poller.first_round.is_set()
        await asyncio.sleep(1)
        assert bench.poller.first_round.is_set()
    assert bench.client.calls["a"] == pytest.approx([100], abs=0.01)
