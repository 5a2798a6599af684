"""Settings of tasks, by id and by name."""

from __future__ import annotations

import pytest

from exporter.config.task_settings import MAX_RULE_LABELS, MAX_RULES, RuleSettings, TaskSettings, bounded_rules
from exporter.config.values import parse_pattern

TASK = "61551b2c-e3f3-4707-b4ed-f362f0925e03"


def test_a_task_needs_only_its_id() -> None:
    """What is not said of a task is left to the platform, the rules and the defaults."""
    assert TaskSettings(id=TASK.upper()).model_dump() == {
        "id": TASK,
        "name": None,
        "sub_user_id": None,
        "min_answer_ratio": None,
        "labels": {},
    }


def rules(count: int, labels: int) -> tuple[RuleSettings, ...]:
    """Return so many rules, which have so many label names together."""
    return tuple(
        RuleSettings(match=parse_pattern(f"x{number}"), labels={f"label{number % labels}": "x"})
        for number in range(count)
    )


def test_the_most_rules_and_labels_are_accepted() -> None:
    """Up to the bounds rules are as they were given, also those that share label names."""
    most = rules(MAX_RULES, MAX_RULE_LABELS)
    assert bounded_rules(most) == most
    assert bounded_rules(()) == ()


@pytest.mark.parametrize(("count", "labels"), [(MAX_RULES + 1, 1), (MAX_RULES, MAX_RULE_LABELS + 1)])
def test_more_are_refused(count: int, labels: int) -> None:
    """One beyond a bound is refused."""
    with pytest.raises(ValueError, match=r"^has \d+ (rules|label names); expected at most \d+$"):
        bounded_rules(rules(count, labels))
