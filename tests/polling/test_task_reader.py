"""What a poll reads, and what it does not read again."""

from __future__ import annotations

import asyncio
import logging
import math
import random
import time
from collections.abc import Iterator
from typing import Any
from zoneinfo import ZoneInfo

import pytest

from exporter.api.errors import ApiError, ApiTimeout, Exchange, Failure, NotFound
from exporter.api.model import TaskRef, TaskState
from exporter.config.values import WindowSettings
from exporter.metrics.store import Store
from exporter.metrics.tags import OTHER
from exporter.polling.task_reader import Span, window_span
from tests.support.polling import INTERVAL, Bench, Script, failing, moving, stats, task
from tests.support.virtual_time import in_virtual_time

SHANGHAI = ZoneInfo("Asia/Shanghai")
MIDNIGHT = 1719763200.0  # 2024-07-01 00:00:00 in Shanghai, where it is 16:00 of the day before in UTC
DAY = 86400.0


@in_virtual_time
async def test_windows_are_asked_with_the_whole_life() -> None:
    """Each poll asks for the whole life, then for each window's span; if a window fails, what was read stays."""
    bench = Bench(windows=(WindowSettings("today"), WindowSettings("15m", 900.0)))
    async with bench.polling(task("a")):
        await asyncio.sleep(1)
    today, quarter = ("1970-01-01 00:00:00", "1970-01-01 23:59:59"), ("1970-01-01 07:45:00", "1970-01-01 08:00:00")
    assert bench.client.spans == [None, today, quarter]
    windows = bench.record("a").windows
    assert windows is not None
    assert list(windows) == ["today", "15m"]
    assert bench.poller._schedule.interval(TaskRef("main", "a")) == INTERVAL

    bench = Bench(windows=(WindowSettings("today"),))
    bench.client.answers["a"] = lambda now: (
        moving(now) if len(bench.client.spans) == 1 else failing(ApiTimeout("slow"))(now)
    )
    async with bench.polling(task("a")):
        await asyncio.sleep(1)
    status = bench.record("a").status
    assert (status.up, status.failure) == (False, Failure("timeout", "slow"))
    assert status.last_success == pytest.approx(1.2, abs=0.01)
    assert bench.record("a").stats_lines


@in_virtual_time
async def test_the_exchange_of_the_last_poll_is_kept() -> None:
    """The request for the whole life is kept with the record, be it answered or refused; a window's is not."""
    bench, answered, refused = (
        Bench(windows=(WindowSettings("today"),)),
        Exchange(200, 9, 0.1),
        Exchange(502, None, 0.2),
    )
    bench.client.exchange = answered
    error = ApiTimeout("slow")
    error.exchange = refused
    bench.client.answers["a"] = lambda now: moving(now) if len(bench.client.spans) == 1 else failing(error)(now)
    async with bench.polling(task("a")):
        await asyncio.sleep(1)
        assert bench.record("a").exchange == answered
        await asyncio.sleep(2 * INTERVAL)
        assert bench.record("a").exchange == refused


@in_virtual_time
async def test_tag_limit_is_stable() -> None:
    """Tags beyond the limit add up under one value, and two of about the same size do not take turns."""
    bench = Bench()
    tags = {"big": 100, "mid": 50, "x": 20, "y": 19, "tiny": 1}
    bench.client.answers["a"] = lambda now: stats(now, tags={**tags, "y": 21} if now > 30 else tags)
    seen = []
    async with bench.polling(task("a")):
        for _ in range(2):
            await asyncio.sleep(100)
            text = b"".join(bench.record("a").stats_lines).decode()
            seen.append({line.split('tag="')[1].split('"')[0] for line in text.splitlines() if "tag_calls{" in line})
    assert seen == [{"big", "mid", "x", OTHER}] * 2


ANSWERS: tuple[Any, ...] = (
    stats(100),
    stats(104),
    stats(104, progress=100),
    stats(3),
    stats(104, tags={"big": 100, "mid": 50, "x": 20, "y": 19, "tiny": 1}),
    {"answer_rate": {"answered": 104, "noAnswer": "?"}, "tags": [{"count": 1}], "rounds": {"1": -1}},
    [],
    ApiTimeout("slow"),
    NotFound(404, "none"),
)
"""What a platform may say in a row: growth, the end, a reset, many tags, unreadable parts, nothing, failures."""


