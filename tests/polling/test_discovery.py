"""Discovery: the lists as the platform writes them, what is chosen of them, and an account that lives with them.

The account's life is in virtual time: it is the loop's clock and Unix time at once.
"""

from __future__ import annotations

import asyncio
import logging
import random
from collections.abc import Mapping, Sequence
from contextlib import suppress
from typing import Any, cast
from zoneinfo import ZoneInfo

import pytest
from hypothesis import given
from hypothesis import settings as effort
from hypothesis import strategies as st

from exporter.api.client import YunfuClient
from exporter.api.errors import ApiError, HttpError, MalformedError
from exporter.api.tokens import Token
from exporter.config.settings import Settings
from exporter.demo.simulator import Simulator, SimulatorOptions
from exporter.metrics.exposition import TaskRenderer
from exporter.metrics.instrumentation import ExporterMetrics
from exporter.metrics.store import Store
from exporter.polling.account import Surroundings, open_account
from exporter.polling.discovery import MAX_PAGES, PAGE_TRIES, PER_PAGE, Choice, DiscoveryPlan, count_tasks, list_tasks
from tests.support.lists import (
    STALE_AFTER,
    SUB_USER,
    USER,
    Entry,
    Lists,
    account_of,
    entry,
    living,
    page,
    uuid,
)
from tests.support.virtual_time import in_virtual_time

CHINA = ZoneInfo("Asia/Shanghai")


async def chosen(lists: Lists, tasks: Sequence[Mapping[str, Any]] = (), **discovery: Any) -> list[Choice]:
    """Return what is chosen of lists under these settings."""
    return await account_of(lists, discovery, tasks)[0].discover()


def told(choices: Sequence[Choice]) -> dict[str, str]:
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
            choices = await opened.discover()
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


