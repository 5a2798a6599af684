"""An account put together: windows through the real client, against the simulator's own count."""

import asyncio
import logging
import time
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import replace
from typing import Any, cast

import pytest
from prometheus_client.parser import text_string_to_metric_families

from exporter.api.client import YunfuClient
from exporter.api.errors import REASONS, HttpError
from exporter.api.tokens import Token
from exporter.config.settings import AccountSettings, Settings
from exporter.demo.simulator import SimulatedTask, Simulator, SimulatorOptions
from exporter.demo.simulator.server import Request, Response
from exporter.metrics.exposition import Page, TaskRenderer
from exporter.polling import task_reader
from exporter.polling.account import Account, Surroundings, explain_wait, open_account
from tests.support.accounts import breaking, collected_logs, opened, statuses
from tests.support.lists import INTERVAL, SUB_USER, Lists, account_of, entry, living, page, uuid
from tests.support.virtual_time import in_virtual_time

MIDNIGHT = 1_784_736_000.0  # 2026-07-23 00:00 in China


@pytest.fixture
def host_elsewhere(monkeypatch: pytest.MonkeyPatch) -> Iterator[None]:
    """Put the host into another time zone than the platform's."""
    monkeypatch.setenv("TZ", "America/New_York")
    time.tzset()
    yield
    monkeypatch.undo()
    time.tzset()


def samples(around: Surroundings, family: str, now: float) -> dict[tuple[str, ...], float]:
    """Return a family's samples by the values of task and the family's own labels."""
    page = Page(TaskRenderer(), around.metrics.registry)
    text = b"".join(page.pieces(around.store.records(), now, openmetrics=False)).decode()
    found = {}
    for metric in text_string_to_metric_families(text):
        if metric.name == family:
            for sample in metric.samples:
                labels = dict(sample.labels)
                labels.pop("account")
                found[tuple(labels.values())] = sample.value
    return found


def answered(task: SimulatedTask, begin: float, end: float) -> int:
    """Return how many calls the simulator answered in a span, by its own books."""
    return task.campaign.between(begin, end).answered


@pytest.mark.usefixtures("host_elsewhere")
@pytest.mark.parametrize(("hour", "names"), [(11.0, "mid-morning"), (24.01, "just past midnight")])
async def test_windows_are_the_platforms_days_and_spans(hour: float, names: str) -> None:
    """Windows hold what the platform counts in its own time zone, on a host in another, and over midnight."""
    simulator = Simulator(SimulatorOptions(tasks=4, speed=0, start=MIDNIGHT + 9 * 3600, php_flavours=False))
    simulator.advance((hour - 9) * 3600)
    now = simulator.now()
    async with opened(simulator, windows=("today", "yesterday", "2h")) as (account, around):
        assert await account.run_once(), names
    day = MIDNIGHT if hour < 24 else MIDNIGHT + 86_400
    minute = now // 60 * 60
    spans = {"today": (day, day + 86_399), "yesterday": (day - 86_400, day - 1), "2h": (minute - 7200, minute)}
    expected = {
        (task.id, window): float(answered(task, *span))
        for task in simulator.accounts[0].tasks.values()
        for window, span in spans.items()
    }
    assert samples(around, "yunfu_task_window_answered_calls", now) == expected
    assert any(expected.values())


async def test_a_day_that_is_over_leaves_the_page() -> None:
    """What was read as today's is not shown as today's after midnight."""
    simulator = Simulator(SimulatorOptions(tasks=1, speed=0, start=MIDNIGHT + 86_400 - 30))
    async with opened(simulator, windows=("today", "15m")) as (account, around):
        await account.run_once()
    task = next(iter(simulator.accounts[0].tasks))
    before = samples(around, "yunfu_task_window_progress_ratio", simulator.now())
    after = samples(around, "yunfu_task_window_progress_ratio", simulator.now() + 31)
    assert set(before) == {(task, "today"), (task, "15m")}
    assert set(after) == {(task, "15m")}


