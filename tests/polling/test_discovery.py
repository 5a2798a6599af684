"""Discovery: the lists as the platform writes them, what is chosen of them, and an account that lives with them.

The account's life is in virtual time: it is the loop's clock and Unix time at once.
"""

from __future__ import annotations

import asyncio
import logging
import random
from collections.abc import Mapping, Sequence
from typing import Any, cast

import pytest

from exporter.api.client import YunfuClient
from exporter.api.errors import ApiError, HttpError, NotFound
from exporter.api.tokens import Token
from exporter.config.settings import Settings
from exporter.demo.simulator import Simulator, SimulatorOptions
from exporter.lists.choices import Choice
from exporter.lists.reader import Flaw
from exporter.metrics.exposition import TaskRenderer
from exporter.metrics.instrumentation import ExporterMetrics
from exporter.metrics.store import Store
from exporter.polling.account import Account, Surroundings, open_account
from tests.support.lists import (
    INTERVAL,
    STALE_AFTER,
    SUB_USER,
    Entry,
    Lists,
    account_of,
    chosen,
    entry,
    living,
    page,
    settings_of,
    uuid,
)
from tests.support.virtual_time import in_virtual_time


def oddities(caplog: pytest.LogCaptureFixture) -> list[str]:
    """Return what was said to be odd about the lists."""
    records = [record for record in caplog.records if record.getMessage() == "a task list is odd"]
    return [record.__dict__["fields"]["why"] for record in records]


def reasons(choices: Sequence[Choice]) -> dict[str, str]:
    """Return the task names with why they are not polled, in order; a star marks those that are not shown."""
    return {choice.task.name: f"{'*' * choice.hidden}{choice.why_not}" for choice in choices}


@pytest.mark.parametrize("generations", [(1,), (2,), (1, 2)])
@pytest.mark.parametrize("sub_accounts", [False, True])
async def test_lists_agree_with_the_simulator(generations: tuple[int, ...], *, sub_accounts: bool) -> None:
    """All tasks of the generations and owners asked for are found as they are, and each can be polled as it was found."""
    simulator = Simulator(SimulatorOptions(tasks=20, sub_accounts=2, speed=0))
    simulator.advance(2.2 * 3600)  # in some tasks' lunch break
    simulated = simulator.accounts[0]
    discovery = {
        "generations": generations,
        "sub_accounts": sub_accounts,
        "states": ["running", "waiting", "paused"],
    }
    account: Mapping[str, Any] = {"name": "main", "user_id": simulated.user_id, "token": simulated.token}
    clock = simulator.now
    store = Store(TaskRenderer(), clock)
    around = Surroundings(store, ExporterMetrics("0", "none"), clock, random.Random(1))
    async with simulator.serve() as url:
        given = {**account, "base_url": url, "rate_limit": 1000, "discovery": discovery}
        settings = Settings.model_validate({"accounts": [given]})
        async with open_account(settings, settings.accounts[0], Token(simulated.token), around) as opened:
            choices, _ = await opened.discover()
            assert await opened.run_once()
    expected = {
        (
            task.id,
            task.name,
            None if task.owner == simulated.user_id else task.owner,
            str(task.generation),
            task.state(simulator.now()),
            task.campaign.traits.lines,
            task.created,
        )
        for task in simulated.tasks.values()
        if task.generation in generations and (sub_accounts or task.owner == simulated.user_id)
    }
    assert {
        (t.ref.id, t.name, t.ref.sub_user_id, t.generation, t.state.value, t.concurrency_limit, t.created)
        for t in (choice.task for choice in choices)
    } == expected
    assert len(expected) >= 3
    assert all(record.status.up for record in store.records())
    assert len(store.records()) == len(expected)


def _all_states() -> list[Entry]:
    return [
        entry(1, "running"),
        entry(2, "waiting", new_task_extra={"call_status": 0}),
        entry(3, "paused", enable=0),
        entry(4, "unknown", enable=None),
    ]


