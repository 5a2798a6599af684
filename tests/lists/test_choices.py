"""The choice among the tasks that the platform lists."""

from __future__ import annotations

import asyncio
from collections.abc import Mapping
from typing import Any

import pytest

from tests.support.lists import Lists, account_of, chosen, entry, living
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