async def test_requests_within_a_minute_are_the_same(monkeypatch: pytest.MonkeyPatch) -> None:
    """The bounds of rolling windows move by whole minutes, so that answers can be cached on the way."""
    monkeypatch.setattr(task_reader, "EARLY_SHARE", 0.0)  # each poll reads the windows
    simulator = Simulator(SimulatorOptions(tasks=1, speed=0, start=MIDNIGHT + 10 * 3600 + 1))
    seen: list[str] = []
    plain = simulator.answer

    def watched(request: Request) -> Response:
        seen.append(request.query)
        return plain(request)

    simulator.answer = watched  # type: ignore[method-assign]  # to see what is asked
    async with opened(simulator, windows=("15m", "today")) as (account, _):
        await account.run_once()
        simulator.advance(58)
        await account.run_once()
        simulator.advance(1)
        await account.run_once()
    first, second, third = seen[:3], seen[3:6], seen[6:9]
    assert first == second
    assert first != third
    assert first[2] == third[2], "today is the same all day"


LISTED: tuple[Mapping[str, Any], ...] = ({"id": uuid(1)},)
OWNED: tuple[Mapping[str, Any], ...] = ({"id": uuid(1), "sub_user_id": SUB_USER},)
DISCOVERY: Mapping[str, Any] = {"sub_accounts": True}


def restarted(
    lists: Lists,
    around: Surroundings,
    tasks: tuple[Mapping[str, Any], ...] = (),
    ratio: float = 0.2,
    discovery: Mapping[str, Any] | None = DISCOVERY,
    rules: Sequence[Mapping[str, Any]] = (),
) -> Account:
    """Return the account put together anew over the same store, as a reload does."""
    account = {"name": "main", "base_url": "http://h", "user_id": lists.user_id, "token": "t", "rate_limit": 1000}
    given = {**account, "discovery": discovery, "rules": rules, "tasks": tasks}
    settings = Settings.model_validate({"accounts": [given], "thresholds": {"min_answer_ratio": ratio}})
    return Account(settings, settings.accounts[0], cast(YunfuClient, lists), Token("t"), around)


@in_virtual_time
async def test_failures_are_counted_from_zero() -> None:
    """Each reason that can be expected is there at 0 for each endpoint of the account, so that no first failure is missed."""
    expected = {(endpoint, reason) for endpoint in ("stat", "tasks", "new_tasks") for reason in REASONS}
    account, around = account_of(Lists(), {})
    account.register()
    samples = [sample for metric in around.metrics.failures.collect() for sample in metric.samples]
    assert {(sample.labels["endpoint"], sample.labels["reason"]) for sample in samples} == expected
    assert {sample.value for sample in samples} == {0}


@in_virtual_time
async def test_an_account_shows_its_rate_limit() -> None:
    """The API calls per second that the account may make are shown beside those that it makes."""
    account, around = account_of(Lists(), {})
    account.register()
    assert page(around)["yunfu_account_rate_limit{}"] == 1000


@in_virtual_time
async def test_what_discovery_showed_leaves_with_it() -> None:
    """The interval of discovery is shown while there is one; without it nothing is left to alert on."""
    lists = Lists()
    account, around = account_of(lists, {"interval": "90s"})
    account.register()
    around.store.put_account(
        replace(around.store.account("main"), discovery_last_success=1.0, tasks_left_out=7, lists_lacking=1)
    )
    assert page(around)["yunfu_account_discovery_interval_seconds{}"] == 90
    restarted(lists, around, LISTED, discovery=None).register()
    samples = page(around)
    assert samples["yunfu_account_tasks_left_out{}"] == 0
    assert "yunfu_account_lists_lacking{}" not in samples
    assert not any(key.startswith("yunfu_account_discovery") for key in samples)