@pytest.mark.parametrize(
    ("states", "expected"),
    [
        (["running"], {"running", "unknown"}),
        (["waiting", "running"], {"running", "waiting", "unknown"}),
        (["paused"], {"paused", "unknown"}),
    ],
    ids=repr,
)
def test_tasks_in_other_states_only_appear(states: list[str], expected: set[str]) -> None:
    """What is not polled for its state has only info and state on the page and is counted; what has none is polled."""

    @in_virtual_time
    async def scenario() -> None:
        lists = Lists(tasks=_all_states())
        account, around = account_of(lists, {"states": states})
        async with living(account):
            samples = page(around)
        ids = {name: uuid(number + 1) for number, name in enumerate(("running", "waiting", "paused", "unknown"))}
        for name, task in ids.items():
            families = {key.partition("{")[0] for key in samples if f"task={task}" in key}
            if name in expected:
                assert families >= {"yunfu_task_up", "yunfu_task_answered_calls", "yunfu_task_poll_interval_seconds"}
            else:
                assert families == {"yunfu_task_info", "yunfu_task_state"}
            assert samples[f"yunfu_task_state{{task={task},state={name}}}"] == 1
            assert samples[f"yunfu_account_tasks{{state={name}}}"] == 1
        assert {key[0] for key in lists.polled} == {ids[name] for name in expected}

    scenario()


@in_virtual_time
async def test_over_max_tasks_the_most_alive_and_oldest_stay(caplog: pytest.LogCaptureFixture) -> None:
    """Configured tasks come first, then running, waiting and paused ones by age; what is left out is logged and counted."""
    waiting = {"new_task_extra": {"call_status": 0}}
    lists = Lists(
        tasks=[
            entry(1, "paused", enable=0),
            entry(4, "waiting", **waiting),
            entry(9, "running, young"),
            entry(5, "running, old"),
            entry(30, "configured", enable=0),
        ]
    )
    account, around = account_of(lists, {"max_tasks": 3, "interval": 60, "full_interval": 60}, [{"id": uuid(30)}])
    choices, _ = await account.discover()
    assert reasons(choices) == {
        "configured": "",
        "running, old": "",
        "running, young": "",
        "waiting": "*over max_tasks (3)",
        "paused": "*over max_tasks (3)",
    }
    async with living(account):
        await asyncio.sleep(200)
        assert page(around)["yunfu_account_tasks_left_out{}"] == 2
        assert [key[0] for key in lists.polled] == [uuid(30), uuid(5), uuid(9)]
        assert len([key for key in page(around) if key.startswith("yunfu_task_info")]) == 3
        lists.lists["tasks"].pop(0)
        lists.lists["tasks"].pop(0)
        await asyncio.sleep(60)
        assert page(around)["yunfu_account_tasks_left_out{}"] == 0
    warnings = [record for record in caplog.records if record.levelno == logging.WARNING]
    assert [record.getMessage() for record in warnings] == ["more tasks than max_tasks; the rest is not polled"]
    assert warnings[0].__dict__["fields"] == {"account": "main", "left_out": 2, "max_tasks": 3}


@in_virtual_time
async def test_configured_tasks_are_completed_and_always_polled() -> None:
    """What is configured prevails over what was found, is polled in any state and under any name, and comes first."""
    lists = Lists(
        tasks=[entry(1, "one"), entry(2, "two", enable=0)],
        all_tasks=[entry(3, "three", user_id=SUB_USER)],
    )
    tasks: list[dict[str, Any]] = [
        {"id": uuid(3), "min_answer_ratio": 0.5},
        {"id": uuid(2), "name": "mine", "labels": {"team": "retention"}},
        {"id": uuid(7)},
    ]
    account, around = account_of(lists, {"sub_accounts": True, "include": "one", "states": ["running"]}, tasks)
    choices, _ = await account.discover()
    assert reasons(choices) == {"three": "", "mine": "", "": "", "one": ""}
    three, mine, unlisted, one = (choice.task for choice in choices)
    assert (three.ref.sub_user_id, three.min_answer_ratio, three.state) == (SUB_USER, 0.5, "running")
    assert (mine.labels, mine.state, mine.generation, mine.concurrency_limit) == (("retention",), "paused", "1", 20)
    assert (unlisted.state, unlisted.generation, unlisted.created) == ("unknown", "", None)
    assert (one.min_answer_ratio, one.ref.sub_user_id) == (0.2, None)
    async with living(account):
        samples = page(around, "team")
    assert {key for key in samples if key.startswith("yunfu_task_info")} == {
        f"yunfu_task_info{{task={uuid(3)},name=three,sub_account={SUB_USER},generation=1,kind=,team=}}",
        f"yunfu_task_info{{task={uuid(2)},name=mine,sub_account=,generation=1,kind=,team=retention}}",
        f"yunfu_task_info{{task={uuid(7)},name=,sub_account=,generation=,kind=,team=}}",
        f"yunfu_task_info{{task={uuid(1)},name=one,sub_account=,generation=1,kind=,team=}}",
    }