@in_virtual_time
async def test_all_pages_of_a_thousand_tasks_are_read() -> None:
    """Pages of a hundred are read until the last, whose number may be text; one call a list tells how many there are."""
    lists = Lists(tasks=[entry(number) for number in range(1000)])
    choices = await chosen(lists, generations=[1])
    assert [choice.task.ref.id for choice in choices] == [uuid(number) for number in range(1000)]
    assert lists.calls == {"tasks": 1000 // PER_PAGE}
    lists.lists["new_tasks"] = [entry(number) for number in range(1000, 1005)]
    account, _ = account_of(lists, {"generations": [1, 2]})
    assert await account.knock() == 1005
    assert lists.calls == {"tasks": 1000 // PER_PAGE + 1, "new_tasks": 1}


@pytest.mark.parametrize("meta", [None, [], {"total": "many"}, {"total": None}, {}])
async def test_an_account_that_does_not_say_how_many_tasks_is_no_failure(meta: object) -> None:
    """A list without a readable total answers the knock all the same."""
    lists = Lists()
    lists.envelopes["tasks", 1] = {"code": 200, "data": [], "meta": meta}
    account, _ = account_of(lists, {})
    assert await account.knock() is None
    assert isinstance(account._plan, DiscoveryPlan)
    assert await count_tasks(cast(YunfuClient, lists), account._plan) is None


async def test_a_list_with_a_gap_is_an_object_in_php() -> None:
    """A page whose entries come as an object, as PHP writes a list with a gap, is read like any other."""
    lists = Lists()
    lists.envelopes["tasks", 1] = {"code": 200, "data": {"0": entry(1), "2": entry(2)}, "meta": {"last_page": 1}}
    assert [choice.task.ref.id for choice in await chosen(lists)] == [uuid(1), uuid(2)]


@pytest.mark.parametrize(
    ("envelope", "message"),
    [
        ({"data": "x", "meta": {"last_page": 1}}, "page 1 of the list is no list with its number of pages"),
        ({"data": None, "meta": {"last_page": 1}}, "page 1 of the list is no list with its number of pages"),
        ({"data": []}, "page 1 of the list is no list with its number of pages"),
        ({"data": [], "meta": []}, "page 1 of the list is no list with its number of pages"),
        ({"data": [], "meta": {}}, "page 1 of the list is no list with its number of pages"),
        ({"data": [], "meta": {"last_page": "x"}}, "page 1 of the list is no list with its number of pages"),
        ({"data": [], "meta": {"last_page": -1}}, "page 1 of the list is no list with its number of pages"),
        ({"data": [], "meta": {"last_page": 1001}}, "the list claims 1001 pages; at most 1000 are read"),
        ({"data": [], "meta": {"last_page": 1e15}}, "the list claims 1000000000000000 pages; at most 1000 are read"),
    ],
    ids=repr,
)
async def test_what_is_no_whole_list_is_refused(envelope: Mapping[str, Any], message: str) -> None:
    """A page that is no list, does not say how many pages there are, or lies about it, fails the whole."""
    lists = Lists()
    lists.envelopes["tasks", 1] = envelope
    with pytest.raises(MalformedError) as caught:
        await chosen(lists)
    assert str(caught.value) == message


async def test_a_list_that_grows_with_every_page_ends() -> None:
    """A platform that always claims one more page is asked for so many and then not believed."""
    lists = Lists()
    for number in range(1, MAX_PAGES + 2):
        lists.envelopes["tasks", number] = {"data": [entry(number)], "meta": {"last_page": number + 1}}
    with pytest.raises(MalformedError, match="claims 1001 pages"):
        await chosen(lists)
    assert lists.calls["tasks"] == MAX_PAGES + PAGE_TRIES - 1


@pytest.mark.parametrize(
    ("odd", "field"),
    [
        (None, "tasks"),
        ("task", "tasks"),
        ([], "tasks"),
        (entry(2, uuid=...), "tasks.uuid"),
        (entry(2, uuid=None), "tasks.uuid"),
        (entry(2, uuid=5), "tasks.uuid"),
        (entry(2, uuid="../../token"), "tasks.uuid"),
        (entry(2, uuid=uuid(2) + "\n"), "tasks.uuid"),
        (entry(2, create_datetime="yesterday"), "tasks.create_datetime"),
        (entry(2, create_datetime=7), "tasks.create_datetime"),
        (entry(2, create_datetime="0000-00-00 00:00:00"), "tasks.create_datetime"),
        (entry(2, user_id=7), "tasks.user_id"),
        (entry(2, enable="yes"), "tasks.enable"),
        (entry(2, maximumcall=-1), "tasks.maximumcall"),
        (entry(2) | {"name": ["task 2"]}, "tasks.name"),
    ],
    ids=repr,
)
async def test_what_cannot_be_read_is_skipped_and_counted(odd: object, field: str) -> None:
    """One bad entry or field costs itself, not the list; a task without a good id is no task."""
    account, around = account_of(Lists(tasks=[entry(1), odd, entry(3)]), {})
    ids = {choice.task.ref.id for choice in await account.discover()}
    assert ids == {uuid(1), uuid(3)} | (set() if field in {"tasks", "tasks.uuid"} else {uuid(2)})
    labels = {"account": "main", "field": field}
    assert around.metrics.registry.get_sample_value("yunfu_exporter_unread_fields_total", labels) == 1


@pytest.mark.parametrize(
    ("changes", "expected"),
    [
        ({"name": None}, ("", USER, 1719795601, 20)),
        ({"name": ["a"]}, ("", USER, 1719795601, 20)),
        ({"name": " a\ud800\nb "}, ("a\ufffd\nb", USER, 1719795601, 20)),
        ({"name": "长" * 300}, ("长" * 199 + "…", USER, 1719795601, 20)),
        ({"user_id": SUB_USER.upper()}, ("task 1", SUB_USER, 1719795601, 20)),
        ({"user_id": 7}, ("task 1", "", 1719795601, 20)),
        ({"user_id": "me"}, ("task 1", "", 1719795601, 20)),
        ({"uuid": uuid(1).upper()}, ("task 1", USER, 1719795601, 20)),
        ({"create_datetime": None}, ("task 1", USER, None, 20)),
        ({"create_datetime": ...}, ("task 1", USER, None, 20)),
        ({"maximumcall": "30"}, ("task 1", USER, 1719795601, 30)),
        ({"maximumcall": -1}, ("task 1", USER, 1719795601, None)),
        ({"maximumcall": ...}, ("task 1", USER, 1719795601, None)),
    ],
    ids=repr,
)
async def test_facts_of_a_task_are_read_leniently(changes: Mapping[str, Any], expected: tuple[object, ...]) -> None:
    """Name, owner, creation in China's time and lines are read where they can be and else left out."""
    account, _ = account_of(Lists(), {})
    assert account._plan is not None
    odd = {key: value for key, value in (entry(1) | dict(changes)).items() if value is not ...}
    lists = cast(YunfuClient, Lists(tasks=[odd]))
    listed = await list_tasks(lists, account._plan, CHINA, lambda _: None)
    task = listed[uuid(1)]
    assert (task.name, task.owner, task.created, task.concurrency_limit) == expected


@pytest.mark.parametrize(
    ("enable", "call_status", "state"),
    [
        (1, 1, "running"),
        (True, True, "running"),
        ("1", "1", "running"),
        (1, 5, "running"),
        (1, 0, "waiting"),
        ("1", "0", "waiting"),
        (True, False, "waiting"),
        (1, None, "waiting"),
        (0, 0, "paused"),
        (0, 1, "paused"),
        ("0", "1", "paused"),
        (False, True, "paused"),
        (..., 1, "unknown"),
        (None, 1, "unknown"),
        ("yes", 1, "unknown"),
        (-1, 1, "unknown"),
        (1, ..., "running"),
        ("1", ..., "running"),
        (0, ..., "paused"),
        (..., ..., "unknown"),
    ],
)
async def test_state_follows_from_the_flags(enable: object, call_status: object, state: str) -> None:
    """Both flags: running; only enable: waiting, or running for a 1.0 task, which has but that; not: paused."""
    extra = ... if call_status is ... else {"call_status": call_status}
    lists = Lists(tasks=[entry(1, enable=enable, new_task_extra=extra)])
    choices = await chosen(lists, states=["running", "waiting", "paused"])
    assert choices[0].task.state == state
    assert choices[0].task.generation == ("1" if call_status is ... else "2")


@pytest.mark.parametrize(
    ("discovery", "polled"),
    [
        ({}, {"回访", "回访 2", "第一\n第二", ""}),
        ({"include": "回访"}, {"回访"}),
        ({"include": "回访.*"}, {"回访", "回访 2"}),
        ({"include": ".*二"}, {"第一\n第二"}),
        ({"include": ".+"}, {"回访", "回访 2", "第一\n第二"}),
        ({"exclude": "回访"}, {"回访 2", "第一\n第二", ""}),
        ({"exclude": ".*第.*"}, {"回访", "回访 2", ""}),
        ({"include": "回访.*", "exclude": ".* 2"}, {"回访"}),
        ({"include": "nothing"}, set()),
    ],
    ids=repr,
)
async def test_patterns_are_on_the_whole_name(discovery: Mapping[str, Any], polled: set[str]) -> None:
    """A name is taken if include matches all of it, over its newlines too, and exclude does not; others do not show."""
    names = ("回访", "回访 2", "第一\n第二", "")
    entries = [entry(number, name=name) | {"name": name} for number, name in enumerate(names)]
    choices = await chosen(Lists(tasks=entries), **discovery)
    assert {choice.task.name for choice in choices if not choice.why_not} == polled
    assert {choice.task.name for choice in choices if choice.hidden} == set(names) - polled


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
    """Configured tasks come first, then running, waiting and paused ones by age; what is left out is told and counted."""
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
    account, around = account_of(lists, {"max_tasks": 3, "interval": 60}, [{"id": uuid(30)}])
    choices = await account.discover()
    assert told(choices) == {
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
    choices = await account.discover()
    assert told(choices) == {"three": "", "mine": "", "": "", "one": ""}
    three, mine, unlisted, one = (choice.task for choice in choices)
    assert (three.ref.sub_user_id, three.min_answer_ratio, three.state) == (SUB_USER, 0.5, "running")
    assert (mine.labels, mine.state, mine.generation, mine.concurrency_limit) == (("retention",), "paused", "1", 20)
    assert (unlisted.state, unlisted.generation, unlisted.created) == ("unknown", "", None)
    assert (one.min_answer_ratio, one.ref.sub_user_id) == (0.2, None)
    async with living(account):
        samples = page(around, "team")
    assert {key for key in samples if key.startswith("yunfu_task_info")} == {
        f"yunfu_task_info{{task={uuid(3)},name=three,sub_account={SUB_USER},generation=1,team=}}",
        f"yunfu_task_info{{task={uuid(2)},name=mine,sub_account=,generation=1,team=retention}}",
        f"yunfu_task_info{{task={uuid(7)},name=,sub_account=,generation=,team=}}",
        f"yunfu_task_info{{task={uuid(1)},name=one,sub_account=,generation=1,team=}}",
    }


@in_virtual_time
async def test_a_task_is_on_the_page_once_whoever_owns_it() -> None:
    """A task that turns out to be, or becomes, another account's is polled on its behalf and stays one task."""
    lists = Lists(tasks=[entry(1)], all_tasks=[entry(2, user_id=SUB_USER)])
    account, around = account_of(lists, {"sub_accounts": True, "interval": 60}, [{"id": uuid(2)}])
    async with living(account):
        await asyncio.sleep(1)
        assert page(around)[f"yunfu_task_up{{task={uuid(2)}}}"] == 1
        assert lists.polled[uuid(2), SUB_USER] > 0
        lists.lists = {"tasks": [], "all_tasks": [entry(number, user_id=SUB_USER) for number in (1, 2)]}
        await asyncio.sleep(61)
        assert page(around)[f"yunfu_task_info{{task={uuid(1)},name=task 1,sub_account={SUB_USER},generation=1}}"] == 1
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
        account, around = account_of(lists, {"interval": 60})
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
        assert [record.getMessage() for record in caplog.records if record.name == "exporter.polling.account"] == [
            "discovery fails; the previous list stays in use",
            "discovery works again",
        ]
        assert caplog.records[0].__dict__["fields"]["error"].startswith(("http_5xx: the", "malformed: page 2"))

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
async def test_tasks_come_change_and_go_with_the_lists() -> None:
    """A new task is polled within an interval, a new name shows, a vanished task leaves after stale_after."""
    lists = Lists(tasks=[entry(1), entry(2)])
    account, around = account_of(lists, {"interval": 60})
    async with living(account):
        assert page(around)["yunfu_account_tasks{state=running}"] == 2
        lists.lists["tasks"] = [entry(1, "renamed", enable=0), entry(3)]
        await asyncio.sleep(61)
        vanished = asyncio.get_running_loop().time()
        samples = page(around)
        assert samples[f"yunfu_task_info{{task={uuid(1)},name=renamed,sub_account=,generation=1}}"] == 1
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


@pytest.mark.parametrize(("gone_for", "keeps_counting"), [(240, True), (600, False)])
def test_a_task_that_comes_back_counts_on_if_it_is_in_time(gone_for: int, *, keeps_counting: bool) -> None:
    """A task gone for less than stale_after has lost no count; after that it starts anew."""

    @in_virtual_time
    async def scenario() -> None:
        lists = Lists(tasks=[entry(1)])
        account, around = account_of(lists, {"interval": 60})
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
    account, around = account_of(lists, {"interval": 60})
    async with living(account):
        lists.lists["tasks"] = []
        await asyncio.sleep(120)
        lists.lists["tasks"] = [entry(1, enable=0)]
        await asyncio.sleep(1000)
        assert page(around)[f"yunfu_task_state{{task={uuid(1)},state=paused}}"] == 1


json_values = st.recursive(
    st.none() | st.booleans() | st.integers() | st.floats() | st.text(max_size=8),
    lambda inner: st.lists(inner, max_size=3) | st.dictionaries(st.text(max_size=8), inner, max_size=3),
    max_leaves=8,
)
odd_entries = st.fixed_dictionaries(
    {"uuid": st.just(uuid(1)) | json_values},
    optional=dict.fromkeys(
        ("name", "user_id", "create_datetime", "enable", "maximumcall", "new_task_extra"), json_values
    ),
)


@effort(max_examples=100, deadline=None)
@given(st.lists(odd_entries | json_values, max_size=4), json_values)
def test_any_json_is_a_list_or_a_failure(entries: list[Any], meta: Any) -> None:
    """Whatever the platform lists, discovery chooses and renders it, or raises an ApiError."""

    async def scenario() -> None:
        lists = Lists(tasks=entries)
        account, around = account_of(lists, {"generations": [1]})
        account.apply(await account.discover(), is_whole=True)
        assert len(around.store.records()) <= len(entries)
        page(around)
        lists.envelopes["tasks", 1] = {"code": 200, "data": entries, "meta": meta}
        with suppress(MalformedError):
            await account.discover()

    asyncio.run(scenario())