@pytest.mark.parametrize("works", [True, False], ids=["lists work", "lists fail"])
@pytest.mark.parametrize(
    ("first", "then"),
    [(LISTED, LISTED), ((), LISTED), (OWNED, LISTED), (LISTED, ()), ((), OWNED)],
    ids=["listed", "listed now", "owner no longer said", "no longer listed", "owner said now"],
)
@pytest.mark.parametrize("enabled", [1, 0], ids=["polled", "paused"])
@in_virtual_time
async def test_a_task_is_there_once_after_a_reload(
    first: tuple[Mapping[str, Any], ...], then: tuple[Mapping[str, Any], ...], enabled: int, *, works: bool
) -> None:
    """A sub-account's task is on the page once, and polled for its owner, however a reload changes how it is listed."""
    lists = Lists(all_tasks=[entry(1, user_id=SUB_USER, enable=enabled)])
    account, around = account_of(lists, DISCOVERY, first)
    async with living(account):
        pass
    if not works:
        lists.envelopes["tasks", 1] = HttpError(403, "no")
    async with living(restarted(lists, around, then)):
        assert [record.status.task.ref.id for record in around.store.records()] == [uuid(1)]
        page(around)  # fails if a series is there twice
    assert set(lists.polled) <= {(uuid(1), SUB_USER), *([(uuid(1), None)] if first == LISTED else [])}


@in_virtual_time
async def test_another_owner_takes_the_series_over_while_the_lists_fail() -> None:
    """A task that is configured with another owner than was found replaces what was known of it."""
    lists = Lists(tasks=[entry(1)])
    account, around = account_of(lists, DISCOVERY)
    async with living(account):
        pass
    lists.envelopes["tasks", 1] = HttpError(403, "no")
    async with living(restarted(lists, around, OWNED)):
        assert [record.status.task.ref.sub_user_id for record in around.store.records()] == [SUB_USER]
        page(around)


@in_virtual_time
async def test_a_reload_while_the_lists_fail_goes_on_polling_what_was_found() -> None:
    """Discovered tasks go on under the new settings, those that are not polled too; what is configured now has its own words."""
    lists = Lists(tasks=[entry(1, "old"), entry(2), entry(3, enable=0)])
    account, around = account_of(lists, DISCOVERY)
    async with living(account):
        pass
    lists.envelopes["tasks", 1] = HttpError(403, "no")
    lists.polled.clear()
    listed = {"id": uuid(1), "name": "new", "min_answer_ratio": 0.6}
    async with living(restarted(lists, around, (listed,), ratio=0.4)):
        await asyncio.sleep(2 * INTERVAL)
        assert {task for task, _ in lists.polled} == {uuid(1), uuid(2)}
        facts = {
            r.status.task.ref.id: (r.status.task.name, r.status.task.min_answer_ratio) for r in around.store.records()
        }
    assert facts == {uuid(1): ("new", 0.6), uuid(2): ("task 2", 0.4), uuid(3): ("task 3", 0.4)}


@in_virtual_time
async def test_changed_rules_apply_before_the_lists_are_read() -> None:
    """After a reload all known tasks have what the new rules say, those that are not polled too, and no list is read for it."""
    lists = Lists(tasks=[entry(1), entry(2, enable=0), entry(3)])
    account, around = account_of(lists, DISCOVERY)
    async with living(account):
        await asyncio.sleep(INTERVAL)
    lists.calls.clear()
    rules: list[Mapping[str, Any]] = [
        {"match": "task [12]", "min_answer_ratio": 0.7},
        {"match": ".*", "labels": {"team": "a"}},
    ]
    around.store.use(TaskRenderer(["team"]))
    again = restarted(lists, around, rules=rules)
    async with living(again):
        tasks = {status.task.ref.id: status.task for status in statuses(around)}
        assert {id_: (task.min_answer_ratio, task.labels) for id_, task in tasks.items()} == {
            uuid(1): (0.7, ("a",)),
            uuid(2): (0.7, ("a",)),
            uuid(3): (0.2, ("a",)),
        }
        samples = page(around, "team")
        assert sum(key.startswith("yunfu_task_answered_calls") for key in samples) == 2
        assert lists.calls["tasks"] <= 2, "those that run and those that wait"