@in_virtual_time
async def test_a_task_is_on_the_page_once_whoever_owns_it() -> None:
    """A task that turns out to be, or becomes, another account's is polled on its behalf and stays one task."""
    lists = Lists(tasks=[entry(1)], all_tasks=[entry(2, user_id=SUB_USER)])
    account, around = account_of(lists, {"sub_accounts": True, "interval": 60, "full_interval": 60}, [{"id": uuid(2)}])
    async with living(account):
        await asyncio.sleep(1)
        assert page(around)[f"yunfu_task_up{{task={uuid(2)}}}"] == 1
        assert lists.polled[uuid(2), SUB_USER] > 0
        lists.lists = {"tasks": [], "all_tasks": [entry(number, user_id=SUB_USER) for number in (1, 2)]}
        await asyncio.sleep(61)
        assert (
            page(around)[f"yunfu_task_info{{task={uuid(1)},name=task 1,sub_account={SUB_USER},generation=1,kind=}}"]
            == 1
        )
        assert lists.polled[uuid(1), SUB_USER] > 0


@pytest.mark.parametrize(
    "failure",
    [HttpError(502, "the platform answered HTTP 502"), {"code": 200, "data": None}],
    ids=["failing page", "malformed page"],
)
def test_a_failing_page_leaves_the_list_before_in_force(
    failure: Mapping[str, Any] | ApiError, caplog: pytest.LogCaptureFixture
) -> None:
    """Never half a list: all tasks are polled on, and the log says once that it fails and once that it works again."""
    caplog.set_level(logging.INFO)

    @in_virtual_time
    async def scenario() -> None:
        lists = Lists(tasks=[entry(number) for number in range(150)])
        account, around = account_of(lists, {"interval": 60, "full_interval": 60})
        async with living(account):
            success = page(around)["yunfu_account_discovery_last_success_timestamp_seconds{}"]
            assert success < 1
            lists.lists["tasks"] = [entry(number) for number in range(20, 151)]
            lists.envelopes["tasks", 2] = failure
            await asyncio.sleep(600)
            samples = page(around)
            assert samples["yunfu_account_discovery_last_success_timestamp_seconds{}"] == success
            assert sum(key.startswith("yunfu_task_up") for key in samples) == 150
            assert lists.polled[uuid(0), None] >= 10
            assert (uuid(150), None) not in lists.polled
            del lists.envelopes["tasks", 2]
            await asyncio.sleep(60)
            assert page(around)["yunfu_account_discovery_last_success_timestamp_seconds{}"] > 600
            assert (uuid(150), None) in lists.polled
        records = [record for record in caplog.records if record.name == "exporter.lists.account_lists"]
        assert [record.getMessage() for record in records] == [
            "discovery fails; the previous list stays in use",
            "discovery works again",
        ]
        assert (
            records[0]
            .__dict__["fields"]["error"]
            .startswith(("http_5xx: the list tasks: the platform", "malformed: the list tasks: page 2"))
        )

    scenario()


@in_virtual_time
async def test_configured_tasks_are_polled_while_discovery_fails_from_the_start() -> None:
    """What needs no list does not wait for it, and the first round is over all the same."""
    lists = Lists()
    lists.envelopes["tasks", 1] = HttpError(503, "the platform answered HTTP 503")
    account, around = account_of(lists, {}, [{"id": uuid(1)}])
    async with living(account), asyncio.timeout(1):
        await account.first_round()
        assert page(around)[f"yunfu_task_up{{task={uuid(1)}}}"] == 1
        assert "yunfu_account_discovery_last_success_timestamp_seconds{}" not in page(around)