def live_through(seed: int, *, knows_again: bool) -> tuple[list[object], int]:
    """Return all that was seen of three tasks over many intervals, and how often an answer was known again.

    One task is forgotten on the way and comes back, and a reload brings other limits. What the platform says follows
    from the time alone, and for some minutes at a time it says the same.
    """
    seen: list[object] = []
    benches: list[Bench] = []
    tasks = [task("a"), task("b", TaskState.UNKNOWN), task("c")]

    def says(name: str) -> Script:
        def answer(now: float) -> Any:
            said = random.Random(f"{seed} {name} {now // 400}").choice(ANSWERS)
            if isinstance(said, ApiError):
                raise said
            return said

        return answer

    def start(store: Store | None, tag_limit: int) -> Bench:
        bench = Bench(windows=(WindowSettings("today"), WindowSettings("15m", 900.0)), store=store, tag_limit=tag_limit)
        bench.client.knows_again, bench.client.answers = knows_again, {name: says(name) for name in "abc"}
        benches.append(bench)
        return bench

    async def watch(bench: Bench, minutes: int) -> None:
        for _ in range(minutes):
            await asyncio.sleep(60)
            fields = [*bench.metrics.unread_fields.collect(), *bench.metrics.missing_fields.collect()]
            seen.append(
                (bench.store.records(), {name: len(calls) for name, calls in bench.client.calls.items()}, fields)
            )

    @in_virtual_time
    async def live() -> None:
        bench = start(None, tag_limit=3)
        async with bench.polling(*tasks):
            await watch(bench, 60)
            bench.poller.update(tasks[:2])
            bench.store.forget(tasks[2].ref)
            await watch(bench, 5)
            bench.poller.update(tasks)
            await watch(bench, 60)
        again = start(bench.store, tag_limit=1)
        async with again.polling(*tasks):
            await watch(again, 60)

    live()
    return seen, sum(bench.client.known_again for bench in benches)


@pytest.mark.parametrize("seed", range(8))
def test_that_answers_are_known_again_changes_nothing(seed: int, caplog: pytest.LogCaptureFixture) -> None:
    """Records, counters, cadence, unread and missing fields are the same as if each answer had been read anew."""
    caplog.set_level(logging.CRITICAL, "exporter")
    known_again, times = live_through(seed, knows_again=True)
    read_anew, never = live_through(seed, knows_again=False)
    for one, other in zip(known_again, read_anew, strict=True):
        assert one == other
    assert never == 0 < times


def missed(bench: Bench) -> dict[str, float]:
    """Return the missing fields and how often each was counted."""
    (family,) = bench.metrics.missing_fields.collect()
    return {sample.labels["field"]: sample.value for sample in family.samples}


@in_virtual_time
async def test_a_missing_field_counts_with_each_answer() -> None:
    """Also with one that is the same as before, and with a window's; what is empty or null is not missing."""
    bench = Bench(windows=(WindowSettings("today"),))
    whole: dict[str, Any] = {
        "answer_rate": None,
        "intention": [],
        "number_status": {},
        "rounds": [],
        "tags": [],
        "llm_tags": None,
    }
    bench.client.answers["a"] = lambda _: whole
    bench.client.answers["b"] = lambda _: {**whole, "number_status": [{"count": 1}], "rounds": {"1": 1}, "tags": None}
    bench.client.answers["c"] = lambda _: {"answer_rate": [], "intention": [], "number_status": [], "llm_tags": []}
    async with bench.polling(task("a"), task("b"), task("c")):
        await asyncio.sleep(3 * INTERVAL)
    answers = {name: len(calls) for name, calls in bench.client.calls.items()}
    assert answers["b"] > 2
    assert missed(bench) == {
        "number_status.status": answers["b"], "rounds": answers["c"], "tags": answers["c"],
    }  # fmt: skip


@in_virtual_time
async def test_what_an_older_edition_lacks_is_logged_once_and_not_counted(caplog: pytest.LogCaptureFixture) -> None:
    """One line for all tasks of an account; another missing field counts nevertheless."""
    caplog.set_level(logging.INFO, "exporter")
    bench = Bench()
    older: dict[str, Any] = {"answer_rate": [], "intention": [], "number_status": []}
    bench.client.answers = {"a": lambda _: {**older, "rounds": []}, "b": lambda _: older}
    async with bench.polling(task("a"), task("b")):
        await asyncio.sleep(3 * INTERVAL)
    assert missed(bench) == {"rounds": len(bench.client.calls["b"])}
    assert [record.message for record in caplog.records if "older edition" in record.message] == [
        "the platform is of an older edition, which has no tags"
    ]


@in_virtual_time
async def test_an_odd_answer_is_no_older_edition(caplog: pytest.LogCaptureFixture) -> None:
    """A task without tags beside others that have them lacks a field, and so does one that lacks much else."""
    caplog.set_level(logging.INFO, "exporter")
    whole: dict[str, Any] = {name: [] for name in ("answer_rate", "intention", "number_status", "rounds")}
    tagged = Bench()
    tagged.client.answers = {"a": lambda _: whole, "b": lambda _: {**whole, "tags": [], "llm_tags": []}}
    async with tagged.polling(task("a"), task("b")):
        await asyncio.sleep(10 * INTERVAL)
    assert missed(tagged).keys() == {"tags", "llm_tags"}
    assert min(missed(tagged).values()) >= len(tagged.client.calls["a"]) - 1
    odd = Bench()
    odd.client.answers = {"a": lambda _: {"rounds": []}}
    async with odd.polling(task("a")):
        await asyncio.sleep(10 * INTERVAL)
    assert not [record for record in caplog.records if "older edition" in record.message]