@pytest.mark.parametrize(
    ("name", "seconds", "message"),
    [("get", INTERVAL, "discovery broke off"), ("refresh_token", 1.0, "watching the token broke off")],
)
@in_virtual_time
async def test_a_fault_of_our_own_does_not_end_the_polls(name: str, seconds: float, message: str) -> None:
    """What breaks in discovery or at the token is logged once, and tried again in its time; polls go on."""
    lists = Lists(tasks=[entry(1)])
    setattr(lists, name, breaking(1, getattr(lists, name)))
    account, around = account_of(lists, {}, ({"id": uuid(2)},))
    with collected_logs() as messages:
        async with living(account):
            assert lists.polled[uuid(2), None] == 1
            await asyncio.sleep(seconds + INTERVAL)
            assert {status.task.ref.id for status in statuses(around)} == {uuid(1), uuid(2)}
            assert lists.polled[uuid(2), None] > 1
    assert messages == [message]


@in_virtual_time
async def test_an_account_that_starts_anew_is_still_held_back_and_has_no_second_burst() -> None:
    """Opened again, also at another rate, an account keeps the rest of its hold, and then goes at the pace of its rate."""
    loop = asyncio.get_running_loop()
    around = account_of(Lists(), {})[1]
    settings = AccountSettings(name="main", base_url="http://h", user_id=Lists.user_id, token="t", discovery={})
    for rate, hold in ((5.0, 100.0), (2.0, 60.0)):
        account = settings.model_copy(update={"rate_limit": rate})
        async with open_account(Settings(accounts=(account,)), account, Token("t"), around) as opened:
            gate = opened.client.gate
            if rate == 5:
                gate.quota.hold("stat", hold)
                await asyncio.sleep(40)
            assert gate.held_seconds("stat") == pytest.approx(60)
            times = []
            for _ in range(0 if rate == 5 else 3):
                async with gate.call("stat"):
                    times.append(loop.time())
    assert times == pytest.approx([100, 100.5, 101], abs=0.11)


@in_virtual_time
async def test_an_account_without_tasks_lives_beside_another_with_its_token() -> None:
    """An account that has found no task yet begins, although all demand for the quota of its token is the other account's."""
    lists = Lists(tasks=[])
    gate = lists.gate.quota
    gate.join("other", None, 1.0)
    gate.demand("other", 100)
    account, _ = account_of(lists, {})
    async with living(account):
        lists.lists["tasks"] = [entry(1)]
        await asyncio.sleep(2.5 * INTERVAL)
        assert lists.polled[uuid(1), None] > 0


@pytest.mark.parametrize("limit", [6, 1480])
@in_virtual_time
async def test_a_command_explains_once_what_it_waits_for(limit: int) -> None:
    """Nothing is said while calls pass, and one line once they wait, with how many calls per minute there are."""
    lines: list[str] = []
    account, _ = account_of(Lists(), {})
    gate = account.client.gate
    gate.quota.join("main", limit, 1.0)

    async def call() -> None:
        async with gate.call("tasks"):
            pass

    async with asyncio.TaskGroup() as group:
        explaining = group.create_task(explain_wait([account], lines.append))
        await call()
        await asyncio.sleep(5)
        assert not lines
        for _ in range(limit):
            group.create_task(call())
        await explaining
    assert lines == [f"waiting for the API quota, of which a command takes a tenth: {limit} calls per minute"]


@in_virtual_time
async def test_a_contended_quota_is_logged_at_its_begin_and_end(caplog: pytest.LogCaptureFixture) -> None:
    """One line when others use our part of the quota, one when it is ours again; the metrics say how it is used."""
    caplog.set_level(logging.INFO, "exporter.polling.account")
    lists = Lists(tasks=[entry(1)])
    account, around = account_of(lists, {})
    gate = lists.gate.quota
    async with living(account):
        gate.observe(60, 60)
        gate.observe(60, 10)
        await asyncio.sleep(5)
        samples = page(around)
        assert samples["yunfu_account_quota_contended{}"] == 1
        assert samples["yunfu_account_quota_limit{}"] == 60
        assert samples["yunfu_account_quota_others{}"] == 50
        assert samples["yunfu_account_rate_limit{}"] == pytest.approx(1 / 60)
        for _ in range(7):
            await asyncio.sleep(61)
            gate.observe(60_000, 59_999)
        await asyncio.sleep(5)
        assert page(around)["yunfu_account_quota_contended{}"] == 0
    assert [record.getMessage() for record in caplog.records] == [
        "the API quota is contended; tasks are polled less often",
        "the API quota is ours again",
    ]
