"""Thresholds and labels of tasks by rules for their names: which prevail, and what looking them up takes."""

from __future__ import annotations

import asyncio
import re
import time
from collections.abc import Mapping, Sequence
from itertools import pairwise
from statistics import median
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from exporter.config.rules import NAMES_AT_ONCE, TaskRules
from exporter.config.task_settings import MAX_RULES
from tests.support.lists import settings_of, uuid
from tests.support.virtual_time import in_virtual_time

PATTERNS = (".*", ".*挽留.*", "挽留", "回访.*", "(?i)a.*|.*b", ".")
NAMES = ("", "挽留", "老客户挽留-1", "回访\n挽留", "回访", "Ab", "b", "ab")
SAID = st.fixed_dictionaries(
    {},
    optional={
        "min_answer_ratio": st.sampled_from([0.0, 0.1, 0.5, 1.0]),
        "labels": st.dictionaries(st.sampled_from(["team", "city", "line"]), st.sampled_from("xyz"), min_size=1),
    },
)


def rules_of(
    rules: Sequence[Mapping[str, Any]], tasks: Sequence[Mapping[str, Any]] = ()
) -> tuple[TaskRules, list[str]]:
    """Return the rules of an account, and the names of its labels."""
    settings = settings_of(discovery={}, rules=rules, tasks=tasks)
    return TaskRules(settings, settings.accounts[0]), [*settings.info_labels]


@given(
    st.dictionaries(st.sampled_from(PATTERNS), SAID.filter(bool)), SAID, st.sampled_from(NAMES), st.sampled_from([1, 2])
)
def test_the_later_prevail_setting_by_setting_and_label_by_label(
    rules: dict[str, dict[str, Any]], entry: dict[str, Any], name: str, number: int
) -> None:
    """What is said of a task is the default, then what each rule for its whole name says, then its own entry if it has one."""
    said = [one for pattern, one in rules.items() if re.fullmatch(pattern, name, re.DOTALL)]
    said += [entry] if number == 1 else []
    looked_up, label_names = rules_of(
        [{"match": pattern, **one} for pattern, one in rules.items()], [{"id": uuid(1), **entry}]
    )
    terms = looked_up.terms(uuid(number), name)
    assert terms.min_answer_ratio == [0.2, *(one["min_answer_ratio"] for one in said if "min_answer_ratio" in one)][-1]
    labels = dict(pair for one in said for pair in one.get("labels", {}).items())
    assert dict(zip(label_names, terms.labels, strict=True)) == dict.fromkeys(label_names, "") | labels
    assert [str(rule.match) for rule in terms.rules] == [
        pattern for pattern in rules if re.fullmatch(pattern, name, re.DOTALL)
    ]


@in_virtual_time
async def test_what_was_learnt_is_not_matched_again(monkeypatch: pytest.MonkeyPatch) -> None:
    """A name is matched once for as long as there are tasks with it, and anew when it comes back."""
    matched: list[str] = []

    def fullmatches(pairs: Sequence[tuple[object, str]]) -> list[bool | None]:
        matched.extend(text for _, text in pairs)
        return [True] * len(pairs)

    monkeypatch.setattr("exporter.config.rules.fullmatches", fullmatches)
    rules, _ = rules_of([{"match": "x", "labels": {"team": "a"}}])
    for names in (["a", "b"], ["b", "a"], ["a"], ["b", "b"]):
        await rules.learn(names)
        assert all(rules.terms(uuid(1), name).labels == ("a",) for name in names)
    assert matched == ["a", "b", "b"]


@in_virtual_time
async def test_a_rule_that_cannot_be_decided_does_not_apply_and_is_tried_again(monkeypatch: pytest.MonkeyPatch) -> None:
    """While a pattern takes too long, the others apply; what was not decided is asked again, as the pattern rests for a while."""
    found: list[bool | None] = [None, True]
    monkeypatch.setattr("exporter.config.rules.fullmatches", lambda *_: list(found))
    rules, _ = rules_of([{"match": "a", "min_answer_ratio": 0.5}, {"match": "b", "labels": {"team": "a"}}])
    await rules.learn(["name"])
    assert rules.terms(uuid(1), "name")[:2] == (0.2, ("a",))
    found[0] = True
    await rules.learn(["name"])
    assert rules.terms(uuid(1), "name")[:2] == (0.5, ("a",))


def many() -> tuple[TaskRules, list[str]]:
    """Return the most rules, none of which matches, and the names of 10,000 tasks."""
    rules, _ = rules_of([{"match": f".*挽留-{number}号.*", "min_answer_ratio": 0.1} for number in range(MAX_RULES)])
    return rules, [f"老客户回访挽留第 {number} 批" for number in range(10_000)]


async def test_learning_many_names_holds_up_nobody() -> None:
    """With 10,000 names and 100 rules others run after every 250 names, for which less than 50 ms of processor time is usual."""
    rules, names = many()
    turns = [time.thread_time()]

    async def turn() -> None:
        while True:
            await asyncio.sleep(0)
            turns.append(time.thread_time())

    turning = asyncio.create_task(turn())
    await rules.learn(names)
    turning.cancel()
    held = median(after - before for before, after in pairwise(turns))  # a garbage collection in between is not ours
    print(f"{turns[-1] - turns[0]:.2f} s of processor time, {1000 * held:.1f} ms at once")
    assert len(turns) >= len(names) / NAMES_AT_ONCE
    assert held < 0.05


@in_virtual_time
async def test_the_loop_turns_after_each_name_that_takes_too_long(monkeypatch: pytest.MonkeyPatch) -> None:
    """A match that is broken off has taken long enough: others run before the next name."""
    turns: list[int] = []
    rules, _ = rules_of([{"match": "a", "min_answer_ratio": 0.5}])

    def fullmatches(*_: object) -> list[bool | None]:
        asyncio.get_running_loop().call_soon(turns.append, 1)
        return [None if len(turns) < 3 else False]

    monkeypatch.setattr("exporter.config.rules.fullmatches", fullmatches)
    await rules.learn(str(number) for number in range(100))
    assert len(turns) == 3


async def test_names_that_are_learnt_cost_next_to_nothing() -> None:
    """To learn 10,000 known names again takes less than a tenth of the processor time."""
    rules, names = many()
    seconds = []
    for _ in range(2):
        begin = time.thread_time()
        await rules.learn(names)
        seconds.append(time.thread_time() - begin)
    assert seconds[1] < seconds[0] / 10