@pytest.mark.parametrize("lost", ["forgotten", "fault", "cancelled"])
@in_virtual_time
async def test_a_response_that_did_not_reach_the_store_is_read_anew(lost: str, monkeypatch: pytest.MonkeyPatch) -> None:
    """What the store forgot, or never got for a fault or an end in between, is not taken for known."""
    bench = Bench(windows=(WindowSettings("today"),))
    bench.client.answers["a"] = lambda now: stats(7 if now < 30 else 8)
    bench.poller.update([task("a")])
    await bench.poller.poll_all()
    await asyncio.sleep(300)  # the window is due again too
    if lost == "forgotten":
        await bench.poller.poll_all()
        bench.store.forget(TaskRef("main", "a"))
    elif lost == "fault":
        with monkeypatch.context() as broken:
            broken.setattr(bench.store, "record_poll", lambda *_: 1 / 0)
            await bench.poller.poll_all()
    else:
        with pytest.raises(TimeoutError):  # between the whole life and the window
            async with asyncio.timeout(0.15):
                await bench.poller.poll_all()
    await bench.poller.poll_all()
    assert b'answered_calls{account="main",task="a"} 8' in b"".join(bench.record("a").stats_lines)


@pytest.fixture(params=["UTC", "America/New_York", "Pacific/Kiritimati"])
def _zone_of_the_process(request: pytest.FixtureRequest, monkeypatch: pytest.MonkeyPatch) -> Iterator[None]:
    with monkeypatch.context() as patch:
        patch.setenv("TZ", request.param)
        time.tzset()
        yield
    time.tzset()


@pytest.mark.usefixtures("_zone_of_the_process")
@pytest.mark.parametrize(
    ("window", "now", "span"),
    [
        (WindowSettings("today"), MIDNIGHT - 0.001, Span("2024-06-30 00:00:00", "2024-06-30 23:59:59", MIDNIGHT)),
        (WindowSettings("today"), MIDNIGHT, Span("2024-07-01 00:00:00", "2024-07-01 23:59:59", MIDNIGHT + DAY)),
        (
            WindowSettings("today"),
            MIDNIGHT + DAY - 1,
            Span("2024-07-01 00:00:00", "2024-07-01 23:59:59", MIDNIGHT + DAY),
        ),
        (WindowSettings("yesterday"), MIDNIGHT - 1, Span("2024-06-29 00:00:00", "2024-06-29 23:59:59", MIDNIGHT)),
        (WindowSettings("yesterday"), MIDNIGHT, Span("2024-06-30 00:00:00", "2024-06-30 23:59:59", MIDNIGHT + DAY)),
        (WindowSettings("yesterday"), 1709222400, Span("2024-02-29 00:00:00", "2024-02-29 23:59:59", 1709222400 + DAY)),
        (WindowSettings("15m", 900), MIDNIGHT + 300, Span("2024-06-30 23:50:00", "2024-07-01 00:05:00", math.inf)),
        (WindowSettings("15m", 900), MIDNIGHT + 359.9, Span("2024-06-30 23:50:00", "2024-07-01 00:05:00", math.inf)),
        (WindowSettings("15m", 900), MIDNIGHT + 360, Span("2024-06-30 23:51:00", "2024-07-01 00:06:00", math.inf)),
        (WindowSettings("1h", 3600), MIDNIGHT, Span("2024-06-30 23:00:00", "2024-07-01 00:00:00", math.inf)),
        (WindowSettings("24h", DAY), MIDNIGHT - 1, Span("2024-06-29 23:59:00", "2024-06-30 23:59:00", math.inf)),
    ],
)
def test_a_span_is_in_the_platforms_time_wherever_the_exporter_runs(
    window: WindowSettings, now: float, span: Span
) -> None:
    """Days begin at the platform's midnight, rolling spans end at the full minute, whatever the process's zone."""
    assert window_span(window, now, SHANGHAI) == span


def test_a_day_of_25_hours_ends_at_its_own_midnight() -> None:
    """Where clocks change, a day's window moves on at the next local midnight, not after 24 hours."""
    begin, end = 1729980000.0, 1730070000.0  # 2024-10-27 and 2024-10-28 00:00:00 in Berlin
    assert end - begin == 25 * 3600
    for now in (begin, end - 1):
        span = window_span(WindowSettings("today"), now, ZoneInfo("Europe/Berlin"))
        assert span == Span("2024-10-27 00:00:00", "2024-10-27 23:59:59", end)
