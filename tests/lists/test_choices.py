"""The choice among the tasks that the platform lists."""

from __future__ import annotations

import asyncio
from collections.abc import Mapping, Sequence
from typing import Any

import pytest

from tests.support.lists import Lists, account_of, chosen, entry, living, page, uuid
from tests.support.virtual_time import in_virtual_time


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


@in_virtual_time
async def test_tasks_that_a_pattern_cannot_decide_on_are_polled() -> None:
    """Names on which include and exclude take too long are neither left out nor excluded, and the others are judged as ever."""
    names = ["老客户", "a" * 40 + "。", "。"]
    lists = Lists(tasks=[entry(number, name) for number, name in enumerate(names)])
    account, around = account_of(lists, {"include": r"(\w+\s?)+", "exclude": r"(.*.*)*x"})
    async with living(account):
        await asyncio.sleep(10)
        assert {record.status.task.name for record in around.store.records()} == {*names[:2]}


async def test_all_names_are_matched_together(monkeypatch: pytest.MonkeyPatch) -> None:
    """Each name with include once, however many tasks have it, and with exclude those that are left: 10,000 at once are quick."""
    asked: list[list[tuple[str, str]]] = []

    def fullmatches(pairs: Sequence[tuple[object, str]]) -> list[bool | None]:
        asked.append([(str(pattern), name) for pattern, name in pairs])
        return [name != "b" for _, name in pairs]

    monkeypatch.setattr("exporter.lists.choices.fullmatches", fullmatches)
    entries = [entry(number, name) for number, name in enumerate("abac")]
    await chosen(Lists(tasks=entries), include="in", exclude="out")
    assert asked == [[("in", name) for name in "abc"], [("out", name) for name in "ac"]]


TERMS: list[Mapping[str, Any]] = [
    {"match": ".*挽留.*", "min_answer_ratio": 0.3, "labels": {"team": "retention", "city": "苏州"}},
    {"match": ".*VIP", "min_answer_ratio": 0.5, "labels": {"team": "vip"}},
    {"match": "挽留", "min_answer_ratio": 0.8},
    {"match": "挽留", "min_answer_ratio": 0.9},
]


@in_virtual_time
async def test_rules_give_discovered_tasks_threshold_and_labels() -> None:
    """Lists and rules in, the page out: what each task has is the last that a rule for its whole name says, else the default."""
    names = ["挽留-7月", "挽留\nVIP", "新客 VIP", "催收"]
    lists = Lists(tasks=[entry(number, name) for number, name in enumerate(names, 1)])
    account, around = account_of(lists, {}, rules=TERMS)
    async with living(account):
        assert shown(page(around, "city", "team")) == {
            f"yunfu_task_info{{task={uuid(1)},name=挽留-7月,sub_account=,generation=1,kind=,city=苏州,team=retention}}": 1,
            f"yunfu_task_info{{task={uuid(2)},name=挽留\nVIP,sub_account=,generation=1,kind=,city=苏州,team=vip}}": 1,
            f"yunfu_task_info{{task={uuid(3)},name=新客 VIP,sub_account=,generation=1,kind=,city=,team=vip}}": 1,
            f"yunfu_task_info{{task={uuid(4)},name=催收,sub_account=,generation=1,kind=,city=,team=}}": 1,
            f"yunfu_task_answer_ratio_threshold{{task={uuid(1)}}}": 0.3,
            f"yunfu_task_answer_ratio_threshold{{task={uuid(2)}}}": 0.5,
            f"yunfu_task_answer_ratio_threshold{{task={uuid(3)}}}": 0.5,
            f"yunfu_task_answer_ratio_threshold{{task={uuid(4)}}}": 0.2,
        }


@in_virtual_time
async def test_a_tasks_own_entry_goes_before_rules() -> None:
    """A task that is listed and discovered has what its entry says, the rest by the rules for the name that is shown."""
    lists = Lists(tasks=[entry(number, "挽留") for number in (1, 2, 3)])
    tasks: list[Mapping[str, Any]] = [
        {"id": uuid(1), "min_answer_ratio": 0.1},
        {"id": uuid(2), "labels": {"city": "上海"}},
        {"id": uuid(3), "name": "新客 VIP"},
    ]
    account, around = account_of(lists, {"exclude": ".*"}, tasks, TERMS)
    async with living(account):
        assert shown(page(around, "city", "team")) == {
            f"yunfu_task_info{{task={uuid(1)},name=挽留,sub_account=,generation=1,kind=,city=苏州,team=retention}}": 1,
            f"yunfu_task_info{{task={uuid(2)},name=挽留,sub_account=,generation=1,kind=,city=上海,team=retention}}": 1,
            f"yunfu_task_info{{task={uuid(3)},name=新客 VIP,sub_account=,generation=1,kind=,city=,team=vip}}": 1,
            f"yunfu_task_answer_ratio_threshold{{task={uuid(1)}}}": 0.1,
            f"yunfu_task_answer_ratio_threshold{{task={uuid(2)}}}": 0.9,
            f"yunfu_task_answer_ratio_threshold{{task={uuid(3)}}}": 0.5,
        }


def shown(samples: Mapping[str, float]) -> dict[str, float]:
    """Return what a page shows of names, labels and thresholds."""
    wanted = ("yunfu_task_info", "yunfu_task_answer_ratio_threshold")
    return {key: value for key, value in samples.items() if key.startswith(wanted)}