@in_virtual_time
async def test_a_list_that_the_platform_lacks_is_counted() -> None:
    """The tasks of the others are polled, the list is counted until it comes, and discovery counts as working."""
    lists = Lists(tasks=[entry(1)])
    lists.envelopes["new_tasks", 1] = NotFound(404, "the platform answered HTTP 404")
    account, around = account_of(lists, {"interval": 60, "full_interval": 60})
    async with living(account):
        samples = page(around)
        assert samples["yunfu_account_lists_lacking{}"] == 1
        assert samples["yunfu_account_discovery_last_success_timestamp_seconds{}"] >= 0
        assert samples[f"yunfu_task_up{{task={uuid(1)}}}"] == 1
        assert account.facts().lacking_lists == {"new_tasks"}
        lists.envelopes.clear()
        await asyncio.sleep(6 * 60)
        assert page(around)["yunfu_account_lists_lacking{}"] == 0


@in_virtual_time
async def test_tasks_of_before_a_restart_are_no_previous_list_once_the_lists_are_read() -> None:
    """An empty list that fails later has nothing that stays in use, and that is not said."""
    lists = Lists(tasks=[entry(1)])
    account, around = account_of(lists, {"interval": 60, "full_interval": 60})
    async with living(account):
        pass
    settings = settings_of(discovery={"interval": 60, "full_interval": 60}, tasks=(), user_id=lists.user_id)
    again = Account(settings, settings.accounts[0], cast(YunfuClient, lists), Token("t"), around)
    async with living(again):
        assert again.facts().keeps_previous_list
        await asyncio.sleep(121)
        assert not again.facts().keeps_previous_list
        lists.envelopes["new_tasks", 1] = HttpError(503, "the platform answered HTTP 503")
        await asyncio.sleep(61)
        assert again.facts().discovery_failure is not None
        assert not again.facts().keeps_previous_list


@in_virtual_time
async def test_tasks_come_change_and_go_with_the_lists() -> None:
    """A new task is polled within an interval, a new name shows, a vanished task leaves after stale_after."""
    lists = Lists(tasks=[entry(1), entry(2)])
    account, around = account_of(lists, {"interval": 60, "full_interval": 60})
    async with living(account):
        assert page(around)["yunfu_account_tasks{state=running}"] == 2
        lists.lists["tasks"] = [entry(1, "renamed", enable=0), entry(3)]
        await asyncio.sleep(61)
        vanished = asyncio.get_running_loop().time()
        samples = page(around)
        assert samples[f"yunfu_task_info{{task={uuid(1)},name=renamed,sub_account=,generation=1,kind=}}"] == 1
        assert samples[f"yunfu_task_state{{task={uuid(1)},state=paused}}"] == 1
        assert samples[f"yunfu_task_answered_calls{{task={uuid(3)}}}"] > 0
        assert samples[f"yunfu_task_up{{task={uuid(2)}}}"] == 1
        assert f"yunfu_task_poll_interval_seconds{{task={uuid(2)}}}" not in samples
        polls = lists.polled[uuid(2), None]
        await asyncio.sleep(STALE_AFTER - 5)
        assert f"yunfu_task_up{{task={uuid(2)}}}" in page(around)
        await asyncio.sleep(10)
        assert not [key for key in page(around) if uuid(2) in key]
        assert asyncio.get_running_loop().time() < vanished + STALE_AFTER + 6
        assert lists.polled[uuid(2), None] == polls
        await asyncio.sleep(120)
        assert {record.status.task.ref.id for record in around.store.records()} == {uuid(1), uuid(3)}
        assert page(around)["yunfu_account_tasks{state=running}"] == 1


@in_virtual_time
async def test_a_renamed_task_has_what_the_rules_say_of_its_new_name() -> None:
    """Threshold and labels follow the name, polled or not, and the counters count on."""
    rules: list[dict[str, Any]] = [{"match": "挽留.*", "min_answer_ratio": 0.4, "labels": {"team": "retention"}}]
    lists = Lists(tasks=[entry(1, "挽留 1"), entry(2, "催收"), entry(3, "挽留 3", enable=0)])
    account, around = account_of(lists, {"interval": 60, "full_interval": 60}, rules=rules)
    calls = f"yunfu_task_calls_total{{task={uuid(1)},outcome=answered}}"

    def threshold_and_team(number: int) -> tuple[float | None, list[float]]:
        samples = page(around, "team")
        info = [value for key, value in samples.items() if f"info{{task={uuid(number)}," in key and "=retention" in key]
        return samples.get(f"yunfu_task_answer_ratio_threshold{{task={uuid(number)}}}"), info

    async with living(account):
        await asyncio.sleep(200)
        before = page(around)[calls]
        assert before > 0
        assert [*map(threshold_and_team, (1, 2, 3))] == [(0.4, [1]), (0.2, []), (None, [1])]
        lists.lists["tasks"] = [entry(1, "催收 1"), entry(2, "挽留"), entry(3, "催收 3", enable=0)]
        await asyncio.sleep(61)
        assert [*map(threshold_and_team, (1, 2, 3))] == [(0.2, []), (0.4, [1]), (None, [])]
        assert page(around)[calls] > before


