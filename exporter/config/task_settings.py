"""Settings of tasks: of one by its id, and of many by their names."""

from __future__ import annotations

from typing import Annotated, Final, Self

from pydantic import BeforeValidator, Field, model_validator

from exporter.config.field_types import Pattern, Ratio, Section, Text, Uuid
from exporter.config.values import parse_label_name

MAX_RULES: Final = 100
"""How many rules an account may have: to match a name with all of them takes some 30 microseconds."""

MAX_RULE_LABELS: Final = 20
"""How many label names an account's rules may have together: each is on yunfu_task_info of every task, if only empty."""

Labels = dict[Annotated[str, BeforeValidator(parse_label_name)], Text]


class TaskSettings(Section):
    """A task that is polled whether or not it is discovered."""

    id: Uuid = Field(description="the UUID of the task")
    name: Text | None = Field(None, description="name of the task, instead of the platform's")
    sub_user_id: Uuid | None = Field(None, description="UUID of the sub-account that owns the task")
    min_answer_ratio: Ratio | None = Field(None, description="the task's own threshold of the answer rate, from 0 to 1")
    labels: Labels = Field({}, description="labels to add to yunfu_task_info")


class RuleSettings(Section):
    """A threshold and labels for all tasks whose names match."""

    match: Pattern = Field(description="a regular expression that a task's whole name must match")
    min_answer_ratio: Ratio | None = Field(None, description="the tasks' threshold of the answer rate, from 0 to 1")
    labels: Labels = Field({}, description="labels to add to yunfu_task_info")

    @model_validator(mode="after")
    def _sets_something(self) -> Self:
        if self.min_answer_ratio is None and not self.labels:
            raise ValueError("sets nothing; expected min_answer_ratio, labels or both")
        return self


def bounded_rules(rules: tuple[RuleSettings, ...]) -> tuple[RuleSettings, ...]:
    """Return rules that are not too many, nor have too many labels. Raises ValueError."""
    labels = {name for rule in rules for name in rule.labels}
    for count, most, what in ((len(rules), MAX_RULES, "rules"), (len(labels), MAX_RULE_LABELS, "label names")):
        if count > most:
            raise ValueError(f"has {count} {what}; expected at most {most}")
    return rules
