"""The task lists as the platform writes them: pages, entries, totals."""

from __future__ import annotations

import asyncio
from collections.abc import Mapping
from typing import Any, cast
from zoneinfo import ZoneInfo

import pytest
from hypothesis import given
from hypothesis import settings as effort
from hypothesis import strategies as st

from exporter.api.client import YunfuClient
from exporter.lists.entries import PER_PAGE, task_lists
from exporter.lists.reader import ListReader
from tests.support.lists import (
    SUB_USER,
    USER,
    Lists,
    account_of,
    chosen,
    entry,
    page,
    uuid,
)
from tests.support.virtual_time import in_virtual_time

CHINA = ZoneInfo("Asia/Shanghai")


@in_virtual_time
async def test_all_pages_of_a_thousand_tasks_are_read() -> None:
    """Pages of a hundred are read until the last, whose number may be text."""
    lists = Lists(tasks=[entry(number) for number in range(1000)])
    choices = await chosen(lists, generations=[1])
    assert [choice.task.ref.id for choice in choices] == [uuid(number) for number in range(1000)]
    assert lists.calls == {"tasks": 1000 // PER_PAGE}


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
    ],
    ids=repr,
)
async def test_what_is_no_whole_list_is_refused(envelope: Mapping[str, Any], message: str) -> None:
    """A page that is no list, or does not say how many pages there are, fails the whole."""
    lists = Lists()
    lists.envelopes["tasks", 1] = envelope
    choices, failures = await account_of(lists, {})[0].discover()
    assert choices == []
    assert [str(failure) for failure in failures] == [f"malformed: the list tasks: {message}"]


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
        (entry(2, create_datetime="0001-01-01 00:00:00"), "tasks.create_datetime"),
        (entry(2, create_datetime="9999-12-31 23:59:59"), "tasks.create_datetime"),
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
    ids = {choice.task.ref.id for choice in (await account.discover())[0]}
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
    odd = {key: value for key, value in (entry(1) | dict(changes)).items() if value is not ...}
    reader = ListReader(cast(YunfuClient, Lists(tasks=[odd])), CHINA, lambda _: None, max_entries=100)
    (task_list,) = task_lists(USER, (1,), sub_accounts=False)
    task = (await reader.read(task_list)).tasks[uuid(1)]
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
    ("status", "enable", "call_status", "state", "disagrees"),
    [
        (1, 1, ..., "paused", True),
        (2, 1, ..., "running", False),
        ("3", 1, ..., "waiting", False),
        (3, "1", "1", "waiting", True),
        (2, True, False, "running", True),
        (3, True, False, "waiting", False),
        (1, 0, 1, "paused", False),
        (2, 0, ..., "running", True),
        (2, None, ..., "running", False),
        (None, 1, ..., "running", False),
        (0, 1, ..., "running", True),
        (4, 1, ..., "running", True),
        ("running", 1, ..., "running", True),
    ],
)
async def test_the_status_prevails_over_the_flags(
    status: object, enable: object, call_status: object, state: str, *, disagrees: bool
) -> None:
    """Where an entry has a status, that is its state; flags that contradict it, and another status, are counted."""
    extra = ... if call_status is ... else {"call_status": call_status}
    lists = Lists(tasks=[entry(1, enable=enable, new_task_extra=extra, status=status)])
    account, around = account_of(lists, {"states": ["running", "waiting", "paused"]})
    assert (await account.discover())[0][0].task.state == state
    labels = {"account": "main", "field": "tasks.status"}
    counted = around.metrics.registry.get_sample_value("yunfu_exporter_unread_fields_total", labels)
    assert counted == (1 if disagrees else None)


@pytest.mark.parametrize(
    ("changes", "kind"),
    [
        ({}, ""),
        *(({"task_type": number}, "outbound") for number in (1, 4, 7, "4")),
        *(({"task_type": number}, "inbound") for number in (2, 5, "5")),
        ({"task_type": 3}, ""),
        ({"task_type": 3, "is_call_in": 1}, "inbound"),
        ({"task_type": None, "is_call_in": "1"}, "inbound"),
        ({"is_call_in": False}, "outbound"),
        ({"task_type": 2, "is_call_in": 0}, "inbound"),
        ({"task_type": 1, "is_call_in": 1}, "inbound"),
        ({"task_type": [], "is_call_in": {}}, ""),
    ],
    ids=repr,
)
async def test_the_kind_follows_from_the_type(changes: Mapping[str, Any], kind: str) -> None:
    """A task is inbound if its type or is_call_in says so, outbound if one does and none says inbound; else it is not known."""
    reader = ListReader(cast(YunfuClient, Lists(tasks=[entry(1, **changes)])), CHINA, lambda _: None, max_entries=100)
    (task_list,) = task_lists(USER, (1,), sub_accounts=False)
    assert (await reader.read(task_list)).tasks[uuid(1)].kind == kind


json_values = st.recursive(
    st.none() | st.booleans() | st.integers() | st.floats() | st.text(max_size=8),
    lambda inner: st.lists(inner, max_size=3) | st.dictionaries(st.text(max_size=8), inner, max_size=3),
    max_leaves=8,
)


odd_entries = st.fixed_dictionaries(
    {"uuid": st.just(uuid(1)) | json_values},
    optional=dict.fromkeys(
        (
            "name",
            "user_id",
            "create_datetime",
            "enable",
            "maximumcall",
            "new_task_extra",
            "status",
            "task_type",
            "is_call_in",
        ),
        json_values,
    ),
)


@effort(max_examples=100, deadline=None)
@given(st.lists(odd_entries | json_values, max_size=4), json_values)
def test_any_json_is_a_list_or_a_failure(entries: list[Any], meta: Any) -> None:
    """Whatever the platform lists, discovery chooses and renders it, or says why a list cannot be read."""

    async def scenario() -> None:
        lists = Lists(tasks=entries)
        account, around = account_of(lists, {"generations": [1]})
        account._discovery.update((await account.discover())[0], is_complete=True)
        assert len(around.store.records()) <= len(entries)
        page(around)
        lists.envelopes["tasks", 1] = {"code": 200, "data": entries, "meta": meta}
        await account.discover()

    asyncio.run(scenario())