@pytest.mark.parametrize(("gone_for", "keeps_counting"), [(240, True), (600, False)])
def test_a_task_that_comes_back_counts_on_if_it_is_in_time(gone_for: int, *, keeps_counting: bool) -> None:
    """A task gone for less than stale_after has lost no count; after that it starts anew."""

    @in_virtual_time
    async def scenario() -> None:
        lists = Lists(tasks=[entry(1)])
        account, around = account_of(lists, {"interval": 60, "full_interval": 60})
        calls = f"yunfu_task_calls_total{{task={uuid(1)},outcome=answered}}"
        async with living(account):
            await asyncio.sleep(200)
            before = page(around)[calls]
            assert before > 0
            lists.lists["tasks"] = []
            await asyncio.sleep(gone_for)
            lists.answered += 100
            lists.lists["tasks"] = [entry(1)]
            await asyncio.sleep(121)
            assert (page(around)[calls] >= before + 100) == keeps_counting

    scenario()


@in_virtual_time
async def test_a_task_that_comes_back_paused_is_no_longer_missing() -> None:
    """A task that is listed again stays on the page, also in a state in which no poll says that it is there."""
    lists = Lists(tasks=[entry(1)])
    account, around = account_of(lists, {"interval": 60, "full_interval": 60})
    async with living(account):
        lists.lists["tasks"] = []
        await asyncio.sleep(120)
        lists.lists["tasks"] = [entry(1, enable=0)]
        await asyncio.sleep(1000)
        assert page(around)[f"yunfu_task_state{{task={uuid(1)},state=paused}}"] == 1


@in_virtual_time
async def test_a_started_task_is_polled_and_a_paused_one_is_not_any_more() -> None:
    """Between two readings of the whole lists, the filter is enough to take up a task and to let it go."""
    lists = Lists(
        tasks=[entry(1), entry(2, enable=0)], new_tasks=[entry(3, enable=0, new_task_extra={"call_status": 0})]
    )
    account, around = account_of(lists, {})
    async with living(account):
        lists.lists["tasks"] = [entry(1, enable=0), entry(2)]
        lists.lists["new_tasks"] = [entry(3, new_task_extra={"call_status": 1})]
        await asyncio.sleep(2 * INTERVAL + 1)
        samples = page(around)
        assert samples[f"yunfu_task_state{{task={uuid(1)},state=paused}}"] == 1
        assert {key[0] for key in lists.polled} == {uuid(1), uuid(2), uuid(3)}
        polls = lists.polled[uuid(1), None]
        await asyncio.sleep(8 * INTERVAL)
        assert lists.polled[uuid(1), None] == polls
        assert f"yunfu_task_info{{task={uuid(1)},name=task 1,sub_account=,generation=1,kind=}}" in page(around)


@in_virtual_time
async def test_paused_tasks_are_polled_where_the_settings_ask_for_them() -> None:
    """With paused among the states a task that pauses is polled on, rarely, and one that starts is polled often."""
    lists = Lists(tasks=[entry(1), entry(2, enable=0)])
    account, around = account_of(lists, {"states": ["running", "paused"]})
    interval = "yunfu_task_poll_interval_seconds{{task={}}}"
    async with living(account):
        samples = page(around)
        assert [samples[interval.format(uuid(number))] for number in (1, 2)] == [60, 900]
        lists.lists["tasks"] = [entry(1, enable=0), entry(2)]
        await asyncio.sleep(2 * INTERVAL + 1)
        lists.answered -= 1  # from now on nothing moves
        samples = page(around)
        assert samples[f"yunfu_task_state{{task={uuid(1)},state=paused}}"] == 1
        assert samples[f"yunfu_task_state{{task={uuid(2)},state=running}}"] == 1
        assert samples[interval.format(uuid(2))] == 60
        assert lists.polled[uuid(1), None] > 1


@in_virtual_time
async def test_tasks_known_before_stay_until_each_list_has_been_read() -> None:
    """After a reload, a list that fails takes no task along, although the other list can be read."""
    lists = Lists(tasks=[entry(1), entry(2)], new_tasks=[entry(3)])
    account, around = account_of(lists, {"full_interval": "60s"})
    async with living(account):
        pass
    lists.lists["tasks"].pop()
    lists.envelopes["new_tasks", 1] = HttpError(500, "no")
    settings = settings_of(discovery={"full_interval": "60s"})
    again = Account(settings, settings.accounts[0], cast(Any, lists), Token("t"), around)
    async with living(again):
        await asyncio.sleep(600)
        assert {record.status.task.ref.id for record in around.store.records()} == {uuid(1), uuid(2), uuid(3)}
        assert all(record.status.interval for record in around.store.records())
        del lists.envelopes["new_tasks", 1]
        await asyncio.sleep(INTERVAL)
        assert lists.polled[uuid(3), None] > 10
        intervals = {record.status.task.ref.id: record.status.interval for record in around.store.records()}
        assert intervals == {uuid(1): 60, uuid(2): None, uuid(3): 60}


@in_virtual_time
async def test_lists_that_are_empty_although_they_claim_tasks_stop_no_poll(caplog: pytest.LogCaptureFixture) -> None:
    """An answer with ``data: []`` and ``total: 3`` is said to be odd, and all tasks are polled on."""
    lists = Lists(tasks=[entry(number) for number in range(3)])
    account, _ = account_of(lists, {})
    async with living(account):
        lists.envelopes["tasks", 1] = {"data": [], "meta": {"last_page": 1, "total": 3}}
        await asyncio.sleep(3600)
        before = lists.polled.copy()
        await asyncio.sleep(600)
        assert {uuid(number): 10 for number in range(3)} == {id_: n for (id_, _), n in (lists.polled - before).items()}
    assert oddities(caplog) == [Flaw.EMPTY]


@in_virtual_time
async def test_a_platform_that_ignores_the_page_is_not_watched_in_part_silently(
    caplog: pytest.LogCaptureFixture,
) -> None:
    """Ten of fifty tasks come with each page: these are polled, and what the list lacks is said."""
    lists = Lists()
    first = {"data": [entry(number) for number in range(10)], "meta": {"last_page": 5, "total": 50}}
    lists.envelopes = {("tasks", number): first for number in range(1, 6)}
    account, _ = account_of(lists, {})
    async with living(account):
        await asyncio.sleep(600)
        assert len(lists.polled) == 10
    first_told, *_ = oddities(caplog)
    assert first_told == Flaw.REPEATED


@in_virtual_time
async def test_the_kind_of_a_task_is_known() -> None:
    """Whether a task calls or is called is taken from the lists."""
    lists = Lists(tasks=[entry(1, task_type=5), entry(2, is_call_in=0), entry(3)])
    kinds = {choice.task.ref.id: choice.task.kind for choice in await chosen(lists)}
    assert kinds == {uuid(1): "inbound", uuid(2): "outbound", uuid(3): ""}


@in_virtual_time
async def test_a_restart_reads_no_whole_list_before_it_is_due() -> None:
    """An account that starts anew goes on with the tasks known before, and reads the whole lists when they were due."""
    lists = Lists(tasks=[entry(number) for number in range(250)])
    account, around = account_of(lists, {"generations": [1]})
    async with living(account):
        await asyncio.sleep(5)
    lists.calls.clear()
    again = settings_of(discovery={"generations": [1]})
    async with living(Account(again, again.accounts[0], cast(Any, lists), Token("t"), around)):
        assert len(around.store.records()) == 250
        await asyncio.sleep(20)
        assert lists.calls["tasks"] == 4  # those that run, three pages, and those that wait
        await asyncio.sleep(900)
        assert lists.calls["tasks"] > 4 * 15
    lists.calls.clear()
    other = settings_of(discovery={"generations": [1], "include": "task 1"})
    async with living(Account(other, other.accounts[0], cast(Any, lists), Token("t"), around)):
        await asyncio.sleep(20)
        assert lists.calls["tasks"] == 7, "with other settings the whole list is read at once"
